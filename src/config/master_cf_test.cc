#include "config/master_cf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hikyaku::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct Reading {
  explicit Reading(std::string_view text) : master(Master::parse(text, "master.cf", sources, diagnostics)) {}
  std::string said() const { return text(diagnostics, sources); }
  const Service& only() const {
    EXPECT_EQ(master.services().size(), 1u) << said();
    return master.services().at(0);
  }

  SourceCatalogue sources;
  Diagnostics diagnostics;
  Master master;
};

std::vector<std::string> overrides(const Service& service) {
  std::vector<std::string> result;
  for (const auto& override : service.overrides) {
    result.push_back(std::to_string(override.origin.line) + " " + override.name + "=" + override.value);
  }
  return result;
}

TEST(MasterCf, a_submission_service) {
  const Reading reading(
      "# ==== service\n"
      "submission inet n       -       y       -       10       smtpd\n"
      "  -o syslog_name=postfix/submission\n"
      "#  -o smtpd_tls_auth_only=yes\n"
      "  -o smtpd_tls_security_level=encrypt\n"
      "  -o { smtpd_relay_restrictions = permit_sasl_authenticated, reject }\n"
      "  -o mydestination= -v\n");
  EXPECT_EQ(reading.said(), "");
  const auto& service = reading.only();
  EXPECT_EQ(service.kind, Service::Kind::inet);
  EXPECT_EQ(service.role, Service::Role::smtp_server);
  EXPECT_EQ(service.host, "");
  EXPECT_EQ(service.port, 587);
  EXPECT_EQ(service.command, "smtpd");
  EXPECT_EQ(service.is_private, false);
  EXPECT_EQ(service.chroot, true);
  EXPECT_EQ(service.maxproc, 10);
  EXPECT_EQ(reading.sources.text(service.origin), "master.cf:2");
  EXPECT_THAT(
      overrides(service),
      ElementsAre("3 syslog_name=postfix/submission", "5 smtpd_tls_security_level=encrypt",
                  "6 smtpd_relay_restrictions=permit_sasl_authenticated, reject", "7 mydestination="));
  EXPECT_THAT(service.args, ElementsAre("-v"));
}

struct Endpoint {
  const char* name;
  const char* text;
  const char* host;
  int port;
};

class MasterCfEndpoint : public testing::TestWithParam<Endpoint> {};

TEST_P(MasterCfEndpoint, is_read) {
  const Reading reading(std::string(GetParam().text) + " inet n - n - - smtpd\n");
  EXPECT_EQ(reading.only().host, GetParam().host);
  EXPECT_EQ(reading.only().port, GetParam().port);
}

INSTANTIATE_TEST_SUITE_P(, MasterCfEndpoint,
                         testing::Values(Endpoint{"a_service_name", "smtp", "", 25},
                                         Endpoint{"submissions", "submissions", "", 465},
                                         Endpoint{"smtps", "smtps", "", 465},
                                         Endpoint{"lmtp", "lmtp", "", 24},
                                         Endpoint{"a_number", "10025", "", 10025},
                                         Endpoint{"an_address", "127.0.0.1:11025", "127.0.0.1", 11025},
                                         Endpoint{"an_address_and_a_name", "127.0.0.1:smtp", "127.0.0.1", 25},
                                         Endpoint{"brackets", "[::1]:2525", "::1", 2525},
                                         Endpoint{"ipv6_without_brackets", "::1:2525", "::1", 2525},
                                         Endpoint{"a_host_name", "localhost:2525", "localhost", 2525}),
                         [](const auto& row) { return std::string(row.param.name); });

struct RoleCase {
  const char* line;
  Service::Role role;
  bool transport;
};

class MasterCfRole : public testing::TestWithParam<RoleCase> {};

TEST_P(MasterCfRole, is_that_of_the_command) {
  const Reading reading(GetParam().line);
  const auto& service = reading.only();
  EXPECT_EQ(service.role, GetParam().role) << text(service.role);
  EXPECT_EQ(reading.master.transport(service.name) != nullptr, GetParam().transport);
  EXPECT_EQ(reading.diagnostics.failed(), false);
  EXPECT_EQ(reading.diagnostics.all().empty(), GetParam().role != Service::Role::unsupported)
      << reading.said();
}

INSTANTIATE_TEST_SUITE_P(
    , MasterCfRole,
    testing::Values(RoleCase{"smtp inet n - y - - smtpd", Service::Role::smtp_server, false},
                    RoleCase{"pop3s inet n - n - - pop3", Service::Role::pop3_server, false},
                    RoleCase{"relay unix - - y - - smtp", Service::Role::smtp_client, true},
                    RoleCase{"lmtp unix - - y - - lmtp", Service::Role::lmtp_client, true},
                    RoleCase{"retry unix - - y - - error", Service::Role::error, true},
                    RoleCase{"discard unix - - y - - discard", Service::Role::discard, true},
                    RoleCase{"virtual unix - n n - - virtual", Service::Role::local, true},
                    RoleCase{"qmgr unix n - n 300 1 qmgr", Service::Role::inner, false},
                    RoleCase{"flush unix n - y 1000? 0 flush", Service::Role::inner, false},
                    RoleCase{"postlog unix-dgram n - n - 1 postlogd", Service::Role::inner, false},
                    RoleCase{"pickup fifo n - n 60 1 pickup", Service::Role::pickup, false},
                    RoleCase{"policy unix - n n - 0 spawn user=nobody argv=/p", Service::Role::unsupported,
                             true},
                    RoleCase{"qmqp inet n - n - - qmqpd", Service::Role::unsupported, false}));

