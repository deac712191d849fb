#include "mail/dsn.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace hikyaku::mail {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

Address address(std::string_view text) { return Address::parse(text).value(); }
Address internal(std::string_view text) { return Address::from_internal(text).value(); }

DsnFacts facts() {
  DsnFacts facts;
  facts.reporting_mta = "mail.example.com";
  facts.queue_id = "4Xyz";
  facts.notice_id = "5Abc";
  facts.arrival = Time{std::chrono::seconds{1795564100}};
  facts.now = Time{std::chrono::seconds{1795564160}};
  facts.sender = address("test@example.com");
  facts.from = address("MAILER-DAEMON@mail.example.com");
  DsnRecipient recipient;
  recipient.final_recipient = address("test@example.jp");
  recipient.status = "5.1.1";
  recipient.remote_mta = "mx.example.jp";
  recipient.diagnostic_type = "smtp";
  recipient.diagnostic = "550 5.1.1 no such user";
  recipient.reason =
      "host mx.example.jp[192.0.2.1] said: 550 5.1.1 no such user (in reply to RCPT TO command)";
  facts.recipients.push_back(recipient);
  return facts;
}

constexpr DsnOriginal kOriginal{"Subject: hello\r\nFrom: test@example.com\r\n", "one line\r\n"};

/// The parts between the boundary lines, as a reader that knows only MIME splits them.
std::vector<std::string> parts(const std::string& message) {
  const auto named = message.find("boundary=\"") + 10;
  const auto marker = "\r\n--" + message.substr(named, message.find('"', named) - named);
  std::vector<std::string> parts;
  auto at = message.find(marker);
  while (at != std::string::npos) {
    const auto begin = at + marker.size() + 2;
    at = message.find(marker, begin);
    if (at != std::string::npos) parts.push_back(message.substr(begin, at - begin));
  }
  EXPECT_TRUE(message.ends_with(marker + "--\r\n"));
  return parts;
}

std::size_t longest_line(std::string_view text) {
  std::size_t longest = 0;
  while (!text.empty()) {
    const auto end = text.find("\r\n");
    longest = std::max(longest, std::min(end, text.size()));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 2);
  }
  return longest;
}

}  // namespace

TEST(DsnNotice, BounceReadsAsAWhole) {
  EXPECT_EQ(compose_notice(facts(), kOriginal).message,
            "Date: Tue, 24 Nov 2026 23:49:20 +0000\r\n"
            "From: MAILER-DAEMON@mail.example.com (Mail Delivery System)\r\n"
            "Subject: Undelivered Mail Returned to Sender\r\n"
            "To: test@example.com\r\n"
            "Auto-Submitted: auto-replied\r\n"
            "MIME-Version: 1.0\r\n"
            "Content-Type: multipart/report; report-type=delivery-status;\r\n"
            "\tboundary=\"=_5Abc/mail.example.com\"\r\n"
            "Message-Id: <5Abc@mail.example.com>\r\n"
            "\r\n"
            "This is a MIME-encapsulated message.\r\n"
            "\r\n"
            "--=_5Abc/mail.example.com\r\n"
            "Content-Description: Notification\r\n"
            "Content-Type: text/plain; charset=us-ascii\r\n"
            "\r\n"
            "This is the mail system at host mail.example.com.\r\n"
            "\r\n"
            "Your message could not be delivered to the recipients below. The message, or its\r\n"
            "headers alone, stands at the end of this report.\r\n"
            "\r\n"
            "For help write to postmaster, and send this report along.\r\n"
            "\r\n"
            "<test@example.jp>: host mx.example.jp[192.0.2.1] said: 550 5.1.1 no such user\r\n"
            "    (in reply to RCPT TO command)\r\n"
            "\r\n"
            "--=_5Abc/mail.example.com\r\n"
            "Content-Description: Delivery report\r\n"
            "Content-Type: message/delivery-status\r\n"
            "\r\n"
            "Reporting-MTA: dns; mail.example.com\r\n"
            "X-Hikyaku-Queue-ID: 4Xyz\r\n"
            "X-Hikyaku-Sender: rfc822; test@example.com\r\n"
            "Arrival-Date: Tue, 24 Nov 2026 23:48:20 +0000\r\n"
            "\r\n"
            "Final-Recipient: rfc822; test@example.jp\r\n"
            "Action: failed\r\n"
            "Status: 5.1.1\r\n"
            "Remote-MTA: dns; mx.example.jp\r\n"
            "Diagnostic-Code: smtp; 550 5.1.1 no such user\r\n"
            "\r\n"
            "--=_5Abc/mail.example.com\r\n"
            "Content-Description: Undelivered Message\r\n"
            "Content-Type: message/rfc822\r\n"
            "\r\n"
            "Subject: hello\r\n"
            "From: test@example.com\r\n"
            "\r\n"
            "one line\r\n"
            "\r\n"
            "--=_5Abc/mail.example.com--\r\n");
}

