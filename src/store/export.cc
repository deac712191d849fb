#include "store/export.h"

#include <algorithm>
#include <utility>

#include "store/from_line.h"

namespace hikyaku::store {
namespace {

constexpr std::size_t kPiece = std::size_t{256} << 10;
constexpr std::string_view kFrom = "From ";
constexpr std::size_t kFoldAfter = 900;  // octets: 64 keywords may be more than a line takes

/// Hands the message to `each` in pieces; a body in the Kv comes as one, because each read takes it whole.
template <class Each>
Result<void> for_pieces(const Store& store, const Store::Item& item, Each each) {
  const auto piece_size = item.message.blob.empty() ? static_cast<std::size_t>(item.size()) : kPiece;
  for (std::uint64_t offset = 0; offset < item.size();) {
    const auto piece = store.read(item, offset, piece_size);
    if (!piece) return std::unexpected(piece.error());
    if (piece->empty()) {
      return fail(Fault::corrupt, "message " + std::to_string(item.uid) + ": it ends at octet " +
                                      std::to_string(offset) + " of " + std::to_string(item.size()));
    }
    if (auto done = each(*piece); !done) return done;
    offset += piece->size();
  }
  return {};
}

Result<void> write_text(const Store& store, const Store::Item& item, FileText::Quote quote,
                        const Sink& sink) {
  FileText text(quote);
  std::string out;
  auto written = for_pieces(store, item, [&](std::string_view piece) {
    out.clear();
    text.feed(piece, out);
    return sink(out);
  });
  if (!written) return written;
  out.clear();
  text.finish(out);
  return sink(out);
}

/// What mutt, Dovecot and UW-IMAP read, and MboxSplitter.
std::string status_fields(const record::MessageRecord& message) {
  const auto& flags = message.flags;
  std::string out;
  if (flags.seen) out += "Status: RO\n";
  std::string more;
  if (flags.answered) more += 'A';
  if (flags.flagged) more += 'F';
  if (flags.deleted) more += 'D';
  if (flags.draft) more += 'T';
  if (!more.empty()) out += "X-Status: " + more + "\n";
  if (message.keywords.empty()) return out;
  out += "X-Keywords:";
  std::size_t width = 0;
  for (const auto& word : message.keywords.words()) {
    if (width + word.size() > kFoldAfter) {
      out += '\n';
      width = 0;
    }
    out.append(" ").append(word);
    width += word.size() + 1;
  }
  return out + "\n";
}

}  // namespace

void FileText::decide(std::string& out) {
  const auto arrows = std::min(beginning_.find_first_not_of('>'), beginning_.size());
  const auto word = std::string_view(beginning_).substr(arrows);
  if (word.size() < kFrom.size() && kFrom.starts_with(word)) return;  // not yet known
  if (word.starts_with(kFrom)) out += '>';
  out += beginning_;
  beginning_.clear();
  deciding_ = false;
}

void FileText::take(char octet, std::string& out) {
  line_open_ = octet != '\n';
  if (octet == '\n') {
    out += beginning_;
    out += '\n';
    beginning_.clear();
    deciding_ = true;
  } else if (deciding_ && quote_ == Quote::from) {
    beginning_ += octet;
    decide(out);
  } else {
    out += octet;
  }
}

void FileText::feed(std::string_view piece, std::string& out) {
  for (const char octet : piece) {
    if (cr_ && octet != '\n') take('\r', out);
    cr_ = octet == '\r';
    if (!cr_) take(octet, out);
  }
}

void FileText::finish(std::string& out) {
  if (std::exchange(cr_, false)) take('\r', out);
  if (line_open_) take('\n', out);
}

Result<void> write_message(const Store& store, const Store::Item& item, const Sink& sink) {
  return for_pieces(store, item, sink);
}

Result<void> write_mbox_entry(const Store& store, const Store::Item& item, const Sink& sink) {
  const FromLine from{item.message.sender.text(), item.message.received};
  if (auto head = sink(from.text() + "\n" + status_fields(item.message)); !head) return head;
  if (auto text = write_text(store, item, FileText::Quote::from, sink); !text) return text;
  return sink("\n");
}

Result<void> write_maildir_file(const Store& store, const Store::Item& item, const Sink& sink) {
  return write_text(store, item, FileText::Quote::none, sink);
}

std::string flag_letters(const Flags& flags) {
  std::string out;
  if (flags.draft) out += 'D';
  if (flags.flagged) out += 'F';
  if (flags.answered) out += 'R';
  if (flags.seen) out += 'S';
  if (flags.deleted) out += 'T';
  return out;
}

std::string maildir_name(const Store::Item& item, std::string_view letters) {
  const auto seconds =
      std::chrono::floor<std::chrono::seconds>(item.message.received).time_since_epoch().count();
  auto info = flag_letters(item.message.flags);
  // The letters stand in the order of ASCII.
  if (item.message.keywords.contains("$Forwarded"))
    info.insert(std::min(info.find_first_of("RST"), info.size()), "P");
  info += letters;
  // The UID first: those of one second stay in order.
  const auto unique = std::to_string(seconds) + "." + std::to_string(item.uid) + "_" +
                      item.message.queue_id.text() + ".hikyaku";
  return info.empty() ? "new/" + unique : "cur/" + unique + ":2," + info;
}

}  // namespace hikyaku::store
