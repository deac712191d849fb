#include "serve/import_receiver.h"

#include <sysexits.h>

#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "serve/import_frames.h"

namespace hikyaku::serve {
namespace {

using Row = std::function<bool(const nlohmann::json&)>;
constexpr std::size_t kRoom = std::size_t{128} << 10;

class Receiver {
 public:
  Receiver(MailboxImport& import, const Row& row) : import_(import), row_(row) {}

  /// True: that was the last one.
  Result<bool> take(const ImportFrame& frame) {
    using Kind = ImportFrame::Kind;
    Result<void> done;
    switch (frame.kind) {
      case Kind::mailbox:
        done = open(std::string(frame.octets));
        break;
      case Kind::head: {
        auto head = decode_import_head(frame.octets);
        if (!head) return std::unexpected(std::move(head.error()));
        done = import_.begin(std::move(*head));
        break;
      }
      case Kind::body:
        done = import_.write(frame.octets);
        break;
      case Kind::end:
        done = import_.end();
        break;
      case Kind::abandon:
        import_.abandon();
        break;
      case Kind::finish:
        done = import_.commit();
        break;
    }
    if (!done) return std::unexpected(std::move(done.error()));
    tell_counts();
    return frame.kind == Kind::finish;
  }

 private:
  Result<void> open(const std::string& mailbox) {
    const auto opened = import_.open(mailbox);
    if (!opened) return std::unexpected(opened.error());
    if (*opened) row_({{"mailbox", mailbox}, {"error", **opened}});
    return {};
  }
  void tell_counts() {
    const auto& counts = import_.counts();
    if (counts.messages == told_) return;
    told_ = counts.messages;
    row_(import_row(counts));
  }

  MailboxImport& import_;
  const Row& row_;
  std::uint64_t told_ = 0;
};

}  // namespace

nlohmann::json import_row(const ImportCounts& counts) {
  return {{"messages", counts.messages},
          {"octets", counts.octets},
          {"duplicates", counts.duplicates},
          {"refused", counts.refused}};
}

Result<int> receive_import(MailboxImport& import, const RequestBody& body, const Row& row) {
  ImportFrames frames;
  Receiver receiver(import, row);
  std::vector<char> room(kRoom);
  for (;;) {
    const auto got = body(room);
    if (!got) return std::unexpected(got.error());
    if (*got == 0) {
      // What came whole is kept: the next try has that much less to do.
      import.abandon();
      if (auto committed = import.commit(); !committed) return std::unexpected(std::move(committed.error()));
      return fail(Fault::temporary, "the import ended before its end");
    }
    frames.feed({room.data(), *got});
    for (;;) {
      const auto frame = frames.next();
      if (!frame) return std::unexpected(frame.error());
      if (!*frame) break;
      const auto last = receiver.take(**frame);
      if (!last) return std::unexpected(last.error());
      if (!*last) continue;
      row(import_row(import.counts()));
      return import.counts().refused > 0 ? EX_DATAERR : EX_OK;
    }
  }
}

}  // namespace hikyaku::serve
