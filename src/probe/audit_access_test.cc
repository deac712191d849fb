// Each case of POP3 and IMAP has a server that fails it, and passes a good one.
#include <gtest/gtest.h>

#include <ostream>
#include <set>

#include "probe/audit_fake_imap.h"
#include "probe/audit_fake_pop3.h"

namespace hikyaku::probe {
namespace {

using namespace testing_support;
using Verdict = AuditFinding::Verdict;
using namespace std::string_literals;

AuditTarget good_target(AuditProtocol protocol) {
  AuditTarget target;
  target.protocol = protocol;
  target.user = "u";
  target.password = "p";
  return target;
}

Faults replies(std::string begin, std::string reply) {
  Faults faults;
  faults.replies = {{std::move(begin), std::move(reply)}};
  return faults;
}
Faults with(auto change) {
  Faults faults;
  change(faults);
  return faults;
}

std::vector<AuditRow> handshake_rows() {
  const auto any = with([](auto& f) { f.any_handshake = true; });
  return {{"tls-1.0", any}, {"tls-1.1", any}, {"tls-null", any}, {"tls-anonymous", any}};
}

std::vector<AuditRow> pop3_rows() {
  const auto buffer = with([](auto& f) { f.keeps_buffer = true; });
  const auto in_clear = with([](auto& f) { f.plain_login = true; });
  const auto cut = with([](auto& f) { f.cut = 100, f.endless_errors = true; });
  std::vector<AuditRow> rows = {
      {"stls-injection", buffer},
      {"stls-injection-late", buffer},
      {"stls-twice", with([](auto& f) { f.tls_again = true; })},
      {"stls-offered-again", with([](auto& f) { f.offers_tls_again = true; })},
      {"password-offered-without-tls", in_clear},
      {"user-without-tls", in_clear},
      {"auth-without-tls", in_clear},
      {"retr-before-login", replies("RETR", "+OK")},
      {"top-before-login", replies("TOP", "+OK")},
      {"list-before-login", replies("LIST", "+OK")},
      {"uidl-before-login", replies("UIDL", "+OK")},
      {"stat-before-login", replies("STAT", "+OK 0 0")},
      {"dele-before-login", replies("DELE", "+OK")},
      {"bare-lf", with([](auto& f) { f.line_end = "\n"; }), Verdict::information},
      {"bare-cr", with([](auto& f) { f.line_end = "\r"; })},
      {"nul", with([](auto& f) { f.line_end = "\0"s; })},
      {"long-line", cut},
      {"huge-line", cut},
      {"http-post", with([](auto& f) { f.hears_http = true; })},
      {"auth-cancelled", replies("*", "+ ")},
      {"auth-bad-base64", replies("!!!", "+OK")},
      {"auth-empty-password", replies("AUTH PLAIN " + base64_encode("\0u\0"s), "+OK")},
      {"users-by-login", with([](auto& f) { f.tells_users = true; })},
      {"number-zero", replies("RETR 0", "+OK")},
      {"number-negative", replies("RETR -1", "+OK")},
      {"number-past-32-bits", replies("RETR 4294967297", "+OK")},
      {"number-past-64-bits", replies("RETR 1844", "+OK")},
      {"number-no-number", replies("RETR 1x", "+OK")},
      {"number-top-negative", replies("TOP 1 -1", "+OK")},
      {"guessing", with([](auto& f) { f.endless_errors = true; })},
      {"bad-commands", with([](auto& f) { f.endless_errors = true; })},
  };
  const auto more = handshake_rows();
  rows.insert(rows.end(), more.begin(), more.end());
  return rows;
}

std::vector<AuditRow> imap_rows() {
  const auto buffer = with([](auto& f) { f.keeps_buffer = true; });
  const auto in_clear = with([](auto& f) { f.plain_login = true; });
  const auto echoes = with([](auto& f) { f.echoes = true; });
  std::vector<AuditRow> rows = {
      {"starttls-injection", buffer},
      {"starttls-injection-late", buffer},
      {"starttls-twice", with([](auto& f) { f.tls_again = true; })},
      {"starttls-offered-again", with([](auto& f) { f.offers_tls_again = true; })},
      {"login-offered-without-tls", in_clear},
      {"login-without-tls", in_clear},
      {"authenticate-without-tls", in_clear},
      {"select-before-login", replies("audit-1 SELECT", "audit-1 OK")},
      {"list-before-login", replies("audit-1 LIST", "audit-1 OK")},
      {"fetch-before-login", replies("audit-1 FETCH", "audit-1 OK")},
      {"idle-before-login", replies("audit-1 IDLE", "+ idling")},
      {"append-before-login", replies("audit-1 APPEND", "+ go on")},
      {"literal-4g", replies("audit-1 LOGIN {", "+ go on")},
      {"literal-past-32-bits", replies("audit-1 LOGIN {", "+ go on")},
      {"literal-past-64-bits", replies("audit-1 LOGIN {", "+ go on")},
      {"literal-negative", replies("audit-1 LOGIN {", "+ go on")},
      {"literal-non-sync-4g", replies("audit-1 LOGIN {", "audit-1 OK")},
      {"tag-star", echoes},
      {"tag-plus", echoes},
      {"long-tag", echoes},
      {"literal-commands", replies("first XYZZY", "first BAD what?")},
      {"bare-lf", with([](auto& f) { f.line_end = "\n"; }), Verdict::information},
      {"bare-cr", with([](auto& f) { f.line_end = "\r"; })},
      {"nul", with([](auto& f) { f.line_end = "\0"s; })},
      // Cut so that a piece begins with "second".
      {"long-line", with([](auto& f) { f.cut = 6011, f.endless_errors = true; })},
      {"huge-line", with([](auto& f) { f.cut = 6011, f.endless_errors = true; })},
      {"http-post", with([](auto& f) { f.hears_http = true; })},
      {"auth-cancelled", replies("*", "+ ")},
      {"auth-bad-base64", replies("!!!", "audit-1 OK")},
      {"empty-password", replies("audit-1 LOGIN \"u\" \"\"", "audit-1 OK")},
      {"users-by-login", with([](auto& f) { f.tells_users = true; })},
      {"guessing", with([](auto& f) { f.endless_errors = true; })},
      {"bad-commands", with([](auto& f) { f.endless_errors = true; })},
  };
  const auto more = handshake_rows();
  rows.insert(rows.end(), more.begin(), more.end());
  return rows;
}

std::string test_name(const std::string& id) {
  std::string name = id;
  for (auto& c : name) c = std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  return name;
}

template <typename Fake>
void expect_row(AuditProtocol protocol, const AuditRow& row) {
  const auto one = case_of(protocol, std::string(text(protocol)) + "-" + row.id);
  Fake bad(row.faults);
  const auto of_bad = run(one, bad, good_target(protocol));
  EXPECT_EQ(text(of_bad.verdict), text(row.bad)) << of_bad.why;
  Fake good({});
  const auto of_good = run(one, good, good_target(protocol));
  EXPECT_EQ(text(of_good.verdict), text(row.good)) << of_good.why;
}

void expect_complete(AuditProtocol protocol, const std::vector<AuditRow>& all) {
  std::set<std::string> rows, ids;
  for (const auto& row : all) rows.insert(std::string(text(protocol)) + "-" + row.id);
  for (const auto& one : audit_cases(protocol)) {
    EXPECT_TRUE(ids.insert(one.id).second) << one.id << " is there twice";
    EXPECT_FALSE(one.title.empty() || one.reference.empty()) << one.id;
  }
  EXPECT_EQ(rows, ids);
}

class Pop3Audit : public testing::TestWithParam<AuditRow> {};
TEST_P(Pop3Audit, finds_the_fault_and_passes_a_good_server) {
  expect_row<FakePop3>(AuditProtocol::pop3, GetParam());
}
INSTANTIATE_TEST_SUITE_P(Cases, Pop3Audit, testing::ValuesIn(pop3_rows()),
                         [](const auto& row) { return test_name(row.param.id); });

class ImapAudit : public testing::TestWithParam<AuditRow> {};
TEST_P(ImapAudit, finds_the_fault_and_passes_a_good_server) {
  expect_row<FakeImap>(AuditProtocol::imap, GetParam());
}
INSTANTIATE_TEST_SUITE_P(Cases, ImapAudit, testing::ValuesIn(imap_rows()),
                         [](const auto& row) { return test_name(row.param.id); });

struct SilenceRow {
  const char *id, *from;  ///< the case, and what the server hears last
  friend void PrintTo(const SilenceRow& row, std::ostream* out) { *out << row.id; }
};
class Pop3AuditSilence : public testing::TestWithParam<SilenceRow> {};
TEST_P(Pop3AuditSilence, is_no_pass) {
  auto faults = replies("XYZZY", "-ERR no");
  faults.silent_from = GetParam().from;
  FakePop3 server(std::move(faults));
  const auto finding =
      run(case_of(AuditProtocol::pop3, GetParam().id), server, good_target(AuditProtocol::pop3));
  EXPECT_EQ(text(finding.verdict), text(Verdict::unsure)) << finding.why;
}
INSTANTIATE_TEST_SUITE_P(Cases, Pop3AuditSilence,
                         testing::Values(SilenceRow{"pop3-bare-lf", "QUIT"},
                                         SilenceRow{"pop3-bare-cr", "QUIT"}, SilenceRow{"pop3-nul", "QUIT"},
                                         SilenceRow{"pop3-long-line", "QUIT"},
                                         SilenceRow{"pop3-http-post", "POST"}),
                         [](const auto& row) { return test_name(row.param.id); });

class ImapAuditSilence : public testing::TestWithParam<SilenceRow> {};
TEST_P(ImapAuditSilence, is_no_pass) {
  auto faults = with([](auto& f) { f.replies = {{"first", "first BAD no"}, {"A", "* BAD no"}}; });
  faults.silent_from = GetParam().from;
  FakeImap server(std::move(faults));
  const auto finding =
      run(case_of(AuditProtocol::imap, GetParam().id), server, good_target(AuditProtocol::imap));
  EXPECT_EQ(text(finding.verdict), text(Verdict::unsure)) << finding.why;
}
INSTANTIATE_TEST_SUITE_P(
    Cases, ImapAuditSilence,
    testing::Values(SilenceRow{"imap-bare-lf", "LOGOUT"}, SilenceRow{"imap-bare-cr", "LOGOUT"},
                    SilenceRow{"imap-nul", "LOGOUT"}, SilenceRow{"imap-long-line", "LOGOUT"},
                    SilenceRow{"imap-long-tag", "LOGOUT"}, SilenceRow{"imap-tag-star", "LOGOUT"},
                    SilenceRow{"imap-literal-commands", "first XYZZY"},
                    SilenceRow{"imap-starttls-injection", "LOGOUT"}, SilenceRow{"imap-http-post", "POST"}),
    [](const auto& row) { return test_name(row.param.id); });

// What a server says in plain text behind the word that begins TLS.
template <typename Fake>
void expect_late_answer_found(AuditProtocol protocol, const std::string& id) {
  Fake server(with([](auto& f) { f.answers_before_handshake = true; }));
  const auto finding = run(case_of(protocol, id), server, good_target(protocol));
  EXPECT_EQ(text(finding.verdict), text(Verdict::fail)) << finding.why;
}
TEST(AccessAuditFindings, a_late_answer_in_plain_text_fails) {
  expect_late_answer_found<FakePop3>(AuditProtocol::pop3, "pop3-stls-injection-late");
  expect_late_answer_found<FakeImap>(AuditProtocol::imap, "imap-starttls-injection-late");
}

// Where there is no message 1, a server can't show it instead of another.
TEST(AccessAuditFindings, an_empty_mailbox_tells_nothing_of_numbers_that_are_cut_short) {
  for (const auto& [id, verdict] :
       {std::pair("past-32-bits", Verdict::not_applicable),
        std::pair("past-64-bits", Verdict::not_applicable), std::pair("no-number", Verdict::not_applicable),
        std::pair("top-negative", Verdict::not_applicable), std::pair("zero", Verdict::pass),
        std::pair("negative", Verdict::pass)}) {
    FakePop3 server(replies("STAT", "+OK 0 0"));
    const auto finding = run(case_of(AuditProtocol::pop3, "pop3-number-" + std::string(id)), server,
                             good_target(AuditProtocol::pop3));
    EXPECT_EQ(text(finding.verdict), text(verdict)) << id << ": " << finding.why;
  }
}

TEST(AccessAuditCases, each_has_a_row_and_a_reference) {
  expect_complete(AuditProtocol::pop3, pop3_rows());
  expect_complete(AuditProtocol::imap, imap_rows());
}

}  // namespace
}  // namespace hikyaku::probe
