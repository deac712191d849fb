#include "cmd/import_target.h"

#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "cmd/control_client.h"
#include "cmd/store_places.h"
#include "io/system_random.h"
#include "serve/databases.h"
#include "serve/import_frames.h"

namespace hikyaku::cmd {
namespace {

using nlohmann::json;
using serve::ImportFrame;

/// The databases themselves.
class DatabaseTarget : public ImportTarget {
 public:
  DatabaseTarget(std::unique_ptr<OfflineDatabases> offline, serve::MailboxImport::Duplicates duplicates,
                 Refused refused)
      : offline_(std::move(offline)),
        refused_(std::move(refused)),
        import_([this](std::string_view account) { return offline_->databases.use_for(account); },
                offline_->clock, random_, {.duplicates = duplicates}) {}

  Result<void> mailbox(const std::string& name) override {
    const auto opened = import_.open(name);
    if (!opened) return std::unexpected(opened.error());
    if (*opened) refused_(name, **opened);
    return {};
  }
  Result<void> begin(const serve::ImportHead& head) override { return import_.begin(head); }
  Result<void> write(std::string_view octets) override { return import_.write(octets); }
  Result<void> end() override { return import_.end(); }
  Result<void> abandon() override {
    import_.abandon();
    return {};
  }
  Result<void> finish() override { return import_.commit(); }
  serve::ImportCounts counts() const override { return import_.counts(); }

 private:
  std::unique_ptr<OfflineDatabases> offline_;
  Refused refused_;
  io::SystemRandom random_;
  serve::MailboxImport import_;
};

/// The hub, over its control socket.
class HubTarget : public ImportTarget {
 public:
  explicit HubTarget(Refused refused) : refused_(std::move(refused)) {}
  /// False: none runs.
  Result<bool> connect(const std::string& path, serve::MailboxImport::Duplicates duplicates) {
    const json request{{"command", "store.import"},
                       {"skip_duplicates", duplicates == serve::MailboxImport::Duplicates::skip}};
    auto begun = HubRequest::begin(path, request, [this](const json& row) { take(row); });
    if (!begun) return std::unexpected(std::move(begun.error()));
    if (!*begun) return false;
    hub_.emplace(std::move(**begun));
    return true;
  }

  Result<void> mailbox(const std::string& name) override { return put(ImportFrame::Kind::mailbox, name); }
  Result<void> begin(const serve::ImportHead& head) override {
    return put(ImportFrame::Kind::head, serve::encode(head));
  }
  Result<void> write(std::string_view octets) override {
    while (!octets.empty()) {
      const auto piece = octets.substr(0, ImportFrame::kLongest);
      if (auto done = put(ImportFrame::Kind::body, piece); !done) return done;
      octets.remove_prefix(piece.size());
    }
    return {};
  }
  Result<void> end() override { return put(ImportFrame::Kind::end, {}); }
  Result<void> abandon() override { return put(ImportFrame::Kind::abandon, {}); }
  Result<void> finish() override {
    append_frame(frames_, ImportFrame::Kind::finish);
    if (auto sent = flush(); !sent) return sent;
    const auto ended = hub_->finish();
    if (!ended) return std::unexpected(ended.error());
    return {};
  }
  serve::ImportCounts counts() const override { return counts_; }

 private:
  Result<void> put(ImportFrame::Kind kind, std::string_view octets) {
    append_frame(frames_, kind, octets);
    return frames_.size() < kSentAtOnce ? Result<void>{} : flush();
  }
  Result<void> flush() {
    auto sent = hub_->send(frames_);
    frames_.clear();
    return sent;
  }
  void take(const json& row) {
    if (row.contains("error"))
      return refused_(row.value("mailbox", std::string()), row["error"].get<std::string>());
    counts_ = {row.value("messages", std::uint64_t{0}), row.value("octets", std::uint64_t{0}),
               row.value("duplicates", std::uint64_t{0}), row.value("refused", std::uint64_t{0})};
  }

  static constexpr std::size_t kSentAtOnce = std::size_t{128} << 10;
  Refused refused_;
  std::optional<HubRequest> hub_;
  std::string frames_;
  serve::ImportCounts counts_;
};

}  // namespace

Result<std::unique_ptr<ImportTarget>> ImportTarget::open(const serve::Running& running,
                                                         serve::MailboxImport::Duplicates duplicates,
                                                         Refused refused) {
  auto hub = std::make_unique<HubTarget>(refused);
  const auto connected = hub->connect(serve::control_path(running.queue_directory), duplicates);
  if (!connected) return std::unexpected(connected.error());
  if (*connected) return hub;
  auto offline = OfflineDatabases::open(running);
  if (!offline) return std::unexpected(std::move(offline.error()));
  return std::make_unique<DatabaseTarget>(std::move(*offline), duplicates, std::move(refused));
}

}  // namespace hikyaku::cmd
