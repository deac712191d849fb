#include "config/tls_settings.h"

#include <gmock/gmock.h>

#include "table/given_tables.h"

namespace hikyaku::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Level = TlsClientPolicy::Level;
using ClientTls = smtp::ClientSession::Options::Tls;
using ServerTls = smtp::ServerSettings::Tls;

struct Loaded {
  SourceCatalogue sources;
  Diagnostics diagnostics;
  table::GivenTables tables;
  Main main;

  explicit Loaded(const std::string& text)
      : main(Main::parse("compatibility_level = 3.6\n" + text, "main.cf", sources, diagnostics)) {}
  std::string told() const {
    std::string all;
    for (const auto& one : diagnostics.all()) all += std::string(text(one.level)) + ": " + one.text + "\n";
    return all;
  }
};

struct VersionsCase {
  const char* name;
  const char* given;
  TlsVersions read;  // minimum 0: refused
};

class ParseTlsVersions : public testing::TestWithParam<VersionsCase> {};
TEST_P(ParseTlsVersions, ReadsBothForms) {
  const auto& row = GetParam();
  const auto got = parse_tls_versions(row.given);
  ASSERT_EQ(got.has_value(), row.read.minimum != 0);
  if (got) EXPECT_EQ(*got, row.read);
}
INSTANTIATE_TEST_SUITE_P(, ParseTlsVersions,
                         testing::Values(VersionsCase{"lowest", ">=TLSv1.2", {0x0303, 0}},
                                         VersionsCase{"lowest_is_the_newest", ">=tlsv1.3", {0x0304, 0}},
                                         VersionsCase{"range", ">=TLSv1.2, <=TLSv1.2", {0x0303, 0x0303}},
                                         VersionsCase{"by_number", ">=0x0304", {0x0304, 0}},
                                         VersionsCase{
                                             "exclusions", "!SSLv2, !SSLv3, !TLSv1, !TLSv1.1", {0x0303, 0}},
                                         VersionsCase{"exclusion_of_the_middle", "!TLSv1.2", {0x0304, 0}},
                                         VersionsCase{"names", "TLSv1.2 TLSv1.3", {0x0303, 0}},
                                         VersionsCase{"one_name", "TLSv1.2", {0x0303, 0x0303}},
                                         VersionsCase{"colons_as_in_policies", "!SSLv2:!TLSv1", {0x0303, 0}},
                                         VersionsCase{"old_ones_are_raised", ">=TLSv1", {0x0303, 0}},
                                         VersionsCase{"empty_is_all", "", {0x0303, 0}},
                                         VersionsCase{"nothing_left", "TLSv1.1", {0, 0}},
                                         VersionsCase{"all_excluded", "!TLSv1.2, !TLSv1.3", {0, 0}},
                                         VersionsCase{"unknown_name", ">=TLSv1.4", {0, 0}},
                                         VersionsCase{"nonsense", "strong", {0, 0}}),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(TlsServerSettings, TheSeedsOwn) {
  Loaded loaded(
      "smtpd_tls_security_level = may\nsmtpd_tls_cert_file = /etc/hub/cert.pem\nsmtpd_tls_key_file = "
      "/etc/hub/key.pem\n"
      "smtpd_tls_CAfile = /etc/hub/ca.pem\n");
  const auto settings = tls_server_settings(loaded.main, loaded.tables, loaded.diagnostics);
  EXPECT_EQ(loaded.told(), "");
  EXPECT_EQ(settings.level, ServerTls::may);
  EXPECT_THAT(settings.identities, ElementsAre(TlsIdentity{"/etc/hub/cert.pem", "/etc/hub/key.pem"}));
  EXPECT_EQ(settings.ca_file, "/etc/hub/ca.pem");
  EXPECT_EQ(settings.versions, (TlsVersions{0x0303, 0}));
  EXPECT_EQ(settings.cipher_list, "aNULL:-aNULL:HIGH:MEDIUM:+RC4:@STRENGTH");
  EXPECT_TRUE(settings.session_tickets);
  EXPECT_FALSE(settings.chain_files_for);
  EXPECT_EQ(loaded.sources.text(settings.origin), "main.cf:3");
}

TEST(TlsServerSettings, ChainFilesStandOverTheOthers) {
  Loaded loaded(
      "smtpd_tls_security_level = encrypt\nsmtpd_tls_chain_files = /a.pem, /b.pem\nsmtpd_tls_cert_file = "
      "/c.pem\n"
      "smtpd_tls_mandatory_ciphers = high\nsmtpd_tls_exclude_ciphers = "
      "3DES\nsmtpd_tls_mandatory_exclude_ciphers = RC4\n"
      "smtpd_tls_mandatory_protocols = >=TLSv1.3\nsmtpd_tls_session_cache_timeout = 0\n");
  const auto settings = tls_server_settings(loaded.main, loaded.tables, loaded.diagnostics);
  EXPECT_EQ(loaded.told(), "");
  EXPECT_THAT(settings.chain_files, ElementsAre("/a.pem", "/b.pem"));
  EXPECT_THAT(settings.identities, IsEmpty());
  EXPECT_EQ(settings.cipher_list, "aNULL:-aNULL:HIGH:@STRENGTH:!3DES:!RC4");
  EXPECT_EQ(settings.versions.minimum, 0x0304);
  EXPECT_FALSE(settings.session_tickets);
}

TEST(TlsServerSettings, NamesHaveCertificatesOfTheirOwn) {
  Loaded loaded("smtpd_tls_chain_files = /a.pem\ntls_server_sni_maps = hash:/sni\n");
  loaded.tables.give("/sni", "mail.example.com /mail.key /mail.pem\n.example.org /org.pem\n");
  const auto settings = tls_server_settings(loaded.main, loaded.tables, loaded.diagnostics);
  ASSERT_TRUE(settings.chain_files_for);
  EXPECT_EQ(settings.chain_files_for("MAIL.example.com").value(), "/mail.key /mail.pem");
  EXPECT_EQ(settings.chain_files_for("a.b.example.org.").value(), "/org.pem");
  EXPECT_EQ(settings.chain_files_for("example.org").value(), std::nullopt);
  EXPECT_EQ(settings.chain_files_for("no host\n").value(), std::nullopt);
  EXPECT_EQ(settings.chain_files_for("").value(), std::nullopt);
}

struct Wrong {
  const char* name;
  const char* text;
  const char* told;
};

class TlsSettingsFaults : public testing::TestWithParam<Wrong> {};
TEST_P(TlsSettingsFaults, AreTold) {
  Loaded loaded(GetParam().text);
  (void)tls_server_settings(loaded.main, loaded.tables, loaded.diagnostics);
  (void)tls_client_settings(loaded.main, "smtp", loaded.tables, loaded.diagnostics);
  EXPECT_THAT(loaded.told(), HasSubstr(GetParam().told));
}
INSTANTIATE_TEST_SUITE_P(
    , TlsSettingsFaults,
    testing::Values(
        Wrong{"no_certificate", "smtpd_tls_security_level = may\n",
              "error: TLS is switched on but there is no certificate"},
        Wrong{"no_certificate_by_none", "smtpd_use_tls = yes\nsmtpd_tls_cert_file = none\n",
              "error: TLS is switched on but there is no certificate"},
        Wrong{"misspelt_level", "smtpd_tls_security_level = encypt\n",
              "error: smtpd_tls_security_level: \"encypt\" is not known here; did you mean encrypt?"},
        Wrong{"a_clients_level", "smtpd_tls_security_level = verify\nsmtpd_tls_chain_files = /a\n",
              "error: smtpd_tls_security_level: \"verify\" is not known here"},
        Wrong{"old_protocols", "smtpd_tls_protocols = >=TLSv1\n",
              "warning: smtpd_tls_protocols: protocols below TLS 1.2 are not spoken"},
        Wrong{"unknown_protocol", "smtpd_tls_protocols = !SSLv4\n",
              "error: smtpd_tls_protocols: \"!SSLv4\" is no protocol"},
        Wrong{"unknown_grade", "smtpd_tls_ciphers = strong\n",
              "error: smtpd_tls_ciphers: \"strong\" is not known here"},
        Wrong{"table_that_is_not_there", "tls_server_sni_maps = hash:/none\n",
              "error: tls_server_sni_maps: "},
        Wrong{"dane", "smtp_tls_security_level = dane\n",
              "error: smtp_tls_security_level: \"dane\" is not there yet"},
        Wrong{"client_level", "smtp_tls_security_level = always\n",
              "error: smtp_tls_security_level: \"always\" is not known here"},
        Wrong{"fingerprints_missing", "smtp_tls_security_level = fingerprint\n",
              "error: smtp_tls_security_level: the level fingerprint needs"},
        Wrong{"other_digest",
              "smtp_tls_security_level = fingerprint\nsmtp_tls_fingerprint_cert_match = "
              "ab:cd\nsmtp_tls_fingerprint_digest = md5\n",
              "error: smtp_tls_fingerprint_digest: fingerprints are SHA-256"},
        Wrong{"wrapper_without_tls", "smtp_tls_wrappermode = yes\n",
              "error: smtp_tls_wrappermode: it needs smtp_tls_security_level = encrypt"}),
    [](const auto& row) { return std::string(row.param.name); });

constexpr const char* kPolicies =
    "strict.example secure\n"
    ".example.org encrypt protocols=>=TLSv1.3 ciphers=high exclude=3DES:aDSS\n"
    "clear.example none\n"
    "[relay.example]:587 verify match=hostname:.relay.example servername=hostname\n"
    "pinned.example fingerprint match=ab:cd|ef:01\n"
    "dane.example dane\n"
    "typo.example encrypt mach=x\n"
    "empty.example fingerprint\n";

struct Deciding {
  Loaded loaded;
  TlsClientConfiguration made;
  explicit Deciding(const std::string& text) : loaded(text) {
    loaded.tables.give("/policy", kPolicies);
    made = tls_client_settings(loaded.main, "smtp", loaded.tables, loaded.diagnostics);
    EXPECT_EQ(loaded.told(), "");
  }
};

TEST(TlsClientPolicy, WithoutSettingsThereIsNone) {
  Deciding deciding("");
  Explanation why;
  const auto decision = deciding.made.policy.decide("example.com", "mx.example.com", &why);
  EXPECT_EQ(decision->use, ClientTls::never);
  EXPECT_TRUE(why.empty());
  EXPECT_FALSE(deciding.made.policy.enabled());
}

TEST(TlsClientPolicy, TheOlderSwitchesStillWork) {
  EXPECT_EQ(Deciding("smtp_use_tls = yes\n").made.policy.decide("a.example", "b", nullptr)->level,
            Level::may);
  EXPECT_EQ(Deciding("smtp_enforce_tls = yes\n").made.policy.decide("a.example", "b", nullptr)->level,
            Level::verify);
  EXPECT_EQ(Deciding("smtp_enforce_tls = yes\nsmtp_tls_enforce_peername = no\n")
                .made.policy.decide("a.example", "b", nullptr)
                ->level,
            Level::encrypt);
}

TEST(TlsClientPolicy, TheTableStandsOverTheSetting) {
  Deciding deciding("smtp_tls_security_level = may\nsmtp_tls_policy_maps = hash:/policy\n");
  const auto& policy = deciding.made.policy;

  const auto other = policy.decide("example.com", "mx.example.com", nullptr).value();
  EXPECT_EQ(other.level, Level::may);
  EXPECT_EQ(other.use, ClientTls::when_offered);
  EXPECT_FALSE(other.verify);

  const auto strict = policy.decide("strict.example", "mx.strict.example", nullptr).value();
  EXPECT_EQ(strict.use, ClientTls::required);
  EXPECT_TRUE(strict.verify);
  EXPECT_THAT(strict.names, ElementsAre("strict.example", ".strict.example"));
  EXPECT_THAT(strict.cipher_list, HasSubstr("!aNULL"));

  const auto below = policy.decide("sub.example.org", "mx", nullptr).value();
  EXPECT_EQ(below.level, Level::encrypt);
  EXPECT_EQ(below.versions, (TlsVersions{0x0304, 0}));
  EXPECT_EQ(below.cipher_list, "aNULL:-aNULL:HIGH:@STRENGTH:!3DES:!aDSS");
  EXPECT_FALSE(below.verify);
  EXPECT_EQ(policy.decide("sub.example.org:2525", "mx", nullptr)->level, Level::may) << "a port: only itself";
  EXPECT_EQ(policy.decide("example.org", "mx", nullptr)->level, Level::may);

  EXPECT_EQ(policy.decide("clear.example", "mx", nullptr)->use, ClientTls::never);

  const auto relay = policy.decide("[relay.example]:587", "relay.example", nullptr).value();
  EXPECT_THAT(relay.names, ElementsAre("relay.example", ".relay.example"));
  EXPECT_EQ(relay.server_name, "relay.example");

  const auto pinned = policy.decide("pinned.example", "mx", nullptr).value();
  EXPECT_THAT(pinned.fingerprints, ElementsAre("AB:CD", "EF:01"));
  EXPECT_FALSE(pinned.verify);
}

TEST(TlsClientPolicy, APolicyThatIsNoneKeepsTheMailBack) {
  Deciding deciding("smtp_tls_security_level = may\nsmtp_tls_policy_maps = hash:/policy\n");
  const auto error = [&](const char* hop) {
    const auto decision = deciding.made.policy.decide(hop, "mx", nullptr);
    return decision ? std::string() : decision.error().text;
  };
  EXPECT_THAT(error("dane.example"), HasSubstr("\"dane\" is no level that we have"));
  EXPECT_THAT(error("typo.example"), HasSubstr("the attribute \"mach\" is not known"));
  EXPECT_THAT(error("empty.example"), HasSubstr("no fingerprints to compare with"));
}

TEST(TlsClientPolicy, TellsWhatDecided) {
  Deciding deciding("smtp_tls_security_level = may\nsmtp_tls_policy_maps = hash:/policy\n");
  Explanation why;
  (void)deciding.made.policy.decide("sub.example.org", "mx", &why);
  (void)deciding.made.policy.decide("example.com", "mx", &why);
  const auto entries = why.entries();
  ASSERT_EQ(entries.size(), 2U);
  EXPECT_EQ(entries[0].step, "route.tls_policy");
  EXPECT_EQ(entries[0].rule,
            "smtp_tls_policy_maps: encrypt protocols=>=TLSv1.3 ciphers=high exclude=3DES:aDSS");
  EXPECT_EQ(entries[0].origin, (Origin{table::GivenTables::kFile, 2}));
  EXPECT_THAT(entries[0].keys, ElementsAre("sub.example.org", ".example.org"));
  EXPECT_EQ(entries[0].outcome, "encrypt");
  EXPECT_EQ(entries[1].rule, "smtp_tls_security_level = may");
  EXPECT_EQ(deciding.loaded.sources.text(entries[1].origin), "main.cf:2");
}

TEST(TlsClientPolicy, ATableThatCannotAnswerKeepsTheMailBack) {
  Deciding deciding("smtp_tls_policy_maps = fail:broken\n");
  const auto decision = deciding.made.policy.decide("example.com", "mx", nullptr);
  ASSERT_FALSE(decision.has_value());
  EXPECT_EQ(decision.error().fault, Fault::temporary);
}

TEST(TlsClientPolicy, LmtpHasItsOwn) {
  Loaded loaded("lmtp_tls_security_level = encrypt\nsmtp_tls_security_level = none\n");
  const auto made = tls_client_settings(loaded.main, "lmtp", loaded.tables, loaded.diagnostics);
  EXPECT_EQ(loaded.told(), "");
  EXPECT_EQ(made.policy.decide("inet:mail.example:24", "mail.example", nullptr)->level, Level::encrypt);
}

}  // namespace
}  // namespace hikyaku::config
