#include "milter/negotiation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hikyaku::milter {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr Command kEvents[] = {Command::connect, Command::helo,           Command::mail,
                               Command::rcpt,    Command::data,           Command::unknown,
                               Command::header,  Command::end_of_headers, Command::body};

Agreement agreed(std::uint32_t version, std::uint32_t steps) {
  Answer answer;
  answer.version = version;
  answer.steps = steps;
  return agree(Offer::of_version(6), answer).value();
}

TEST(Negotiation, GoldenOctetsOfTheOfferOfVersion6) {
  std::string out;
  Offer::of_version(6).append_to(out);
  EXPECT_EQ(out, std::string_view("\0\0\0\x0dO\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff", 17));
}

TEST(Negotiation, AnOlderVersionOffersOnlyItsOwnSteps) {
  EXPECT_EQ(Offer::of_version(2).steps, 0x7FU);
  EXPECT_EQ(Offer::of_version(3).steps, 0x17FU);
  EXPECT_EQ(Offer::of_version(4).steps, 0x37FU);
  EXPECT_EQ(Offer::of_version(6).steps, 0x1FFFFFU);
  EXPECT_EQ(Offer::of_version(6).actions, 0x1FFU);
}

TEST(Negotiation, AFilterOfALowerVersionGetsNoEventThatItsVersionLacks) {
  for (const std::uint32_t version : {2, 3, 4, 5, 6}) {
    const auto agreement = agreed(version, 0);
    EXPECT_EQ(agreement.sends(Command::unknown), version >= 3) << version;
    EXPECT_EQ(agreement.sends(Command::data), version >= 4) << version;
    EXPECT_TRUE(agreement.sends(Command::mail)) << version;
  }
}

TEST(Negotiation, AFilterOfAVersionThatThereIsNotGetsAll) {
  for (const std::uint32_t version : {0, 1}) {
    EXPECT_TRUE(agreed(version, 0).sends(Command::unknown)) << version;
    EXPECT_TRUE(agreed(version, 0).sends(Command::data)) << version;
  }
}

TEST(Negotiation, EachNoStepSuppressesItsEventAndEachNrStepItsReply) {
  for (const auto command : kEvents) {
    SCOPED_TRACE(text(command));
    const auto none = agreed(6, 0);
    EXPECT_TRUE(none.sends(command) && none.answers(command));
    const auto quiet = agreed(6, step::no_reply(command));
    EXPECT_TRUE(quiet.sends(command) && !quiet.answers(command));
    const auto without = agreed(6, step::not_sent(command));
    EXPECT_FALSE(without.sends(command));
    for (const auto other : kEvents)
      EXPECT_TRUE(other == command || (without.sends(other) && quiet.answers(other)));
  }
}

TEST(Negotiation, AllNrStepsMeanThatNothingIsWaitedForButTheEndOfMessage) {
  const auto agreement = agreed(6, 0xFF080);
  for (const auto command : kEvents) EXPECT_FALSE(agreement.answers(command)) << text(command);
  EXPECT_TRUE(agreement.answers(Command::end_of_message));
}

TEST(Negotiation, ANewerVersionThanOfferedIsRefused) {
  Answer answer;
  answer.version = 6;
  EXPECT_THAT(agree(Offer::of_version(4), answer).error().text,
              HasSubstr("speaks version 6; no more than 4 was offered (see milter_protocol)"));
}

TEST(Negotiation, AnActionThatWasNotOfferedIsRefused) {
  Answer answer;
  answer.actions = 0x201;
  EXPECT_THAT(agree(Offer(), answer).error().text, HasSubstr("actions 0x200"));
}

TEST(Negotiation, AStepThatLeavesSomethingOutHoldsOfferedOrNotAndOthersOnlyWhereOffered) {
  Answer answer;
  answer.version = 2;
  answer.steps = step::no_reply_header | step::no_body | step::header_leading_space | step::skip | 0x80000000;
  EXPECT_EQ(agree(Offer::of_version(2), answer)->steps, step::no_reply_header | step::no_body);
}

