#include "greylist/check_answer.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <utility>

#include "greylist/reply_code.h"
#include "table/fold.h"

namespace hikyaku::greylist {
namespace {

constexpr std::string_view kBlanks = " \t\r\n\v\f";

/// "300", "5m": as times are in greylist.conf. Not negative.
std::optional<std::chrono::seconds> duration(std::string_view text) {
  constexpr std::array<std::pair<char, std::int64_t>, 5> kUnits = {
      {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 7 * 86400}}};
  std::int64_t factor = 1, number = 0;
  const auto unit =
      std::find_if(kUnits.begin(), kUnits.end(), [&](const auto& one) { return text.ends_with(one.first); });
  if (unit != kUnits.end()) {
    factor = unit->second;
    text.remove_suffix(1);
  }
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 0) return std::nullopt;
  if (number > std::numeric_limits<std::int32_t>::max() / factor) return std::nullopt;
  return std::chrono::seconds(number * factor);
}

std::optional<Action> action(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, Action>, 4> kActions = {{{"greylist", Action::greylist},
                                                                            {"whitelist", Action::whitelist},
                                                                            {"blacklist", Action::blacklist},
                                                                            {"continue", Action::go_on}}};
  for (const auto& [word, meaning] : kActions)
    if (table::equal_ascii_nocase(word, text)) return meaning;
  return std::nullopt;
}

std::optional<std::string> if_good(bool good, std::string_view text) {
  return good ? std::optional<std::string>(text) : std::nullopt;
}

/// A value that could be read takes the place of the one that is there.
template <class T>
AnswerLine take(std::optional<T> value, std::optional<T>& kept) {
  if (!value) return AnswerLine::not_read;
  kept = std::move(value);
  return AnswerLine::matches;
}

AnswerLine take_override(std::string_view what, std::string_view value, RuleOverride& kept) {
  const auto is = [what](std::string_view name) { return table::equal_ascii_nocase(what, name); };
  auto& values = kept.values;
  if (is("action")) return take(action(value), kept.action);
  if (is("delay")) return take(duration(value), values.delay);
  if (is("autowhite")) return take(duration(value), values.autowhite);
  if (is("tarpit")) return take(duration(value), kept.tarpit);
  if (is("code")) return take(if_good(is_reply_code(value), value), values.code);
  if (is("ecode")) return take(if_good(is_enhanced_code(value), value), values.ecode);
  if (is("msg")) return take(if_good(true, value), values.msg);
  if (is("report")) return take(if_good(true, value), values.report);
  if (is("flushaddr")) {
    values.flushaddr = true;
  } else if (is("nolog")) {
    values.nolog = true;
  } else {
    return AnswerLine::other;
  }
  return AnswerLine::matches;
}

}  // namespace

AnswerLine take_answer_line(std::string_view name, std::string_view value, CheckAnswer& answer) {
  constexpr std::string_view kOurs = "milterGreylist";
  if (!table::equal_ascii_nocase(name.substr(0, kOurs.size()), kOurs)) return AnswerLine::other;
  const auto what = name.substr(kOurs.size());
  if (table::equal_ascii_nocase(what, "status")) {
    const bool yes = table::equal_ascii_nocase(value, "ok") || table::equal_ascii_nocase(value, "true");
    return yes ? AnswerLine::matches : AnswerLine::other;
  }
  if (table::equal_ascii_nocase(what, "ignore")) return AnswerLine::matches;
  const auto taken = take_override(what, value, answer.overrides);
  const auto line = std::string(name) + ": " + std::string(value);
  if (taken == AnswerLine::matches) answer.said.append(answer.said.empty() ? "" : ", ").append(line);
  if (taken == AnswerLine::not_read) answer.not_read.push_back(line);
  return taken;
}

CheckAnswer read_url_answer(std::string_view text, bool keeps_properties) {
  CheckAnswer answer;
  while (!text.empty()) {
    const auto end = text.find('\n');
    auto line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    line.remove_prefix(std::min(line.find_first_not_of(kBlanks), line.size()));
    const auto colon = line.find(':');
    if (colon == std::string_view::npos || colon == 0) continue;
    const auto name = line.substr(0, colon);
    auto value = line.substr(colon + 1);
    value.remove_prefix(std::min(value.find_first_not_of(kBlanks), value.size()));
    if (value.empty()) continue;
    if (take_answer_line(name, value, answer) == AnswerLine::matches) answer.matched = true;
    if (keeps_properties) answer.properties.emplace_back(name, value);
  }
  if (!answer.matched) answer.properties.clear();
  return answer;
}

}  // namespace hikyaku::greylist