TEST(DsnNotice, DelaySaysThatItIsOnlyAWarningAndUntilWhenItIsTried) {
  auto f = facts();
  f.kind = DsnAction::delayed;
  f.retry_until = Time{std::chrono::seconds{1795996100}};
  f.recipients[0].action = DsnAction::delayed;
  f.recipients[0].status = "4.4.1";
  const auto notice = compose_notice(f, {kOriginal.header, std::nullopt});
  EXPECT_THAT(notice.message, HasSubstr("Subject: Delayed Mail (still being retried)\r\n"));
  EXPECT_THAT(notice.message, HasSubstr("ONLY A WARNING"));
  EXPECT_THAT(notice.message, HasSubstr("Action: delayed\r\nStatus: 4.4.1\r\n"));
  EXPECT_THAT(notice.message, HasSubstr("Will-Retry-Until: Sun, 29 Nov 2026 23:48:20 +0000\r\n"));
  EXPECT_THAT(notice.message, HasSubstr("Content-Type: text/rfc822-headers\r\n\r\nSubject: hello\r\n"));
  EXPECT_THAT(notice.message, Not(HasSubstr("one line")));
}

TEST(DsnNotice, SuccessTellsRelayedApartFromDelivered) {
  auto f = facts();
  f.kind = DsnAction::delivered;
  f.recipients[0].action = DsnAction::relayed;
  f.recipients[0].status = "";
  const auto notice = compose_notice(f, {kOriginal.header, std::nullopt});
  EXPECT_THAT(notice.message, HasSubstr("Subject: Successful Mail Delivery Report\r\n"));
  EXPECT_THAT(notice.message, HasSubstr("Action: relayed\r\nStatus: 2.0.0\r\n"));
}

TEST(DsnNotice, RepeatsWhatTheSenderGaveToFindTheMessageAgain) {
  auto f = facts();
  f.envelope_id = "order 17";
  f.recipients[0].original = "rfc822;sales@example.jp";
  const auto notice = compose_notice(f, kOriginal);
  EXPECT_THAT(notice.message, HasSubstr("Original-Envelope-Id: order 17\r\n"));
  EXPECT_THAT(notice.message, HasSubstr("Original-Recipient: rfc822; sales@example.jp\r\n"));
}

TEST(DsnNotice, NothingThatAServerSaidAddsAFieldOrEndsAPart) {
  auto f = facts();
  f.recipients[0].diagnostic = "550 no\r\nAction: delivered\r\n\r\n--=_5Abc/mail.example.com--\x01\x80 end";
  f.recipients[0].reason = f.recipients[0].diagnostic;
  f.recipients[0].remote_mta = "mx\r\nStatus: 2.0.0";
  f.recipients[0].status = "5.1.1\r\nX: y";
  f.recipients[0].original = "rfc822;a\r\nX: y";
  const auto notice = compose_notice(f, kOriginal);
  const auto found = parts(notice.message);
  ASSERT_EQ(found.size(), 3U);
  EXPECT_THAT(found[1], Not(HasSubstr("\nAction: delivered")));
  EXPECT_THAT(found[1], Not(HasSubstr("\nX: y")));
  EXPECT_THAT(found[1], HasSubstr("\r\nStatus: 5.0.0\r\nRemote-MTA: dns; mx Status: 2.0.0\r\n"));
  EXPECT_THAT(found[1], HasSubstr("Diagnostic-Code: smtp; 550 no Action: delivered "
                                  "--=_5Abc/mail.example.com--??\r\n    end\r\n"));
}

TEST(DsnNotice, DiagnosticIsCutAtItsLimitAndFolded) {
  auto f = facts();
  std::string words;
  while (words.size() < 3 * kMaxDiagnostic) words += "mailbox ";
  f.recipients[0].diagnostic = words;
  f.recipients[0].reason = "";
  const auto found = parts(compose_notice(f, kOriginal).message);
  EXPECT_LE(longest_line(found[0]), 81U);
  EXPECT_LE(longest_line(found[1]), 78U);
  EXPECT_LT(found[1].size(), kMaxDiagnostic + 700);
  EXPECT_THAT(found[1], HasSubstr("...\r\n"));
}

