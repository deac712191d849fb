#include "config/pop3_settings.h"

#include <gtest/gtest.h>

#include "table/memory_tables.h"
#include "table/spec.h"

namespace hikyaku::config {
namespace {

/// The mechanism filter is such a table by default.
class StaticTables final : public table::Opener {
 public:
  Result<std::shared_ptr<const table::Table>> open(std::string_view spec, Origin where) override {
    const auto parsed = table::parse_spec(spec);
    if (parsed && parsed->type == "static") return table::make_static(spec, parsed->name, where);
    return fail(Fault::not_found, "cannot open " + std::string(spec));
  }
};

Pop3ServerSettings read(std::string_view text, Diagnostics& diagnostics) {
  SourceCatalogue sources;
  StaticTables tables;
  const auto main = Main::parse(text, "main.cf", sources, diagnostics);
  const auto smtp = smtp_server_settings(main, smtp::Protocol::smtp, {"PLAIN", "LOGIN", "SCRAM-SHA-256"},
                                         tables, diagnostics);
  return pop3_server_settings(main, smtp.value(), diagnostics);
}

Pop3ServerSettings read(std::string_view text) {
  Diagnostics diagnostics;
  auto settings = read(text, diagnostics);
  EXPECT_TRUE(diagnostics.all().empty());
  return settings;
}

TEST(Pop3Settings, without_a_setting_there_is_no_tls_and_ten_minutes_of_patience) {
  const auto settings = read("myhostname = mail.example.com\n");
  EXPECT_EQ(settings.session.hostname, "mail.example.com");
  EXPECT_FALSE(settings.session.tls);
  EXPECT_FALSE(settings.session.tls_auth_only);
  EXPECT_FALSE(settings.wrapper_mode);
  EXPECT_FALSE(settings.shared);
  EXPECT_EQ(settings.timeout, std::chrono::minutes{10});
  EXPECT_EQ(settings.session.error_limit, 20U);
  EXPECT_EQ(settings.session.line_limit, 255U);
  EXPECT_EQ(settings.session.auth_line_limit, 12288U);
  EXPECT_EQ(settings.session.mechanisms, (std::vector<std::string>{"PLAIN", "LOGIN", "SCRAM-SHA-256"}));
}

TEST(Pop3Settings, tls_mechanisms_and_errors_are_those_of_the_smtp_server) {
  const auto settings = read(
      "smtpd_tls_security_level = may\nsmtpd_tls_auth_only = yes\nsmtpd_hard_error_limit = 5\n"
      "smtpd_sasl_security_options = noplaintext\nsmtpd_sasl_tls_security_options = noanonymous\n"
      "smtpd_tls_wrappermode = yes\nhikyaku_pop3_shared = yes\nhikyaku_pop3_timeout = 30m\n");
  EXPECT_TRUE(settings.session.tls);
  EXPECT_TRUE(settings.session.tls_auth_only);
  EXPECT_TRUE(settings.wrapper_mode);
  EXPECT_TRUE(settings.shared);
  EXPECT_EQ(settings.timeout, std::chrono::minutes{30});
  EXPECT_EQ(settings.session.error_limit, 5U);
  EXPECT_EQ(settings.session.mechanisms, std::vector<std::string>{"SCRAM-SHA-256"});
  EXPECT_EQ(settings.session.tls_mechanisms.size(), 3U);
}

TEST(Pop3Settings, the_level_encrypt_means_logins_under_tls_alone) {
  EXPECT_TRUE(read("smtpd_tls_security_level = encrypt\n").session.tls_auth_only);
}

TEST(Pop3Settings, a_shorter_time_than_the_standard_s_is_told) {
  Diagnostics diagnostics;
  EXPECT_EQ(read("hikyaku_pop3_timeout = 60s\n", diagnostics).timeout, std::chrono::minutes{1});
  ASSERT_EQ(diagnostics.all().size(), 1U);
  EXPECT_FALSE(diagnostics.failed());
}

}  // namespace
}  // namespace hikyaku::config
