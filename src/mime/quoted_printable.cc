#include "mime/quoted_printable.h"

#include <array>

#include "mime/hex_digit.h"

namespace hikyaku::mime {
namespace {

constexpr std::size_t kNone = std::string_view::npos;
constexpr std::size_t kLine = 76;
constexpr std::string_view kFrom = "From";

bool blank(char c) { return c == ' ' || c == '\t'; }
bool lower_case(char c) { return c >= 'a' && c <= 'f'; }

/// The octets that may stand at the end of what arrived and mean something else once more is there.
std::size_t undecided(std::string_view octets, std::size_t from) {
  auto end = octets.size();
  if (end > from && octets[end - 1] == '\r') --end;
  while (end > from && blank(octets[end - 1])) --end;
  return end;
}

}  // namespace

void QuotedPrintableDecoder::feed(std::string_view octets, std::string& out) {
  if (held_.empty()) {
    const auto used = decode(octets, false, out);
    held_ = octets.substr(used);
    offset_ += used;
    return;
  }
  held_ += octets;
  const auto used = decode(held_, false, out);
  held_.erase(0, used);
  offset_ += used;
}

void QuotedPrintableDecoder::finish(std::string& out) {
  offset_ += decode(held_, true, out);
  held_.clear();
}

/// How many of `octets` are dealt with.
std::size_t QuotedPrintableDecoder::decode(std::string_view octets, bool last, std::string& out) {
  std::size_t at = 0;
  while (at < octets.size()) {
    auto end = at;
    unsigned char any = 0;
    while (end < octets.size() && octets[end] != '=' && octets[end] != '\n')
      any |= static_cast<unsigned char>(octets[end++]);
    if (any > 127) {
      auto first = at;
      while (static_cast<unsigned char>(octets[first]) < 128) ++first;
      notes_.add(TransferFault::eight_bit_in_quoted, offset_ + first);
    }
    if (end == octets.size()) {
      const auto sure = last ? end : undecided(octets, at);
      if (last) {
        line(octets, at, end, out);
        return end;
      }
      const auto used = octets.size() - sure > kHeld ? end : sure;
      out += octets.substr(at, used - at);
      return used;
    }
    if (octets[end] == '\n') {
      line(octets, at, end + 1, out);
      at = end + 1;
      continue;
    }
    out += octets.substr(at, end - at);
    at = escape(octets, end, last, out);
    if (at == kNone) return end;
  }
  return at;
}

/// A piece of a line that ends in a line end, or with all that there is.
void QuotedPrintableDecoder::line(std::string_view octets, std::size_t at, std::size_t end,
                                  std::string& out) {
  auto text = end;
  if (text > at && octets[text - 1] == '\n') --text;
  if (text > at && octets[text - 1] == '\r') --text;
  const auto line_end = text;
  while (text > at && blank(octets[text - 1])) --text;
  if (text < line_end) notes_.add(TransferFault::trailing_blanks, offset_ + text);
  out += octets.substr(at, text - at);
  out += octets.substr(line_end, end - line_end);
}

/// What stands at "=". Gives where to go on; kNone: more must be there first.
std::size_t QuotedPrintableDecoder::escape(std::string_view octets, std::size_t at, bool last,
                                           std::string& out) {
  // Text that is not ASCII comes in runs of escapes.
  std::array<char, 64> run;
  std::size_t size = 0;
  for (; size < run.size() && at + 2 < octets.size() && octets[at] == '='; at += 3) {
    const int high = hex_value(octets[at + 1]), low = hex_value(octets[at + 2]);
    if ((high | low) < 0) break;
    if (lower_case(octets[at + 1]) || lower_case(octets[at + 2]))
      notes_.add(TransferFault::lower_case_hex, offset_ + at);
    run[size++] = static_cast<char>(high << 4 | low);
  }
  if (size > 0) {
    out.append(run.data(), size);
    return at;
  }
  auto end = at + 1;
  while (end < octets.size() && blank(octets[end]) && end - at < kHeld) ++end;
  const bool blanks = end > at + 1;
  if (end < octets.size() && octets[end] == '\r') ++end;
  if (end < octets.size() && octets[end] == '\n') {
    if (blanks) notes_.add(TransferFault::trailing_blanks, offset_ + at + 1);
    return end + 1;
  }
  const bool may_become_hex = at + 2 == octets.size() && hex_value(octets[at + 1]) >= 0;
  if (!last && (end == octets.size() || may_become_hex)) return kNone;
  if (last && end == octets.size()) {
    notes_.add(TransferFault::ended_in_soft_break, offset_ + at);
    return end;
  }
  notes_.add(TransferFault::broken_escape, offset_ + at);
  out += '=';
  return at + 1;
}

void QuotedPrintableEncoder::feed(std::string_view octets, std::string& out) {
  for (const char c : octets) one(static_cast<unsigned char>(c), out);
}

void QuotedPrintableEncoder::one(unsigned char octet, std::string& out) {
  const bool text = content_ == Content::text;
  if (octet == '\n' && content_ != Content::binary) {
    if (held_.ends_with('\r')) held_.pop_back();
    flush(true, out);
    out += line_end_;
    column_ = 0;
    return;
  }
  if (held_.ends_with('\r')) {
    held_.pop_back();
    flush(false, out);
    put('\r', true, out);
  }
  if (text && octet == '\r') {
    held_ += '\r';
    return;
  }
  flush(false, out);
  if (octet == ' ' || octet == '\t') {
    held_ = static_cast<char>(octet);
  } else {
    put(octet, octet < 33 || octet > 126 || octet == '=', out);
  }
}

/// Writes the blank that was held back: at the end of a line it must not stand as it is.
void QuotedPrintableEncoder::flush(bool before_line_end, std::string& out) {
  if (held_.empty()) return;
  const auto octet = static_cast<unsigned char>(held_[0]);
  held_.clear();
  put(octet, before_line_end, out);
}

void QuotedPrintableEncoder::put(unsigned char octet, bool escaped, std::string& out) {
  static constexpr std::string_view kHex = "0123456789ABCDEF";
  // One column stays free for the "=" of a soft break.
  if (column_ + (escaped ? 3 : 1) > kLine - 1) {
    out += '=';
    out += line_end_;
    column_ = 0;
  }
  // Gateways double a dot in front of a line, and put ">" in front of "From ".
  if (column_ == 0) from_ = 0;
  if ((column_ == 0 && octet == '.') || (octet == ' ' && from_ == kFrom.size() && column_ == from_))
    escaped = true;
  if (from_ == column_ && from_ < kFrom.size() && octet == static_cast<unsigned char>(kFrom[from_])) ++from_;
  if (!escaped) {
    out += static_cast<char>(octet);
    ++column_;
    return;
  }
  out += '=';
  out += kHex[octet >> 4];
  out += kHex[octet & 15];
  column_ += 3;
}

void QuotedPrintableEncoder::finish(std::string& out) {
  const bool ends_in_return = held_.ends_with('\r');
  if (ends_in_return) held_.pop_back();
  flush(!ends_in_return, out);
  if (ends_in_return) put('\r', true, out);
}

}  // namespace hikyaku::mime
