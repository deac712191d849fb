#include "greylist/spf_word.h"

#include <array>

#include "table/fold.h"

namespace hikyaku::greylist {
namespace {

constexpr std::array kWords{SpfWord::pass,    SpfWord::softfail, SpfWord::fail, SpfWord::neutral,
                            SpfWord::unknown, SpfWord::error,    SpfWord::none, SpfWord::self};

}  // namespace

std::optional<SpfWord> spf_word(std::string_view text) {
  for (const auto word : kWords) {
    if (table::equal_ascii_nocase(greylist::text(word), text)) return word;
  }
  return std::nullopt;
}

std::string_view text(SpfWord word) {
  switch (word) {
    case SpfWord::pass:
      return "pass";
    case SpfWord::softfail:
      return "softfail";
    case SpfWord::fail:
      return "fail";
    case SpfWord::neutral:
      return "neutral";
    case SpfWord::unknown:
      return "unknown";
    case SpfWord::error:
      return "error";
    case SpfWord::none:
      return "none";
    case SpfWord::self:
      return "self";
  }
  return "none";
}

SpfWord word_of(const SpfResult& result) {
  switch (result.status) {
    case SpfStatus::none:
      return SpfWord::none;
    case SpfStatus::neutral:
      return SpfWord::neutral;
    case SpfStatus::pass:
      return SpfWord::pass;
    case SpfStatus::fail:
      return SpfWord::fail;
    case SpfStatus::softfail:
      return SpfWord::softfail;
    case SpfStatus::temperror:
    case SpfStatus::permerror:
      return result.unread ? SpfWord::unknown : SpfWord::error;
  }
  return SpfWord::none;
}

bool holds(SpfWord word, const SpfResult& result) {
  return word == SpfWord::self ? result.status == SpfStatus::pass : word_of(result) == word;
}

}  // namespace hikyaku::greylist
