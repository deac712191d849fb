#include "config/smtp_settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "table/memory_tables.h"
#include "table/spec.h"

namespace hikyaku::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using ServerTls = smtp::ServerSettings::Tls;
using ClientTls = smtp::ClientSession::Options::Tls;

class InlineTables final : public table::Opener {
 public:
  Result<std::shared_ptr<const table::Table>> open(std::string_view spec, Origin where) override {
    const auto parsed = table::parse_spec(spec);
    if (parsed && parsed->type == "static") return table::make_static(spec, parsed->name, where);
    if (parsed && parsed->type == "inline") return table::make_inline(spec, parsed->name, where);
    return fail(Fault::not_found, "cannot open " + std::string(spec));
  }
};

struct Loaded {
  SourceCatalogue sources;
  Diagnostics diagnostics;
  InlineTables tables;
  Main main;

  explicit Loaded(const std::string& text)
      : main(Main::parse("compatibility_level = 3.6\nmyhostname = mail.hub.test\n" + text, "main.cf", sources,
                         diagnostics)) {}

  Result<SmtpServerSettings> server(const std::vector<std::string>& mechanisms = {"PLAIN", "LOGIN",
                                                                                  "SCRAM-SHA-256"}) {
    return smtp_server_settings(main, smtp::Protocol::smtp, mechanisms, tables, diagnostics);
  }
  Result<SmtpClientSettings> client(smtp::Protocol protocol = smtp::Protocol::smtp) {
    return smtp_client_settings(main, protocol, tables, diagnostics);
  }
  std::string told() const { return text(diagnostics, sources); }
};

TEST(SmtpServerSettings, defaults_are_postfix_s) {
  Loaded loaded("");
  const auto settings = loaded.server();
  ASSERT_TRUE(settings) << loaded.told();
  const auto& session = settings->session;
  EXPECT_EQ(session.hostname, "mail.hub.test");
  EXPECT_EQ(session.banner, "mail.hub.test ESMTP " + loaded.main.text("mail_name").text);
  EXPECT_EQ(session.message_size_limit, 10240000U);
  EXPECT_EQ(session.line_limit, 2048U);
  EXPECT_EQ(session.auth_line_limit, 12288U);
  EXPECT_EQ(session.recipient_limit, 1000U);
  EXPECT_EQ(session.soft_error_limit, 10U);
  EXPECT_EQ(session.hard_error_limit, 20U);
  EXPECT_EQ(session.junk_command_limit, 100U);
  EXPECT_EQ(session.error_sleep, std::chrono::seconds(1));
  EXPECT_EQ(session.tls, ServerTls::none);
  EXPECT_TRUE(session.vrfy && session.smtputf8 && !session.auth && !session.helo_required &&
              !session.strict_envelopes);
  EXPECT_EQ(settings->timeout, std::chrono::seconds(300));
  EXPECT_THAT(session.forbidden_commands, ElementsAre("CONNECT", "GET", "POST"));
  ASSERT_TRUE(session.forbidden_pattern);
  EXPECT_TRUE(session.forbidden_pattern("{"));
  EXPECT_FALSE(session.forbidden_pattern("ehlo"));
  EXPECT_THAT(loaded.told(), IsEmpty());
}

TEST(SmtpServerSettings, submission_as_the_master_file_has_it) {
  Loaded loaded(
      "smtpd_tls_security_level = encrypt\nsmtpd_sasl_auth_enable = yes\nbroken_sasl_auth_clients = yes\n"
      "smtpd_sasl_security_options = noanonymous, noplaintext\nsmtpd_sasl_tls_security_options = "
      "noanonymous\n"
      "disable_vrfy_command = yes\nmessage_size_limit = 52428800\nsmtpd_helo_required = yes\n");
  const auto settings = loaded.server();
  ASSERT_TRUE(settings) << loaded.told();
  EXPECT_EQ(settings->session.tls, ServerTls::encrypt);
  EXPECT_TRUE(settings->session.tls_auth_only) << "implied by encrypt";
  EXPECT_TRUE(settings->session.auth && settings->session.broken_auth_clients &&
              settings->session.helo_required);
  EXPECT_FALSE(settings->session.vrfy);
  EXPECT_EQ(settings->session.message_size_limit, 52428800U);
  EXPECT_THAT(settings->session.mechanisms, ElementsAre("SCRAM-SHA-256"));
  EXPECT_THAT(settings->session.tls_mechanisms, ElementsAre("PLAIN", "LOGIN", "SCRAM-SHA-256"));
}

