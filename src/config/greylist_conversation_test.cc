#include "greylist/conversation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "config/greylist_conf.h"

// What greylisting answers, step by step, the configuration written as in greylist.conf.

namespace hikyaku::config {
namespace {

using namespace greylist;
using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

/// A hub's connections, with what is remembered between them.
class Talk {
 public:
  explicit Talk(std::string_view text, Learning learning = {}) : learning_(learning) {
    configuration_ = std::make_shared<const Configuration>(
        read_greylist_conf(text, sources_.add("greylist.conf"), diagnostics_));
    EXPECT_EQ(config::text(diagnostics_, sources_), "");
    connect();
  }

  void connect(std::string name = "mx.a.example", const char* address = "192.0.2.7") {
    one_ = std::make_unique<Conversation>(configuration_, table_, MatchPrefixes{}, names_, learning_);
    auto& facts = one_->facts();
    facts.macro = [this](std::string_view macro) -> std::optional<std::string_view> {
      const auto found = macros.find(std::string(macro));
      return found == macros.end() ? std::nullopt : std::optional<std::string_view>(found->second);
    };
    one_->connect(std::move(name), table::Ip::parse(address));
    one_->helo("helo.example");
  }
  void wait(std::chrono::seconds time) { now_ += time; }
  void mail(std::string_view path = "<joe@a.example>") {
    set_time();
    one_->mail(path);
  }
  /// "accept", "tempfail", or the reply.
  std::string rcpt(std::string_view path = "<kim@b.example>") {
    set_time();
    auto verdict = one_->recipient(path);
    if (!verdict) verdict = one_->recipient_decided(ask(Stage::recipient));
    waited = verdict->wait;
    return told(*verdict);
  }
  std::string data() {
    set_time();
    return told(one_->data());
  }
  void header(std::string_view name, std::string_view value) { one_->header(name, value); }
  void body(std::string_view octets) { one_->body(octets); }
  std::string end() {
    set_time();
    one_->message_is_complete();
    auto result = one_->end_of_message(ask(Stage::message));
    changes.clear();
    for (const auto& change : result.changes) {
      static constexpr const char* kKinds[] = {"add", "insert", "subject", "body"};
      changes.push_back(
          std::string(kKinds[static_cast<int>(change.kind)]) +
          (change.kind == MessageChange::Kind::insert_header ? std::to_string(change.index) : "") + " " +
          change.name + (change.name.empty() ? "" : ": ") + change.value);
    }
    return told(result.verdict);
  }
  Conversation& conversation() { return *one_; }
  std::vector<std::string> log() { return one_->take_log(); }
  std::vector<std::string> statistics() { return one_->take_statistics(); }

  std::map<std::string, std::string> macros = {
      {"i", "Q1"}, {"j", "hub.example"}, {"{if_addr}", "192.0.2.25"}};
  std::vector<std::string> changes;
  std::chrono::seconds waited{0};
  Answers answers;

 private:
  static std::string told(const Verdict& verdict) {
    if (verdict.passes()) return "accept";
    return verdict.reply.code.empty() ? "tempfail" : verdict.reply.line();
  }
  void set_time() {
    auto& facts = one_->facts();
    facts.now = now_;
    facts.local_time = {};
    facts.local_time.tm_mday = 1;
    facts.local_time.tm_zone = "UTC";
  }
  Decision ask(Stage stage) {
    auto& facts = one_->facts();
    if (const auto tuple = one_->tuple(facts.recipient))
      answers.tarpitted = table_.tarpitted(*tuple, seconds_of(now_));
    answers.passed = one_->passed();
    auto result = evaluate(stage, *configuration_, facts, one_->properties(), answers, one_->context());
    EXPECT_TRUE(std::holds_alternative<Decision>(result));
    return std::get<Decision>(std::move(result));
  }

