#include "mime/line_folder.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/utf8.h"

namespace hikyaku::mime {
namespace {

constexpr std::size_t kLongest = 4;  // octets of a character

/// Those that nkf lets no line begin with.
constexpr std::array<std::string_view, 28> kBeginNoLine{
    "、", "。", "，", "．", "：", "；", "？", "！", "゛", "゜", "）", "」", "｡", "｣",
    "､",  "ｰ",  "ﾞ",  "ﾟ",  "!",  ")",  ",",  ".",  "/",  ":",  ";",  "?",  "]", "}"};

bool begins_no_line(std::string_view octets) {
  return std::find(kBeginNoLine.begin(), kBeginNoLine.end(), octets) != kBeginNoLine.end();
}

/// U+FF61 to U+FF9F.
bool half_width_kana(std::string_view octets) { return octets.size() == 3 && octets >= "｡" && octets <= "ﾟ"; }

/// Whether more octets can still make a character of these.
bool may_go_on(std::string_view begun) {
  const auto first = static_cast<unsigned char>(begun.front());
  const std::size_t size = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  return first >= 0xC2 && first <= 0xF4 && begun.size() < size &&
         std::all_of(begun.begin() + 1, begun.end(),
                     [](char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; });
}

}  // namespace

void LineFolder::feed(std::string_view utf8, std::string& out) {
  std::string joined;
  if (!cut_.empty()) {
    joined = std::exchange(cut_, {});
    joined += utf8;
    utf8 = joined;
  }
  while (!utf8.empty()) {
    const auto length = utf8_length(utf8);
    if (length == 0 && utf8.size() < kLongest && may_go_on(utf8)) {
      cut_ = utf8;
      return;
    }
    const auto octets = utf8.substr(0, length == 0 ? 1 : length);
    character(octets, out);
    utf8.remove_prefix(octets.size());
  }
}

void LineFolder::finish(std::string& out) {
  for (const char c : std::exchange(cut_, {})) character({&c, 1}, out);
  if (column_ > 0) out += '\n';
  column_ = 0;
}

void LineFolder::character(std::string_view octets, std::string& out) {
  const bool after_return = std::exchange(after_return_, octets == "\r");
  if (octets == "\r") {
    if (options_.line_ends == LineEnds::kept) line_end(out);
  } else if (octets == "\n") {
    if (options_.line_ends == LineEnds::joined) {
      joined_line_end(out);
    } else if (!after_return) {
      line_end(out);
    }
  } else if (octets == "\f") {
    line_end(out);
    out += octets;
  } else if (octets == " " || octets == "\t" || octets == "　") {
    blank(out);
  } else {
    visible(octets, out);
  }
}

void LineFolder::line_end(std::string& out) {
  out += '\n';
  column_ = 0;
  previous_ = Previous::line_end;
}

void LineFolder::joined_line_end(std::string& out) {
  if (previous_ == Previous::line_end) {
    out += column_ > 0 ? "\n\n" : "\n";
    column_ = 0;
  } else if (previous_ == Previous::japanese) {
    previous_ = Previous::line_end;
  } else if (previous_ == Previous::other) {
    blank(out);
    previous_ = Previous::line_end;
  }
}

void LineFolder::blank(std::string& out) {
  if (previous_ == Previous::blank) return;
  previous_ = Previous::blank;
  if (++column_ <= options_.columns) {
    out += ' ';
  } else {
    out += '\n';
    column_ = 0;
  }
}

void LineFolder::visible(std::string_view octets, std::string& out) {
  const bool ascii = octets.size() == 1;
  const auto before = std::exchange(previous_, ascii ? Previous::other : Previous::japanese);
  const std::size_t width = ascii || half_width_kana(octets) ? 1 : 2;
  column_ += width;
  if (column_ > options_.columns) {
    const bool goes_on = ascii && before == Previous::other;
    if (column_ > options_.columns + options_.margin || !(goes_on || begins_no_line(octets))) {
      out += '\n';
      column_ = width;
    }
  }
  out += octets;
}

}  // namespace hikyaku::mime
