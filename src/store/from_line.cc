#include "store/from_line.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <vector>

namespace hikyaku::store {
namespace {

constexpr std::string_view kFrom = "From ";
constexpr std::array<std::string_view, 7> kDays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::array<std::string_view, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::size_t kMostWords = 40;

std::optional<int> number(std::string_view text, std::size_t least, std::size_t most) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = error == std::errc{} && end == text.data() + text.size() && text.front() != '-';
  if (text.size() < least || text.size() > most || !whole) return std::nullopt;
  return value;
}

/// "23:48:20", "23:48"
std::optional<std::chrono::seconds> time_of_day(std::string_view text) {
  if (text.size() != 8 && text.size() != 5 && text.size() != 7 && text.size() != 4) return std::nullopt;
  const auto first = text.find(':');
  if (first == std::string_view::npos || first == 0) return std::nullopt;
  const auto second = text.find(':', first + 1);
  const auto hour = number(text.substr(0, first), 1, 2);
  const auto minute = number(text.substr(first + 1, second - first - 1), 2, 2);
  const auto left =
      second == std::string_view::npos ? std::optional(0) : number(text.substr(second + 1), 2, 2);
  if (!hour || !minute || !left || *hour > 23 || *minute > 59 || *left > 60) return std::nullopt;
  return std::chrono::hours{*hour} + std::chrono::minutes{*minute} + std::chrono::seconds{*left};
}

/// How far a zone is before UTC; nullopt: it looks like none. RFC 5322 s. 4.3 knows the names.
std::optional<std::chrono::minutes> zone_of(std::string_view text) {
  if (text.size() == 5 && (text.front() == '+' || text.front() == '-')) {
    const auto hours = number(text.substr(1, 2), 2, 2);
    const auto minutes = number(text.substr(3), 2, 2);
    if (!hours || !minutes || *hours > 23 || *minutes > 59) return std::nullopt;
    return std::chrono::minutes{(text.front() == '-' ? -1 : 1) * (*hours * 60 + *minutes)};
  }
  const auto letter = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); };
  if (text.empty() || text.size() > 5 || !std::ranges::all_of(text, letter)) return std::nullopt;
  constexpr std::array<std::pair<std::string_view, int>, 8> kNamed{{{"EST", -5},
                                                                    {"EDT", -4},
                                                                    {"CST", -6},
                                                                    {"CDT", -5},
                                                                    {"MST", -7},
                                                                    {"MDT", -6},
                                                                    {"PST", -8},
                                                                    {"PDT", -7}}};
  for (const auto& [name, hours] : kNamed) {
    if (name == text) return std::chrono::hours{hours};
  }
  return std::chrono::minutes{0};
}

/// The date in the words from a day of the week on, to the end of the line.
std::optional<Time> date_of(const std::vector<std::string_view>& words, std::size_t at) {
  if (words.size() < at + 5) return std::nullopt;
  if (std::ranges::find(kDays, words[at].substr(0, 3)) == kDays.end()) return std::nullopt;
  const auto month = std::ranges::find(kMonths, words[at + 1]);
  const auto day = number(words[at + 2], 1, 2);
  const auto clock = time_of_day(words[at + 3]);
  if (month == kMonths.end() || !day || !clock) return std::nullopt;
  auto next = at + 4;
  std::optional<std::chrono::minutes> zone;
  const auto take_zone = [&] {
    if (zone || next >= words.size()) return;
    zone = zone_of(words[next]);
    if (zone) ++next;
  };
  take_zone();
  if (next >= words.size()) return std::nullopt;
  const auto year = number(words[next], 4, 4);
  if (!year) return std::nullopt;
  ++next;
  if (next < words.size() && words[next] != "remote") take_zone();
  const bool relayed = words.size() >= next + 3 && words[next] == "remote" && words[next + 1] == "from";
  if (next != words.size() && !relayed) return std::nullopt;
  const std::chrono::year_month_day date{
      std::chrono::year{*year}, std::chrono::month{static_cast<unsigned>(month - kMonths.begin()) + 1},
      std::chrono::day{static_cast<unsigned>(*day)}};
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days{date} + *clock - zone.value_or(std::chrono::minutes{0});
}

}  // namespace

std::optional<FromLine> FromLine::parse(std::string_view line) {
  if (!line.starts_with(kFrom) || line.size() > kLongest) return std::nullopt;
  std::vector<std::string_view> words;
  for (std::size_t begin = kFrom.size(); begin < line.size();) {
    const auto end = std::min(line.find_first_of(" \t", begin), line.size());
    if (end > begin) words.push_back(line.substr(begin, end - begin));
    begin = end + 1;
    if (words.size() > kMostWords) return std::nullopt;
  }
  // From the right: a sender may look like anything.
  for (auto at = words.size(); at-- > 0;) {
    const auto date = date_of(words, at);
    if (!date) continue;
    FromLine result;
    result.date = *date;
    auto sender =
        line.substr(kFrom.size(), static_cast<std::size_t>(words[at].data() - line.data()) - kFrom.size());
    while (!sender.empty() && (sender.front() == ' ' || sender.front() == '\t')) sender.remove_prefix(1);
    while (!sender.empty() && (sender.back() == ' ' || sender.back() == '\t')) sender.remove_suffix(1);
    if (sender != "-" && sender != "MAILER-DAEMON") result.sender = sender;
    return result;
  }
  return std::nullopt;
}

std::string FromLine::text() const {
  const std::chrono::sys_seconds moment = std::chrono::floor<std::chrono::seconds>(date);
  const auto day = std::chrono::floor<std::chrono::days>(moment);
  const std::chrono::year_month_day calendar{day};
  const std::chrono::hh_mm_ss clock{moment - day};
  const auto two = [](auto value, char fill) {
    auto digits = std::to_string(value);
    return digits.size() < 2 ? fill + digits : digits;
  };
  auto out = std::string(kFrom) + (sender.empty() ? "MAILER-DAEMON" : sender);
  std::ranges::replace(out.begin() + kFrom.size(), out.end(), ' ', '-');
  out.append(" ").append(kDays[std::chrono::weekday{day}.c_encoding()]);
  out.append(" ").append(kMonths[static_cast<unsigned>(calendar.month()) - 1]);
  out.append(" ").append(two(static_cast<unsigned>(calendar.day()), ' '));
  out.append(" ").append(two(clock.hours().count(), '0')).append(":");
  out.append(two(clock.minutes().count(), '0')).append(":").append(two(clock.seconds().count(), '0'));
  out.append(" ").append(std::to_string(static_cast<int>(calendar.year())));
  return out;
}

}  // namespace hikyaku::store
