// What the RFC 7208 suite has no cases for: explanations, limits as settings, the null sender, what is asked
// when.
#include "greylist/spf.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "greylist/spf_zone_for_tests.h"

namespace hikyaku::greylist {
namespace {

using testing_support::check_with;
using testing_support::Zone;
using Type = DnsQuestion::Type;

struct SpfCase {
  std::string name;
  Zone zone;
  std::string client;
  std::string helo;
  std::string sender;
  SpfStatus status;
  std::string mechanism;
  std::string explanation{};
  std::string problem{};
};

class Spf : public testing::TestWithParam<SpfCase> {};

TEST_P(Spf, IsAsTheTableSays) {
  const auto& one = GetParam();
  SpfRequest request{.client = table::Ip::parse_unmapped(one.client).value(),
                     .helo = one.helo,
                     .sender = one.sender,
                     .receiver = "mx.receiver.example",
                     .time = Time(std::chrono::seconds(1'800'000'000))};
  const auto result = check_with(one.zone, request).result;
  EXPECT_EQ(text(result.status), text(one.status)) << result.problem;
  EXPECT_EQ(result.mechanism, one.mechanism);
  EXPECT_EQ(result.explanation, one.explanation);
  EXPECT_EQ(result.problem, one.problem);
}

/// A record for a.example and one for its explanation.
Zone explained(const std::string& text) {
  return {{"a.example", "txt", "v=spf1 -all exp=why.%{d}"},
          {"why.a.example", "txt", text},
          {"7.2.0.192.in-addr.arpa", "ptr", "mail.a.example"},
          {"mail.a.example", "a", "192.0.2.7"}};
}

Zone of_record(const std::string& text) { return {{"a.example", "txt", text}}; }

std::string include_chain_name(int i) { return "i" + std::to_string(i) + ".example"; }

/// a.example includes a domain that includes the next one, `length` of them, of which the last says pass.
Zone include_chain(int length) {
  Zone zone{{"a.example", "txt", "v=spf1 include:i1.example"}};
  for (int i = 1; i < length; ++i) {
    zone.add({include_chain_name(i), "txt", "v=spf1 include:" + include_chain_name(i + 1)});
  }
  zone.add({include_chain_name(length), "txt", "v=spf1 +all"});
  return zone;
}

Zone with_servers(int count) {
  Zone zone = of_record("v=spf1 mx -all");
  for (int i = 0; i < count; ++i) {
    const auto host = "mx" + std::to_string(i) + ".a.example";
    zone.add({"a.example", "mx", host});
    zone.add({host, "a", "192.0.2." + std::to_string(i)});
  }
  return zone;
}

constexpr auto kSender = "bob@a.example";
constexpr auto kHelo = "helo.example";

INSTANTIATE_TEST_SUITE_P(
    , Spf,
    testing::Values(
        SpfCase{
            "all_letters_are_in_an_explanation",
            explained("%{s} %{l} %{o} %{d} %{i} %{p} %{v} %{h} %{c} %{r} %{t}"), "192.0.2.7", kHelo, kSender,
            SpfStatus::fail, "-all",
            "bob@a.example bob a.example a.example 192.0.2.7 mail.a.example in-addr helo.example 192.0.2.7 "
            "mx.receiver.example 1800000000"},
        SpfCase{"an_explanation_has_no_control_octets", explained("go away, %{l}"), "192.0.2.7", kHelo,
                "x\r\nSubject: y\x7f@a.example", SpfStatus::fail, "-all", "go away, x??Subject: y?"},
        SpfCase{"an_explanation_is_cut_at_its_limit", explained(std::string(600, 'x')), "192.0.2.7", kHelo,
                kSender, SpfStatus::fail, "-all", std::string(500, 'x')},
        SpfCase{"an_explanation_with_an_error_behind_its_limit_is_none",
                explained(std::string(600, 'x') + "%{x}"), "192.0.2.7", kHelo, kSender, SpfStatus::fail,
                "-all"},
        SpfCase{"an_included_domain_explains_nothing",
                {{"a.example", "txt", "v=spf1 -include:b.example"},
                 {"b.example", "txt", "v=spf1 all exp=why.b.example"},
                 {"why.b.example", "txt", "since"}},
                "192.0.2.7",
                kHelo,
                kSender,
                SpfStatus::fail,
                "-include:b.example"},
        SpfCase{"an_explanation_of_no_text_is_none", explained(""), "192.0.2.7", kHelo, kSender,
                SpfStatus::fail, "-all"},
        SpfCase{"an_explanation_in_no_ASCII_is_none", explained("nein, \xc3\xbc"), "192.0.2.7", kHelo,
                kSender, SpfStatus::fail, "-all"},
        SpfCase{"a_softfail_is_not_explained",
                {{"a.example", "txt", "v=spf1 ~all exp=why.a.example"}, {"why.a.example", "txt", "since"}},
                "192.0.2.7",
                kHelo,
                kSender,
                SpfStatus::softfail,
                "~all"},
        SpfCase{"the_name_of_an_explanation_may_have_the_validated_name_in_it",
                {{"a.example", "txt", "v=spf1 -all exp=%{p}.why.a.example"},
                 {"7.2.0.192.in-addr.arpa", "ptr", "host.example"},
                 {"host.example", "a", "192.0.2.7"},
                 {"host.example.why.a.example", "txt", "since"}},
                "192.0.2.7",
                kHelo,
                kSender,
                SpfStatus::fail,
                "-all",
                "since"},
        SpfCase{"the_null_sender_is_postmaster_of_the_HELO_name",
                {{"helo.example", "txt", "v=spf1 -all exp=why.%{o}"},
                 {"why.helo.example", "txt", "%{s} of %{h}"}},
                "192.0.2.7",
                kHelo,
                "",
                SpfStatus::fail,
                "-all",
                "postmaster@helo.example of helo.example"},
        SpfCase{"a_HELO_name_may_end_in_a_dot",
                {{"helo.example", "txt", "v=spf1 ip4:192.0.2.7 -all"}},
                "192.0.2.7",
                "Helo.Example.",
                "",
                SpfStatus::pass,
                "ip4:192.0.2.7"},
        SpfCase{"no_HELO_and_no_sender_is_no_domain",
                {},
                "192.0.2.7",
                "",
                "",
                SpfStatus::none,
                "",
                "",
                "\"\" is no domain name of more than one label"},
        SpfCase{"a_HELO_name_that_is_an_address_is_no_domain",
                {},
                "192.0.2.7",
                "192.0.2.7",
                "",
                SpfStatus::none,
                "",
                "",
                "\"192.0.2.7\" is no domain name of more than one label"},
        SpfCase{"a_sender_without_a_domain_has_no_record",
                {},
                "192.0.2.7",
                kHelo,
                "root",
                SpfStatus::none,
                "",
                "",
                "\"\" is no domain name of more than one label"},
        SpfCase{"a_domain_that_is_not_ASCII_has_no_record",
                {},
                "192.0.2.7",
                kHelo,
                "b@\xc3\xbc.example",
                SpfStatus::none,
                "",
                "",
                "\"\xc3\xbc.example\" is no domain name of more than one label"},
        SpfCase{"the_last_at_sign_is_before_the_domain", of_record("v=spf1 exists:%{l}.b.example"),
                "192.0.2.7", kHelo, "x@y@a.example", SpfStatus::neutral, "default"},
        SpfCase{"a_mapped_client_is_IPv4", of_record("v=spf1 ip4:192.0.2.7 -all"), "::ffff:192.0.2.7", kHelo,
                kSender, SpfStatus::pass, "ip4:192.0.2.7"},
        SpfCase{"a_mapped_client_is_looked_up_as_IPv4",
                {{"a.example", "txt", "v=spf1 a -all"}, {"a.example", "a", "192.0.2.7"}},
                "::ffff:192.0.2.7",
                kHelo,
                kSender,
                SpfStatus::pass,
                "a"},
        SpfCase{"a_mapped_AAAA_record_is_no_IPv4_address",
                {{"a.example", "txt", "v=spf1 a//0 -all"}, {"a.example", "aaaa", "::ffff:192.0.2.7"}},
                "192.0.2.7",
                kHelo,
                kSender,
                SpfStatus::fail,
                "-all"},
        SpfCase{"ten_includes_are_within_the_limit", include_chain(10), "192.0.2.7", kHelo, kSender,
                SpfStatus::pass, "include:i1.example"},
        SpfCase{"eleven_includes_are_too_many", include_chain(11), "192.0.2.7", kHelo, kSender,
                SpfStatus::permerror, "include:i1.example", "", "more than 10 terms ask the DNS"},
        SpfCase{"ten_mail_servers_are_within_the_limit", with_servers(10), "192.0.2.9", kHelo, kSender,
                SpfStatus::pass, "mx"},
        SpfCase{"eleven_mail_servers_are_too_many", with_servers(11), "192.0.2.0", kHelo, kSender,
                SpfStatus::permerror, "mx", "", "\"a.example\" has more than 10 mail servers"},
        SpfCase{"networks_and_all_do_not_count",
                {{"a.example", "txt", "v=spf1 a a a a a a a a a a ip4:192.0.2.8 ip6:::1 -all"},
                 {"a.example", "a", "192.0.2.9"}},
                "192.0.2.7",
                kHelo,
                kSender,
                SpfStatus::fail,
                "-all"},
        SpfCase{"a_mail_server_without_addresses_is_no_void_lookup",
                {{"a.example", "txt", "v=spf1 mx -all"},
                 {"a.example", "mx", "m1.example"},
                 {"a.example", "mx", "m2.example"},
                 {"a.example", "mx", "m3.example"}},
                "2001:db8::7",
                kHelo,
                kSender,
                SpfStatus::fail,
                "-all"},
        SpfCase{"a_mail_server_that_does_not_answer_is_a_temperror",
                {{"a.example", "txt", "v=spf1 mx -all"},
                 {"a.example", "mx", "m.example"},
                 {"m.example", "silent", ""}},
                "192.0.2.7",
                kHelo,
                kSender,
                SpfStatus::temperror,
                "mx",
                "",
                "the DNS does not answer for the addresses of \"m.example\""},
        SpfCase{"reverse_names_that_can_not_be_had_match_nothing",
                {{"a.example", "txt", "v=spf1 ptr ?all"}, {"7.2.0.192.in-addr.arpa", "silent", ""}},
                "192.0.2.7",
                kHelo,
                kSender,
                SpfStatus::neutral,
                "?all"},
        SpfCase{"a_name_that_only_ends_like_the_domain_is_not_below_it",
                {{"a.example", "txt", "v=spf1 ptr -all"},
                 {"7.2.0.192.in-addr.arpa", "ptr", "mail.not-a.example"},
                 {"mail.not-a.example", "a", "192.0.2.7"}},
                "192.0.2.7",
                kHelo,
                kSender,
                SpfStatus::fail,
                "-all"},
        SpfCase{"a_redirect_keeps_the_sender",
                {{"a.example", "txt", "v=spf1 redirect=b.example"},
                 {"b.example", "txt", "v=spf1 exists:%{l}.%{o}.%{d} -all"},
                 {"bob.a.example.b.example", "a", "127.0.0.2"}},
                "192.0.2.7",
                kHelo,
                kSender,
                SpfStatus::pass,
                "exists:%{l}.%{o}.%{d}"},
        SpfCase{"an_include_without_a_record_is_a_permerror", of_record("v=spf1 include:b.example -all"),
                "192.0.2.7", kHelo, kSender, SpfStatus::permerror, "include:b.example", "",
                "\"b.example\" has no SPF record"},
        SpfCase{"an_error_names_its_place", of_record("v=spf1 a mx:museum -all"), "192.0.2.7", kHelo, kSender,
                SpfStatus::permerror, "", "",
                "the SPF record of \"a.example\" is malformed: \"mx:museum\" at octet 10: \"museum\" ends in "
                "no dot and "
                "top-level domain"}),
    [](const auto& row) { return row.param.name; });

SpfRequest request_of(const char* client, std::string sender = kSender) {
  return {.client = table::Ip::parse(client).value(), .helo = kHelo, .sender = std::move(sender)};
}

std::vector<DnsQuestion> questions_of(const SpfOutcome& outcome) {
  const auto* questions = std::get_if<std::vector<DnsQuestion>>(&outcome);
  return questions == nullptr ? std::vector<DnsQuestion>() : *questions;
}

TEST(SpfQuestions, AreAskedWhenTheirAnswersCount) {
  DnsFacts facts;
  const auto request = request_of("192.0.2.7", "bob@A.Example");
  EXPECT_EQ(questions_of(check_spf(request, facts)), (std::vector<DnsQuestion>{{"a.example", Type::txt}}));
  facts.add({"a.example", Type::txt},
            {DnsAnswer::Status::found, {"v=spf1 ip4:192.0.2.8 mx include:b.example -all"}});
  EXPECT_EQ(questions_of(check_spf(request, facts)), (std::vector<DnsQuestion>{{"a.example", Type::mx}}));
  // The servers' addresses are independent of each other, and are asked for together, each once.
  facts.add({"a.example", Type::mx}, {DnsAnswer::Status::found, {"m2.example", "m1.example", "M2.example"}});
  EXPECT_EQ(questions_of(check_spf(request, facts)),
            (std::vector<DnsQuestion>{{"m1.example", Type::a}, {"m2.example", Type::a}}));
  // One that matches ends the check, whatever the other one says.
  facts.add({"m1.example", Type::a}, {DnsAnswer::Status::found, {"192.0.2.7"}});
  const auto outcome = check_spf(request, facts);
  ASSERT_TRUE(std::holds_alternative<SpfResult>(outcome));
  EXPECT_EQ(std::get<SpfResult>(outcome).status, SpfStatus::pass);
  EXPECT_EQ(std::get<SpfResult>(outcome).mechanism, "mx");
}

TEST(SpfQuestions, OfTheWorstRecordAreWithinTheLimitsThatTheHeaderNames) {
  Zone zone{{"a.example", "txt",
             "v=spf1 mx:%{p}.b.example mx:m0.example mx:m1.example mx:m2.example mx:m3.example "
             "mx:m4.example mx:m5.example mx:m6.example mx:m7.example mx:m8.example -all "
             "exp=why.a.example"},
            {"why.a.example", "txt", "since"}};
  for (int i = 0; i < 12; ++i) {
    zone.add({"7.2.0.192.in-addr.arpa", "ptr", "p" + std::to_string(i) + ".example"});
    for (int server = 0; server < 10; ++server) {
      const auto name = i < 9 ? "m" + std::to_string(i) + ".example" : "unknown.b.example";
      if (i < 10) zone.add({name, "mx", "s" + std::to_string(server) + "." + name});
    }
  }
  const auto checked = check_with(zone, request_of("192.0.2.7"));
  EXPECT_EQ(checked.result.status, SpfStatus::fail) << checked.result.problem;
  EXPECT_EQ(checked.result.explanation, "since");
  EXPECT_EQ(checked.asked.size(), kMostSpfQuestions);
  EXPECT_EQ(checked.rounds, kMostSpfRounds);
}

TEST(SpfQuestions, AskForNoExplanationWhereNoneIsWanted) {
  const auto checked = check_with(explained("since"), request_of("192.0.2.7"), {.explain = false});
  EXPECT_EQ(checked.result.status, SpfStatus::fail);
  EXPECT_EQ(checked.result.explanation, "");
  EXPECT_EQ(checked.asked, (std::vector<DnsQuestion>{{"a.example", Type::txt}}));
}

TEST(SpfQuestions, OfNamesThatTheResolverRefusesMatchNothing) {
  DnsFacts facts;
  facts.add({"a.example", Type::txt},
            {DnsAnswer::Status::found, {"v=spf1 a:%{l}.b.example a:%{l}.c.example -all"}});
  const auto request = request_of("192.0.2.7", "x y@a.example");
  facts.add({"x y.b.example", Type::a}, {DnsAnswer::Status::malformed, {}});
  facts.add({"x y.c.example", Type::a}, {DnsAnswer::Status::malformed, {}});
  const auto outcome = check_spf(request, facts, {.void_lookups = 0});
  ASSERT_TRUE(std::holds_alternative<SpfResult>(outcome));
  EXPECT_EQ(std::get<SpfResult>(outcome).status, SpfStatus::fail);
}

TEST(SpfVoidLookups, AreASetting) {
  const auto zone = of_record("v=spf1 a:x.example exists:y.example mx:z.example ptr -all");
  const auto status = [&](unsigned most) {
    return check_with(zone, request_of("192.0.2.7"), {.void_lookups = most}).result.status;
  };
  EXPECT_EQ(status(0), SpfStatus::permerror);
  EXPECT_EQ(status(3), SpfStatus::permerror);
  EXPECT_EQ(status(4), SpfStatus::fail);
}

TEST(SpfResult, TellsWhoseRecordDecidedAndWhetherTheFirstWasRead) {
  const Zone zone{{"a.example", "txt", "v=spf1 redirect=b.example"},
                  {"b.example", "txt", "v=spf1 ip4:192.0.2.7 include:silent.example"},
                  {"bad.example", "txt", "v=spf1 moo"},
                  {"silent.example", "silent", ""},
                  {"toobad.example", "txt", "v=spf1 redirect=bad.example"}};
  const auto check = [&](const char* client, const char* sender) {
    return check_with(zone, request_of(client, sender)).result;
  };
  const auto passed = check("192.0.2.7", kSender);
  EXPECT_EQ(passed.domain, "a.example");
  EXPECT_EQ(passed.record_domain, "b.example");
  EXPECT_FALSE(passed.unread);
  EXPECT_FALSE(check("192.0.2.8", kSender).unread);
  EXPECT_EQ(check("192.0.2.8", kSender).status, SpfStatus::temperror);
  EXPECT_TRUE(check("192.0.2.8", "b@silent.example").unread);
  EXPECT_TRUE(check("192.0.2.8", "b@bad.example").unread);
  EXPECT_FALSE(check("192.0.2.8", "b@toobad.example").unread);
  EXPECT_EQ(check("192.0.2.8", "b@toobad.example").status, SpfStatus::permerror);
  EXPECT_FALSE(check("192.0.2.8", "b@none.example").unread);
}

}  // namespace
}  // namespace hikyaku::greylist
