// Each case of SMTP has a server that fails it, and passes a good one.
#include <gtest/gtest.h>

#include <set>

#include "probe/audit_fake_smtp.h"

namespace hikyaku::probe {
namespace {

using namespace testing_support;
using Verdict = AuditFinding::Verdict;
using namespace std::string_literals;

AuditTarget good_target() {
  AuditTarget target;
  target.literal = "192.0.2.9";
  target.user = "u";
  target.password = "p";
  return target;
}

struct SmtpRow {
  std::string id;
  SmtpFaults faults;
  Verdict bad = Verdict::fail;
  Verdict good = Verdict::pass;
};

SmtpFaults replies(std::string begin, std::string reply) {
  SmtpFaults faults;
  faults.replies = {{std::move(begin), std::move(reply)}};
  return faults;
}
SmtpFaults taken(std::string begin) { return replies(std::move(begin), "250 2.0.0 ok"); }
SmtpFaults with(auto change) {
  SmtpFaults faults;
  change(faults);
  return faults;
}
SmtpFaults ends_at(std::string octets) {
  return with([&](auto& f) { f.data_end = std::move(octets); });
}
SmtpFaults line_ends_at(std::string octets) {
  return with([&](auto& f) { f.line_end = std::move(octets); });
}
SmtpFaults relays_when(std::string text) {
  return with([&](auto& f) { f.relay_when = std::move(text); });
}

std::string plain(const std::string& authorize, const std::string& user, const std::string& password) {
  return "AUTH PLAIN " + base64_encode(authorize + "\0"s + user + "\0"s + password);
}

std::vector<SmtpRow> smuggling_rows() {
  return {
      {"smuggle-lf-dot-lf", ends_at("\n.\n")},
      {"smuggle-lf-dot-crlf", ends_at("\n.\r\n")},
      {"smuggle-crlf-dot-lf", ends_at("\r\n.\n")},
      {"smuggle-cr-dot-cr", ends_at("\r.\r")},
      {"smuggle-cr-dot-crlf", ends_at("\r.\r\n")},
      {"smuggle-crlf-dot-cr", ends_at("\r\n.\r")},
      {"smuggle-lf-dot-cr", ends_at("\n.\r")},
      {"smuggle-cr-dot-lf", ends_at("\r.\n")},
      {"smuggle-lfcr-dot-lfcr", ends_at("\n\r.\n\r")},
      {"smuggle-crcrlf-dot-crcrlf", ends_at("\r\r\n.\r\r\n")},
      {"smuggle-crlf-nul-dot-crlf", ends_at("\r\n\0.\r\n"s)},
      {"smuggle-crlf-dot-nul-crlf", ends_at("\r\n.\0\r\n"s)},
      {"smuggle-stuffed-dot", ends_at("\r\n..\r\n")},
      {"smuggle-dot-blank", ends_at("\r\n. \r\n")},
      {"smuggle-dot-tab", ends_at("\r\n.\t\r\n")},
      {"smuggle-blank-dot", ends_at("\r\n .\r\n")},
      {"smuggle-first-line", ends_at("\r\n.\n")},
      {"smuggle-long-line", with([](auto& f) { f.cut_content = 2048; })},
      {"smuggle-chunk-dot", ends_at("\r\n.\r\n")},
      {"smuggle-chunk-lf-dot-lf", ends_at("\n.\n")},
  };
}

std::vector<SmtpRow> chunk_and_tls_rows() {
  const auto commands = with([](auto& f) { f.chunk_octets_are_commands = true; });
  const auto sloppy = with([](auto& f) { f.sloppy_sizes = true; });
  const auto any = with([](auto& f) { f.any_handshake = true; });
  const auto buffer = with([](auto& f) { f.keeps_buffer = true; });
  return {
      {"bdat-without-mail", commands},
      {"bdat-without-recipient", commands},
      {"bdat-after-last", commands},
      {"bdat-then-data", replies("DATA", "354 go on")},
      {"bdat-size-past-64-bits", sloppy},
      {"bdat-size-past-32-bits", sloppy},
      {"bdat-size-negative", sloppy},
      {"bdat-size-none", sloppy},
      {"bdat-size-no-number", sloppy},
      {"bdat-size-hexadecimal", sloppy},
      {"tls-1.0", any},
      {"tls-1.1", any},
      {"tls-null", any},
      {"tls-anonymous", any, Verdict::information},
      {"starttls-injection", buffer},
      {"starttls-injection-session", buffer},
      {"starttls-injection-late", buffer},
      {"starttls-keeps-sender", with([](auto& f) { f.keeps_state = true; })},
      {"starttls-offered-again", with([](auto& f) { f.offers_tls_again = true; })},
      {"starttls-twice", with([](auto& f) { f.tls_again = true; })},
      {"starttls-argument", replies("STARTTLS now", "220 go on")},
      {"submission-without-login", relays_when("<>"), Verdict::not_applicable, Verdict::not_applicable},
  };
}

std::vector<SmtpRow> line_and_command_rows() {
  const auto cut = with([](auto& f) { f.cut = 1000; });
  return {
      {"bare-lf-command", line_ends_at("\n")},
      {"bare-cr-command", line_ends_at("\r")},
      {"nul-command", line_ends_at("\0"s)},
      {"long-command", cut},
      {"huge-command", with([](auto& f) { f.cut = 1000, f.endless_errors = true; })},
      {"huge-address", with([](auto& f) {
         f.cut = 2000000, f.replies = {{"MAIL FROM:<xxx", "250 ok"}};
       })},
      {"long-name-in-reply", with([](auto& f) { f.echoes = true; })},
      {"nul-sender", taken("MAIL FROM:<audit\0x"s)},
      {"nul-recipient", taken("RCPT TO:<postmaster>\0"s), Verdict::information},
      {"octets-not-utf8", taken("MAIL FROM:<audit\xff")},
      {"control-in-address", taken("MAIL FROM:<audit\x1b")},
      {"early-talker", with([](auto& f) { f.patient = true; }), Verdict::information},
      {"size-past-64-bits", taken("MAIL FROM:<> SIZE=1844")},
      {"size-negative", taken("MAIL FROM:<> SIZE=-1")},
      {"size-over-limit", taken("MAIL FROM:<> SIZE=100001")},
      {"unknown-parameter", taken("MAIL FROM:<> XYZZY")},
      {"envid-line-end", taken("MAIL FROM:<> ENVID"), Verdict::information},
      {"orcpt-line-end", taken("RCPT TO:<postmaster> ORCPT"), Verdict::information},
      {"xtext-malformed", taken("RCPT TO:<postmaster> ORCPT")},
      {"xclient", replies("XCLIENT", "220 mx.test ESMTP")},
      {"xforward", taken("XFORWARD")},
      {"proxy-header", with([](auto& f) { f.believes_proxy = true; })},
      {"http-get", with([](auto& f) { f.hears_http = true; })},
      {"http-post", with([](auto& f) { f.hears_http = true; })},
      {"content-behind-refused-data", with([](auto& f) { f.reads_behind_data = true; }),
       Verdict::information},
      {"debug", replies("DEBUG", "200 debug set")},
      {"wiz", replies("WIZ", "200 please pass, oh mighty wizard")},
      {"turn", taken("TURN")},
      {"etrn", taken("ETRN"), Verdict::information},
      {"expn", replies("EXPN", "250 <a@mx.test>")},
  };
}

std::vector<SmtpRow> relay_rows() {
  return {
      {"relay-plain", relays_when("audit@audit.invalid")},
      {"relay-null-sender", relays_when("<>")},
      {"relay-local-sender", relays_when("<postmaster@mx.test>")},
      {"relay-localhost-sender", relays_when("<audit@localhost>")},
      {"relay-sender-without-domain", relays_when("<postmaster>")},
      {"relay-literal-sender", relays_when("<audit@[192.0.2.9]>")},
      {"relay-percent", taken("RCPT TO:<audit%example.org@mx.test>")},
      {"relay-percent-no-domain", taken("RCPT TO:<audit%example.org>")},
      {"relay-percent-literal", taken("RCPT TO:<audit%example.org@[192.0.2.9]>")},
      {"relay-bang", taken("RCPT TO:<example.org!audit>")},
      {"relay-bang-local", taken("RCPT TO:<example.org!audit@mx.test>")},
      {"relay-quoted", taken("RCPT TO:<\"audit@example.org\">")},
      {"relay-quoted-local", taken("RCPT TO:<\"audit@example.org\"@mx.test>")},
      {"relay-quoted-literal", taken("RCPT TO:<\"audit@example.org\"@[192.0.2.9]>")},
      {"relay-quoted-percent", taken("RCPT TO:<\"audit%example.org\"@mx.test>")},
      {"relay-two-ats", taken("RCPT TO:<audit@example.org@mx.test>")},
      {"relay-nested-brackets", taken("RCPT TO:<<audit@example.org>@mx.test>")},
      {"relay-source-route", taken("RCPT TO:<@mx.test:audit@example.org>")},
      {"relay-source-route-literal", taken("RCPT TO:<@[192.0.2.9]:audit@example.org>")},
      {"relay-source-route-twice", taken("RCPT TO:<@mx.test,@mx.test:audit@example.org>")},
      {"relay-other-literal", taken("RCPT TO:<audit@[192.0.2.1]>")},
      {"relay-no-brackets", taken("RCPT TO:audit@example.org")},
      {"relay-trailing-dot", taken("RCPT TO:<audit@example.org.>")},
      {"relay-blank-in-front", taken("RCPT TO:< audit@example.org>")},
      {"relay-comma", taken("RCPT TO:<postmaster@mx.test,audit@example.org>")},
      {"relay-orcpt-local", taken("RCPT TO:<audit@example.org> ORCPT=rfc822;postmaster@mx.test")},
      {"recipient-pipe", taken("RCPT TO:<\"|/bin/true\"@mx.test>")},
      {"recipient-file", taken("RCPT TO:<\"/tmp/hikyaku-audit\"@mx.test>")},
      {"recipient-decode", taken("RCPT TO:<decode@mx.test>")},
      {"recipient-expansion", taken("RCPT TO:<${lc:HIKYAKU}@mx.test>")},
      {"relay-auth-parameter", relays_when("AUTH=postmaster@mx.test")},
  };
}

std::vector<SmtpRow> auth_and_flood_rows() {
  const auto nobody = replies(plain("", "hikyaku-audit-nobody", "wrong"), "535 5.7.8 wrong");
  const auto users = with([](auto& f) { f.tells_users = true; });
  return {
      {"auth-offered-without-tls", with([](auto& f) { f.plain_login = true; })},
      {"auth-checked-without-tls", nobody},
      {"auth-within-transaction", nobody},
      {"auth-twice", nobody},
      {"auth-cancelled", replies("*", "334 ")},
      {"auth-bad-base64", replies("!!!", "235 2.7.0 welcome")},
      {"auth-huge-answer", replies("AAAAAAAA", "235 2.7.0 welcome")},
      {"auth-empty-message", replies("AUTH PLAIN =", "235 2.7.0 welcome")},
      {"auth-empty-password", replies(plain("", "u", ""), "235 2.7.0 welcome")},
      {"auth-empty-user", replies(plain("", "", ""), "235 2.7.0 welcome")},
      {"auth-nul-behind-password", replies(plain("", "u", "p\0x"s), "235 2.7.0 welcome")},
      {"auth-as-somebody-else", replies(plain("hikyaku-audit-nobody", "u", "p"), "235 2.7.0 welcome")},
      {"users-by-vrfy", users, Verdict::information},
      {"users-by-rcpt", with([](auto& f) { f.any_recipient = true; }), Verdict::pass, Verdict::information},
      {"users-by-auth", users},
      {"received-loop", with([](auto& f) { f.takes_any_content = true; })},
      {"size-understated", with([](auto& f) { f.takes_any_content = true; })},
      {"many-recipients", with([](auto& f) { f.no_recipient_limit = true; }), Verdict::information},
      {"auth-guessing", with([](auto& f) { f.endless_errors = true; })},
      {"bad-commands", with([](auto& f) { f.endless_errors = true; })},
  };
}

std::vector<SmtpRow> all_rows() {
  std::vector<SmtpRow> all;
  for (const auto& rows :
       {smuggling_rows(), chunk_and_tls_rows(), line_and_command_rows(), relay_rows(), auth_and_flood_rows()})
    all.insert(all.end(), rows.begin(), rows.end());
  return all;
}

std::string test_name(const std::string& id) {
  std::string name = id;
  for (auto& c : name) c = std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  return name;
}

class SmtpAudit : public testing::TestWithParam<SmtpRow> {};

TEST_P(SmtpAudit, finds_the_fault_and_passes_a_good_server) {
  const auto one = case_of(AuditProtocol::smtp, "smtp-" + GetParam().id);
  FakeSmtp bad(GetParam().faults);
  const auto of_bad = run(one, bad, good_target());
  EXPECT_EQ(text(of_bad.verdict), text(GetParam().bad)) << of_bad.why;
  FakeSmtp good({});
  const auto of_good = run(one, good, good_target());
  EXPECT_EQ(text(of_good.verdict), text(GetParam().good)) << of_good.why;
}

INSTANTIATE_TEST_SUITE_P(Cases, SmtpAudit, testing::ValuesIn(all_rows()),
                         [](const auto& row) { return test_name(row.param.id); });

TEST(SmtpAuditCases, each_has_a_row_and_a_reference) {
  std::set<std::string> rows, ids;
  for (const auto& row : all_rows()) rows.insert("smtp-" + row.id);
  for (const auto& one : audit_cases(AuditProtocol::smtp)) {
    EXPECT_TRUE(ids.insert(one.id).second) << one.id << " is there twice";
    EXPECT_FALSE(one.title.empty() || one.reference.empty()) << one.id;
  }
  EXPECT_EQ(rows, ids);
  EXPECT_GE(ids.size(), 40U);
}

// ---- what a table can't say ----

AuditFinding found(std::string_view id, SmtpFaults faults, const AuditTarget& target = good_target()) {
  FakeSmtp server(std::move(faults));
  return run(case_of(AuditProtocol::smtp, id), server, target);
}

TEST(SmtpAuditFindings, submission_wants_a_login) {
  auto target = good_target();
  target.submission = true;
  EXPECT_EQ(found("smtp-submission-without-login", relays_when("<>"), target).verdict, Verdict::fail);
  EXPECT_EQ(
      found("smtp-submission-without-login", with([](auto& f) { f.needs_login = true; }), target).verdict,
      Verdict::pass);
}

TEST(SmtpAuditFindings, anonymous_ciphers_are_worse_on_submission) {
  auto target = good_target();
  target.submission = true;
  EXPECT_EQ(found("smtp-tls-anonymous", with([](auto& f) { f.any_handshake = true; }), target).verdict,
            Verdict::fail);
}

TEST(SmtpAuditFindings, an_answer_in_plain_text_behind_starttls_fails) {
  const auto finding =
      found("smtp-starttls-injection", with([](auto& f) { f.answers_before_handshake = true; }));
  EXPECT_EQ(finding.verdict, Verdict::fail);
  EXPECT_THAT(finding.why, testing::HasSubstr("in plain text behind its 220"));
}

TEST(SmtpAuditFindings, a_late_answer_in_plain_text_fails) {
  const auto finding =
      found("smtp-starttls-injection-late", with([](auto& f) { f.answers_before_handshake = true; }));
  EXPECT_EQ(finding.verdict, Verdict::fail);
}

TEST(SmtpAuditFindings, a_refused_recipient_asks_for_another) {
  auto target = good_target();
  target.recipient = "nobody@mx.test";
  const auto finding = found("smtp-smuggle-lf-dot-lf", {}, target);
  EXPECT_EQ(finding.verdict, Verdict::not_applicable);
  EXPECT_THAT(finding.why, testing::HasSubstr("--to"));
}

TEST(SmtpAuditFindings, a_server_that_wants_a_login_asks_for_the_user) {
  auto target = good_target();
  target.user.clear();
  const auto finding = found("smtp-smuggle-lf-dot-lf", with([](auto& f) { f.needs_login = true; }), target);
  EXPECT_EQ(finding.verdict, Verdict::not_applicable);
  EXPECT_THAT(finding.why, testing::HasSubstr("--user"));
}

TEST(SmtpAuditFindings, a_server_with_a_mailbox_for_any_name_can_not_be_judged) {
  auto faults = with([](auto& f) { f.any_recipient = true; });
  faults.replies = {{"RCPT TO:<audit@example.org>", "550 5.7.1 no relay"}};
  EXPECT_EQ(found("smtp-relay-percent", faults).verdict, Verdict::unsure);
}

TEST(SmtpAuditFindings, what_is_refused_for_now_is_judged_only_when_it_tells_of_relaying) {
  const auto greylisted = replies("RCPT TO:", "450 4.2.0 greylisted");
  EXPECT_EQ(found("smtp-relay-percent", greylisted).verdict, Verdict::unsure);
  EXPECT_EQ(found("smtp-relay-plain", greylisted).verdict, Verdict::unsure);
  EXPECT_EQ(found("smtp-smuggle-lf-dot-lf", greylisted).verdict, Verdict::unsure);
  EXPECT_EQ(found("smtp-relay-percent", replies("RCPT TO:", "454 4.7.1 Relay access denied")).verdict,
            Verdict::pass);
}

TEST(SmtpAuditFindings, a_name_that_is_none_is_not_sent_back) {
  auto faults = with([](auto& f) { f.any_recipient = true; });
  faults.replies = {{"RCPT TO:<audit@example.org>", "550 5.7.1 no relay"}};
  faults.name = "mail\x1b[2J\xff";
  const auto finding = found("smtp-relay-percent", faults);
  EXPECT_EQ(finding.verdict, Verdict::unsure);
  EXPECT_THAT(finding.why, testing::HasSubstr("any name at mail;"));
}

TEST(SmtpAuditFindings, who_is_trusted_learns_nothing_about_forms) {
  EXPECT_EQ(found("smtp-relay-percent", relays_when("audit@audit.invalid")).verdict, Verdict::not_applicable);
}

TEST(SmtpAuditFindings, a_server_that_says_nothing_is_no_pass) {
  EXPECT_EQ(found("smtp-xclient", replies("XCLIENT", "")).verdict, Verdict::unsure);
}

/// What passes only because no second answer came, when the server has fallen silent.
class SmtpAuditSilence : public testing::TestWithParam<const char*> {};
TEST_P(SmtpAuditSilence, is_no_pass) {
  const auto finding = found(GetParam(), with([](auto& f) { f.silent_from = "QUIT"; }));
  EXPECT_EQ(text(finding.verdict), text(Verdict::unsure)) << finding.why;
}
INSTANTIATE_TEST_SUITE_P(Cases, SmtpAuditSilence,
                         testing::Values("smtp-smuggle-lf-dot-lf", "smtp-smuggle-first-line",
                                         "smtp-smuggle-long-line", "smtp-smuggle-chunk-dot",
                                         "smtp-bdat-after-last", "smtp-starttls-injection",
                                         "smtp-starttls-injection-late"),
                         [](const auto& row) { return test_name(row.param); });
// Those for which the good server hangs up at once need one that does not.
TEST(SmtpAuditFindings, silence_behind_a_refusal_is_no_pass) {
  const auto silent = [](std::string begin) {
    auto faults = replies(std::move(begin), "500 5.5.2 no");
    faults.silent_from = "QUIT";
    return faults;
  };
  EXPECT_EQ(found("smtp-bare-lf-command", silent("NOOP")).verdict, Verdict::unsure);
  EXPECT_EQ(found("smtp-long-command", silent("")).verdict, Verdict::unsure);
  EXPECT_EQ(found("smtp-auth-bad-base64", silent("!!!")).verdict, Verdict::unsure);
  EXPECT_EQ(found("smtp-bdat-without-mail", with([](auto& f) { f.silent_from = "QUIT"; })).verdict,
            Verdict::unsure);
  auto no_commands = silent("DATA");
  no_commands.replies.insert(no_commands.replies.end(), {{"NOOP", "500 5.5.2 no"}, {".", "500 5.5.2 no"}});
  EXPECT_EQ(found("smtp-content-behind-refused-data", no_commands).verdict, Verdict::unsure);
  EXPECT_EQ(found("smtp-http-get", with([](auto& f) { f.silent_from = "GET"; })).verdict, Verdict::unsure);
  EXPECT_EQ(found("smtp-bdat-size-negative", with([](auto& f) { f.silent_from = "BDAT"; })).verdict,
            Verdict::pass);
}

TEST(SmtpAuditFindings, no_password_is_recorded) {
  FakeSmtp server({});
  AuditTalk talk(server, {}, [&] { return server.now(); });
  case_of(AuditProtocol::smtp, "smtp-smuggle-lf-dot-lf").run(talk, good_target());
  std::string all;
  for (const auto& step : talk.steps()) all += step.octets;
  EXPECT_THAT(all, testing::HasSubstr("(the password of the user)"));
  EXPECT_THAT(all, testing::Not(testing::HasSubstr(base64_encode("\0u\0p"s))));
}

}  // namespace
}  // namespace hikyaku::probe