  const Learning learning_;
  SourceCatalogue sources_;
  Diagnostics diagnostics_;
  std::shared_ptr<const Configuration> configuration_;
  TableSettings settings_;
  TupleTable table_{settings_, SipHash::Key{1, 2}};
  ProductNames names_{"milter-greylist-4.6.4", "4.6.4", "own.example"};
  std::unique_ptr<Conversation> one_;
  Time now_{std::chrono::seconds(1'800'000'000)};
};

constexpr const char* kSignature =
    "milter-greylist-4.6.4 (hub.example [192.0.2.25]); Sun, 01 Jan 1900 00:00:00 +0000 (UTC)";

TEST(GreylistConversation, PutsOffTheFirstAttemptAndTakesTheOneThatComesBack) {
  Talk talk("nospf\ngreylist 30m\n");
  talk.mail();
  EXPECT_EQ(talk.rcpt(), "451 4.7.1 Greylisting in action, please come back in 00:30:00");
  EXPECT_THAT(talk.log(),
              ElementsAre("Q1: addr mx.a.example[192.0.2.7] from <joe@a.example> to <kim@b.example> "
                          "delayed for 00:30:00 (ACL )"));
  talk.connect();
  talk.wait(10min);
  talk.mail();
  EXPECT_EQ(talk.rcpt(), "451 4.7.1 Greylisting in action, please come back in 00:20:00");
  talk.connect();
  talk.wait(20min);
  talk.mail();
  EXPECT_EQ(talk.rcpt(), "accept");
  EXPECT_EQ(talk.end(), "accept");
  EXPECT_THAT(talk.changes,
              ElementsAre(std::string("add X-Greylist: Delayed for 00:30:00 by ") + kSignature));
}

TEST(GreylistConversation, LetsWhatHasPassedPassAgain) {
  Talk talk("nospf\ngreylist 1m\nautowhite 1d\n");
  talk.mail();
  talk.rcpt();
  talk.wait(2min);
  talk.mail();
  EXPECT_EQ(talk.rcpt(), "accept");
  talk.wait(12h);
  talk.mail();
  EXPECT_EQ(talk.rcpt(), "accept");
  EXPECT_EQ(talk.end(), "accept");
  EXPECT_THAT(talk.changes,
              ElementsAre(std::string("add X-Greylist: IP, sender and recipient auto-whitelisted, not "
                                      "delayed by ") +
                          kSignature));
  talk.wait(23h);
  talk.mail();
  EXPECT_EQ(talk.rcpt(), "accept") << "each pass makes the day begin anew";
}

TEST(GreylistConversation, LogsForHowLongMoreOnePasses) {
  Talk talk("nospf\ngreylist 1m\nautowhite 1d\n");
  talk.mail();
  talk.rcpt();
  talk.wait(2min);
  talk.mail();
  talk.rcpt();
  talk.log();
  talk.mail();
  EXPECT_EQ(talk.rcpt(), "accept");
  EXPECT_THAT(talk.log(), ElementsAre("Q1: addr 192.0.2.7 from <joe@a.example> rcpt <kim@b.example>: "
                                      "autowhitelisted for another 24:00:00"));
}

TEST(GreylistConversation, TellsMoreWhereVerbose) {
  Talk talk("verbose\nnospf\nracl \"own\" greylist from joe@a.example delay 1m\n");
  talk.mail();
  talk.rcpt();
  const std::string from = "192.0.2.7 from <joe@a.example> to <kim@b.example>";
  const std::string addr =
      "Q1: addr = mx.a.example[192.0.2.7], from = <joe@a.example>, rcpt = <kim@b.example>";
  const std::string matched =
      "Mail from=<joe@a.example>, rcpt=<kim@b.example>, addr=mx.a.example[192.0.2.7] is matched by entry "
      "racl 3 "
      "greylist \"own\" from joe@a.example delay 60s";
  EXPECT_THAT(talk.log(), ElementsAre(addr, matched, "created:  " + from + " delayed for 00:01:00",
                                      "Q1: addr mx.a.example[192.0.2.7] from <joe@a.example> to "
                                      "<kim@b.example> delayed for 00:01:00 (ACL own)"));
  talk.wait(2min);
  talk.mail();
  talk.rcpt();
  EXPECT_THAT(talk.log(), ElementsAre(addr, matched, "removed: " + from));
}

TEST(GreylistConversation, TellsWhereAMessageIsLookedAtNoMore) {
  Talk talk("verbose\nnospf\nmaxpeek 20\nracl whitelist default\ndacl blacklist header \"x\"\n");
  talk.mail();
  talk.rcpt();
  talk.log();
  talk.header("Subject", "short");
  EXPECT_THAT(talk.log(), IsEmpty());
  talk.header("Subject", "no more");
  talk.header("Subject", "nothing");
  EXPECT_THAT(talk.log(), ElementsAre("Q1: ignoring message beyond maxpeek = 20"));
}

TEST(GreylistConversation, LooksUpTheNameOfAClientWithoutOne) {
  Talk talk("unbracket\nverbose\nnospf\n");
  auto& one = talk.conversation();
  EXPECT_FALSE(one.name_question()) << "it has a name";
  talk.connect("[192.0.2.7]");
  EXPECT_EQ(talk.conversation().name_question(),
            (DnsQuestion{"7.2.0.192.in-addr.arpa", DnsQuestion::Type::ptr}));
  talk.conversation().name_answered({DnsAnswer::Status::temporary, {}});
  EXPECT_EQ(talk.conversation().facts().client_name, "[192.0.2.7]");
  talk.conversation().name_answered({DnsAnswer::Status::none, {}});
  talk.conversation().name_answered({DnsAnswer::Status::found, {"mx.a.example", "other.example"}});
  EXPECT_EQ(talk.conversation().facts().client_name, "mx.a.example");
  EXPECT_THAT(talk.log(), ElementsAre("failed resolving [192.0.2.7]: Temporary failure in name resolution",
                                      "failed resolving [192.0.2.7]: Name or service not known",
                                      "Unbracketed '[192.0.2.7]' into 'mx.a.example'"));
  talk.connect("[IPv6:2001:db8::1]", "2001:db8::1");
  ASSERT_TRUE(talk.conversation().name_question());
  EXPECT_EQ(talk.conversation().name_question()->name,
            "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa");
  talk.connect("[none]");
  EXPECT_FALSE(talk.conversation().name_question());
  EXPECT_THAT(talk.log(), ElementsAre("failed parsing [none]: Name or service not known"));
}

TEST(GreylistConversation, LeavesBracketsWithoutUnbracket) {
  Talk talk("nospf\n");
  talk.connect("[192.0.2.7]");
  EXPECT_FALSE(talk.conversation().name_question());
}

TEST(GreylistConversation, SaysWhyMailWasNotPutOff) {
  Talk talk("nospf\nracl whitelist addr 192.0.2.0/24 domain a.example\n");
  talk.mail();
  EXPECT_EQ(talk.rcpt(), "accept");
  EXPECT_THAT(
      talk.log(),
      ElementsAre(
          "Q1: skipping greylist because address 192.0.2.7 is whitelisted, sender DNS name mx.a.example "
          "is whitelisted, (from=<joe@a.example>, rcpt=<kim@b.example>, addr=mx.a.example[192.0.2.7]) "
          "ACL 2"));
  talk.end();
  EXPECT_THAT(talk.changes, ElementsAre(std::string("add X-Greylist: Sender DNS name whitelisted, Sender IP "
                                                    "whitelisted, not delayed by ") +
                                        kSignature));
}

TEST(GreylistConversation, RefusesInTheRulesOwnWords) {
  Talk talk(
      "nospf\nracl blacklist from joe@a.example\nracl \"mine\" blacklist rcpt lee@b.example code \"452\" "
      "ecode "
      "\"4.2.1\" msg \"%r is away (%Xc)\"\n");
  talk.mail();
  EXPECT_EQ(talk.rcpt(), "551 5.7.1 Go away!");
  EXPECT_THAT(talk.log(),
              ElementsAre("Q1: addr mx.a.example[192.0.2.7] from <joe@a.example> to <kim@b.example> "
                          "blacklisted (ACL 2)"));
  talk.mail("<x@y.example>");
  EXPECT_EQ(talk.rcpt("<lee@b.example>"), "452 4.2.1 lee@b.example is away (452)");
  EXPECT_THAT(talk.log(),
              ElementsAre("Q1: addr mx.a.example[192.0.2.7] from <x@y.example> to <lee@b.example> "
                          "blacklisted (ACL mine)"));
}

TEST(GreylistConversation, AnswersCodesOfOneClass) {
  Talk talk("nospf\nracl blacklist from joe@a.example code \"451\"\nracl greylist default code \"554\"\n");
  talk.mail();
  EXPECT_EQ(talk.rcpt(), "451 4.7.1 Go away!");
  talk.mail("<x@y.example>");
  EXPECT_EQ(talk.rcpt(), "554 5.7.1 Greylisting in action, please come back in 00:30:00");
}

struct BypassCase {
  const char* name;
  const char* settings;
  std::map<std::string, std::string> macros;
  const char* report;  ///< nullptr: the rules are asked
};
void PrintTo(const BypassCase& row, std::ostream* out) { *out << row.settings; }
class GreylistBypass : public testing::TestWithParam<BypassCase> {};

TEST_P(GreylistBypass, comes_before_all_rules) {
  Talk talk(std::string(GetParam().settings) + "\nracl blacklist default\n");
  for (const auto& [name, value] : GetParam().macros) talk.macros[name] = value;
  talk.mail();
  const bool bypassed = GetParam().report != nullptr;
  EXPECT_EQ(talk.rcpt(), bypassed ? "accept" : "551 5.7.1 Go away!");
  if (!bypassed) return;
  talk.end();
  EXPECT_THAT(talk.changes, ElementsAre(std::string("add X-Greylist: ") + GetParam().report +
                                        ", not delayed by " + kSignature));
}

INSTANTIATE_TEST_SUITE_P(
    , GreylistBypass,
    testing::Values(BypassCase{"login", "nospf", {{"{auth_authen}", "joe"}}, "Sender succeeded SMTP AUTH"},
                    BypassCase{"login_with_noauth", "nospf\nnoauth", {{"{auth_authen}", "joe"}}, nullptr},
                    BypassCase{"certificate",
                               "nospf",
                               {{"{verify}", "OK"}, {"{cert_subject}", "CN=a"}},
                               "Sender succeeded STARTTLS authentication"},
                    BypassCase{"certificate_that_is_not_trusted",
                               "nospf",
                               {{"{verify}", "FAIL"}, {"{cert_subject}", "CN=a"}},
                               nullptr},
                    BypassCase{"the_mtas_own_map",
                               "nospf",
                               {{"{greylist}", "RELAY"}},
                               "Message whitelisted by Sendmail access database"},
                    BypassCase{
                        "the_map_with_noaccessdb", "nospf\nnoaccessdb", {{"{greylist}", "OK"}}, nullptr},
                    BypassCase{"another_word_of_the_map", "nospf", {{"{greylist}", "BLACK"}}, nullptr}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(GreylistConversation, LetsSendersPassWhoseSpfDoes) {
  Talk talk("racl blacklist default\n");
  talk.mail();
  EXPECT_TRUE(talk.conversation().wants_spf());
  talk.conversation().spf({SpfStatus::pass, "a.example", "a.example", "ip4:192.0.2.7", "", "", false});
  EXPECT_EQ(talk.rcpt(), "accept");
  EXPECT_EQ(talk.rcpt("<lee@b.example>"), "accept");
  EXPECT_THAT(talk.log(),
              ElementsAre("Q1: Sender IP 192.0.2.7 and address <joe@a.example> are SPF-compliant, "
                          "bypassing greylist"));
  talk.mail();
  talk.conversation().spf({SpfStatus::softfail, "a.example", "a.example", "~all", "", "", false});
  EXPECT_EQ(talk.rcpt(), "551 5.7.1 Go away!");
}

TEST(GreylistConversation, AsksNoRulesForMailThatDidNotComeOverIp) {
  Talk talk("nospf\nracl blacklist default\n");
  talk.connect("localhost", "");
  talk.mail();
  EXPECT_EQ(talk.rcpt(), "accept");
}

TEST(GreylistConversation, PutsCalloutsOffAtTheEndOfTheMessage) {
  Talk talk("nospf\ndelayedreject\n");
  talk.mail("<>");
  EXPECT_EQ(talk.rcpt(), "accept");
  EXPECT_EQ(talk.end(), "451 4.7.1 Greylisting in action, please come back in 00:30:00");
  EXPECT_THAT(talk.log(),
              ElementsAre("Q1: addr mx.a.example[192.0.2.7] from <> to <kim@b.example> delayed after DATA "
                          "phase for 00:30:00 (ACL )"));
  talk.mail();
  EXPECT_EQ(talk.rcpt(), "451 4.7.1 Greylisting in action, please come back in 00:30:00");
}

TEST(GreylistConversation, DecidesOnTheMessageWhereRulesLeftItToThat) {
  Talk talk(
      "nospf\nracl whitelist default\ndacl blacklist header /^Subject: .*watches/\ndacl greylist body "
      "\"offer\"\n");
  talk.mail();
  EXPECT_EQ(talk.rcpt(), "accept");
  talk.header("Subject", "cheap watches");
  EXPECT_EQ(talk.end(), "551 5.7.1 Go away!");
  for (int i = 0; i < 2; ++i) {
    talk.mail();
    EXPECT_EQ(talk.rcpt(), "accept");
    talk.header("Subject", "hello");
    talk.body("an offer\r\n");
    EXPECT_EQ(talk.end(),
              i == 0 ? "451 4.7.1 Greylisting in action, please come back in 00:30:00" : "accept");
    talk.wait(31min);
  }
  EXPECT_THAT(talk.changes,
              ElementsAre(std::string("add X-Greylist: Delayed for 00:31:00 by ") + kSignature));
}

TEST(GreylistConversation, ChangesTheMessageAsRulesSay) {
  Talk talk(
      "nospf\nreport none\nracl whitelist default addheader \"X-Last: %i\"\ndacl continue default addheader "
      "\"X-First: a\", 1 addfooter \"--\\r\\nseen\\r\\n\" subjtag \"[new] \"\n");
  talk.mail();
  talk.rcpt();
  talk.header("Subject", "hello");
  talk.body("one\r\n");
  talk.body("two\r\n");
  EXPECT_EQ(talk.end(), "accept");
  EXPECT_THAT(talk.changes, ElementsAre("insert1 X-First: a", "body one\r\ntwo\r\n--\r\nseen\r\n",
                                        "subject Subject: [new] hello", "add X-Last: 192.0.2.7"));
}

TEST(GreylistConversation, PutsNoFooterUnderAMessageOfWhichItSawAPart) {
  Talk talk(
      "nospf\nreport none\nmaxpeek 10\nracl whitelist default\ndacl continue default addfooter \"x\"\n");
  talk.mail();
  talk.rcpt();
  talk.body("more than ten octets\r\n");
  EXPECT_EQ(talk.end(), "accept");
  EXPECT_THAT(talk.changes, IsEmpty());
}

TEST(GreylistConversation, LooksAtNoMoreOfAMessageThanItMay) {
  Talk talk(
      "nospf\nmaxpeek 12\nracl whitelist default\ndacl blacklist body \"late\"\ndacl blacklist msgsize > "
      "100\n");
  talk.mail();
  talk.rcpt();
  talk.body("0123456789 too late\r\n");
  EXPECT_EQ(talk.end(), "accept");
  talk.mail();
  talk.rcpt();
  talk.body(std::string(200, 'x'));
  EXPECT_EQ(talk.end(), "551 5.7.1 Go away!") << "its size counts whole";
}

TEST(GreylistConversation, ReportsAsItIsTold) {
  const auto reported = [](const std::string& setting, bool delayed) {
    Talk talk("nospf\ngreylist 1m\n" + setting + (delayed ? "\n" : "\nracl whitelist default\n"));
    talk.mail();
    talk.rcpt();
    talk.wait(2min);
    talk.mail();
    EXPECT_EQ(talk.rcpt(), "accept");
    talk.end();
    return !talk.changes.empty();
  };
  EXPECT_FALSE(reported("report none", false));
  EXPECT_FALSE(reported("report none", true));
  EXPECT_FALSE(reported("report delays", false));
  EXPECT_TRUE(reported("report delays", true));
  EXPECT_TRUE(reported("report nodelays", false));
  EXPECT_FALSE(reported("report nodelays", true));
  EXPECT_TRUE(reported("report all", false));
  EXPECT_TRUE(reported("report all", true));
}

TEST(GreylistConversation, SaysNothingOfTimesWhenQuiet) {
  Talk talk("nospf\nquiet\n");
  talk.mail();
  EXPECT_EQ(talk.rcpt(), "451 4.7.1 Greylisting in action, please come back later");
}

TEST(GreylistConversation, WritesALineForEachRecipientsFate) {
  Talk talk(
      "nospf\nstat \">>/dev/null\" \"%r %S %Xc %A\\n\"\nracl blacklist rcpt lee@b.example\nracl whitelist "
      "default\n");
  talk.mail();
  talk.rcpt("<kim@b.example>");
  talk.rcpt("<lee@b.example>");
  EXPECT_THAT(talk.statistics(), ElementsAre("lee@b.example reject 551 3\n"));
  talk.rcpt("<max@b.example>");
  talk.end();
  EXPECT_THAT(talk.statistics(), ElementsAre("kim@b.example accept  4\n", "max@b.example accept  4\n"));
}

TEST(GreylistConversation, KeepsAClientWaitingAndRemembersOneThatDoesNot) {
  Talk talk("nospf\nracl whitelist tarpit 20s autowhite 1d\n");
  talk.mail();
  EXPECT_EQ(talk.rcpt(), "accept");
  EXPECT_EQ(talk.waited, 20s);
  EXPECT_EQ(talk.data(), "accept") << "it has waited";
  EXPECT_EQ(talk.end(), "accept");
  EXPECT_THAT(talk.changes,
              ElementsAre(std::string("add X-Greylist: Message whitelisted by tarpit 20s, not delayed "
                                      "by ") +
                          kSignature));
  talk.connect();
  talk.mail();
  EXPECT_EQ(talk.rcpt(), "accept");
  EXPECT_EQ(talk.waited, 0s) << "autowhite since";
}

TEST(GreylistConversation, PutsOffWhoHasWaitedWhereTheRuleGreylists) {
  Talk talk("nospf\nracl greylist tarpit 5s\n");
  talk.mail();
  EXPECT_EQ(talk.rcpt(), "accept");
  EXPECT_EQ(talk.waited, 5s);
  EXPECT_EQ(talk.data(), "tempfail");
}

constexpr const char* kWaits = "451 4.7.1 Greylisting in action, please come back in 00:10:00";

TEST(SenderPools, APoolsOtherMachineIsMetAgain) {
  Talk talk("nospf\ngreylist 10m\n", {.sender_pools = true});
  const auto from = [&talk](const char* name, const char* address, const char* provider) {
    talk.connect(name, address);
    talk.conversation().facts().provider_domain = provider;
    talk.mail();
    return talk.rcpt();
  };
  EXPECT_EQ(from("mx1.provider.example", "192.0.2.7", "provider.example"), kWaits);
  talk.wait(10min);
  EXPECT_EQ(from("mx9.other.example", "203.0.113.9", "other.example"), kWaits);
  EXPECT_EQ(from("mx2.provider.example", "198.51.100.8", "provider.example"), "accept");
}

TEST(SenderPools, WithoutThemEachMachineWaits) {
  Talk talk("nospf\ngreylist 10m\n");
  talk.conversation().facts().provider_domain = "provider.example";
  talk.mail();
  EXPECT_EQ(talk.rcpt(), kWaits);
  talk.wait(10min);
  talk.connect("mx2.provider.example", "198.51.100.8");
  talk.conversation().facts().provider_domain = "provider.example";
  talk.mail();
  EXPECT_EQ(talk.rcpt(), kWaits);
}

TEST(SenderPools, SpfIsAskedForThemAlsoWhereItDoesNotLetPass) {
  Talk talk("nospf\ngreylist 10m\n", {.sender_pools = true});
  talk.mail();
  ASSERT_TRUE(talk.conversation().wants_spf());
  SpfResult pass;
  pass.status = SpfStatus::pass;
  talk.conversation().spf(pass);
  EXPECT_EQ(talk.rcpt(), kWaits) << "nospf: it is no reason to pass";
  EXPECT_EQ(talk.conversation().tuple("<kim@b.example>")->client.text(), "spf:a.example");
}

TEST(GoodRecord, ADomainThatHasPassedOftenEnoughWaitsNoMore) {
  Talk talk("nospf\ngreylist 10m\n", {.domain_passes = 2, .counts_passes = true});
  const auto mail = [&talk](const char* sender, const char* recipient) {
    talk.mail(sender);
    return talk.rcpt(recipient);
  };
  for (const auto* recipient : {"<kim@b.example>", "<lee@b.example>"}) {
    EXPECT_EQ(mail("<joe@a.example>", recipient), kWaits) << recipient;
    talk.wait(10min);
    EXPECT_EQ(mail("<joe@a.example>", recipient), "accept");
    EXPECT_EQ(mail("<joe@a.example>", recipient), "accept") << "autowhite, which does not count";
  }
  EXPECT_EQ(mail("<ann@A.example>", "<new@b.example>"), "accept");
  EXPECT_EQ(mail("<ann@else.example>", "<new@b.example>"), kWaits) << "another domain";
  EXPECT_EQ(mail("<>", "<new@b.example>"), kWaits) << "no domain";
  talk.connect("mx.a.example", "192.0.2.8");
  EXPECT_EQ(mail("<ann@a.example>", "<new@b.example>"), kWaits) << "another client";
  talk.connect();
  talk.wait(std::chrono::days(36));
  EXPECT_EQ(mail("<ann@a.example>", "<new@b.example>"), kWaits) << "long ago";
}

TEST(GoodRecord, ARuleMayAskForIt) {
  Talk talk("nospf\ngreylist 10m\nracl whitelist rcpt codes@b.example passed >= 1\n",
            {.counts_passes = true});
  const auto mail = [&talk](const char* recipient) {
    talk.mail();
    return talk.rcpt(recipient);
  };
  EXPECT_EQ(mail("<codes@b.example>"), kWaits);
  EXPECT_EQ(mail("<kim@b.example>"), kWaits);
  talk.wait(10min);
  EXPECT_EQ(mail("<kim@b.example>"), "accept");
  EXPECT_EQ(mail("<codes@b.example>"), "accept") << "at its first try that counts";
  EXPECT_EQ(mail("<lee@b.example>"), kWaits);
}

}  // namespace
}  // namespace hikyaku::config
