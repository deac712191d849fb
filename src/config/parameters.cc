#include "config/parameters.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <vector>

namespace hikyaku::config {
namespace {

struct Meaning {
  std::string_view pattern;
  std::string_view text;
};

constexpr std::array kMeanings{
#define M(pattern, text) Meaning{pattern, text},
#include "config/unused_parameters.inc"
#undef M
};

#define U(name) #name,
constexpr std::string_view kUsed[] = {
#include "config/used_parameters.inc"
};
#undef U

struct Words {
  std::string_view name;
  std::string_view words;
};

constexpr std::array kWords{
#define W(name, words) Words{#name, words},
#include "config/words.inc"
#undef W
};

struct Suffix {
  std::string_view suffix;
  std::string_view fallback;
};

// The longer one of two with the same end stands first.
constexpr std::array kTransportSuffixes{
    Suffix{"delivery_slot_cost", "default_delivery_slot_cost"},
    Suffix{"delivery_slot_discount", "default_delivery_slot_discount"},
    Suffix{"delivery_slot_loan", "default_delivery_slot_loan"},
    Suffix{"destination_concurrency_failed_cohort_limit",
           "default_destination_concurrency_failed_cohort_limit"},
    Suffix{"initial_destination_concurrency", "initial_destination_concurrency"},
    Suffix{"destination_concurrency_limit", "default_destination_concurrency_limit"},
    Suffix{"destination_concurrency_negative_feedback", "default_destination_concurrency_negative_feedback"},
    Suffix{"destination_concurrency_positive_feedback", "default_destination_concurrency_positive_feedback"},
    Suffix{"destination_rate_delay", "default_destination_rate_delay"},
    Suffix{"destination_recipient_limit", "default_destination_recipient_limit"},
    Suffix{"extra_recipient_limit", "default_extra_recipient_limit"},
    Suffix{"minimum_delivery_slots", "default_minimum_delivery_slots"},
    Suffix{"recipient_refill_delay", "default_recipient_refill_delay"},
    Suffix{"recipient_refill_limit", "default_recipient_refill_limit"},
    Suffix{"recipient_limit", "default_recipient_limit"},
    Suffix{"time_limit", "command_time_limit"},
    Suffix{"transport_rate_delay", "default_transport_rate_delay"},
};

/// * stands for any octets.
bool fits(std::string_view pattern, std::string_view name) {
  const auto star = pattern.find('*');
  if (star == std::string_view::npos) return pattern == name;
  if (!name.starts_with(pattern.substr(0, star))) return false;
  pattern.remove_prefix(star + 1);
  name.remove_prefix(star);
  for (std::size_t at = 0; at <= name.size(); ++at) {
    if (fits(pattern, name.substr(at))) return true;
  }
  return false;
}

std::string_view meaning(std::string_view name) {
  const auto* found =
      std::ranges::find_if(kMeanings, [&](const Meaning& m) { return fits(m.pattern, name); });
  return found == kMeanings.end() ? std::string_view() : found->text;
}

std::vector<Parameter> make_table() {
  std::vector<Parameter> table{
#define P(name, kind, fallback) Parameter{#name, Kind::kind, fallback},
#include "config/postfix_parameters.inc"
#undef P
#define X(name, kind, fallback, doc) Parameter{#name, Kind::kind, fallback, 's', true, true, doc},
#include "config/own_parameters.inc"
#undef X
  };
  std::ranges::sort(table, {}, &Parameter::name);
  for (auto& parameter : table) {
    if (parameter.kind == Kind::duration) {
      const char last = parameter.fallback.empty() ? 's' : parameter.fallback.back();
      if (std::string_view("smhdw").contains(last)) parameter.unit = last;
    }
    if (parameter.own) continue;
    parameter.used = std::ranges::find(kUsed, parameter.name) != std::end(kUsed);
    if (!parameter.used) parameter.meaning = meaning(parameter.name);
  }
  return table;
}

std::optional<std::int64_t> digits(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::int64_t seconds_in(char unit) {
  switch (unit) {
    case 's':
      return 1;
    case 'm':
      return 60;
    case 'h':
      return 3600;
    case 'd':
      return 86'400;
    case 'w':
      return 7 * 86'400;
    default:
      return 0;
  }
}

bool is_word(std::string_view text, std::string_view lower) {
  return std::ranges::equal(text, lower,
                            [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a + 32 : a) == b; });
}

}  // namespace

std::span<const Parameter> parameters() {
  static const std::vector<Parameter> table = make_table();
  return table;
}

const Parameter* find_parameter(std::string_view name) {
  const auto table = parameters();
  const auto found = std::ranges::lower_bound(table, name, {}, &Parameter::name);
  return found != table.end() && found->name == name ? &*found : nullptr;
}

const Parameter* transport_parameter(std::string_view name) {
  for (const auto& suffix : kTransportSuffixes) {
    if (!name.ends_with(suffix.suffix)) continue;
    const auto prefix = name.substr(0, name.size() - suffix.suffix.size());
    if (prefix.size() < 2 || !prefix.ends_with('_')) continue;
    return find_parameter(suffix.fallback);
  }
  return nullptr;
}

std::span<const std::string_view> transport_suffixes() {
  static const auto suffixes = [] {
    std::array<std::string_view, kTransportSuffixes.size()> names{};
    std::ranges::transform(kTransportSuffixes, names.begin(), &Suffix::suffix);
    return names;
  }();
  return suffixes;
}

std::string_view known_words(std::string_view name) {
  const auto* found = std::ranges::find(kWords, name, &Words::name);
  return found == kWords.end() ? std::string_view() : found->words;
}

std::span<const std::string_view> parameter_names() {
  static const auto names = [] {
    std::vector<std::string_view> result;
    for (const auto& parameter : parameters()) result.push_back(parameter.name);
    return result;
  }();
  return names;
}

std::optional<bool> read_boolean(std::string_view text) {
  if (is_word(text, "yes")) return true;
  if (is_word(text, "no")) return false;
  return std::nullopt;
}

std::optional<std::int64_t> read_integer(std::string_view text) { return digits(text); }

std::optional<std::chrono::seconds> read_duration(std::string_view text, char unit) {
  if (!text.empty() && (text.back() < '0' || text.back() > '9')) {
    unit = text.back();
    text.remove_suffix(1);
  }
  const auto count = digits(text);
  const auto seconds = seconds_in(unit);
  // The limit, 68 years, is that of the signed 32-bit seconds that Postfix keeps.
  if (!count || *count < 0 || seconds == 0 || *count > std::numeric_limits<std::int32_t>::max() / seconds) {
    return std::nullopt;
  }
  return std::chrono::seconds(*count * seconds);
}

std::string_view text(Kind kind) {
  switch (kind) {
    case Kind::text:
      return "text";
    case Kind::raw:
      return "raw";
    case Kind::boolean:
      return "boolean";
    case Kind::integer:
      return "integer";
    case Kind::size:
      return "size";
    case Kind::duration:
      return "duration";
    case Kind::list:
      return "list";
    case Kind::maps:
      return "maps";
  }
  return "?";
}

}  // namespace hikyaku::config
