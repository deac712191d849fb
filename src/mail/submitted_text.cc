#include "mail/submitted_text.h"

#include <algorithm>
#include <array>

namespace hikyaku::mail {
namespace {

constexpr std::array<std::string_view, 2> kSeparators{"From ", ">From "};
constexpr std::array<std::string_view, 2> kEnds{".\n", ".\r\n"};

bool may_become(std::string_view begun, const std::array<std::string_view, 2>& lines) {
  return std::ranges::any_of(lines, [begun](std::string_view line) { return line.starts_with(begun); });
}

bool is_one(std::string_view begun, const std::array<std::string_view, 2>& lines) {
  return std::ranges::find(lines, begun) != lines.end();
}

}  // namespace

void SubmittedText::feed(std::string_view piece, std::string& out) {
  while (!piece.empty() && !ended_) {
    if (at_begin_) {
      begun_ += piece.front();
      piece.remove_prefix(1);
      decide(out);
      continue;
    }
    const auto line_end = piece.find('\n');
    const auto rest = piece.substr(0, line_end == std::string_view::npos ? line_end : line_end + 1);
    if (!dropping_) out += rest;
    piece.remove_prefix(rest.size());
    if (line_end == std::string_view::npos) continue;
    at_begin_ = true;
    dropping_ = false;
  }
}

void SubmittedText::decide(std::string& out) {
  if (in_front_ && is_one(begun_, kSeparators)) {
    dropping_ = true;
    at_begin_ = false;
    begun_.clear();
    return;
  }
  const bool dots = dots_ == Dots::end_it;
  if (dots && is_one(begun_, kEnds)) {
    ended_ = true;
    return;
  }
  if ((in_front_ && may_become(begun_, kSeparators)) || (dots && may_become(begun_, kEnds))) return;
  in_front_ = false;
  out += begun_;
  at_begin_ = begun_.ends_with('\n');
  begun_.clear();
}

void SubmittedText::finish(std::string& out) {
  if (ended_) return;
  if (dots_ == Dots::end_it && begun_.starts_with('.')) {
    ended_ = true;
    return;
  }
  out += begun_;
  begun_.clear();
}

}  // namespace hikyaku::mail