TEST(Negotiation, MacroListsComeWithTheAnswerByStage) {
  std::string out;
  PacketWriter(out, Response::negotiate)
      .number32(6)
      .number32(action::set_macro_lists)
      .number32(0)
      .number32(2)
      .string("{auth_authen} i")
      .number32(6)
      .string("")
      .number32(9)
      .string("j");
  const auto answer = Answer::parse(std::string_view(out).substr(5)).value();
  EXPECT_THAT(answer.macros[2].value(), ElementsAre("{auth_authen}", "i"));
  EXPECT_TRUE(answer.macros[6].value().empty());
  EXPECT_FALSE(answer.macros[0]);
  EXPECT_THAT(answer.unknown_stages, ElementsAre(9U));
}

TEST(Negotiation, ATruncatedAnswerNamesItsOctet) {
  EXPECT_EQ(
      Answer::parse(std::string_view("\0\0\0\6\0\0", 6)).error().text,
      "the filter's answer to the negotiation, octet 4: the data ends where a number of 4 octets is due");
  EXPECT_FALSE(Answer::parse(std::string_view("\0\0\0\6\0\0\0\0\0\0\0\0\0\0\0\1j", 17)));
  EXPECT_FALSE(Offer::parse("\0"));
}

TEST(Negotiation, LargerDataSizesCountOnlyWhereBothEndsAgree) {
  EXPECT_EQ(agreed(6, step::data_1m).data_size(), 65535U) << "not offered";
  auto offer = Offer::of_version(6);
  offer.steps |= step::data_256k | step::data_1m;
  Answer answer;
  EXPECT_EQ(agree(offer, answer)->data_size(), 65535U);
  answer.steps = step::data_256k;
  EXPECT_EQ(agree(offer, answer)->data_size(), 262143U);
  answer.steps = step::data_1m;
  EXPECT_EQ(agree(offer, answer)->data_size(), 1048575U);
}

TEST(Negotiation, OurFilterTakesTheLowerVersionAndOnlyWhatIsOffered) {
  Wishes wishes;
  wishes.actions = action::add_headers;
  wishes.steps = step::no_body | step::no_data | step::no_reply_helo;
  const auto done = answer(Offer::of_version(2), wishes).value();
  EXPECT_EQ(done.answer.version, 2U);
  EXPECT_EQ(done.answer.steps, step::no_body);
  EXPECT_EQ(done.answer.actions, action::add_headers);
  EXPECT_EQ(answer(Offer::of_version(6), wishes)->answer.steps, wishes.steps);
}

TEST(Negotiation, OurFilterSaysWhatTheMtaLacks) {
  Wishes wishes;
  wishes.actions = action::add_headers | action::change_sender;
  Offer offer;
  offer.actions = 0x3F;
  EXPECT_THAT(answer(offer, wishes).error().text, HasSubstr("does not offer the actions 0x40"));
  Wishes strict;
  strict.needed_steps = step::rejected_recipients;
  EXPECT_THAT(answer(Offer::of_version(4), strict).error().text, HasSubstr("steps 0x800"));
}

TEST(Negotiation, OurFilterTellsItsMacroListsWhereTheyMayBeSet) {
  Wishes wishes;
  wishes.macros[1] = macro_names("{cipher}");
  const auto done = answer(Offer(), wishes).value();
  EXPECT_EQ(done.answer.actions, action::set_macro_lists);
  std::string out;
  done.answer.append_to(out);
  EXPECT_EQ(Answer::parse(std::string_view(out).substr(5)).value(), done.answer);
  Offer old;
  old.actions = 0x3F;
  EXPECT_FALSE(answer(old, wishes)->answer.macros[1]);
}

