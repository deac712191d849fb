#include "serve/milter_edits.h"

#include <gmock/gmock.h>

#include "base/crashing_kv.h"
#include "mail/path.h"
#include "table/memory_tables.h"

namespace hikyaku::serve {
namespace {

using milter::LeadingSpace;
using testing::ElementsAre;
using testing::HasSubstr;

mail::Address address(std::string_view text) {
  return mail::Path::parse(text, mail::Path::Form::lenient).value().release();
}

class MilterEdits : public testing::Test {
 protected:
  MilterEdits() {
    rewrite::Settings settings;
    settings.completion.myorigin = {"hub.test", {}};
    settings.hostname.text = "mail.hub.test";
    rewriter = std::make_unique<rewrite::Rewriter>(std::move(settings));
    entry.sender = address("<a@a.example>");
    recipient("<b@b.example>", "<b@b.example>");
  }
  void recipient(std::string_view to, std::string_view given) {
    record::Recipient one;
    one.address = address(to);
    one.original = address(given);
    entry.recipients.push_back(std::move(one));
  }
  void check_with(const std::string& rules) {
    const auto spec = "inline:" + rules;
    const auto table = table::make_inline(spec, std::string_view(spec).substr(7), {});
    ASSERT_TRUE(table.has_value()) << table.error().text;
    checks = {"milter_header_checks", "milter.header_checks", table::Maps({*table}), {}};
  }
  AppliedEdits apply(std::vector<milter::Edit> edits, LeadingSpace space = LeadingSpace::taken_off) {
    MilterMessage message{.header = {}, .body = nullptr, .entry = entry, .rewriter = *rewriter, .blob = blob};
    auto applied = apply_milter_edits(std::move(edits), space, checks, headers, message, why);
    actions = std::move(message.actions);
    return applied;
  }
  std::vector<std::string> recipients() const {
    std::vector<std::string> all;
    for (const auto& one : entry.recipients) all.push_back(one.address.text());
    return all;
  }

