#include "mime/structure.h"

#include <algorithm>
#include <array>
#include <utility>

#include "mime/line_text.h"

namespace hikyaku::mime {
namespace {

using Kind = StructureProblem::Kind;

std::string_view without_trailing_blanks(std::string_view line) {
  while (line.ends_with(' ') || line.ends_with('\t')) line.remove_suffix(1);
  return line;
}

/// RFC 5322 s. 2.2, with white space in front of the colon (s. 4.5).
bool begins_field(std::string_view line) {
  std::size_t name = 0;
  while (name < line.size() && line[name] > ' ' && line[name] < 127 && line[name] != ':') ++name;
  auto colon = name;
  while (colon < line.size() && (line[colon] == ' ' || line[colon] == '\t')) ++colon;
  return name > 0 && colon < line.size() && line[colon] == ':';
}

bool holds_message(std::string_view type) {
  return type == "message/rfc822" || type == "message/global" || type == "message/news";
}

bool looks_like_boundary(std::string_view line) {
  return line.size() > 2 && line.starts_with("--") &&
         std::all_of(line.begin(), line.end(), [](char c) { return c > ' ' && c < 127; });
}

}  // namespace

StructureReader::StructureReader(StructureListener& listener, const StructureLimits& limits)
    : listener_(listener), limits_(limits) {
  begin_part("text/plain");
}

void StructureReader::feed(std::string_view octets) { consume(octets); }

void StructureReader::consume(std::string_view octets) {
  while (!octets.empty()) octets.remove_prefix(in_header_ ? take_header(octets) : take_content(octets));
}

void StructureReader::finish() {
  // What is no header of a message within is looked at once more, as its content.
  while (in_header_ && !line_.empty()) header_line();
  if (candidate_ && !resolve_candidate()) candidate_is_content();
  while (in_header_) end_header({});
  flush_line_end();
  end_parts(0, handed_out_);
}

std::size_t StructureReader::take_header(std::string_view octets) {
  const auto line_end = octets.find('\n');
  // A line that is never ended is looked at piece by piece, so that it can't grow beyond the limit.
  const auto taken =
      std::min(line_end == std::string_view::npos ? octets.size() : line_end + 1, limits_.header);
  line_ += octets.substr(0, taken);
  if (line_.ends_with('\n')) {
    header_line();
  } else if (header_full()) {
    end_header_before_line(Kind::header_too_long);
  }
  return taken;
}

bool StructureReader::header_full() const {
  return open_.back().part.header.size() + line_.size() > limits_.header ||
         header_octets_ + line_.size() > limits_.all_headers;
}

void StructureReader::header_line() {
  if (const auto found = watching() ? match(line_) : std::nullopt) return take_boundary(*found);
  const auto text = without_line_end(line_);
  if (text.empty()) {
    const auto separator = std::exchange(line_, {});
    return end_header(separator);
  }
  if (header_full()) {
    return end_header_before_line(Kind::header_too_long);
  }
  auto& part = top().part;
  const bool of_message = part.depth == 0 || open_[open_.size() - 2].part.kind == Part::Kind::message;
  const bool continues = !part.header.empty() && (text[0] == ' ' || text[0] == '\t');
  const bool separates =
      part.header.empty() && of_message && (text.starts_with("From ") || text.starts_with(">From "));
  if (!continues && !separates && !begins_field(text)) {
    return end_header_before_line(Kind::separator_missing);
  }
  part.header += line_;
  header_octets_ += line_.size();
  handed_out_ += line_.size();
  line_.clear();
}

/// The line that was collected is content already.
void StructureReader::end_header_before_line(Kind why) {
  const auto line = std::exchange(line_, {});
  end_header({}, why);
  consume(line);
}

void StructureReader::end_header(std::string_view separator, std::optional<Kind> why) {
  auto& open = top();
  auto& part = open.part;
  part.content = ContentHeader::read(part.header);
  part.type = part.content.type.word.empty() ? open.default_type : part.content.type.word;
  part.separator = separator;
  handed_out_ += separator.size();
  part.body_offset = handed_out_;
  part.number = number(part.type.starts_with("multipart/"));
  if (why) problem(*why, handed_out_);
  part.kind = decide_kind(open);
  in_header_ = false;
  line_start_ = true;
  listener_.part_begins(part);
  if (part.kind == Part::Kind::message) begin_part("text/plain");
}

Part::Kind StructureReader::decide_kind(Open& open) {
  const auto& part = open.part;
  const bool container = part.type.starts_with("multipart/") || holds_message(part.type);
  if (!container) return Part::Kind::leaf;
  if (part.depth >= limits_.depth) {
    problem(Kind::nested_too_deep, part.header_offset);
    return Part::Kind::leaf;
  }
  return holds_message(part.type) ? message_kind(part) : multipart_kind(open);
}

Part::Kind StructureReader::multipart_kind(Open& open) {
  auto& part = open.part;
  if (!part.content.identity()) problem(Kind::multipart_encoded, part.header_offset);
  ++boundaries_;
  if (auto boundary = part.content.boundary()) {
    part.boundary = std::move(*boundary);
  } else {
    problem(Kind::boundary_missing, part.header_offset);
    open.guessing = true;
  }
  return Part::Kind::multipart;
}

Part::Kind StructureReader::message_kind(const Part& part) {
  if (!limits_.open_messages) return Part::Kind::leaf;
  if (!part.content.identity()) {
    problem(Kind::message_encoded, part.header_offset);
    return Part::Kind::leaf;
  }
  if (parts_ >= limits_.parts) {
    problem(Kind::too_many_parts, part.body_offset);
    return Part::Kind::leaf;
  }
  return Part::Kind::message;
}

void StructureReader::begin_part(std::string_view default_type) {
  Open open;
  open.default_type = default_type;
  open.part.depth = open_.size();
  open.part.header_offset = handed_out_;
  if (!open_.empty()) ++top().children;
  open_.push_back(std::move(open));
  ++parts_;
  in_header_ = true;
}

std::string StructureReader::number(bool multipart) const {
  const std::string of_whole = multipart ? "0" : "1";
  if (open_.size() == 1) return of_whole;
  const auto& parent = open_[open_.size() - 2];
  if (parent.part.kind == Part::Kind::message) return parent.part.number + "." + of_whole;
  const auto index = std::to_string(parent.children);
  const auto& above = parent.part.number;
  if (above == "0") return index;
  // "2.0" is the multipart that the message 2 is.
  return (above.ends_with(".0") ? above.substr(0, above.size() - 1) : above + ".") + index;
}

std::size_t StructureReader::take_content(std::string_view octets) {
  if (candidate_ || (line_start_ && octets.front() == '-' && watching())) return take_candidate(octets);
  return take_up_to_boundary(octets);
}

std::size_t StructureReader::take_candidate(std::string_view octets) {
  candidate_ = true;
  const auto line_end = octets.find('\n');
  const auto size = line_end == std::string_view::npos ? octets.size() : line_end + 1;
  const auto taken = std::min(size, limits_.boundary_line + 1 - line_.size());
  line_ += octets.substr(0, taken);
  const bool too_long = line_.size() > limits_.boundary_line;
  if (too_long || (line_.size() > 1 && line_[1] != '-') || (line_.ends_with('\n') && !resolve_candidate()))
    candidate_is_content();
  return taken;
}

/// True: it was a boundary.
bool StructureReader::resolve_candidate() {
  const auto found = match(line_);
  if (!found) return false;
  candidate_ = false;
  take_boundary(*found);
  return true;
}

void StructureReader::candidate_is_content() {
  candidate_ = false;
  flush_line_end();
  const auto line = std::exchange(line_, {});
  const auto end = line.ends_with('\n') ? without_line_end(line).size() : line.size() - line.ends_with('\r');
  line_start_ = line.ends_with('\n');
  emit(std::string_view(line).substr(0, end));
  line_end_ = line.substr(end);
}

/// Hands out what stands before the next line that may be a boundary.
std::size_t StructureReader::take_up_to_boundary(std::string_view octets) {
  if (!watching()) {
    flush_line_end();
    line_start_ = octets.back() == '\n';
    emit(octets);
    return octets.size();
  }
  auto line_end = octets.find("\n-");
  if (line_end == std::string_view::npos && octets.back() == '\n') line_end = octets.size() - 1;
  if (line_end == 0 && line_end_ == "\r") {
    line_end_ += '\n';
    line_start_ = true;
    return 1;
  }
  flush_line_end();
  line_start_ = line_end != std::string_view::npos;
  const auto taken = line_start_ ? line_end + 1 : octets.size();
  const auto until =
      line_start_ ? without_line_end(octets.substr(0, taken)).size() : taken - octets.ends_with('\r');
  emit(octets.substr(0, until));
  line_end_ = octets.substr(until, taken - until);
  return taken;
}

std::optional<StructureReader::Match> StructureReader::match(std::string_view line) {
  if (!line.starts_with("--") || line.size() > limits_.boundary_line) return std::nullopt;
  line = without_trailing_blanks(without_line_end(line));
  auto found = match_open(line);
  if (!found && top().guessing && !in_header_ && looks_like_boundary(line)) {
    top().guessing = false;
    top().part.boundary = line.substr(2);
    found = match_open(line);
  }
  if (found && !found->closing && parts_ >= limits_.parts) {
    problem(Kind::too_many_parts, handed_out_ + line_end_.size());
    content_only_ = true;
    return std::nullopt;
  }
  return found;
}

std::optional<StructureReader::Match> StructureReader::match_open(std::string_view line) const {
  line.remove_prefix(2);
  for (auto level = open_.size(); level-- > 0;) {
    const auto& boundary = open_[level].part.boundary;
    if (boundary.empty() || open_[level].closed || !line.starts_with(boundary)) continue;
    const auto rest = line.substr(boundary.size());
    if (rest.empty()) return Match{level, false};
    if (rest == "--") return Match{level, true};
  }
  return std::nullopt;
}

void StructureReader::take_boundary(Match match) {
  const auto line = std::exchange(line_, {});
  while (in_header_) end_header({});
  const auto end = handed_out_;
  end_parts(match.level + 1, end);
  auto& multipart = top();
  const auto octets = std::exchange(line_end_, {}) + line;
  listener_.octets(multipart.part, Piece::boundary, octets, end);
  handed_out_ += octets.size();
  multipart.any_boundary = true;
  multipart.guessing = false;
  line_start_ = true;
  if (match.closing) {
    multipart.closed = true;
    --boundaries_;
    return;
  }
  begin_part(multipart.part.type == "multipart/digest" ? "message/rfc822" : "text/plain");
}

void StructureReader::end_parts(std::size_t keep, std::uint64_t end) {
  for (; open_.size() > keep; open_.pop_back()) {
    const auto& open = top();
    const auto& part = open.part;
    if (part.kind == Part::Kind::multipart && !open.closed) {
      --boundaries_;
      problem(open.any_boundary ? Kind::closing_missing : Kind::boundary_not_found, end);
    }
    listener_.part_ends(part, {.body_size = end - part.body_offset});
    header_octets_ -= part.header.size();
  }
}

void StructureReader::emit(std::string_view octets) {
  if (octets.empty()) return;
  const auto& open = top();
  const auto piece = open.part.kind != Part::Kind::multipart ? Piece::body
                     : open.any_boundary                     ? Piece::epilogue
                                                             : Piece::preamble;
  listener_.octets(open.part, piece, octets, handed_out_);
  handed_out_ += octets.size();
}

void StructureReader::flush_line_end() {
  const auto line_end = std::exchange(line_end_, {});
  emit(line_end);
}

void StructureReader::problem(Kind kind, std::uint64_t offset) {
  listener_.problem({kind, open_.back().part.number, offset});
}

std::string_view word(Kind kind) {
  static constexpr std::array<std::string_view, 9> kWords{
      "separator_missing", "boundary_missing", "boundary_not_found", "closing_missing",  "header_too_long",
      "nested_too_deep",   "too_many_parts",   "message_encoded",    "multipart_encoded"};
  return kWords.at(static_cast<std::size_t>(kind));
}

std::string_view text(Kind kind) {
  static constexpr std::array<std::string_view, 9> kTexts{
      "no empty line stands between the header section and the body",
      "a multipart without a boundary parameter: the first line that looks like a boundary is taken for it",
      "no boundary of this multipart stands in its body",
      "the closing boundary of this multipart is missing",
      "the header section is too long: the rest of it is taken for content",
      "too many parts within parts: what is in this one is taken for content",
      "too many parts: what follows is taken for content",
      "a message within a message must not be encoded: it is taken for content",
      "a multipart must not be encoded: its encoding is ignored"};
  return kTexts.at(static_cast<std::size_t>(kind));
}

}  // namespace hikyaku::mime
