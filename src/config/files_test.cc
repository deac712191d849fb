#include "config/files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hikyaku::config {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* kMaster =
    "smtp inet n - y - - smtpd\n"
    "submission inet n - y - - smtpd\n"
    "  -o smtpd_client_restrictions=$mua_client_restrictions\n"
    "  -o syslog_name=postfix/$service_name\n"
    "relay unix - - y - - smtp\n"
    "slow unix - - y - - smtp\n";

struct Reading {
  explicit Reading(std::string main, std::string master = kMaster)
      : files(read_files({"main.cf", std::move(main), "master.cf", std::move(master)}, {}, sources,
                         diagnostics)) {}
  std::string said() const { return text(diagnostics, sources); }

  SourceCatalogue sources;
  Diagnostics diagnostics;
  Files files;
};

TEST(Files, each_service_has_its_view) {
  const Reading reading("mua_client_restrictions = permit_sasl_authenticated, reject\nsyslog_name = hub\n");
  EXPECT_EQ(reading.said(), "");
  const auto& services = reading.files.master.services();
  EXPECT_EQ(reading.files.view(services[0]).text("syslog_name").text, "hub");
  EXPECT_EQ(reading.files.view(services[1]).text("syslog_name").text, "postfix/submission");
  EXPECT_EQ(reading.files.view(services[1]).list("smtpd_client_restrictions").size(), 2u);
}

TEST(Files, a_fault_of_main_cf_is_told_once_for_all_services) {
  const Reading reading("smtpd_helo_required = maybe\n");
  EXPECT_EQ(reading.diagnostics.all().size(), 1u) << reading.said();
}

TEST(FilesNames, a_misspelt_one_is_told_with_the_nearest) {
  EXPECT_EQ(Reading("relayhots = x\n").said(),
            "main.cf:1:1: warning: there is no parameter relayhots, and no value refers to it; did you mean "
            "relayhost?\n"
            "  relayhots = x\n  ^\n");
  EXPECT_THAT(
      Reading("", "smtp inet n - y - - smtpd\n -o smtpd_helo_requierd=yes\n").said(),
      HasSubstr(
          "master.cf:2:5: warning: there is no parameter smtpd_helo_requierd, and no value refers to it; did "
          "you mean smtpd_helo_required?"));
}

TEST(FilesNames, one_that_a_value_refers_to_is_known) {
  EXPECT_EQ(Reading("my_relay = x\nrelayhost = $my_relay\n").said(), "");
  EXPECT_EQ(Reading("my_relay = x\nrelayhost = ${nobody?{$my_relay}}\n").said(), "");
  EXPECT_EQ(Reading("mua_client_restrictions = reject\n").said(), "") << "master.cf refers to it";
  EXPECT_EQ(Reading("virtual_maps = hash:/t/v\n").said(), "") << "a default refers to it";
}

TEST(FilesNames, restriction_classes_are_known) {
  EXPECT_EQ(Reading("smtpd_restriction_classes = strict, lax\nstrict = reject\nlax = permit\n").said(), "");
}

TEST(FilesNames, parameters_of_tables_are_known) {
  EXPECT_EQ(Reading("virtual_alias_maps = ldap:people\npeople_server_host = ldap.example.org\n").said(), "");
}

TEST(FilesNames, parameters_of_transports_are_known_when_the_transport_is) {
  EXPECT_EQ(Reading("slow_destination_concurrency_limit = 1\n").said(), "");
  EXPECT_THAT(Reading("slwo_destination_concurrency_limit = 1\n").said(),
              HasSubstr("main.cf:1:1: warning: slwo_destination_concurrency_limit: there is no transport "
                        "slwo in master.cf"));
}

TEST(FilesNames, what_the_hub_does_not_do_is_told_with_what_it_means) {
  EXPECT_THAT(
      Reading("smtpd_proxy_filter = 127.0.0.1:10025\n").said(),
      HasSubstr("main.cf:1:1: warning: smtpd_proxy_filter has no effect: mail is NOT passed through this"));
  EXPECT_EQ(Reading("daemon_timeout = 18000s\n").said(), "") << "it is set to what it is anyway";
}

TEST(FilesNames, settings_of_inner_services_are_told) {
  EXPECT_THAT(
      Reading("", "sub unix n - n - 0 cleanup\n -o syslog_name=x -o header_checks=regexp:/t/h\n").said(),
      HasSubstr(
          "master.cf:2:22: warning: header_checks has no effect here: the service sub is a part of the hub"));
}

struct Elsewhere {
  const char* name;
  std::string main, line;  ///< main.cf, and a line of master.cf
  std::string says;        ///< empty: nothing
};
class FilesNamesElsewhere : public testing::TestWithParam<Elsewhere> {};

TEST_P(FilesNamesElsewhere, AreToldWithTheirPlace) {
  const Reading reading(GetParam().main, GetParam().line + "\n");
  if (GetParam().says.empty()) {
    EXPECT_EQ(reading.said(), "");
  } else {
    EXPECT_THAT(reading.said(), HasSubstr("master.cf:1:"));
    EXPECT_THAT(reading.said(), HasSubstr(GetParam().says));
  }
}