struct TlsCase {
  const char* text;
  ServerTls want;
};

TEST(SmtpServerSettings, level_of_tls_is_the_new_name_before_the_old_ones) {
  for (const auto& row : {TlsCase{"smtpd_use_tls = yes\n", ServerTls::may},
                          TlsCase{"smtpd_enforce_tls = yes\n", ServerTls::encrypt},
                          TlsCase{"smtpd_tls_security_level = none\nsmtpd_use_tls = yes\n", ServerTls::none},
                          TlsCase{"smtpd_tls_security_level = may\n", ServerTls::may}}) {
    Loaded loaded(row.text);
    EXPECT_EQ(loaded.server()->session.tls, row.want) << row.text;
  }
}

TEST(SmtpServerSettings, mechanism_filter_has_exceptions_and_tables) {
  Loaded without("smtpd_sasl_mechanism_filter = !login, static:rest\n");
  EXPECT_THAT(without.server()->session.mechanisms, ElementsAre("PLAIN", "SCRAM-SHA-256"));
  Loaded only("smtpd_sasl_mechanism_filter = plain\n");
  EXPECT_THAT(only.server()->session.mechanisms, ElementsAre("PLAIN"));
}

TEST(SmtpServerSettings, forbidden_commands_may_be_tables) {
  Loaded loaded("smtpd_forbidden_commands = Connect inline:{ trace=no }\n");
  const auto settings = loaded.server();
  ASSERT_TRUE(settings) << loaded.told();
  EXPECT_THAT(settings->session.forbidden_commands, ElementsAre("CONNECT"));
  EXPECT_TRUE(settings->session.forbidden_pattern("TRACE"));
  EXPECT_FALSE(settings->session.forbidden_pattern("MAIL"));
}

TEST(SmtpServerSettings, no_forbidden_commands_at_all) {
  Loaded loaded("smtpd_forbidden_commands =\n");
  const auto settings = loaded.server();
  ASSERT_TRUE(settings) << loaded.told();
  EXPECT_THAT(settings->session.forbidden_commands, IsEmpty());
  EXPECT_FALSE(settings->session.forbidden_pattern);
}

TEST(SmtpServerSettings, keywords_that_are_not_offered) {
  Loaded loaded("smtpd_discard_ehlo_keywords = silent-discard, dsn, 8bitmime, fast\n");
  const auto settings = loaded.server();
  ASSERT_TRUE(settings);
  using Keywords = smtp::EhloKeywords;
  EXPECT_EQ(settings->session.discard.bits,
            Keywords::kSilentDiscard | Keywords::kDsn | Keywords::kEightBitMime);
  EXPECT_THAT(loaded.told(), HasSubstr("not an EHLO keyword"));
  EXPECT_EQ(ehlo_keywords("dsn,\tstarttls other").bits, Keywords::kDsn | Keywords::kStartTls);
}

TEST(SmtpServerSettings, table_that_does_not_open_is_told_with_its_setting) {
  Loaded loaded("smtpd_authorized_xclient_hosts = hash:/none\n");
  const auto settings = loaded.server();
  ASSERT_FALSE(settings);
  EXPECT_THAT(settings.error().text, HasSubstr("smtpd_authorized_xclient_hosts"));
  EXPECT_THAT(loaded.told(), HasSubstr("main.cf:3"));
}

