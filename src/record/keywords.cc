#include "record/keywords.h"

#include <algorithm>
#include <array>
#include <optional>

namespace hikyaku::record {
namespace {

/// Stored by their place, from 1: only ever added to at the end, and then with a new version of the message
/// record. From the registry of RFC 5788, and what programs use most.
constexpr std::array<std::string_view, 15> kCommon{
    "$Forwarded", "$MDNSent",       "$Junk",      "$NotJunk",      "$Phishing",
    "$Important", "$SubmitPending", "$Submitted", "NonJunk",       "Junk",
    "$label1",    "$HasAttachment", "$Canned",    "$AutoArchived", "$HasNoAttachment"};

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool before(std::string_view a, std::string_view b) {
  return std::ranges::lexicographical_compare(a, b, {}, lower, lower);
}
bool same(std::string_view a, std::string_view b) { return std::ranges::equal(a, b, {}, lower, lower); }

/// RFC 9051 s. 9, ATOM-CHAR.
bool atom(std::string_view word) {
  return !word.empty() && std::ranges::all_of(word, [](char c) {
    return c > ' ' && c < 0x7f && std::string_view("(){%*\"\\]").find(c) == std::string_view::npos;
  });
}

}  // namespace

Result<void> Keywords::add(std::string_view word) {
  if (!atom(word) || word.size() > kLongest) {
    return fail(Fault::malformed, "a keyword is an atom of 1 to " + std::to_string(kLongest) + " octets");
  }
  const auto at = std::ranges::lower_bound(words_, word, before);
  if (at != words_.end() && same(*at, word)) return {};
  if (words_.size() == kMost) {
    return fail(Fault::malformed, "a message has at most " + std::to_string(kMost) + " keywords");
  }
  const auto common = std::ranges::find_if(kCommon, [&](std::string_view one) { return same(one, word); });
  words_.insert(at, std::string(common == kCommon.end() ? word : *common));
  return {};
}

void Keywords::remove(std::string_view word) {
  std::erase_if(words_, [&](const std::string& one) { return same(one, word); });
}

bool Keywords::contains(std::string_view word) const {
  return std::ranges::any_of(words_, [&](const std::string& one) { return same(one, word); });
}

void Keywords::write(FrameWriter& out) const {
  out.number(words_.size());
  for (const auto& word : words_) {
    const auto common = std::ranges::find(kCommon, word);
    if (common != kCommon.end()) {
      out.number(static_cast<std::uint64_t>(common - kCommon.begin()) + 1);
    } else {
      out.number(0);
      out.text(word);
    }
  }
}

std::optional<Keywords> Keywords::read(FrameReader& in) {
  Keywords keywords;
  const auto count = in.number(kMost);
  for (std::uint64_t i = 0; i < count && in.good(); ++i) {
    const auto place = in.number(kCommon.size());
    const auto word = place == 0 ? in.text() : std::string(kCommon[static_cast<std::size_t>(place - 1)]);
    const bool ascends = keywords.words_.empty() || before(keywords.words_.back(), word);
    if (!ascends || !keywords.add(word)) return std::nullopt;
  }
  if (!in.good()) return std::nullopt;
  return keywords;
}

}  // namespace hikyaku::record
