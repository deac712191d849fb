// Our end as a filter against MTAs of all kinds. What the MTA says arrives one octet at a time.
#include "milter/filter_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "milter/packet_text.h"

namespace hikyaku::milter {
namespace {

using namespace testing_support;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Session = FilterSession;
using Answer = Session::Answer;

std::string offer(std::uint32_t version = 6, std::uint32_t actions = 0x1FF, std::uint32_t steps = 0x1FFFFF) {
  return negotiation(version, actions, steps);
}
const std::string kConnect = packet('C', std::string("mx.example|4\x09\xDD"
                                                     "192.0.2.1|"));
const std::string kMessage = packet('M', "<a@a>|SIZE=1|") + packet('R', "<b@b>|") + packet('T') +
                             packet('L', "A|b|") + packet('N') + packet('B', "body\r\n") + packet('E');

/// A filter that has nothing against anything unless it is told so, and tells what it saw.
class Filter {
 public:
  explicit Filter(Wishes wishes = {}, std::size_t macro_limit = 65536)
      : wishes_(std::move(wishes)), settings_{kReadLimit, macro_limit}, session(settings_) {}

  /// The MTA says this; what the filter saw.
  std::vector<std::string> hear(std::string_view octets) {
    seen_.clear();
    for (const char octet : octets) {
      session.feed(std::string_view(&octet, 1));
      for (;;) {
        auto event = session.next();
        if (std::holds_alternative<Session::NeedBytes>(event)) break;
        std::visit([this](const auto& one) { see(one); }, event);
        if (std::holds_alternative<Session::Close>(event)) return seen_;
      }
    }
    return seen_;
  }
  std::vector<std::string> sent() { return packets(session.take_output()); }

  std::string answer_to;  ///< "M": the event that gets `answer`
  std::function<void(Session&)> answer;

 private:
  void told(const std::string& what) {
    seen_.push_back(what);
    if (!answer_to.empty() && what.starts_with(answer_to)) return answer(session);
    session.answer(Answer::go_on);
  }
  void see(const Session::NeedBytes&) {}
  void see(const Session::Connect& e) {
    told("C " + e.name + " " + static_cast<char>(e.address.family) + " " + e.address.address + " " +
         std::to_string(e.address.port));
  }
  void see(const Session::Helo& e) { told("H " + e.name); }
  void see(const Session::Mail& e) { told("M " + e.path + joined(e.parameters)); }
  void see(const Session::Rcpt& e) {
    told("R " + e.path + joined(e.parameters) + (e.rejected ? " rejected" : ""));
  }
  void see(const Session::Data&) { told("T"); }
  void see(const Session::Unknown& e) { told("U " + e.command); }
  void see(const Session::Header& e) { told("L " + e.header.name + ":" + e.header.value); }
  void see(const Session::EndOfHeaders&) { told("N"); }
  void see(const Session::Body& e) { told("B " + std::string(e.octets)); }
  void see(const Session::EndOfMessage&) { told("E"); }
  void see(const Session::Negotiate& e) {
    if (session.negotiate(wishes_)) seen_.push_back("negotiated " + std::to_string(e.offer.version));
  }
  void see(const Session::Abort&) { seen_.emplace_back("abort"); }
  void see(const Session::NewConnection&) { seen_.emplace_back("new connection"); }
  void see(const Session::Close& e) { seen_.push_back("close " + e.reason); }
  static std::string joined(const std::vector<std::string>& words) {
    std::string all;
    for (const auto& word : words) all += " " + word;
    return all;
  }

  Wishes wishes_;
  Session::Settings settings_;
  std::vector<std::string> seen_;