  hikyaku::testing_support::Power power;
  hikyaku::testing_support::CrashingBlob blob{power};
  std::unique_ptr<rewrite::Rewriter> rewriter;
  record::QueueEntry entry;
  rewrite::Checks checks;
  milter::HeaderList headers{"Received: ours\r\nSubject: old\r\n", milter::HeaderList::First::own_received};
  Explanation why;
  rewrite::Actions actions;
};

TEST_F(MilterEdits, HeadersAreAddedInsertedChangedAndRemoved) {
  const auto applied =
      apply({milter::AddHeader{"X-Last", "1"}, milter::InsertHeader{1, "X-First", "2"},
             milter::ChangeHeader{1, "subject", "new"}, milter::ChangeHeader{1, "X-Last", ""}});
  EXPECT_EQ(headers.section(), "Received: ours\r\nX-First: 2\r\nsubject: new\r\n");
  EXPECT_EQ(
      applied.summary,
      "header X-Last added, header X-First inserted at 1, header subject changed, header X-Last removed");
}

TEST_F(MilterEdits, ARecipientGoesByTheAddressThatTheClientGaveWithAllThatItStandsFor) {
  recipient("<one@x.example>", "<list@b.example>");
  recipient("<two@x.example>", "<list@b.example>");
  const auto applied =
      apply({milter::RemoveRecipient{"<list@b.example>"}, milter::RemoveRecipient{"<nobody@b.example>"}});
  EXPECT_THAT(recipients(), ElementsAre("b@b.example"));
  EXPECT_THAT(applied.summary, HasSubstr("nobody@b.example to be removed is not there"));
}

TEST_F(MilterEdits, ANewRecipientIsRewrittenAndHasItsParameters) {
  const auto applied = apply({milter::AddRecipient{"<joe>", "NOTIFY=NEVER ORCPT=rfc822;joe@old.example"},
                              milter::AddRecipient{"<x@x.example>", "NOTIFY=SOMETIMES"}});
  EXPECT_THAT(recipients(), ElementsAre("b@b.example", "joe@hub.test", "x@x.example"));
  EXPECT_TRUE(entry.recipients[1].notify.never);
  EXPECT_EQ(entry.recipients[1].orcpt, "rfc822;joe@old.example");
  EXPECT_FALSE(entry.recipients[2].notify.given());
  EXPECT_THAT(applied.warnings, ElementsAre(HasSubstr("makes no sense")));
}

TEST_F(MilterEdits, ANewSenderIsRewritten) {
  apply({milter::ChangeSender{"<joe>", ""}});
  EXPECT_EQ(entry.sender.text(), "joe@hub.test");
}

TEST_F(MilterEdits, AddressesThatAreNoneAreLeftOutAndTold) {
  const auto applied = apply({milter::ChangeSender{"<a b>", ""}, milter::AddRecipient{"<@>", {}},
                              milter::AddRecipient{"<>", {}}, milter::RemoveRecipient{"<a b>"}});
  EXPECT_EQ(entry.sender.text(), "a@a.example");
  EXPECT_THAT(recipients(), ElementsAre("b@b.example"));
  EXPECT_EQ(applied.warnings.size(), 4U);
}

TEST_F(MilterEdits, HeaderChecksSeeWhatAFilterAdds) {
  check_with("{{X-A:1 = IGNORE}, {X-B:2 = REPLACE X-C: 3}, {X-D:4 = HOLD}, {X-E:5 = BCC copy@c.example}}");
  apply({milter::AddHeader{"X-A", "1"}, milter::AddHeader{"X-B", "2"}, milter::AddHeader{"X-D", "4"},
         milter::AddHeader{"X-E", "5"}},
        LeadingSpace::kept);
  EXPECT_EQ(headers.section(), "Received: ours\r\nSubject: old\r\nX-C: 3\r\nX-D:4\r\nX-E:5\r\n");
  EXPECT_TRUE(actions.hold);
  EXPECT_THAT(recipients(), ElementsAre("b@b.example", "copy@c.example"));
}

TEST_F(MilterEdits, WhatHeaderChecksDidIsNotedAndWhatMakesNoSenseForAMilterIsWarnedOf) {
  check_with("{{X-A:1 = WARN told}, {X-B:2 = PREPEND X-C: 3}, {X-D:4 = PASS}, {X-E:5 = STRIP}}");
  apply({milter::AddHeader{"X-A", "1"}, milter::AddHeader{"X-B", "2"}, milter::AddHeader{"X-D", "4"},
         milter::AddHeader{"X-E", "5"}},
        LeadingSpace::kept);
  EXPECT_EQ(headers.section(), "Received: ours\r\nSubject: old\r\nX-A:1\r\nX-B:2\r\nX-D:4\r\n");
  std::string noted;
  for (const auto& note : actions.notes) noted += note.action + " " + note.content + " " + note.text + "\n";
  EXPECT_EQ(noted, "warning X-A:1 told\nprepend X-B:2 X-C: 3\nstrip X-E:5 \n");
  EXPECT_THAT(actions.warnings, ElementsAre("the milter_header/body_checks prepend action is not implemented",
                                            "unsupported command in milter_header_checks map: PASS"));
}

TEST_F(MilterEdits, AHeaderWithoutANameIsLeftOutAndTold) {
  const auto applied = apply({milter::AddHeader{"", "1"}, milter::InsertHeader{0, "", "2"},
                              milter::ChangeHeader{1, ":x", "3"}, milter::AddHeader{"X: a", "4"}});
  EXPECT_EQ(headers.section(), "Received: ours\r\nSubject: old\r\nX: a: 4\r\n");
  EXPECT_EQ(applied.warnings.size(), 3U);
}

TEST_F(MilterEdits, HeaderChecksSeeTheBlankThatIsPutBack) {
  check_with("{{X-A:1 = IGNORE}}");
  apply({milter::AddHeader{"X-A", "1"}});
  EXPECT_EQ(headers.section(), "Received: ours\r\nSubject: old\r\nX-A: 1\r\n");
}

TEST_F(MilterEdits, TheSummaryIsBounded) {
  std::vector<milter::Edit> edits(10000, milter::Edit(milter::AddHeader{"X-Many", "1"}));
  const auto applied = apply(std::move(edits));
  EXPECT_LT(applied.summary.size(), 2200U);
  EXPECT_EQ(headers.fields().size(), 10002U);
}

}  // namespace
}  // namespace hikyaku::serve