TEST(MasterCf, a_pipe_keeps_its_arguments_and_is_told) {
  const Reading reading(
      "maildrop unix - n n - - pipe\n  flags=DRXhu user=vmail argv=/usr/bin/maildrop -d { a b }\n");
  EXPECT_THAT(reading.only().args,
              ElementsAre("flags=DRXhu", "user=vmail", "argv=/usr/bin/maildrop", "-d", "a b"));
  EXPECT_EQ(
      reading.said(),
      "master.cf:1:25: warning: the hub does not run \"pipe\": mail for the transport maildrop is deferred\n"
      "  maildrop unix - n n - - pipe\n                          ^\n");
}

TEST(MasterCf, behind_postscreen_the_server_itself_listens) {
  const Reading reading(
      "smtp inet n - y - 1 postscreen\n"
      "smtpd pass - - y - - smtpd\n  -o smtpd_helo_required=yes\n");
  EXPECT_EQ(reading.master.services().at(0).role, Service::Role::smtp_server);
  EXPECT_THAT(overrides(reading.master.services().at(0)), ElementsAre("3 smtpd_helo_required=yes"));
  EXPECT_THAT(reading.said(), HasSubstr("master.cf:1:21: warning: there is no postscreen"));
}

TEST(MasterCf, of_two_services_with_one_name_and_type_the_later_counts) {
  const Reading reading(
      "relay unix - - y - - smtp\nrelay inet_not unix - - - - x\nrelay unix - - y - 5 smtp\n");
  EXPECT_EQ(reading.only().maxproc, 5);
  EXPECT_THAT(
      reading.said(),
      HasSubstr("master.cf:3:1: warning: the service relay is also in line 1; this later one counts"));
}

TEST(MasterCf, a_unix_and_an_inet_service_may_have_one_name) {
  const Reading reading("smtp inet n - y - - smtpd\nsmtp unix - - y - - smtp\n");
  EXPECT_EQ(reading.said(), "");
  ASSERT_NE(reading.master.transport("smtp"), nullptr);
  EXPECT_EQ(reading.master.transport("smtp")->role, Service::Role::smtp_client);
}

struct Fault {
  const char* name;
  const char* line;
  unsigned column;
  const char* text;
};

class MasterCfFault : public testing::TestWithParam<Fault> {};

TEST_P(MasterCfFault, is_told_with_its_column) {
  const Reading reading(GetParam().line);
  EXPECT_THAT(reading.master.services(), IsEmpty());
  ASSERT_EQ(reading.diagnostics.all().size(), 1u) << reading.said();
  EXPECT_EQ(reading.diagnostics.all()[0].column, GetParam().column) << reading.said();
  EXPECT_THAT(reading.diagnostics.all()[0].text, HasSubstr(GetParam().text));
  EXPECT_TRUE(reading.diagnostics.failed());
}

INSTANTIATE_TEST_SUITE_P(
    , MasterCfFault,
    testing::Values(
        Fault{"too_few_fields", "smtp inet n - y - smtpd", 1, "this line has 7"},
        Fault{"an_unknown_type", "smtp inett n - y - - smtpd", 6, "the type is inet, unix"},
        Fault{"a_flag", "smtp inet n - yes - - smtpd", 15, "this field is y, n or -"},
        Fault{"a_wakeup_time", "smtp inet n - y soon - smtpd", 17, "the wakeup time"},
        Fault{"a_process_limit", "smtp inet n - y - many smtpd", 19, "the process limit"},
        Fault{"an_unknown_port", "smtpp inet n - y - - smtpd", 1, "\"smtpp\" is neither a port"},
        Fault{"a_port_out_of_range", "[::1]:65536 inet n - y - - smtpd", 7, "\"65536\" is neither a port"},
        Fault{"port_zero", "0 inet n - y - - smtpd", 1, "\"0\" is neither a port"},
        Fault{"half_a_bracket", "[::1:25 inet n - y - - smtpd", 1, "[address]:port"},
        Fault{"empty_brackets", "[]:25 inet n - y - - smtpd", 1, "no address in the brackets"},
        Fault{"a_path_as_command", "smtp inet n - y - - /bin/smtpd", 21, "a name without /"},
        Fault{"an_o_at_the_end", "smtp inet n - y - - smtpd -o", 27, "-o is followed by name=value"},
        Fault{"an_o_without_equals", "smtp inet n - y - - smtpd -o relayhost", 30,
              "-o is followed by name=value"},
        Fault{"blanks_around_equals", "smtp inet n - y - - smtpd -o a=b -o relayhost = x", 37,
              "without blanks"},
        Fault{"blanks_after_the_name", "smtp inet n - y - - smtpd -o a= = x", 33, "blanks around ="},
        Fault{"text_behind_a_brace", "smtp inet n - y - - smtpd -o { a = b }}", 30,
              "nothing may stand behind"},
        Fault{"a_second_brace", "smtp inet n - y - - smtpd -o{a=b}{c}", 29, "nothing may stand behind"},
        Fault{"an_open_brace", "smtp inet n - y - - smtpd -o { a = b", 30, "\"{\" is not closed"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(MasterCf, all_forms_of_o) {
  const Reading reading("smtp unix - - n - - smtp -oa=1 -o{ b = 2 } -o c=3 -o { d = { 4 } } -o {e=}\n");
  EXPECT_EQ(reading.said(), "");
  EXPECT_THAT(overrides(reading.only()), ElementsAre("1 a=1", "1 b=2", "1 c=3", "1 d={ 4 }", "1 e="));
}

}  // namespace
}  // namespace hikyaku::config