INSTANTIATE_TEST_SUITE_P(
    , FilesNamesElsewhere,
    testing::Values(
        Elsewhere{"other_mails_filters_at_smtpd", "",
                  "smtp inet n - n - - smtpd -o non_smtpd_milters=inet:a:1",
                  "warning: non_smtpd_milters has no effect here: it is for mail that does not come by SMTP"},
        Elsewhere{
            "classes_of_notices_at_smtpd", "",
            "smtp inet n - n - - smtpd -o internal_mail_filter_classes=bounce",
            "warning: internal_mail_filter_classes has no effect here: it is for the hub's own notices"},
        Elsewhere{"classes_of_notices_at_pickup", "",
                  "pickup unix n - n 60 1 pickup -o internal_mail_filter_classes=bounce",
                  "warning: internal_mail_filter_classes has no effect here"},
        Elsewhere{"filters_at_a_client", "", "out unix - - n - - smtp -o smtpd_milters=inet:a:1",
                  "warning: smtpd_milters has no effect here: it is for mail that comes by SMTP"},
        Elsewhere{"tables_of_filters_at_pickup", "",
                  "pickup unix n - n 60 1 pickup -o smtpd_milter_maps=inline:{a=b}",
                  "warning: smtpd_milter_maps has no effect here"},
        Elsewhere{"an_action_at_a_client", "", "out unix - - n - - lmtp -o milter_default_action=accept",
                  "warning: milter_default_action has no effect here: filters are asked where mail comes in"},
        Elsewhere{"a_macro_at_a_mailbox", "", "local unix - n n - - local -o milter_macro_v=x",
                  "warning: milter_macro_v has no effect here"},
        Elsewhere{"an_action_at_pop3", "", "995 inet n - n - - pop3 -o milter_default_action=accept",
                  "warning: milter_default_action has no effect here"},
        Elsewhere{"filters_at_smtpd", "",
                  "smtp inet n - n - - smtpd -o smtpd_milters=inet:a:1 -o milter_default_action=accept "
                  "-o milter_header_checks=regexp:/x -o milter_macro_daemon_name=X "
                  "-o hikyaku_milter_tell_ahead=no -o smtpd_milter_maps=inline:{a=DISABLE}",
                  ""},
        Elsewhere{
            "filters_at_pickup", "",
            "pickup unix n - n 60 1 pickup -o non_smtpd_milters=inet:a:1 -o milter_default_action=accept "
            "-o milter_connect_timeout=3s",
            ""},
        Elsewhere{"the_same_as_in_main_cf", "non_smtpd_milters =\n",
                  "smtp inet n - n - - smtpd -o non_smtpd_milters=", ""},
        Elsewhere{"what_another_of_the_service_refers_to", "smtpd_milters = $non_smtpd_milters\n",
                  "smtp inet n - n - - smtpd -o non_smtpd_milters=inet:a:1", ""},
        Elsewhere{"what_one_without_effect_here_refers_to", "non_smtpd_milters = $smtpd_milters\n",
                  "out unix - - n - - smtp -o smtpd_milters=inet:a:1",
                  "warning: smtpd_milters has no effect here"},
        Elsewhere{"another_cleanup_at_pickup", "",
                  "pickup unix n - n 60 1 pickup -o cleanup_service_name=sub",
                  "on the line of smtpd or pickup itself"}),
    [](const auto& row) { return std::string(row.param.name); });

// The base files of the cases that were recorded from Postfix, and what Debian installs: nothing but unused
// parameters.
TEST(FilesNames, of_debians_own_main_cf) {
  const Reading reading(
      "# See /usr/share/postfix/main.cf.dist for a commented, more complete version\n"
      "smtpd_banner = $myhostname ESMTP $mail_name (Debian/GNU)\n"
      "biff = no\n"
      "append_dot_mydomain = no\n"
      "readme_directory = no\n"
      "compatibility_level = 3.6\n"
      "smtpd_tls_cert_file=/etc/ssl/certs/ssl-cert-snakeoil.pem\n"
      "smtpd_tls_key_file=/etc/ssl/private/ssl-cert-snakeoil.key\n"
      "smtpd_tls_security_level=may\n"
      "smtp_tls_CApath=/etc/ssl/certs\n"
      "smtp_tls_security_level=may\n"
      "smtp_tls_session_cache_database = btree:${data_directory}/smtp_scache\n"
      "smtpd_relay_restrictions = permit_mynetworks permit_sasl_authenticated defer_unauth_destination\n"
      "myhostname = vm\n"
      "mydestination = $myhostname, vm, localhost.localdomain, , localhost\n"
      "relayhost = \n"
      "mynetworks = 127.0.0.0/8 [::ffff:127.0.0.0]/104 [::1]/128\n"
      "mailbox_size_limit = 0\n"
      "recipient_delimiter = +\n"
      "inet_interfaces = all\n"
      "inet_protocols = all\n");
  EXPECT_FALSE(reading.diagnostics.failed()) << reading.said();
  EXPECT_THAT(reading.said(), Not(HasSubstr("there is no")));
}

}  // namespace
}  // namespace hikyaku::config
