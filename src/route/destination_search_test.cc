#include "route/destination_search.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "route/settings.h"

namespace hikyaku::route {
namespace {

using Type = DestinationSearch::Type;
using Status = DestinationSearch::Answer::Status;

/// A fixed sequence of octets.
class CountingRandom final : public Random {
 public:
  void fill(std::span<unsigned char> octets) override {
    for (auto& octet : octets) octet = static_cast<unsigned char>(next_ = next_ * 73 + 41);
  }

 private:
  unsigned next_ = 1;
};

/// DNS as a table: "a.test MX" -> "10 mx1.test, 20 mx2.test", "mx1.test A" -> "192.0.2.1", "?": no answer.
using Zone = std::map<std::string, std::string>;

DestinationSearch::Answer answer_of(const Zone& zone, const DestinationSearch::Question& question) {
  const auto* type = question.type == Type::mx ? " MX" : question.type == Type::a ? " A" : " AAAA";
  const auto found = zone.find(question.name + type);
  if (found == zone.end()) return {Status::none, {}, {}};
  if (found->second == "?") return {Status::temporary, {}, {}};
  if (found->second == "!") return {Status::malformed, {}, {}};
  DestinationSearch::Answer answer{Status::found, {}, {}};
  std::string rest = found->second;
  while (!rest.empty()) {
    const auto comma = std::min(rest.find(", "), rest.size());
    const auto one = rest.substr(0, comma);
    rest.erase(0, comma + 2);
    if (question.type == Type::mx) {
      const auto blank = one.find(' ');
      answer.mx.push_back(
          {static_cast<std::uint16_t>(std::stoi(one.substr(0, blank))), one.substr(blank + 1)});
    } else {
      answer.addresses.push_back(*table::Ip::parse(one));
    }
  }
  return answer;
}

std::string search(const std::string& hop, const Zone& zone, const SearchSettings& settings) {
  DestinationSearch search(*NextHop::parse(hop), settings);
  int rounds = 0;
  while (!search.questions().empty()) {
    if (++rounds > 2) return "too many rounds";
    for (const auto& question : std::vector(search.questions()))
      search.answer(question, answer_of(zone, question));
  }
  CountingRandom random;
  const auto found = search.result(random);
  if (found.unreachable) {
    return std::string(found.unreachable->permanent ? "5xx " : "4xx ") + found.unreachable->status + " " +
           found.unreachable->text;
  }
  std::string out;
  for (const auto& target : found.targets) {
    out += (out.empty() ? "" : " ") + target.host + "=" + target.address.text() + ":" +
           std::to_string(target.port);
  }
  return out;
}

struct SearchCase {
  const char* name;
  std::string hop;
  Zone zone;
  std::string want;
};

class Search : public testing::TestWithParam<SearchCase> {};

TEST_P(Search, finds) {
  const auto& row = GetParam();
  SearchSettings settings;
  settings.randomize = false;
  settings.own_addresses = {*table::Ip::parse("192.0.2.99")};
  EXPECT_EQ(search(row.hop, row.zone, settings), row.want);
}

INSTANTIATE_TEST_SUITE_P(
    , Search,
    testing::Values(
        SearchCase{"exchangers_in_order_of_preference",
                   "a.test",
                   {{"a.test MX", "20 two.test, 10 one.test"},
                    {"one.test A", "192.0.2.1"},
                    {"two.test A", "192.0.2.2"}},
                   "one.test=192.0.2.1:25 two.test=192.0.2.2:25"},
        SearchCase{
            "both_families_of_a_host",
            "a.test",
            {{"a.test MX", "10 one.test"}, {"one.test A", "192.0.2.1"}, {"one.test AAAA", "2001:db8::1"}},
            "one.test=192.0.2.1:25 one.test=2001:db8::1:25"},
        SearchCase{
            "without_mx_the_domain_itself", "a.test:26", {{"a.test A", "192.0.2.1"}}, "a.test=192.0.2.1:26"},
        SearchCase{"brackets_ask_for_no_mx",
                   "[a.test]",
                   {{"a.test MX", "10 one.test"}, {"a.test A", "192.0.2.5"}},
                   "a.test=192.0.2.5:25"},
        SearchCase{"an_address_asks_for_nothing", "[192.0.2.7]:2525", {}, "192.0.2.7=192.0.2.7:2525"},
        SearchCase{"null_mx",
                   "a.test",
                   {{"a.test MX", "0 ."}},
                   "5xx 5.1.0 Domain a.test does not accept mail (nullMX)"},
        SearchCase{"no_such_domain",
                   "a.test",
                   {},
                   "5xx 5.4.4 Host or domain name not found. Name service error for name=a.test type=A: Host "
                   "not found"},
        SearchCase{"mx_unanswered",
                   "a.test",
                   {{"a.test MX", "?"}, {"a.test A", "192.0.2.1"}},
                   "4xx 4.4.3 Host or domain name not found. Name service error for name=a.test type=MX: "
                   "Host not found, try again"},
        SearchCase{
            "one_exchanger_unanswered_is_skipped",
            "a.test",
            {{"a.test MX", "10 one.test, 20 two.test"}, {"one.test A", "?"}, {"two.test A", "192.0.2.2"}},
            "two.test=192.0.2.2:25"},
        SearchCase{"all_exchangers_unanswered",
                   "a.test",
                   {{"a.test MX", "10 one.test"}, {"one.test A", "?"}},
                   "4xx 4.4.3 Host or domain name not found. Name service error for name=one.test type=A: "
                   "Host not found, try again"},
        SearchCase{"exchangers_as_good_as_we_are_cut_off",
                   "a.test",
                   {{"a.test MX", "10 one.test, 20 own.test, 20 twin.test, 30 three.test"},
                    {"one.test A", "192.0.2.1"},
                    {"own.test A", "192.0.2.99"},
                    {"twin.test A", "192.0.2.3"},
                    {"three.test A", "192.0.2.4"}},
                   "one.test=192.0.2.1:25"},
        SearchCase{"we_are_the_best_exchanger",
                   "a.test",
                   {{"a.test MX", "10 own.test, 20 two.test"},
                    {"own.test A", "192.0.2.99"},
                    {"two.test A", "192.0.2.2"}},
                   "5xx 5.4.6 mail for a.test loops back to myself"},
        SearchCase{"the_primary_has_no_address_and_we_are_next",
                   "a.test",
                   {{"a.test MX", "10 one.test, 20 own.test"}, {"own.test A", "192.0.2.99"}},
                   "4xx 4.4.4 unable to find primary relay for a.test"},
        SearchCase{"another_port_of_ours_is_another_program",
                   "[192.0.2.99]:10025",
                   {},
                   "192.0.2.99=192.0.2.99:10025"},
        SearchCase{
            "our_own_address", "[192.0.2.99]", {}, "5xx 5.4.6 mail for 192.0.2.99 loops back to myself"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(DestinationSearch, ShufflesEqualPreferencesOnly) {
  Zone zone{{"a.test MX", "10 one.test, 20 two.test"},
            {"one.test A", "192.0.2.1, 192.0.2.2, 192.0.2.3"},
            {"two.test A", "192.0.2.9"}};
  const SearchSettings settings;
  auto text = search("a.test", zone, settings);
  EXPECT_TRUE(text.ends_with("two.test=192.0.2.9:25"));
  for (const auto* one : {"=192.0.2.1:", "=192.0.2.2:", "=192.0.2.3:"})
    EXPECT_NE(text.find(one), std::string::npos);
}

TEST(DestinationSearch, KeepsAnAddressOfTheOtherFamilyWithinTheLimit) {
  Zone zone{{"a.test A", "192.0.2.1, 192.0.2.2, 192.0.2.3"}, {"a.test AAAA", "2001:db8::1"}};
  SearchSettings settings;
  settings.randomize = false;
  settings.address_limit = 2;
  EXPECT_EQ(search("[a.test]", zone, settings), "a.test=192.0.2.1:25 a.test=2001:db8::1:25");
}

TEST(DestinationSearch, PrefersAFamily) {
  Zone zone{{"a.test A", "192.0.2.1"}, {"a.test AAAA", "2001:db8::1"}};
  SearchSettings settings;
  settings.prefer = SearchSettings::Prefer::ipv6;
  EXPECT_EQ(search("[a.test]", zone, settings), "a.test=2001:db8::1:25 a.test=192.0.2.1:25");
}

TEST(DestinationSearch, AsksNoMxWithoutDns) {
  SearchSettings settings;
  settings.use_dns = false;
  EXPECT_EQ(search("a.test", {{"a.test MX", "10 one.test"}, {"a.test A", "192.0.2.5"}}, settings),
            "a.test=192.0.2.5:25");
}

struct RetryCase {
  const char* name;
  std::chrono::seconds age, wait;
};
class Retry : public testing::TestWithParam<RetryCase> {};

TEST_P(Retry, waits_as_long_as_the_message_is_old_within_limits) {
  const RetrySchedule schedule;  // 300 s to 4000 s
  const Time arrival{std::chrono::seconds(1'000'000)};
  const auto now = arrival + GetParam().age;
  EXPECT_EQ(schedule.next_attempt(arrival, now), now + GetParam().wait);
}

using std::chrono_literals::operator""s;
INSTANTIATE_TEST_SUITE_P(, Retry,
                         testing::Values(RetryCase{"new", 1s, 300s}, RetryCase{"middling", 1000s, 1000s},
                                         RetryCase{"old", 100000s, 4000s},
                                         RetryCase{"from_the_future", -5000s, 300s}),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(RetrySchedule, BouncesHaveTheirOwnLifetime) {
  RetrySchedule schedule;
  schedule.lifetime = 10s;
  schedule.bounce_lifetime = 5s;
  EXPECT_EQ(schedule.expires(Time{}, false), Time{} + 10s);
  EXPECT_EQ(schedule.expires(Time{}, true), Time{} + 5s);
}

}  // namespace
}  // namespace hikyaku::route
