#include "store/export.h"

#include <algorithm>
#include <utility>

namespace hikyaku::store {
namespace {

constexpr std::size_t kPiece = std::size_t{256} << 10;
constexpr std::string_view kFrom = "From ";

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

/// "Tue Nov 24 23:48:20 2026": asctime, in UTC as RFC 4155 has it.
std::string mbox_time(Time time) {
  const auto rfc = rfc5322_text(time);  // "Tue, 24 Nov 2026 23:48:20 +0000"
  const std::string_view text = rfc;
  const auto comma = text.find(',');
  const auto day_end = text.find(' ', comma + 2);
  auto day = std::string(text.substr(comma + 2, day_end - comma - 2));
  if (day.size() > 1 && day.front() == '0') day.front() = ' ';
  if (day.size() == 1) day.insert(day.begin(), ' ');
  const auto month = text.substr(day_end + 1, 3);
  const auto year = text.substr(day_end + 5, 4);
  const auto clock = text.substr(day_end + 10, 8);
  std::string out(text.substr(0, 3));
  out.append(" ").append(month).append(" ").append(day).append(" ").append(clock).append(" ").append(year);
  return out;
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
  const auto& sender = item.message.sender;
  auto address = sender.null() ? std::string("MAILER-DAEMON") : sender.text();
  std::ranges::replace(address, ' ', '-');
  if (auto head = sink("From " + address + " " + mbox_time(item.message.received) + "\n"); !head) return head;
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

std::string maildir_name(const Store::Item& item) {
  const auto seconds =
      std::chrono::floor<std::chrono::seconds>(item.message.received).time_since_epoch().count();
  const auto letters = flag_letters(item.message.flags);
  const auto unique = std::to_string(seconds) + "." + item.message.queue_id.text() + "_" +
                      std::to_string(item.uid) + ".hikyaku";
  return letters.empty() ? "new/" + unique : "cur/" + unique + ":2," + letters;
}

}  // namespace hikyaku::store