TEST(DsnNotice, WordLongerThanALineStaysWholeButUnderTheLimitOfALine) {
  auto f = facts();
  const std::string word(5000, 'x');
  f.recipients[0].diagnostic = word;
  f.recipients[0].final_recipient = internal(std::string(3000, 'y') + "@example.jp");
  const auto found = parts(compose_notice(f, kOriginal).message);
  EXPECT_LT(longest_line(found[0]), 2000U);
  EXPECT_LT(longest_line(found[1]), 1100U);
}

TEST(DsnNotice, BoundaryIsNeverInsideWhatIsReturned) {
  const DsnOriginal original{"Subject: a notice itself\r\n", "--=_5Abc/mail.example.com\r\n\r\nx\r\n"};
  const auto notice = compose_notice(facts(), original);
  EXPECT_EQ(parts(notice.message).size(), 3U);
  EXPECT_THAT(notice.message, HasSubstr("boundary=\"=_5Abc/mail.example.com.1\""));
}

TEST(DsnNotice, HeaderSectionIsCutAtALineAndThenComesWithoutTheBody) {
  std::string header;
  while (header.size() < kMaxReturnedHeader + 100) header += "X-Line: 0123456789\r\n";
  const auto notice = compose_notice(facts(), {header, "body\r\n"});
  EXPECT_THAT(notice.message, HasSubstr("Content-Type: text/rfc822-headers\r\n"));
  EXPECT_THAT(notice.message, Not(HasSubstr("\r\nbody\r\n")));
  EXPECT_LT(notice.message.size(), kMaxReturnedHeader + 3000);
  EXPECT_TRUE(parts(notice.message)[2].ends_with("0123456789\r\n"));
}

TEST(DsnNotice, EightBitBodyIsMarked) {
  const auto notice = compose_notice(facts(), {"Subject: x\r\n", "\xe9\r\n"});
  EXPECT_TRUE(notice.eight_bit);
  EXPECT_FALSE(notice.smtputf8);
  EXPECT_THAT(notice.message, HasSubstr("Content-Transfer-Encoding: 8bit\r\nMessage-Id:"));
  EXPECT_THAT(parts(notice.message)[2], HasSubstr("Content-Transfer-Encoding: 8bit\r\n"));
  EXPECT_FALSE(compose_notice(facts(), kOriginal).eight_bit);
}

TEST(DsnNotice, SmtpUtf8MailIsToldInTheGlobalForms) {
  auto f = facts();
  f.smtputf8 = true;
  f.recipients[0].final_recipient = address("テスト@example.jp");
  f.recipients[0].diagnostic = "550 5.1.1 居ません";
  const auto notice = compose_notice(f, kOriginal);
  EXPECT_TRUE(notice.smtputf8);
  EXPECT_TRUE(notice.eight_bit);
  EXPECT_THAT(notice.message, HasSubstr("Content-Type: message/global-delivery-status\r\n"));
  EXPECT_THAT(notice.message, HasSubstr("Content-Type: message/global\r\n"));
  EXPECT_THAT(notice.message, HasSubstr("Final-Recipient: utf-8; テスト@example.jp\r\n"));
  EXPECT_THAT(notice.message, HasSubstr("Diagnostic-Code: smtp; 550 5.1.1 居ません\r\n"));
  EXPECT_THAT(compose_notice(f, {kOriginal.header, std::nullopt}).message,
              HasSubstr("Content-Type: message/global-headers\r\n"));
}

TEST(DsnNotice, Utf8RecipientOfAnAsciiMessageIsWrittenInAscii) {
  auto f = facts();
  f.recipients[0].final_recipient = address("日@example.jp");
  const auto notice = compose_notice(f, kOriginal);
  EXPECT_FALSE(notice.smtputf8);
  EXPECT_THAT(notice.message, HasSubstr("Final-Recipient: utf-8; \\x{65E5}@example.jp\r\n"));
  EXPECT_THAT(notice.message, HasSubstr("<\\x{65E5}@example.jp>: host"));
}

TEST(DsnNotice, AnEmptyMessageStillGivesThreeParts) {
  EXPECT_EQ(parts(compose_notice(facts(), {"", ""}).message).size(), 3U);
  EXPECT_EQ(parts(compose_notice(facts(), {"", std::nullopt}).message).size(), 3U);
}

struct WantedCase {
  const char* name;
  const char* sender;
  Notify notify;
  DsnAction action;
  bool wanted;
};
void PrintTo(const WantedCase& c, std::ostream* out) { *out << c.name; }

class NoticeWanted : public testing::TestWithParam<WantedCase> {};

TEST_P(NoticeWanted, IsDecided) {
  const auto& c = GetParam();
  EXPECT_EQ(notice_wanted(*c.sender ? address(c.sender) : Address{}, c.notify, c.action), c.wanted);
}