TEST(Macros, PostfixsDefaultListsByStage) {
  const auto lists = MacroLists::postfix();
  EXPECT_EQ(text(lists[Stage::connect]), "j {daemon_name} {daemon_addr} v _");
  EXPECT_EQ(text(lists[Stage::helo]), "{tls_version} {cipher} {cipher_bits} {cert_subject} {cert_issuer}");
  EXPECT_EQ(text(lists[Stage::mail]),
            "i {auth_type} {auth_authen} {auth_author} {mail_addr} {mail_host} {mail_mailer}");
  EXPECT_EQ(text(lists[Stage::rcpt]), "i {rcpt_addr} {rcpt_host} {rcpt_mailer}");
  EXPECT_EQ(text(lists[Stage::data]), "i");
  EXPECT_EQ(text(lists[Stage::end_of_headers]), "i");
  EXPECT_EQ(text(lists[Stage::end_of_message]), "i");
  EXPECT_EQ(text(lists[Stage::unknown]), "");
}

TEST(Macros, AFiltersListIsForItsStageAlone) {
  MacroOverrides filters;
  filters[3] = MacroNames{};
  ASSERT_TRUE(macro_override(filters, Stage::rcpt));
  EXPECT_TRUE(macro_override(filters, Stage::rcpt)->empty());
  EXPECT_FALSE(macro_override(filters, Stage::data));
  EXPECT_FALSE(macro_override(filters, Stage::unknown)) << "has no number in SETSYMLIST";
}

TEST(Macros, OneLetterIsTheSameWithAndWithoutBraces) {
  MacroTable table;
  table.set("{i}", "4Q");
  table.set("daemon_name", "mx");
  EXPECT_EQ(table.value("i"), "4Q");
  EXPECT_EQ(table.value("{i}"), "4Q");
  EXPECT_EQ(table.value("{daemon_name}"), "mx");
  EXPECT_FALSE(table.value("j"));
}

TEST(Macros, TheQueueIdIsThatOfTheFirstAcceptedRecipientAndEndsWithItsMessage) {
  MacroTable table;
  table.sender("a@a.example", "a.example", "smtp");
  EXPECT_FALSE(table.value("i"));
  table.accepted_recipient("4Q1");
  table.accepted_recipient("4Q2");
  EXPECT_EQ(table.value("i"), "4Q1");
  table.sender("b@b.example", "b.example", "smtp");
  EXPECT_FALSE(table.value("i"));
}

TEST(Macros, NamesAreSeparatedByBlanksAndCommas) {
  EXPECT_THAT(macro_names(" i,\t{a}  , j\n"), ElementsAre("i", "{a}", "j"));
  EXPECT_TRUE(macro_names("").empty());
}

TEST(MacroTable, DefaultsAreWorthSomethingWhereverThereIsNoValue) {
  MacroTable table;
  table.set_default("i", "none yet");
  table.set_default("{mail_addr}", "nobody");
  EXPECT_EQ(table.value("i"), "none yet");
  EXPECT_TRUE(table.empty());
  table.sender("a@a.example", "a.example", "smtp");
  EXPECT_EQ(table.value("i"), "none yet");
  EXPECT_EQ(table.value("{mail_addr}"), "a@a.example");
  table.accepted_recipient("4QABC");
  EXPECT_EQ(table.value("i"), "4QABC");
  table.end_of_message();
  EXPECT_EQ(table.value("i"), "none yet");
  EXPECT_EQ(table.value("{mail_addr}"), "nobody");
  table.set("{mail_addr}", "");
  EXPECT_EQ(table.value("{mail_addr}"), "") << "empty is a value";
  table.set_default("rcpt_host", "nowhere");
  table.recipient("b@b.example", "b.example", "smtp");
  EXPECT_EQ(table.value("{rcpt_host}"), "b.example");
  table.rejected_recipient("5.1.1", "no such user");
  EXPECT_EQ(table.value("{rcpt_host}"), "5.1.1");
  table.remove("{rcpt_host}");
  EXPECT_EQ(table.value("{rcpt_host}"), "nowhere");
}

}  // namespace
}  // namespace hikyaku::milter
