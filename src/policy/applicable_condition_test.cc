#include "policy/applicable_condition.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>
#include <vector>

namespace hikyaku::policy {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

using Family = MilterClient::Family;

MilterClient client(std::string_view name, std::string_view address = "192.0.2.1",
                    Family family = Family::inet) {
  return {name, family, address, 12345};
}

/// The one condition `rule` at a stage.
StageDecision decide(decltype(ApplicableCondition::rule) rule, const StageFacts& facts,
                     RubyStopperPort* ruby = nullptr) {
  const ApplicableConditions conditions({{"Tested", "", {}, std::move(rule)}});
  MessageMemory memory;
  const std::size_t uses[] = {0};
  return conditions.decide(facts, uses, memory, ruby);
}

std::string stop(const StageDecision& decision) {
  return decision.stop ? decision.stop->predicate : "no stop";
}

/// The rule of a built-in condition.
auto built_in(std::string_view name) {
  for (auto& condition : builtin_conditions())
    if (condition.name == name) return condition.rule;
  ADD_FAILURE() << name << " is not built in";
  return decltype(ApplicableCondition::rule)(NoStress{});
}

struct NameCase {
  const char* name;
  const char* host;
  bool user;  ///< looks like a user's line: the child sees it
};
class S25rNames : public testing::TestWithParam<NameCase> {};
TEST_P(S25rNames, DecideWhetherTheChildStops) {
  const auto decision = decide(built_in("S25R"), {.client = client(GetParam().host)});
  EXPECT_EQ(!decision.stop, GetParam().user) << stop(decision);
  EXPECT_THAT(decision.failures, IsEmpty());
}
INSTANTIATE_TEST_SUITE_P(
    , S25rNames,
    testing::Values(NameCase{"unknown", "unknown", true}, NameCase{"address_for_a_name", "[192.0.2.1]", true},
                    NameCase{"rule_1_numbers_apart", "p1234-ipad04.tokyo.example.jp", true},
                    NameCase{"rule_2_five_digits", "host12345.example.jp", true},
                    NameCase{"rule_3_digit_first_far_from_the_top", "398pkj.cm.chello.example", true},
                    NameCase{"rule_3_in_the_second_label", "host.101.169.23.62.rev.coltfrance.example", true},
                    NameCase{"rule_3_needs_a_third_label_behind_it", "1mx.example.jp", false},
                    NameCase{"rule_4_hyphen_in_the_second", "wbar9.chi1-4-11-085-222.example", true},
                    NameCase{"rule_5_two_labels_end_in_digits", "d5.GtokyoFL27.vectant.ne.example", true},
                    NameCase{"rule_6_dialup", "dhcp4.example.jp", true},
                    NameCase{"rule_6_adsl", "adsl-1.example.jp", true},
                    NameCase{"rule_6_in_any_case", "PPP7.example.jp", true},
                    NameCase{"rule_6_needs_a_digit", "dhcp.example.jp", false},
                    NameCase{"a_server", "mail.example.org", false},
                    NameCase{"a_numbered_server", "mx1.example.org", false},
                    NameCase{"whitelisted", "p1234-ipad04.google.com", false},
                    NameCase{"whitelisted_obsmtp", "exprod5og101.obsmtp.com", false},
                    NameCase{"only_the_names_below", "p1234-ipad04.notgoogle.com", true}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(S25r, TellsWhyItStops) {
  EXPECT_EQ(stop(decide(built_in("S25R"), {.client = client("mail.example.org")})),
            "mail.example.org [192.0.2.1] has the name of a server: none of the S25R rules matches it");
  EXPECT_EQ(stop(decide(built_in("S25R"), {.client = client("a1.google.com")})),
            "a1.google.com [192.0.2.1] is on the whitelist: /\\.google\\.com\\z/");
}
TEST(S25r, LooksAtIpv6ClientsWhereItIsToldTo) {
  const auto facts = [](const char* name) {
    return StageFacts{.client = client(name, "IPv6:2001:db8::1", Family::inet6)};
  };
  EXPECT_THAT(stop(decide(S25r{}, facts("unknown"))), HasSubstr("is not a client over IPv4"));
  EXPECT_FALSE(decide(S25r{.only_ipv4 = false}, facts("[IPv6:2001:db8::1]")).stop);
  EXPECT_TRUE(decide(S25r{.only_ipv4 = false}, facts("mail.example.org")).stop);
}
TEST(S25r, HasABlacklistThatTheWhitelistIsStrongerThan) {
  const S25r rule{.whitelist = {"mail.example.org"}, .blacklist = {"MAIL.example.org", "mail2.example.org"}};
  EXPECT_TRUE(decide(rule, {.client = client("mail.example.org")}).stop);
  EXPECT_FALSE(decide(rule, {.client = client("Mail2.example.org")}).stop);
}
TEST(S25r, ActsAtConnectAlone) {
  EXPECT_FALSE(decide(S25r{}, {.stage = MilterStage::helo, .client = client("mail.example.org")}).stop);
}

struct NetworkCase {
  const char* name;
  const char* address;
  Family family;
  bool stops;
};
class RemoteNetworkClients : public testing::TestWithParam<NetworkCase> {};
TEST_P(RemoteNetworkClients, DecideWhetherTheChildStops) {
  const auto network = [](const char* text) { return table::Network::parse(text).value(); };
  const RemoteNetwork rule{.local = {network("192.0.2.0/24"), network("2001:db8::/64")},
                           .remote = {network("10.9.0.0/16")}};
  const auto decision =
      decide(rule, {.client = client("mx.example.org", GetParam().address, GetParam().family)});
  EXPECT_EQ(decision.stop.has_value(), GetParam().stops) << stop(decision);
}
INSTANTIATE_TEST_SUITE_P(
    , RemoteNetworkClients,
    testing::Values(NetworkCase{"another_network", "198.51.100.1", Family::inet, false},
                    NetworkCase{"loopback", "127.3.0.1", Family::inet, true},
                    NetworkCase{"ten", "10.1.2.3", Family::inet, true},
                    NetworkCase{"ten_but_remote_is_asked_first", "10.9.2.3", Family::inet, false},
                    NetworkCase{"first_of_172_16", "172.16.0.1", Family::inet, true},
                    NetworkCase{"last_of_172_16", "172.31.255.255", Family::inet, true},
                    NetworkCase{"behind_172_16", "172.32.0.1", Family::inet, false},
                    NetworkCase{"192_168", "192.168.7.1", Family::inet, true},
                    NetworkCase{"given_as_local", "192.0.2.9", Family::inet, true},
                    NetworkCase{"ipv6_loopback", "IPv6:::1", Family::inet6, true},
                    NetworkCase{"ipv6_link_local", "fe80::1", Family::inet6, true},
                    NetworkCase{"ipv6_given_as_local", "2001:db8::1", Family::inet6, true},
                    NetworkCase{"ipv6_another", "2001:db8:1::1", Family::inet6, false},
                    NetworkCase{"unix_socket", "/run/socket", Family::local, true},
                    NetworkCase{"unknown", "", Family::unknown, false}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(Authentication, IsByEitherMacroAtMail) {
  const MacroValues none, type = {{"{auth_type}", "PLAIN"}}, who = {{"{auth_authen}", "joe"}},
                          empty = {{"{auth_type}", ""}};
  const auto at_mail = [](const MacroValues& macros) {
    return StageFacts{.stage = MilterStage::envelope_from, .macros = &macros};
  };
  EXPECT_TRUE(decide(Authenticated{}, at_mail(none)).stop);
  EXPECT_TRUE(decide(Authenticated{}, at_mail(empty)).stop);
  EXPECT_FALSE(decide(Authenticated{}, at_mail(type)).stop);
  EXPECT_FALSE(decide(Authenticated{}, at_mail(who)).stop);
  EXPECT_FALSE(decide(Authenticated{}, {.macros = &none}).stop) << "at connect nobody is authenticated yet";
  EXPECT_FALSE(decide(Unauthenticated{}, at_mail(none)).stop);
  EXPECT_EQ(stop(decide(Unauthenticated{}, at_mail(type))),
            "the sender is authenticated: {auth_type} is \"PLAIN\"");
}

TEST(SendmailCompatible, GivesWhatPostfixDoesNotTell) {
  const MacroValues postfix = {
      {"v", "Postfix 3.7.11"}, {"{client_addr}", "192.0.2.1"}, {"{client_name}", "mx.example.org"}};
  EXPECT_THAT(decide(SendmailCompatible{}, {.macros = &postfix}).macros,
              ElementsAre(Pair("{if_addr}", "192.0.2.1"), Pair("{if_name}", "mx.example.org")));
  EXPECT_THAT(decide(SendmailCompatible{}, {.stage = MilterStage::envelope_from, .macros = &postfix}).macros,
              ElementsAre(Pair("i", "dummy-id")));
}
TEST(SendmailCompatible, LeavesWhatIsToldAndOtherServers) {
  const MacroValues told = {
      {"v", "Postfix"}, {"{if_addr}", "192.0.2.9"}, {"{client_addr}", "192.0.2.1"}, {"i", "4XYZ"}};
  EXPECT_THAT(decide(SendmailCompatible{}, {.macros = &told}).macros, IsEmpty());
  EXPECT_THAT(decide(SendmailCompatible{}, {.stage = MilterStage::envelope_from, .macros = &told}).macros,
              IsEmpty());
  const MacroValues sendmail = {{"v", "8.17.1"}, {"{client_addr}", "192.0.2.1"}};
  EXPECT_THAT(decide(SendmailCompatible{}, {.macros = &sendmail}).macros, IsEmpty());
}

TEST(Stress, IsFromTheThresholdOn) {
  EXPECT_FALSE(decide(NoStress{10}, {.sessions = 9}).stop);
  EXPECT_EQ(stop(decide(NoStress{10}, {.sessions = 10})), "10 sessions are 10 or more");
  EXPECT_FALSE(decide(NoStress{0}, {.sessions = 1000}).stop);
  EXPECT_THAT(decide(StressNotify{10}, {.sessions = 9}).macros, IsEmpty());
  const auto notified = decide(StressNotify{10}, {.sessions = 10});
  EXPECT_THAT(notified.macros, ElementsAre(Pair("{stress}", "yes")));
  EXPECT_FALSE(notified.stop);
}

TEST(Trust, TellsTheChildOfATrustedDomain) {
  const auto told = [](std::string_view sender) {
    return !decide(built_in("Trust"), {.stage = MilterStage::envelope_from, .sender = sender}).macros.empty();
  };
  EXPECT_TRUE(told("<joe@Gmail.com>"));
  EXPECT_FALSE(told("<joe@gmail.com.example>"));
  EXPECT_FALSE(told("<@gmail.com>"));
  EXPECT_FALSE(told("<>"));
  const Trust patterns{{table::RubyPattern::compile("\\.example\\.com\\z", {}).value()}};
  const auto decision =
      decide(patterns, {.stage = MilterStage::envelope_from, .sender = "<a@b.example.com>"});
  EXPECT_THAT(decision.macros, ElementsAre(Pair("{trusted_domain}", "yes")));
  EXPECT_FALSE(decision.stop);
}

class DnsblConditions : public testing::Test {
 protected:
  const Dnsbl listed{{{"a.example", table::Network::parse("127.0.0.2").value()}, {"b.example", std::nullopt}},
                     true};
  StageDecision with(bool on_list, std::vector<DnsblAnswer> answers,
                     std::string_view address = "192.0.2.1") const {
    auto rule = listed;
    rule.listed = on_list;
    return decide(rule, {.client = client("mx.example.org", address), .dnsbl = answers});
  }
};
TEST_F(DnsblConditions, AskForTheReversedAddressOnce) {
  const ApplicableConditions all(
      {{"one", "", {}, listed}, {"two", "", {}, listed}, {"other", "", {}, NoStress{}}});
  const std::size_t uses[] = {0, 1, 2};
  EXPECT_THAT(all.dnsbl_questions(client("x"), uses),
              ElementsAre("1.2.0.192.a.example", "1.2.0.192.b.example"));
  EXPECT_THAT(all.dnsbl_questions(client("x", "2001:db8::1", Family::inet6), uses), IsEmpty());
  EXPECT_THAT(all.dnsbl_questions(client("x"), {}), IsEmpty());
}
TEST_F(DnsblConditions, StopOrNotByTheAnswers) {
  const DnsblAnswer no_a{"1.2.0.192.a.example"}, no_b{"1.2.0.192.b.example"};
  const DnsblAnswer expected{"1.2.0.192.a.example", {"127.0.0.2"}},
      other{"1.2.0.192.a.example", {"127.0.0.3"}}, any{"1.2.0.192.b.example", {"127.0.0.99"}},
      lost{"1.2.0.192.a.example", {}, true};
  EXPECT_EQ(stop(with(true, {no_a, no_b})), "mx.example.org [192.0.2.1] is on no DNS list");
  EXPECT_FALSE(with(true, {expected, no_b}).stop);
  EXPECT_TRUE(with(true, {other, no_b}).stop) << "another answer than the expected one does not count";
  EXPECT_FALSE(with(true, {no_a, any}).stop);
  EXPECT_FALSE(with(false, {no_a, no_b}).stop);
  EXPECT_EQ(stop(with(false, {expected, no_b})),
            "mx.example.org [192.0.2.1] is on a DNS list: 1.2.0.192.a.example is 127.0.0.2");
  const auto failed = with(true, {lost, no_b});
  EXPECT_EQ(stop(failed), "mx.example.org [192.0.2.1] is on no DNS list that answered");
  EXPECT_THAT(failed.failures, ElementsAre(HasSubstr("1.2.0.192.a.example was not answered")));
}

TEST(RestrictAccounts, StopsAtDataWhereNoRecipientIsOne) {
  const ApplicableConditions conditions(
      {{"Accounts",
        "",
        {},
        RestrictAccounts{
            {"bob@example.com", table::RubyPattern::compile("@example\\.co\\.jp\\z", {}).value()}}}});
  const std::size_t uses[] = {0};
  const auto at_data = [&](std::vector<std::string_view> recipients) {
    MessageMemory memory;
    for (const auto recipient : recipients)
      EXPECT_FALSE(conditions
                       .decide({.stage = MilterStage::envelope_recipient, .recipient = recipient}, uses,
                               memory, nullptr)
                       .stop);
    return stop(conditions.decide({.stage = MilterStage::data}, uses, memory, nullptr));
  };
  EXPECT_EQ(at_data({"<BOB@example.com>"}), "no stop");
  EXPECT_EQ(at_data({"<eve@example.com>", "<x@example.co.jp>"}), "no stop");
  EXPECT_EQ(at_data({"<eve@example.com>"}), "no recipient is one of the accounts");
}

/// Has what it is given, and breaks when it is asked for "broken".
class Accounts : public table::Table {
 public:
  Accounts(Kind kind, std::set<std::string> keys) : kind_(kind), keys_(std::move(keys)) {}
  table::Answer find(std::string_view key) const override {
    if (key.starts_with("broken")) return fail(Fault::temporary, "hash:/accounts: can't be read");
    if (!keys_.contains(std::string(key))) return std::nullopt;
    return table::Found{};
  }
  Kind kind() const override { return kind_; }
  const std::string& name() const override { return name_; }

 private:
  Kind kind_;
  std::set<std::string> keys_;
  std::string name_ = "hash:/accounts";
};

TEST(RestrictAccounts, AreAlsoThoseOfATable) {
  const auto matched = [](table::Table::Kind kind, std::string_view recipient) {
    const auto table =
        std::make_shared<const Accounts>(kind, std::set<std::string>{"bob@example.com", "@example.org"});
    const ApplicableConditions conditions({{"Accounts", "", {}, RestrictAccounts{{}, {table}}}});
    const std::size_t uses[] = {0};
    EXPECT_TRUE(conditions.may_wait(MilterStage::envelope_recipient, uses))
        << "it may be a file, or a server";
    MessageMemory memory;
    const auto decided = conditions.decide({.stage = MilterStage::envelope_recipient, .recipient = recipient},
                                           uses, memory, nullptr);
    EXPECT_EQ(decided.failures.size(), recipient.starts_with("<broken") ? 1U : 0U);
    return !conditions.decide({.stage = MilterStage::data}, uses, memory, nullptr).stop;
  };
  using Kind = table::Table::Kind;
  EXPECT_TRUE(matched(Kind::fixed, "<bob@example.com>"));
  EXPECT_TRUE(matched(Kind::fixed, "<eve@example.org>"));
  EXPECT_FALSE(matched(Kind::pattern, "<eve@example.org>")) << "patterns get whole addresses alone";
  EXPECT_FALSE(matched(Kind::fixed, "<eve@example.com>"));
  EXPECT_FALSE(matched(Kind::fixed, "<postmaster>"));
  EXPECT_TRUE(matched(Kind::fixed, "<broken@example.com>")) << "its filter stays";
}

/// Answers blocks by their number: 0 no, 1 yes, 2 an exception, 3 sets a macro and the shelf.
class Blocks : public RubyStopperPort {
 public:
  Result<Answer> ask(const RubyBlock& block, const StageFacts& facts, std::string_view shelf,
                     std::optional<std::string_view> matched) override {
    if (facts.macros != nullptr)
      for (const auto& [name, value] : *facts.macros) seen.push_back(name + "=" + value);
    asked.push_back(std::to_string(block.number) + " " + std::string(matched.value_or(text(facts.stage))));
    if (block.number == 2) return fail(Fault::permanent, "local.conf:7: bad (RuntimeError)");
    if (block.number == 3) return Answer{false, {{"x", "1"}}, std::string(shelf) + "!", {"said"}};
    return Answer{block.number == 1, {}, std::string(shelf), {}};
  }
  std::vector<std::string> asked, seen;
};
RubyStoppers stopper(MilterStage stage, std::size_t number) {
  RubyStoppers stoppers;
  stoppers.at[static_cast<std::size_t>(stage)].push_back(RubyBlock{number, {}});
  return stoppers;
}

TEST(RubyStoppers, AreAskedAtTheirStageAlone) {
  Blocks blocks;
  EXPECT_FALSE(decide(stopper(MilterStage::helo, 1), {}, &blocks).stop);
  EXPECT_THAT(blocks.asked, IsEmpty());
  EXPECT_EQ(stop(decide(stopper(MilterStage::helo, 1), {.stage = MilterStage::helo}, &blocks)),
            "its helo stopper said so");
  EXPECT_FALSE(decide(stopper(MilterStage::helo, 0), {.stage = MilterStage::helo}, &blocks).stop);
}
TEST(RubyStoppers, AnyOfThoseOfAStageStops) {
  Blocks blocks;
  auto both = stopper(MilterStage::connect, 1);
  both.at[static_cast<std::size_t>(MilterStage::connect)].push_back(RubyBlock{0, {}});
  EXPECT_EQ(stop(decide(both, {}, &blocks)), "its connect stopper said so");
  std::ranges::reverse(both.at[static_cast<std::size_t>(MilterStage::connect)]);
  EXPECT_EQ(stop(decide(both, {}, &blocks)), "its connect stopper said so");
}
TEST(RubyStoppers, AnExceptionLeavesTheChildApplicable) {
  Blocks blocks;
  const auto decision = decide(stopper(MilterStage::connect, 2), {}, &blocks);
  EXPECT_FALSE(decision.stop);
  EXPECT_THAT(decision.failures, ElementsAre("condition \"Tested\": local.conf:7: bad (RuntimeError)"));
  EXPECT_THAT(decide(stopper(MilterStage::connect, 1), {}).failures,
              ElementsAre(HasSubstr("can't be asked here")));
}
TEST(RubyStoppers, KeepTheShelfAndTheirMacrosAndTheLog) {
  Blocks blocks;
  const ApplicableConditions conditions(
      {{"a", "", {}, stopper(MilterStage::connect, 3)}, {"b", "", {}, stopper(MilterStage::connect, 3)}});
  MessageMemory memory{.shelf = "s"};
  const std::size_t uses[] = {0, 1};
  const auto decision = conditions.decide({}, uses, memory, &blocks);
  EXPECT_EQ(memory.shelf, "s!!");
  EXPECT_THAT(decision.macros, ElementsAre(Pair("x", "1"), Pair("x", "1")));
  EXPECT_THAT(decision.log, ElementsAre("said", "said"));
}
TEST(RubyStoppers, KnowWhatConditionsBeforeThemHaveTold) {
  Blocks blocks;
  const ApplicableConditions conditions({{"a", "", {}, stopper(MilterStage::envelope_from, 3)},
                                         {"b", "", {}, Trust{{"a.example"}}},
                                         {"c", "", {}, stopper(MilterStage::envelope_from, 0)}});
  MessageMemory memory;
  const std::size_t uses[] = {0, 1, 2};
  const MacroValues told = {{"x", "0"}, {"j", "mx"}};
  conditions.decide({.stage = MilterStage::envelope_from, .sender = "<a@a.example>", .macros = &told}, uses,
                    memory, &blocks);
  EXPECT_THAT(blocks.seen, ElementsAre("x=0", "j=mx", "j=mx", "x=1", "{trusted_domain}=yes"));
}
TEST(RubyStoppers, AreMatchersToo) {
  Blocks blocks;
  const S25r rule{.whitelist = {RubyBlock{1, {}}}};
  EXPECT_THAT(stop(decide(rule, {.client = client("dhcp1.example.org")}, &blocks)),
              HasSubstr("a block of the configuration"));
  EXPECT_THAT(blocks.asked, ElementsAre("1 dhcp1.example.org"));
}

TEST(ApplicableConditions, TheFirstThatStopsIsTheAnswer) {
  Blocks blocks;
  const Origin where{2, 9};
  const ApplicableConditions conditions({{"a", "", {}, NoStress{5}},
                                         {"b", "", where, stopper(MilterStage::connect, 1)},
                                         {"c", "", {}, stopper(MilterStage::connect, 1)}});
  MessageMemory memory;
  const std::size_t uses[] = {0, 1, 2};
  const auto decision = conditions.decide({.sessions = 1}, uses, memory, &blocks);
  ASSERT_TRUE(decision.stop);
  EXPECT_EQ(decision.stop->name, "b");
  EXPECT_EQ(decision.stop->origin, where);
  EXPECT_EQ(decision.stop->condition, 1U);
  EXPECT_EQ(blocks.asked.size(), 1U);
}
TEST(ApplicableConditions, TellWhereTheyMayStop) {
  const ApplicableConditions conditions({{"a", "", {}, SendmailCompatible{}},
                                         {"b", "", {}, StressNotify{1}},
                                         {"c", "", {}, Trust{}},
                                         {"d", "", {}, RestrictAccounts{}},
                                         {"e", "", {}, stopper(MilterStage::body, 0)}});
  const std::size_t telling[] = {0, 1, 2}, all[] = {0, 1, 2, 3, 4};
  std::string stages;
  for (std::size_t stage = 0; stage < kMilterStages; ++stage) {
    EXPECT_FALSE(conditions.may_stop(MilterStage(stage), telling));
    if (conditions.may_stop(MilterStage(stage), all)) stages += " " + std::string(text(MilterStage(stage)));
  }
  EXPECT_EQ(stages, " data body");
}
TEST(ApplicableConditions, TellWhetherTheOtherChildrenMatter) {
  const ApplicableConditions conditions({{"a", "", {}, RestrictAccounts{}},
                                         {"b", "", {}, stopper(MilterStage::connect, 0)},
                                         {"c", "", {}, stopper(MilterStage::end_of_message, 0)}});
  const std::size_t before[] = {0, 1}, later[] = {1, 2};
  EXPECT_FALSE(conditions.may_ask_after_others(before)) << "nothing was said yet";
  EXPECT_TRUE(conditions.may_ask_after_others(later));
}
TEST(ApplicableConditions, TellWhereTheyActAndWhereRubyIsAsked) {
  const ApplicableConditions conditions({{"a", "", {}, S25r{}},
                                         {"b", "", {}, S25r{.blacklist = {RubyBlock{0, {}}}}},
                                         {"c", "", {}, stopper(MilterStage::body, 0)},
                                         {"d", "", {}, NoStress{0}}});
  const std::size_t a[] = {0}, b[] = {1}, c[] = {2}, d[] = {3};
  EXPECT_TRUE(conditions.acts(MilterStage::connect, a));
  EXPECT_FALSE(conditions.acts(MilterStage::helo, a));
  EXPECT_FALSE(conditions.acts(MilterStage::connect, d));
  EXPECT_FALSE(conditions.may_wait(MilterStage::connect, a));
  EXPECT_TRUE(conditions.may_wait(MilterStage::connect, b));
  EXPECT_FALSE(conditions.may_wait(MilterStage::helo, b));
  EXPECT_TRUE(conditions.acts(MilterStage::body, c) && conditions.may_wait(MilterStage::body, c));
}
TEST(ApplicableConditions, AllOfTheBuiltInOnesAreFoundByName) {
  const ApplicableConditions conditions(builtin_conditions());
  for (const auto* name :
       {"S25R", "Remote Network", "Authenticated", "Unauthenticated", "Sendmail Compatible", "Stress Notify",
        "No Stress", "Trust", "DNSBL", "DNSBL Listed", "DNSBL Not Listed"})
    EXPECT_TRUE(conditions.find(name)) << name;
  EXPECT_FALSE(conditions.find("s25r"));
}

}  // namespace
}  // namespace hikyaku::policy