constexpr Notify kNever{Notify::kNever};
constexpr Notify kSuccess{Notify::kSuccess};

INSTANTIATE_TEST_SUITE_P(
    , NoticeWanted,
    testing::Values(
        WantedCase{"failure_by_default", "a@b", {}, DsnAction::failed, true},
        WantedCase{"delay_by_default", "a@b", {}, DsnAction::delayed, true},
        WantedCase{"success_not_by_default", "a@b", {}, DsnAction::delivered, false},
        WantedCase{"success_when_asked_for", "a@b", kSuccess, DsnAction::delivered, true},
        WantedCase{"relayed_is_a_success", "a@b", kSuccess, DsnAction::relayed, true},
        WantedCase{"failure_not_when_only_success_was_asked_for", "a@b", kSuccess, DsnAction::failed, false},
        WantedCase{"delay_not_when_only_success_was_asked_for", "a@b", kSuccess, DsnAction::delayed, false},
        WantedCase{"nothing_with_never", "a@b", kNever, DsnAction::failed, false},
        WantedCase{"never_a_bounce_of_a_bounce", "", {}, DsnAction::failed, false},
        WantedCase{"never_a_success_notice_of_a_bounce", "", kSuccess, DsnAction::delivered, false}),
    [](const auto& row) { return std::string(row.param.name); });

struct ReplyCase {
  const char* name;
  std::string_view text, remote_mta, diagnostic;
};
void PrintTo(const ReplyCase& c, std::ostream* out) { *out << c.name; }

class DsnReplyRead : public testing::TestWithParam<ReplyCase> {};

TEST_P(DsnReplyRead, TellsWhoSaidWhat) {
  const auto read = read_dsn_reply(GetParam().text);
  EXPECT_EQ(read.remote_mta, GetParam().remote_mta);
  EXPECT_EQ(read.diagnostic, GetParam().diagnostic);
}

INSTANTIATE_TEST_SUITE_P(
    , DsnReplyRead,
    testing::Values(
        ReplyCase{"a_servers_reply",
                  "host mx.example.org[192.0.2.1] said: 550 5.1.1 no (in reply to RCPT TO command)",
                  "mx.example.org", "550 5.1.1 no"},
        ReplyCase{"without_the_command", "host mx[192.0.2.1] said: 421 busy", "mx", "421 busy"},
        ReplyCase{"after_expiry", "message expired: host mx[::1] said: 450 4.2.1 later", "mx",
                  "450 4.2.1 later"},
        ReplyCase{"own_reason", "connect to mx[192.0.2.1]:25: Connection refused", "",
                  "connect to mx[192.0.2.1]:25: Connection refused"},
        ReplyCase{"own_reason_with_the_word", "nobody said: no", "", "nobody said: no"},
        ReplyCase{"a_reply_that_is_none", "host mx[192.0.2.1] said: what", "",
                  "host mx[192.0.2.1] said: what"},
        ReplyCase{"nothing", "", "", ""}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(NoticesWanted, PicksTheRecipientsOfOneKind) {
  const std::vector<Notify> notify{{}, kNever, kSuccess, kSuccess, {}};
  const std::vector<DsnAction> actions{DsnAction::failed, DsnAction::failed, DsnAction::delivered,
                                       DsnAction::relayed, DsnAction::delayed};
  EXPECT_THAT(notices_wanted(address("a@b"), notify, actions, DsnAction::failed), ElementsAre(0U));
  EXPECT_THAT(notices_wanted(address("a@b"), notify, actions, DsnAction::delivered), ElementsAre(2U, 3U));
  EXPECT_THAT(notices_wanted(address("a@b"), notify, actions, DsnAction::delayed), ElementsAre(4U));
  EXPECT_THAT(notices_wanted({}, notify, actions, DsnAction::failed), ElementsAre());
}

TEST(ReturnsWholeMessage, OnlyForAFailureThatFitsAndWasNotAskedToBeHeaders) {
  EXPECT_TRUE(returns_whole_message(DsnAction::failed, DsnReturn::unspecified, 50000, 50000));
  EXPECT_FALSE(returns_whole_message(DsnAction::failed, DsnReturn::full, 50001, 50000));
  EXPECT_TRUE(returns_whole_message(DsnAction::failed, DsnReturn::full, 50001, 0));
  EXPECT_FALSE(returns_whole_message(DsnAction::failed, DsnReturn::headers, 1, 50000));
  EXPECT_FALSE(returns_whole_message(DsnAction::delayed, DsnReturn::full, 1, 50000));
  EXPECT_FALSE(returns_whole_message(DsnAction::delivered, DsnReturn::full, 1, 50000));
}

}  // namespace hikyaku::mail
