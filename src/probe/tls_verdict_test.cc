#include "probe/tls_verdict.h"

#include <gtest/gtest.h>

#include <functional>

namespace hikyaku::probe {
namespace {

constexpr std::int64_t kNow = 1'800'000'000;
constexpr std::int64_t kDay = 86'400;
const Time kTime{std::chrono::seconds(kNow)};

TlsCertificate certificate(const std::string& subject, const std::string& issuer, char digest) {
  return {.subject = "CN=" + subject,
          .issuer = "CN=" + issuer,
          .names = {subject},
          .not_before = kNow - 30 * kDay,
          .not_after = kNow + 60 * kDay,
          .der = "certificate of " + subject,
          .public_key_der = "key of " + subject,
          .der_sha256 = std::string(32, digest),
          .der_sha512 = std::string(64, digest),
          .key_sha256 = std::string(32, static_cast<char>(digest + 1)),
          .key_sha512 = std::string(64, static_cast<char>(digest + 1)),
          .signed_by_next = true,
          .is_authority = true};
}

/// All is well with it.
Opening sound() {
  Opening opening;
  opening.offered = true;
  opening.report = TlsReport{.protocol = "TLSv1.3",
                             .cipher = "TLS_AES_256_GCM_SHA384",
                             .group = "x25519",
                             .bits = 256,
                             .chain = {certificate("mx.example", "CA", 'a'), certificate("CA", "Root", 'm')},
                             .trusted = true,
                             .name_matches = true};
  return opening;
}

struct VerdictCase {
  const char* name;
  std::function<void(Opening&)> change;
  const char* line;  ///< that the verdict has
};

class Verdicts : public testing::TestWithParam<VerdictCase> {};

std::string lines(const std::vector<Finding>& findings) {
  std::string out;
  for (const auto& one : findings) out += one.line() + '\n';
  return out;
}

TEST_P(Verdicts, are_told) {
  auto opening = sound();
  GetParam().change(opening);
  const auto told = lines(judge_tls(opening, "mx.example", kTime));
  EXPECT_TRUE(('\n' + told).contains('\n' + std::string(GetParam().line) + '\n')) << told;
}

INSTANTIATE_TEST_SUITE_P(
    , Verdicts,
    testing::Values(
        VerdictCase{"good_version", [](Opening&) {}, "TLS version: ok: TLSv1.3"},
        VerdictCase{"good_cipher", [](Opening&) {},
                    "TLS cipher: ok: TLS_AES_256_GCM_SHA384, 256 bits, key exchange x25519"},
        VerdictCase{"good_chain", [](Opening&) {},
                    "TLS chain: ok: CN=mx.example <- CN=CA <- CN=Root (not sent)"},
        VerdictCase{"good_name", [](Opening&) {}, "TLS name: ok: mx.example"},
        VerdictCase{"good_dates", [](Opening&) {}, "TLS validity: ok: until 2027-03-16T08:00:00Z"},
        VerdictCase{"no_staple", [](Opening&) {}, "TLS stapling: the server sends no OCSP response"},
        VerdictCase{"old_version", [](Opening& o) { o.report->protocol = "TLSv1.1"; },
                    "TLS version: WRONG: TLSv1.1 is broken and forbidden (RFC 8996)"},
        VerdictCase{"broken_cipher",
                    [](Opening& o) {
                      o.report->protocol = "TLSv1.2";
                      o.report->cipher = "ECDHE-RSA-RC4-SHA";
                    },
                    "TLS cipher: WRONG: ECDHE-RSA-RC4-SHA, 256 bits, key exchange x25519: can be broken"},
        VerdictCase{
            "no_forward_secrecy",
            [](Opening& o) {
              o.report->protocol = "TLSv1.2";
              o.report->cipher = "AES128-SHA";
              o.report->group = "";
            },
            "TLS cipher: WARNING: AES128-SHA, 256 bits: no forward secrecy, who gets the key later reads it "
            "all"},
        VerdictCase{"not_trusted",
                    [](Opening& o) {
                      o.report->trusted = false;
                      o.report->trust_error = "self-signed certificate";
                      o.report->chain = {certificate("mx.example", "mx.example", 'a')};
                    },
                    "TLS chain: WRONG: self-signed certificate: CN=mx.example"},
        VerdictCase{"another_name",
                    [](Opening& o) {
                      o.report->name_matches = false;
                      o.report->chain[0].names = {"a.example", "b.exa\033mple"};
                    },
                    "TLS name: WRONG: not mx.example: it is for a.example, b.exa\\x1bmple"},
        VerdictCase{"a_name_that_is_a_subject_alone",
                    [](Opening& o) {
                      o.report->name_matches = false;
                      o.report->chain[0].names.clear();
                    },
                    "TLS name: WRONG: not mx.example: it has no names but its subject CN=mx.example, which "
                    "counts for "
                    "nothing (RFC 9525)"},
        VerdictCase{"expired", [](Opening& o) { o.report->chain[0].not_after = kNow - 1; },
                    "TLS validity: WRONG: CN=mx.example has expired at 2027-01-15T07:59:59Z"},
        VerdictCase{"an_authority_that_expired", [](Opening& o) { o.report->chain[1].not_after = kNow - 1; },
                    "TLS validity: WRONG: CN=CA has expired at 2027-01-15T07:59:59Z"},
        VerdictCase{"not_yet", [](Opening& o) { o.report->chain[0].not_before = kNow + 1; },
                    "TLS validity: WRONG: CN=mx.example begins only at 2027-01-15T08:00:01Z"},
        VerdictCase{"expires_in_less_than_21_days",
                    [](Opening& o) { o.report->chain[0].not_after = kNow + 21 * kDay - 1; },
                    "TLS validity: WARNING: CN=mx.example expires in 20 days, at 2027-02-05T07:59:59Z"},
        VerdictCase{"expires_in_21_days", [](Opening& o) { o.report->chain[0].not_after = kNow + 21 * kDay; },
                    "TLS validity: ok: until 2027-02-05T08:00:00Z"},
        VerdictCase{"revoked", [](Opening& o) { o.report->staple = TlsReport::Staple::revoked; },
                    "TLS stapling: WRONG: the certificate was revoked"},
        VerdictCase{
            "stripped",
            [](Opening& o) {
              o.offered = false;
              o.taken_unoffered = true;
            },
            "TLS STARTTLS: WRONG: not offered, and taken all the same: the offer may be stripped on the way"},
        VerdictCase{"overwritten",
                    [](Opening& o) {
                      o = {};
                      o.overwritten = true;
                    },
                    "TLS STARTTLS: WRONG: the offer was overwritten on the way"},
        VerdictCase{"not_offered", [](Opening& o) { o = {}; },
                    "TLS STARTTLS: WARNING: not offered: what is said can be read on the way"},
        VerdictCase{"injected", [](Opening& o) { o.injected = 5; },
                    "TLS STARTTLS: WRONG: 5 octets were injected before the handshake"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(Verdict, tells_why_a_wildcard_does_not_do) {
  auto opening = sound();
  opening.report->name_matches = false;
  opening.report->chain[0].names = {"*.example"};
  EXPECT_TRUE(
      lines(judge_tls(opening, "a.b.example", kTime)).contains("a wildcard stands for one label alone"));
  EXPECT_TRUE(lines(judge_tls(opening, "飛脚.jp", kTime)).contains("ask for the xn-- form"));
}

TEST(Verdict, is_also_json) {
  EXPECT_EQ((Finding{Finding::Grade::bad, "name", "not \"a\""}.json()),
            "{\"kind\":\"verdict\",\"topic\":\"name\",\"grade\":\"bad\",\"text\":\"not \\\"a\\\"\"}\n");
}

struct DaneCase {
  const char* name;
  Tlsa record;
  std::function<void(Opening&)> change;
  DaneMatch match;
};

class Dane : public testing::TestWithParam<DaneCase> {};

TEST_P(Dane, is_matched) {
  auto opening = sound();
  if (GetParam().change) GetParam().change(opening);
  EXPECT_EQ(dane_match(GetParam().record, *opening.report, kTime), GetParam().match);
}

const auto kOtherName = [](Opening& o) { o.report->name_matches = false; };
const auto kUntrusted = [](Opening& o) { o.report->trusted = false; };

INSTANTIATE_TEST_SUITE_P(
    , Dane,
    testing::Values(
        DaneCase{"server_key_by_sha256", {3, 1, 1, std::string(32, 'b')}, nullptr, DaneMatch::yes},
        DaneCase{"server_certificate_by_sha256", {3, 0, 1, std::string(32, 'a')}, nullptr, DaneMatch::yes},
        DaneCase{"server_key_by_sha512", {3, 1, 2, std::string(64, 'b')}, nullptr, DaneMatch::yes},
        DaneCase{"server_certificate_whole", {3, 0, 0, "certificate of mx.example"}, nullptr, DaneMatch::yes},
        DaneCase{"server_key_whole", {3, 1, 0, "key of mx.example"}, nullptr, DaneMatch::yes},
        DaneCase{"another_key", {3, 1, 1, std::string(32, 'x')}, nullptr, DaneMatch::no},
        DaneCase{
            "key_and_certificate_are_not_the_same", {3, 1, 1, std::string(32, 'a')}, nullptr, DaneMatch::no},
        DaneCase{"server_needs_no_name_and_no_date",
                 {3, 1, 1, std::string(32, 'b')},
                 [](Opening& o) {
                   o.report->name_matches = false;
                   o.report->chain[0].not_after = 0;
                 },
                 DaneMatch::yes},
        DaneCase{"server_is_not_its_authority", {3, 1, 1, std::string(32, 'n')}, nullptr, DaneMatch::no},
        DaneCase{"own_authority", {2, 1, 1, std::string(32, 'n')}, kUntrusted, DaneMatch::yes},
        DaneCase{"own_authority_needs_the_name", {2, 1, 1, std::string(32, 'n')}, kOtherName, DaneMatch::no},
        DaneCase{"own_authority_must_have_signed",
                 {2, 1, 1, std::string(32, 'n')},
                 [](Opening& o) { o.report->chain[0].signed_by_next = false; },
                 DaneMatch::no},
        DaneCase{"own_authority_must_be_one",
                 {2, 1, 1, std::string(32, 'n')},
                 [](Opening& o) { o.report->chain[1].is_authority = false; },
                 DaneMatch::no},
        DaneCase{"trusted_authority_must_be_one",
                 {0, 0, 1, std::string(32, 'm')},
                 [](Opening& o) { o.report->chain[1].is_authority = false; },
                 DaneMatch::no},
        DaneCase{"own_authority_must_be_current",
                 {2, 1, 1, std::string(32, 'n')},
                 [](Opening& o) { o.report->chain[1].not_after = 0; },
                 DaneMatch::no},
        DaneCase{"trusted_server", {1, 1, 1, std::string(32, 'b')}, nullptr, DaneMatch::yes},
        DaneCase{"trusted_server_that_is_not", {1, 1, 1, std::string(32, 'b')}, kUntrusted, DaneMatch::no},
        DaneCase{"trusted_authority", {0, 0, 1, std::string(32, 'm')}, nullptr, DaneMatch::yes},
        DaneCase{
            "trusted_authority_is_not_the_server", {0, 0, 1, std::string(32, 'a')}, nullptr, DaneMatch::no},
        DaneCase{"usage_of_nobody", {4, 1, 1, std::string(32, 'b')}, nullptr, DaneMatch::unusable},
        DaneCase{"selector_of_nobody", {3, 2, 1, std::string(32, 'b')}, nullptr, DaneMatch::unusable},
        DaneCase{"matching_of_nobody", {3, 1, 3, std::string(32, 'b')}, nullptr, DaneMatch::unusable}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(Tlsa, is_read) {
  const auto read = Tlsa::parse("\3\1\1" + std::string(32, '\x0b'));
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->text(), "3 1 1 0b0b0b0b0b0b0b0b…");
  EXPECT_FALSE(Tlsa::parse("\3\1\1").has_value());
  EXPECT_FALSE(Tlsa::parse("\3\1\1short").has_value());
  EXPECT_FALSE(Tlsa::parse("").has_value());
}

TEST(Verdict, on_dane) {
  const auto told = [](DnsFacts facts) {
    return judge_dns(sound(), facts, "mx.example", kTime).front().line();
  };
  const Tlsa good{3, 1, 1, std::string(32, 'b')};
  const Tlsa bad{3, 1, 1, std::string(32, 'x')};
  DnsFacts facts{.tlsa_state = DnsFacts::State::found,
                 .tlsa_name = "_25._tcp.mx",
                 .tlsa_secure = true,
                 .tlsa = {bad, good}};
  EXPECT_EQ(told(facts), "TLS DANE: ok: the chain is what _25._tcp.mx says: 3 1 1 6262626262626262…");
  facts.tlsa = {bad};
  EXPECT_EQ(told(facts), "TLS DANE: WRONG: the chain is not what _25._tcp.mx says: 3 1 1 7878787878787878…");
  facts.tlsa_secure = false;
  EXPECT_EQ(told(facts),
            "TLS DANE: WARNING: _25._tcp.mx has TLSA records, but without DNSSEC they count for nothing");
  facts.tlsa_state = DnsFacts::State::none;
  EXPECT_EQ(told(facts), "TLS DANE: _25._tcp.mx has no TLSA records");
  facts.tlsa_state = DnsFacts::State::no_answer;
  facts.tlsa_error = "timeout";
  EXPECT_EQ(told(facts), "TLS DANE: unknown: no answer about _25._tcp.mx: timeout");
}

TEST(Verdict, on_mta_sts) {
  const auto told = [](const Opening& opening, std::string_view policy) {
    DnsFacts facts{.sts_state = DnsFacts::State::found,
                   .sts_domain = "example",
                   .sts_policy = StsPolicy::parse(policy).value()};
    return judge_dns(opening, facts, "mx.example", kTime).back().line();
  };
  const std::string begin = "version: STSv1\nmax_age: 9\n";
  EXPECT_EQ(told(sound(), begin + "mode: enforce\nmx: *.example\n"),
            "TLS MTA-STS: ok: the policy of example (enforce) is kept");
  EXPECT_EQ(told(sound(), begin + "mode: enforce\nmx: a.example\n"),
            "TLS MTA-STS: WRONG: the policy of example (enforce) does not name mx.example");
  EXPECT_EQ(told(Opening{}, begin + "mode: testing\nmx: mx.example\n"),
            "TLS MTA-STS: WARNING: the policy of example (testing) asks for TLS, and there is none");
}

struct PolicyCase {
  const char* name;
  const char* text;
  const char* read;  ///< the hosts; "-": refused
};

class Policies : public testing::TestWithParam<PolicyCase> {};

TEST_P(Policies, are_read) {
  const auto policy = StsPolicy::parse(GetParam().text);
  std::string read = policy ? "" : "-";
  for (const auto& host : policy ? policy->hosts : std::vector<std::string>{}) read += host + ' ';
  EXPECT_EQ(read, GetParam().read) << (policy ? "" : policy.error().text);
}

INSTANTIATE_TEST_SUITE_P(
    , Policies,
    testing::Values(
        PolicyCase{"two_hosts", "version: STSv1\r\nmode: enforce\r\nmx: a\r\nmx:*.b\r\nmax_age: 604800\r\n",
                   "a *.b "},
        PolicyCase{"what_is_unknown_is_passed_over", "version:STSv1\nmode:none\nmax_age:1\nx: y\n", ""},
        PolicyCase{"no_version", "mode: enforce\nmx: a\nmax_age: 1\n", "-"},
        PolicyCase{"another_version", "version: STSv2\nmode: enforce\nmx: a\nmax_age: 1\n", "-"},
        PolicyCase{"no_mode", "version: STSv1\nmx: a\nmax_age: 1\n", "-"},
        PolicyCase{"another_mode", "version: STSv1\nmode: strict\nmx: a\nmax_age: 1\n", "-"},
        PolicyCase{"no_age", "version: STSv1\nmode: enforce\nmx: a\n", "-"},
        PolicyCase{"an_age_that_is_none", "version: STSv1\nmode: enforce\nmx: a\nmax_age: -1\n", "-"},
        PolicyCase{"no_host", "version: STSv1\nmode: enforce\nmax_age: 1\n", "-"},
        PolicyCase{"a_page_of_the_web", "<html>\n", "-"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(StsIdentifier, is_announced_once) {
  EXPECT_EQ(sts_identifier({"v=spf1", "v=STSv1; id=20260101;"}), "20260101");
  EXPECT_EQ(sts_identifier({"v=STSv1; id=1", "v=STSv1; id=2"}), "");
  EXPECT_EQ(sts_identifier({"v=STSv12; id=1"}), "");
  EXPECT_EQ(sts_identifier({"v=STSv1;"}), "");
}

struct NameCase {
  const char* name;
  const char *pattern, *host;
  bool fits;
};

class NameFits : public testing::TestWithParam<NameCase> {};

TEST_P(NameFits, as_the_standard_has_it) {
  EXPECT_EQ(name_fits(GetParam().pattern, GetParam().host), GetParam().fits);
}

INSTANTIATE_TEST_SUITE_P(
    , NameFits,
    testing::Values(NameCase{"the_same", "mx.example", "MX.Example", true},
                    NameCase{"another", "mx.example", "my.example", false},
                    NameCase{"wildcard", "*.example", "mx.example", true},
                    NameCase{"wildcard_for_two_labels", "*.example", "a.mx.example", false},
                    NameCase{"wildcard_for_none", "*.example", "example", false},
                    NameCase{"wildcard_for_an_empty_label", "*.example", ".example", false},
                    NameCase{"part_of_a_label", "m*.example", "mx.example", false},
                    NameCase{"two_wildcards", "*.*.example", "a.*.example", false},
                    NameCase{"international", "*.xn--wgv71a.jp", "mx.xn--wgv71a.jp", true},
                    NameCase{"nothing", "", "", false}),
    [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace hikyaku::probe