TEST(SmtpClientSettings, defaults_are_postfix_s) {
  Loaded loaded("");
  const auto settings = loaded.client();
  ASSERT_TRUE(settings) << loaded.told();
  EXPECT_EQ(settings->session.helo_name, "mail.hub.test");
  EXPECT_EQ(settings->session.tls, ClientTls::never);
  EXPECT_TRUE(settings->session.quote_envelope && settings->session.skip_5xx_greeting &&
              !settings->session.wait_for_quit);
  EXPECT_EQ(settings->timeouts.connect, std::chrono::seconds(30));
  EXPECT_EQ(settings->timeouts.data_init, std::chrono::seconds(120));
  EXPECT_EQ(settings->timeouts.data_transfer, std::chrono::seconds(180));
  EXPECT_EQ(settings->timeouts.data_done, std::chrono::seconds(600));
  EXPECT_EQ(settings->timeouts.rset, std::chrono::seconds(20));
  EXPECT_EQ(settings->line_length_limit, 998U);
  EXPECT_EQ(settings->reuse_time_limit, std::chrono::seconds(300));
  EXPECT_FALSE(settings->auth);
  EXPECT_FALSE(settings->sasl_rules.allows("PLAIN")) << "noplaintext is the default";
  EXPECT_TRUE(settings->sasl_rules.allows("SCRAM-SHA-256"));
}

TEST(SmtpClientSettings, lmtp_has_its_own_names) {
  Loaded loaded(
      "lmtp_lhlo_name = l.hub.test\nlmtp_lhlo_timeout = 7s\nlmtp_tls_security_level = "
      "encrypt\nsmtp_helo_name = x.test\n");
  const auto settings = loaded.client(smtp::Protocol::lmtp);
  ASSERT_TRUE(settings) << loaded.told();
  EXPECT_EQ(settings->session.protocol, smtp::Protocol::lmtp);
  EXPECT_EQ(settings->session.helo_name, "l.hub.test");
  EXPECT_EQ(settings->timeouts.helo, std::chrono::seconds(7));
  EXPECT_EQ(settings->session.tls, ClientTls::required);
}

TEST(SmtpClientSettings, auth_over_tls_may_use_plaintext) {
  Loaded loaded(
      "smtp_sasl_auth_enable = yes\nsmtp_sasl_password_maps = "
      "static:{user:word}\nsmtp_sasl_tls_security_options = noanonymous\n"
      "smtp_sasl_mechanism_filter = plain, scram-sha-256\n");
  const auto settings = loaded.client();
  ASSERT_TRUE(settings) << loaded.told();
  EXPECT_THAT(settings->sasl_rules.allowed({"PLAIN", "LOGIN", "SCRAM-SHA-256"}),
              ElementsAre("SCRAM-SHA-256"));
  EXPECT_THAT(settings->sasl_tls_rules.allowed({"PLAIN", "LOGIN", "SCRAM-SHA-256"}),
              ElementsAre("PLAIN", "SCRAM-SHA-256"));
  EXPECT_FALSE(settings->passwords.empty());
}

TEST(SmtpClientSettings, auth_without_passwords_is_told) {
  Loaded loaded("smtp_sasl_auth_enable = yes\n");
  ASSERT_TRUE(loaded.client());
  EXPECT_THAT(loaded.told(), HasSubstr("smtp_sasl_password_maps is empty"));
}

TEST(SmtpClientSettings, levels_of_tls) {
  EXPECT_EQ(client_tls(""), ClientTls::never);
  EXPECT_EQ(client_tls("none"), ClientTls::never);
  EXPECT_EQ(client_tls("may"), ClientTls::when_offered);
  for (const char* level : {"encrypt", "dane-only", "fingerprint", "verify", "secure"})
    EXPECT_EQ(client_tls(level), ClientTls::required) << level;
}

}  // namespace
}  // namespace hikyaku::config
