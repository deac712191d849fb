#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <random>
#include <string>
#include <variant>
#include <vector>

#include "config/greylist_conf.h"
#include "config/greylist_situation_for_tests.h"
#include "greylist/evaluation.h"

// Lists and their index.

namespace hikyaku::config {
namespace {

using namespace greylist;
using namespace for_tests;
using testing::ElementsAre;

/// Elements of a list, many enough for an index.
template <std::size_t N>
std::string elements(std::mt19937& random, const std::array<const char*, N>& words) {
  std::string out;
  for (auto left = random() % 30 + 1; left > 0; --left) out += one_of(random, words) + " ";
  return "{ " + out + "}\n";
}

std::vector<std::string> lines(const Explanation& why) {
  std::vector<std::string> out;
  for (const auto& one : why.entries()) out.push_back(one.failed + " | " + one.operand + " | " + one.outcome);
  return out;
}

// A long list is looked at by an index; without its index each element is. Both come to the same, by the same
// element.
TEST(GreylistList, FindsInListsByTheIndexWhatLookingAtEachElementFinds) {
  static constexpr std::array kNets = {"192.0.2.0/24", "192.0.2.7", "10.0.0.0/8", "2001:db8::/32",
                                       "198.51.0.0/16"};
  static constexpr std::array kNames = {"a.example", "AMPLE", "/^mx/", "c.test", "/[/]x/", "other.example"};
  static constexpr std::array kFrom = {"joe@A.example", "/j/", "x@y.example", "lee@c.test", "ann@d.test"};
  static constexpr std::array kTo = {"kim@b.example", "LEE@b.example", "/other/", "ann@b.example",
                                     "tim@b.example"};
  static constexpr std::array kCountries = {"\"JP\"", "\"CN\"", "\"ZZ\""};
  static constexpr std::array kLists = {"nets", "names", "from", "to", "countries", "bl"};
  static constexpr std::array kClients = {"192.0.2.7", "192.0.3.8", "198.51.100.9", "2001:db8::1",
                                          "2001:db9::1"};
  static constexpr std::array kClientNames = {"mx.a.example", "A.EXAMPLE", "[192.0.2.7]", "mx.c.test", ""};
  static constexpr std::array kSenders = {"<joe@a.example>", "<X@y.example>", "<>", "<ann@d.test>"};
  static constexpr std::array kRecipients = {"<kim@b.example>", "<LEE@b.example>", "<other@b.example>"};
  static constexpr std::array kActions = {"greylist", "whitelist", "blacklist", "continue"};
  std::mt19937 random(20261130);
  std::size_t by_rule = 0, open = 0;
  for (int round = 0; round < 300; ++round) {
    std::string text = "dnsrbl \"A\" a.bl 127.0.0.2\ndnsrbl \"B\" b.bl 127.0.0.2\n";
    if (random() % 4 == 0) text += "domainexact\n";
    text +=
        "list \"nets\" addr " + elements(random, kNets) + "list \"names\" domain " + elements(random, kNames);
    text += "list \"from\" from " + elements(random, kFrom) + "list \"to\" rcpt " + elements(random, kTo);
    text += "list \"countries\" geoip " + elements(random, kCountries) + "list \"bl\" dnsrbl { ";
    for (int i = 0; i < 10; ++i) text += random() % 2 == 0 ? "\"A\" " : "\"B\" ";
    text += "}\n";
    for (int rule = 0; rule < 8; ++rule) {
      text += (random() % 3 == 0 ? "dacl " : "racl ") + one_of(random, kActions);
      for (auto left = random() % 2 + 1; left > 0; --left)
        text += (random() % 3 == 0 ? " not list \"" : " list \"") + one_of(random, kLists) + "\"";
      text += "\n";
    }
    SourceCatalogue sources;
    Diagnostics diagnostics;
    const auto indexed = read_greylist_conf(text, sources.add("f"), diagnostics);
    auto linear = read_greylist_conf(text, sources.add("f"), diagnostics);
    linear.list_indexes.clear();
    for (int client = 0; client < 20; ++client) {
      Situation situation;
      auto& facts = situation.facts;
      facts.client = table::Ip::parse(one_of(random, kClients));
      facts.client_name = one_of(random, kClientNames);
      facts.sender = facts.raw_sender = one_of(random, kSenders);
      facts.recipient = one_of(random, kRecipients);
      facts.country = one_of(random, std::array{"JP", "CN", "ZZ", ""});
      for (const auto* list : {"a.bl", "b.bl"})
        if (random() % 3 != 0)
          situation.dns(facts.client->reversed() + list, DnsQuestion::Type::a,
                        {random() % 2 == 0 ? "127.0.0.2" : "127.0.0.9"},
                        random() % 4 == 0 ? DnsAnswer::Status::temporary : DnsAnswer::Status::found);
      auto stage = Stage::recipient;
      if (random() % 3 == 0) {
        stage = Stage::message;
        facts.recipient.clear();
        facts.accepted = {one_of(random, kRecipients), one_of(random, kRecipients)};
      }
      Explanation why, wanted;
      const auto found = evaluate(stage, indexed, facts, situation.properties, situation.answers, {}, &why);
      const auto each = evaluate(stage, linear, facts, situation.properties, situation.answers, {}, &wanted);
      ASSERT_EQ(asked(found), asked(each)) << text;
      ASSERT_EQ(lines(why), lines(wanted)) << text;
      const auto* decision = std::get_if<Decision>(&found);
      if (decision == nullptr) ++open;
      if (decision != nullptr && decision->rule != nullptr) ++by_rule;
    }
  }
  EXPECT_GT(by_rule, 1000U) << "or the rules of the test decide nothing";
  EXPECT_GT(open, 100U);
}

TEST(GreylistList, NamesTheElementOfAListThatHeld) {
  Situation situation;
  std::string text = "list \"nets\" addr { 192.0.2.0/24 ";
  for (int i = 0; i < 100; ++i) text += "10.0." + std::to_string(i) + ".0/24 ";
  Explanation why;
  look_at(Rules(text + "}\nracl whitelist not list \"nets\"\nracl blacklist list \"nets\"\n"), situation,
          &why);
  EXPECT_THAT(lines(why), ElementsAre("not list \"nets\" | 192.0.2.7, by addr 192.0.2.0/24 | does not hold",
                                      " | list \"nets\" (192.0.2.7, by addr 192.0.2.0/24) | blacklist"));
}

}  // namespace
}  // namespace hikyaku::config
