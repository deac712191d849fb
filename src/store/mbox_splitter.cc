#include "store/mbox_splitter.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "mail/header.h"

namespace hikyaku::store {
namespace {

constexpr std::size_t kPiece = std::size_t{64} << 10;
constexpr std::string_view kFrom = "From ";

std::string_view without_line_end(std::string_view line) {
  if (line.ends_with('\n')) line.remove_suffix(1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

bool empty_line(std::string_view line) { return line == "\n" || line == "\r\n"; }

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  const auto begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

void put_words(std::string_view text, std::vector<std::string>& words) {
  for (text = trimmed(text); !text.empty(); text = trimmed(text)) {
    const auto end = std::min(text.find_first_of(" \t\r\n"), text.size());
    words.emplace_back(text.substr(0, end));
    text.remove_prefix(end);
  }
}

/// Thunderbird's flags, hexadecimal.
void read_mozilla_status(std::string_view text, record::Flags& flags) {
  unsigned bits = 0;
  if (std::from_chars(text.data(), text.data() + text.size(), bits, 16).ec != std::errc{}) return;
  flags.seen |= (bits & 1U) != 0;
  flags.answered |= (bits & 2U) != 0;
  flags.flagged |= (bits & 4U) != 0;
  flags.deleted |= (bits & 8U) != 0;
}

/// The letters of Status and X-Status, as mutt, Dovecot and UW-IMAP write them.
void read_status(std::string_view letters, record::Flags& flags) {
  for (const char letter : letters) {
    flags.seen |= letter == 'R';
    flags.answered |= letter == 'A';
    flags.flagged |= letter == 'F';
    flags.deleted |= letter == 'D';
    flags.draft |= letter == 'T';
  }
}

enum class Meta : unsigned char { none, status, keywords, length, mozilla_status, folder, other };

Meta meta_of(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, Meta>, 10> kNames{
      {{"Status", Meta::status},
       {"X-Status", Meta::status},
       {"X-Keywords", Meta::keywords},
       {"X-Mozilla-Keys", Meta::keywords},
       {"Content-Length", Meta::length},
       {"X-Mozilla-Status", Meta::mozilla_status},
       {"X-Mozilla-Status2", Meta::other},
       {"X-UID", Meta::other},
       {"X-IMAP", Meta::folder},
       {"X-IMAPbase", Meta::folder}}};
  for (const auto& [known, meta] : kNames) {
    if (mail::same_header_name(known, name)) return meta;
  }
  return Meta::none;
}

}  // namespace

void MboxSplitter::feed(std::string_view octets) {
  buffer_.erase(0, at_);
  at_ = 0;
  buffer_ += octets;
}

std::optional<MboxSplitter::Line> MboxSplitter::peek() const {
  // A long line is cut at the same octets however it was fed, so that all that follows is the same.
  const auto rest = std::string_view(buffer_).substr(at_, kPiece);
  const auto end = rest.find('\n');
  if (end != std::string_view::npos) return Line{rest.substr(0, end + 1), !mid_line_};
  if (rest.size() == kPiece || (finished_ && !rest.empty())) return Line{rest, !mid_line_};
  return std::nullopt;
}

void MboxSplitter::consume(const Line& line) {
  at_ += line.octets.size();
  offset_ += line.octets.size();
  mid_line_ = !line.octets.ends_with('\n');
  after_empty_ = line.begins && empty_line(line.octets);
}

std::optional<FromLine> MboxSplitter::separator(const Line& line) const {
  if (!line.begins || offset_ < whole_until_ || !line.octets.starts_with(kFrom)) return std::nullopt;
  // Behind a Content-Length that was believed, no empty line is needed.
  const bool behind_length = offset_ == whole_until_;
  if (!after_empty_ && !behind_length && state_ != State::outside) return std::nullopt;
  return FromLine::parse(without_line_end(line.octets));
}

void MboxSplitter::put_unquoted(const Line& line, std::string& out) const {
  auto octets = line.octets;
  if (line.begins && octets.starts_with('>')) {
    const auto arrows = quoting_ == Quoting::mboxrd ? octets.find_first_not_of('>') : 1;
    if (arrows != std::string_view::npos && octets.substr(arrows).starts_with(kFrom)) octets.remove_prefix(1);
  }
  out += octets;
}

MboxSplitter::Event MboxSplitter::next() {
  out_.clear();
  for (;;) {
    if (auto event = step()) return std::move(*event);
  }
}

std::optional<MboxSplitter::Event> MboxSplitter::step() {
  switch (state_) {
    case State::outside:
      return outside();
    case State::header:
      return header();
    case State::begun:
      return begun();
    case State::asking:
      return AskEnd{offset_ + *length_};
    case State::body:
      return body();
    case State::ended:
      break;
  }
  return Done{};
}

std::optional<MboxSplitter::Event> MboxSplitter::outside() {
  const auto line = peek();
  if (!line && !finished_) return NeedBytes{};
  auto from = line ? separator(*line) : std::nullopt;
  if ((!line || from) && passed_ > 0) return PassedOver{std::exchange(passed_, 0)};
  if (!line) {
    state_ = State::ended;
    return Done{};
  }
  if (from) {
    begin_message(*line, std::move(*from));
    return std::nullopt;
  }
  if (passed_ > 0 || !trimmed(line->octets).empty()) passed_ += line->octets.size();
  consume(*line);
  return std::nullopt;
}

void MboxSplitter::begin_message(const Line& line, FromLine from) {
  begin_ = offset_;
  from_ = std::move(from);
  consume(line);
  header_.clear();
  empty_line_ = {};
  length_.reset();
  state_ = State::header;
}

std::optional<MboxSplitter::Event> MboxSplitter::header() {
  const auto line = peek();
  if (!line && !finished_) return NeedBytes{};
  if (!line) return end_of_header();
  put_unquoted(*line, header_);
  consume(*line);
  if (after_empty_ || header_.size() > kLongestHeader) return end_of_header();
  return std::nullopt;
}

/// Reads and removes the fields that are the mail program's, and says what is left.
std::string MboxSplitter::take_meta(Begin& begin) {
  std::string left;
  bool folder = false, folder_subject = false;
  mail::HeaderFields fields(header_);
  while (const auto field = fields.next()) {
    const auto meta = meta_of(field->name);
    const auto value = trimmed(field->value);
    switch (meta) {
      case Meta::status:
        read_status(value, begin.flags);
        break;
      case Meta::keywords:
        put_words(value, begin.keywords);
        break;
      case Meta::length: {
        std::uint64_t length = 0;
        const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), length);
        if (error == std::errc{} && end == value.data() + value.size() && length > 0) length_ = length;
        break;
      }
      case Meta::mozilla_status:
        read_mozilla_status(value, begin.flags);
        break;
      case Meta::folder:
        folder = true;
        break;
      case Meta::none:
        folder_subject |=
            mail::same_header_name(field->name, "Subject") && value.starts_with("DON'T DELETE THIS MESSAGE");
        left += field->raw;
        break;
      case Meta::other:
        break;
    }
  }
  begin.folder_data = folder && folder_subject;
  return left;
}

MboxSplitter::Event MboxSplitter::end_of_header() {
  Begin begin{begin_, std::move(from_), {}, {}, false};
  if (header_.size() <= kLongestHeader) {
    // The fields end where the first line is none: what follows is not looked at.
    const auto end = mail::find_header_end(header_);
    const auto rest = header_.substr(end.header);
    header_.resize(end.header);
    header_ = take_meta(begin) + rest;
    constexpr auto kFarthest = std::uint64_t{1} << 62U;
    if (length_ > kFarthest) length_.reset();
  }
  state_ = State::begun;
  return begin;
}

std::optional<MboxSplitter::Event> MboxSplitter::begun() {
  out_ = std::exchange(header_, {});
  state_ = length_ ? State::asking : State::body;
  if (out_.empty()) return std::nullopt;
  return Body{out_};
}

void MboxSplitter::answer(std::string_view octets) {
  const bool last = octets.size() < kAsked;
  // The empty line may be counted or not.
  if (octets.starts_with("\r\n")) {
    octets.remove_prefix(2);
  } else if (octets.starts_with('\n')) {
    octets.remove_prefix(1);
  }
  const auto line = octets.substr(0, octets.find('\n'));
  const bool ends = (octets.empty() && last) || FromLine::parse(without_line_end(line)).has_value();
  if (ends) whole_until_ = offset_ + *length_;
  state_ = State::body;
}

std::optional<MboxSplitter::Event> MboxSplitter::body() {
  while (out_.size() < kPiece) {
    const auto line = peek();
    if (!line) {
      if (!out_.empty()) return Body{out_};
      if (!finished_) return NeedBytes{};
      state_ = State::outside;
      return End{offset_};
    }
    if (auto from = separator(*line)) {
      if (!out_.empty()) return Body{out_};
      const auto end = offset_;
      begin_message(*line, std::move(*from));
      return End{end};
    }
    out_ += std::exchange(empty_line_, {});
    if (line->begins && empty_line(line->octets)) {
      empty_line_ = line->octets.size() == 1 ? "\n" : "\r\n";
    } else {
      put_unquoted(*line, out_);
    }
    consume(*line);
  }
  return Body{out_};
}

}  // namespace hikyaku::store