 public:
  Session session;
};

TEST(MilterFilter, SeesAWholeMessageAndAnswersEachEvent) {
  Filter filter;
  EXPECT_THAT(filter.hear(offer()), ElementsAre("negotiated 6"));
  EXPECT_THAT(filter.sent(), ElementsAre("O" + std::string("|||\x06||||||||", 12)));
  EXPECT_THAT(filter.hear(kConnect + packet('H', "mx.example|") + kMessage),
              ElementsAre("C mx.example 4 192.0.2.1 2525", "H mx.example", "M <a@a> SIZE=1", "R <b@b>", "T",
                          "L A:b", "N", "B body\r\n", "E"));
  EXPECT_THAT(filter.sent(), ElementsAre("c", "c", "c", "c", "c", "c", "c", "c", "c"));
  EXPECT_THAT(filter.hear(kMessage + packet('Q')),
              ElementsAre("M <a@a> SIZE=1", "R <b@b>", "T", "L A:b", "N", "B body\r\n", "E", "close "));
}

TEST(MilterFilter, AnswersNothingWhereNoReplyWasAgreedOn) {
  Wishes wishes;
  wishes.steps = 0xFF080;
  Filter filter(wishes);
  filter.hear(offer());
  filter.sent();
  filter.answer_to = "M";
  bool reached = true;
  filter.answer = [&](Session& session) { reached = session.answer(Answer::reject); };
  filter.hear(kConnect + packet('H', "a|") + kMessage);
  EXPECT_FALSE(reached) << "the caller is told that its rejection is lost";
  EXPECT_THAT(filter.sent(), ElementsAre("c")) << "the end of the message alone";
}

TEST(MilterFilter, AnIpv6AddressIsAcceptedWithAndWithoutItsPrefix) {
  for (const std::string prefix : {"", "IPv6:", "ipv6:"}) {
    Filter filter;
    filter.hear(offer());
    EXPECT_THAT(filter.hear(packet('C', "a|6|\x19" + prefix + "2001:db8::1|")),
                ElementsAre("C a 6 2001:db8::1 25"));
  }
}

TEST(MilterFilter, AClientMayHaveNoAddressOrAPath) {
  Filter filter;
  filter.hear(offer());
  EXPECT_THAT(filter.hear(packet('C', "localhost|U")), ElementsAre("C localhost U  0"));
  Filter local;
  local.hear(offer());
  EXPECT_THAT(local.hear(packet('C', "localhost|L||/run/socket|")),
              ElementsAre("C localhost L /run/socket 0"));
}

TEST(MilterFilter, MacrosAreFoundByEitherFormOfTheirNameAndTheLatestStageCounts) {
  Filter filter;
  filter.hear(offer() + packet('D', "Cj|hub.example|{daemon_name}|smtpd|") + kConnect);
  EXPECT_EQ(filter.session.macro("{j}"), "hub.example");
  EXPECT_EQ(filter.session.macro("daemon_name"), "smtpd");
  filter.hear(packet('D', "M{i}|1|") + packet('M', "<a@a>|") + packet('D', "Ri|2|") + packet('R', "<b@b>|"));
  EXPECT_EQ(filter.session.macro("i"), "2");
  filter.hear(packet('A'));
  EXPECT_FALSE(filter.session.macro("i"));
  EXPECT_EQ(filter.session.macro("j"), "hub.example") << "of the connection";
}

TEST(MilterFilter, MacrosComeEvenWhereTheirEventIsSuppressed) {
  Wishes wishes;
  wishes.steps = step::no_connect | step::no_helo;
  Filter filter(wishes);
  filter.hear(offer() + packet('D', "Cj|hub.example|"));
  EXPECT_EQ(filter.session.macro("j"), "hub.example");
  EXPECT_THAT(filter.hear(packet('M', "<a@a>|")), ElementsAre("M <a@a>"));
}

TEST(MilterFilter, AMacroWithoutAValueIsNone) {
  Filter filter;
  EXPECT_THAT(filter.hear(offer() + packet('D', "Cj|mx|x|") + kConnect),
              ElementsAre("negotiated 6", "C mx.example 4 192.0.2.1 2525"));
  EXPECT_EQ(filter.session.macro("j"), "mx");
  EXPECT_FALSE(filter.session.macro("x"));
}

TEST(MilterFilter, TheMacrosOfAMessageEndWithIt) {
  Filter filter;
  filter.hear(offer() + packet('D', "M{auth_authen}|joe|") + packet('D', "Ri|1|") + kMessage);
  EXPECT_FALSE(filter.session.macro("i"));
  EXPECT_FALSE(filter.session.macro("{auth_authen}"));
}

TEST(MilterFilter, ARejectedRecipientIsToldAsOne) {
  Wishes wishes;
  wishes.steps = step::rejected_recipients;
  Filter filter(wishes);
  filter.hear(offer() + packet('M', "<a@a>|"));
  EXPECT_THAT(filter.hear(packet('D', "R{rcpt_mailer}|error|{rcpt_host}|5.1.1|") +
                          packet('R', "<b@b>|NOTIFY=NEVER|") + packet('D', "R{rcpt_mailer}|smtp|") +
                          packet('R', "<c@c>|")),
              ElementsAre("R <b@b> NOTIFY=NEVER rejected", "R <c@c>"));
}

TEST(MilterFilter, AReplyHasItsPercentSignsDoubled) {
  Filter filter;
  filter.hear(offer());
  filter.sent();
  filter.answer_to = "R";
  filter.answer = [](Session& session) {
    EXPECT_TRUE(session.answer(SmtpReply{451, "4.7.1", "100% sure\nlater"}));
    EXPECT_FALSE(session.answer(Answer::go_on)) << "it is answered";
  };
  filter.hear(packet('M', "<a@a>|") + packet('R', "<b@b>|"));
  EXPECT_THAT(filter.sent(), ElementsAre("c", "y451-4.7.1 100%% sure\r\n451 4.7.1 later|"));
}

TEST(MilterFilter, EditsGoOutAtTheEndOfTheMessageAlone) {
  Wishes wishes;
  wishes.actions = action::add_headers | action::change_body | action::quarantine;
  Filter filter(wishes);
  filter.hear(offer());
  filter.sent();
  filter.answer_to = "B";
  filter.answer = [](Session& session) {
    EXPECT_FALSE(session.edit(AddHeader{"X", "y"})) << "not yet";
    EXPECT_TRUE(session.edit(Quarantine{"why"})) << "at any time";
    EXPECT_TRUE(session.answer(Answer::go_on));
  };
  filter.hear(kMessage.substr(0, kMessage.size() - 5));
  EXPECT_THAT(filter.sent(), ElementsAre("c", "c", "c", "c", "c", "qwhy|", "c"));
  filter.answer_to = "E";
  filter.answer = [](Session& session) {
    EXPECT_TRUE(session.progress());
    EXPECT_TRUE(session.edit(InsertHeader{1, "X", "y"}));
    EXPECT_FALSE(session.edit(AddRecipient{"<c@c>", {}})) << "the action was not agreed on";
    EXPECT_FALSE(session.edit(AddHeader{"X", std::string(70000, 'x')})) << "too large for a packet";
    EXPECT_TRUE(session.edit(ReplaceBody{std::string(70000, 'x')}));
    EXPECT_TRUE(session.answer(Answer::accept));
    EXPECT_FALSE(session.edit(AddHeader{"X", "y"})) << "too late";
  };
  filter.hear(packet('E'));
  const auto sent = filter.sent();
  ASSERT_EQ(sent.size(), 5U);
  EXPECT_EQ(sent[0], "p");
  EXPECT_EQ(sent[1], "i|||\x01X|y|");
  EXPECT_EQ(sent[2].size(), 65536U) << "a chunk and its kind";
  EXPECT_EQ(sent[3].size(), 70000U - 65535U + 1);
  EXPECT_EQ(sent[4], "a");
}

TEST(MilterFilter, ABodyThatComesWithTheEndOfTheMessageIsSeenBeforeItAndHasNoAnswerOfItsOwn) {
  Filter filter;
  filter.hear(offer() + packet('M', "<a@a>|"));
  filter.sent();
  EXPECT_THAT(filter.hear(packet('E', "last\r\n")), ElementsAre("B last\r\n", "E"));
  EXPECT_THAT(filter.sent(), ElementsAre("c"));
  filter.hear(packet('M', "<a@a>|"));
  filter.sent();
  filter.answer_to = "B";
  filter.answer = [](Session& session) { EXPECT_TRUE(session.answer(Answer::reject)); };
  EXPECT_THAT(filter.hear(packet('E', "last\r\n")), ElementsAre("B last\r\n"));
  EXPECT_THAT(filter.sent(), ElementsAre("r"));
}

TEST(MilterFilter, SkipIsAnsweredOnlyWhereItWasAgreedOn) {
  for (const bool agreed : {false, true}) {
    Wishes wishes;
    wishes.steps = agreed ? step::skip : 0;
    Filter filter(wishes);
    filter.hear(offer() + packet('M', "<a@a>|"));
    filter.sent();
    filter.answer_to = "B";
    filter.answer = [](Session& session) { session.answer(Answer::skip); };
    filter.hear(packet('B', "x"));
    EXPECT_THAT(filter.sent(), ElementsAre(agreed ? "s" : "c"));
  }
}

TEST(MilterFilter, AbortIsToldOnlyWhereAMessageIsOpen) {
  Filter filter;
  filter.hear(offer());
  EXPECT_THAT(filter.hear(packet('A')), IsEmpty());
  EXPECT_THAT(filter.hear(packet('M', "<a@a>|") + packet('A')), ElementsAre("M <a@a>", "abort"));
  filter.hear(kMessage);
  EXPECT_THAT(filter.hear(packet('A')), IsEmpty()) << "Postfix sends it after each message";
}

TEST(MilterFilter, ANewMessageWithoutAnAbortAbortsTheLast) {
  Filter filter;
  filter.hear(offer() + packet('M', "<a@a>|") + packet('R', "<b@b>|"));
  filter.sent();
  EXPECT_THAT(filter.hear(packet('M', "<c@c>|")), ElementsAre("abort", "M <c@c>"));
  EXPECT_THAT(filter.hear(packet('H', "again|")), ElementsAre("abort", "H again"));
  EXPECT_THAT(filter.sent(), ElementsAre("c", "c"));
}

TEST(MilterFilter, QuitNcIsUnderstood) {
  Filter filter;
  filter.hear(offer() + packet('D', "Cj|hub|") + kConnect + packet('M', "<a@a>|"));
  EXPECT_THAT(filter.hear(packet('K')), ElementsAre("new connection"));
  EXPECT_FALSE(filter.session.macro("j")) << "of the last connection";
  EXPECT_THAT(filter.hear(kConnect + packet('Q')), ElementsAre("C mx.example 4 192.0.2.1 2525", "close "));
}

TEST(MilterFilter, AnEventThatWasNotAnsweredIsDeferred) {
  Filter filter;
  filter.hear(offer());
  filter.sent();
  filter.answer_to = "M";
  filter.answer = [](Session&) {};
  filter.hear(packet('M', "<a@a>|"));
  EXPECT_THAT(filter.sent(), ElementsAre("t"));
}

TEST(MilterFilter, AnOldMtaIsSpokenToInItsVersion) {
  Wishes wishes;
  wishes.actions = action::add_headers;
  wishes.steps = step::no_body | step::no_unknown | step::header_leading_space;
  Filter filter(wishes);
  filter.hear(offer(2, 0x3F, 0x7F));
  EXPECT_EQ(filter.session.agreement().version, 2U);
  EXPECT_EQ(filter.session.agreement().steps, step::no_body);
  EXPECT_EQ(filter.session.leading_space(), LeadingSpace::taken_off);
}

TEST(MilterFilter, AnMtaThatLacksWhatIsNeededIsToldOff) {
  Wishes wishes;
  wishes.actions = action::change_sender;
  Filter filter(wishes);
  EXPECT_THAT(filter.hear(offer(6, 0x3F)), ElementsAre("close the MTA does not offer the actions 0x40"));
  EXPECT_THAT(filter.sent(), IsEmpty());
}

TEST(MilterFilter, AnOfferThatIsNotAnsweredEndsTheTalk) {
  const Session::Settings settings;
  Session session(settings);
  EXPECT_FALSE(session.negotiate({})) << "there is none yet";
  session.feed(offer());
  EXPECT_TRUE(std::holds_alternative<Session::Negotiate>(session.next()));
  const auto event = session.next();
  ASSERT_TRUE(std::holds_alternative<Session::Close>(event));
  EXPECT_EQ(std::get<Session::Close>(event).reason, "the MTA's offer was not answered");
}

struct Wrong {
  const char* name;
  std::string said;
  const char* reason;
};
class MilterFilterEnds : public testing::TestWithParam<Wrong> {};
TEST_P(MilterFilterEnds, TheTalk) {
  Filter filter({}, 100);
  const auto seen = filter.hear(GetParam().said);
  ASSERT_FALSE(seen.empty());
  EXPECT_THAT(seen.back(), HasSubstr(std::string("close ") + GetParam().reason));
  EXPECT_THAT(filter.hear(packet('Q')), ElementsAre(seen.back())) << "for good";
}
INSTANTIATE_TEST_SUITE_P(
    , MilterFilterEnds,
    testing::Values(
        Wrong{"an_event_before_the_negotiation", kConnect, "connect before the negotiation"},
        Wrong{"a_second_negotiation", offer() + offer(), "negotiation after the negotiation"},
        Wrong{"connect_twice", offer() + kConnect + kConnect, "connect out of turn"},
        Wrong{"rcpt_before_mail", offer() + kConnect + packet('R', "<b@b>|"), "rcpt out of turn"},
        Wrong{"body_before_mail", offer() + packet('B', "x"), "body out of turn"},
        Wrong{"end_of_message_before_mail", offer() + packet('E'), "end of message out of turn"},
        Wrong{"header_after_the_body", offer() + packet('M', "<a>|") + packet('B', "x") + packet('L', "A|b|"),
              "header out of turn"},
        Wrong{"rcpt_after_data", offer() + packet('M', "<a>|") + packet('T') + packet('R', "<b>|"),
              "rcpt out of turn"},
        Wrong{"an_unknown_octet", offer() + packet('z'), "the octet 'z' is no command of an MTA"},
        Wrong{"a_string_without_its_nul", offer() + packet('H', "a"), "helo, octet 0: a string without"},
        Wrong{"octets_too_many", offer() + packet('M', "<a>|") + packet('T', "x"),
              "data, octet 0: 1 octets too many"},
        Wrong{"a_family_that_is_none", offer() + packet('C', "a|5xx1.2.3.4|"), "'5' is no family"},
        Wrong{"macros_for_nothing", offer() + packet('D', ""), "macros for no command"},
        Wrong{"macros_past_the_limit", offer() + packet('D', "Cj|" + std::string(100, 'x') + "|"),
              "macros of 104 octets; 100 are the limit"},
        Wrong{"no_milter_at_all", "GET / HTTP/1.0\r\n", "octet 0: a packet of 1195725856 octets"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(MilterFilter, BothEndsUnderstandEachOther) {
  Wishes wishes;
  wishes.actions = action::add_headers;
  wishes.steps = step::header_leading_space | step::no_reply_header;
  wishes.macros[2] = macro_names("{auth_authen}");
  Filter filter(wishes);
  filter.answer_to = "E";
  filter.answer = [](Session& session) {
    EXPECT_EQ(session.macro("auth_authen"), "joe");
    session.edit(AddHeader{"X", " y"});
    session.answer(SmtpReply{550, "5.7.1", "100%"});
  };
  ClientSession::Settings settings;
  ClientSession mta(settings);
  std::vector<std::string> seen;
  std::vector<Edit> edits;
  const auto talk = [&] {
    for (;;) {
      const auto event = mta.next();
      auto output = mta.take_output();
      for (const auto& one : filter.hear(output.head.append(output.body))) seen.push_back(one);
      if (const auto* verdict = std::get_if<ClientSession::Verdict>(&event)) return *verdict;
      if (const auto* edit = std::get_if<Edit>(&event)) edits.push_back(*edit);
      const auto said = filter.session.take_output();
      if (std::holds_alternative<ClientSession::NeedBytes>(event) && said.empty())
        return ClientSession::Verdict{.failure = "both wait"};
      mta.feed(said);
    }
  };
  MacroTable macros;
  macros.set("{auth_authen}", "joe");
  EXPECT_EQ(talk().failure, "");
  mta.connect("", {ClientAddress::Family::inet6, 25, "::1"}, macros), talk();
  mta.helo("mx", macros), talk();
  mta.mail("<a@a>", {}, macros), talk();
  mta.rcpt("<b@b>", {}, ClientSession::Recipient::accepted, macros), talk();
  mta.data(macros), talk();
  mta.header("A:  b", macros), talk();
  mta.end_of_headers(macros), talk();
  mta.body("x\r\n", macros), talk();
  mta.end_of_message(macros);
  EXPECT_EQ(talk().reply, (SmtpReply{550, "5.7.1", "100%"}));
  EXPECT_THAT(edits, ElementsAre(AddHeader{"X", " y"}));
  EXPECT_THAT(seen, ElementsAre("negotiated 6", "C [::1] 6 ::1 25", "H mx", "M <a@a>", "R <b@b>", "T",
                                "L A:  b", "N", "B x\r\n", "E"));
}

}  // namespace
}  // namespace hikyaku::milter
