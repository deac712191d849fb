#include "policy/reply_words.h"

#include <cstddef>

#include "policy/evaluation.h"

namespace hikyaku::policy {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Octets of the "5.7.1" at the front of `text`; 0: there is none (RFC 3463 s. 2).
std::size_t code_size(std::string_view text) {
  if (text.empty() || (text[0] != '2' && text[0] != '4' && text[0] != '5')) return 0;
  std::size_t at = 1;
  for (int part = 0; part < 2; ++part) {
    if (at >= text.size() || text[at] != '.') return 0;
    const auto begin = ++at;
    while (at < text.size() && is_digit(text[at])) ++at;
    if (at == begin || at - begin > 3) return 0;
  }
  const bool ends = at == text.size() || text[at] == ' ' || text[at] == '\t';
  return ends ? at : 0;
}

}  // namespace

CodedText split_enhanced(std::string_view text, std::string_view fallback) {
  const auto size = code_size(text);
  if (size == 0) return {std::string(fallback), text};
  auto rest = text.substr(size);
  rest.remove_prefix(std::min(rest.find_first_not_of(" \t"), rest.size()));
  return {std::string(text.substr(0, size)), rest};
}

std::string fit_enhanced(std::string_view enhanced, std::string_view reply_class) {
  if (enhanced.size() < 5 || enhanced.substr(1, 3) != ".1.") return std::string(enhanced);
  const auto detail = enhanced.substr(4);
  std::string fitted(1, enhanced[0]);
  if (reply_class == subject::kSender) {
    if (detail == "2" || detail == "8") return fitted + ".1.8";
    const bool bad_mailbox =
        detail == "1" || detail == "3" || detail == "4" || detail == "6" || detail == "7";
    return fitted + (bad_mailbox ? ".1.7" : ".1.0");
  }
  if (reply_class == subject::kRecipient) {
    if (detail == "7") return fitted + ".1.3";
    if (detail == "8") return fitted + ".1.2";
    if (detail.size() == 1 && detail[0] >= '1' && detail[0] <= '6') return std::string(enhanced);
    return fitted + ".1.0";
  }
  return fitted + ".0.0";
}

}  // namespace hikyaku::policy
