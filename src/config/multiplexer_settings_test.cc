#include "config/multiplexer_settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "config/milter_manager_conf.h"
#include "config/multiplexer_parameters.h"
#include "table/memory_tables.h"
#include "table/spec.h"

namespace hikyaku::config {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct SpecCase {
  const char* name;
  const char* text;
  const char* read;  ///< as text() has it; with a blank in it: part of the error
};
class ConnectionSpecs : public testing::TestWithParam<SpecCase> {};
TEST_P(ConnectionSpecs, AreReadOrRefused) {
  const auto spec = ConnectionSpec::parse(GetParam().text);
  if (std::string_view(GetParam().read).find(' ') != std::string_view::npos) {
    ASSERT_FALSE(spec) << spec->text();
    EXPECT_THAT(spec.error().text, AllOf(HasSubstr(GetParam().read), HasSubstr("write unix:/PATH")));
    return;
  }
  ASSERT_TRUE(spec) << spec.error().text;
  EXPECT_EQ(spec->text(), GetParam().read);
  EXPECT_EQ(ConnectionSpec::parse(spec->text()).value(), *spec);
}
INSTANTIATE_TEST_SUITE_P(
    , ConnectionSpecs,
    testing::Values(SpecCase{"path", "unix:/run/x.sock", "unix:/run/x.sock"},
                    SpecCase{"local_is_unix", "local:/x", "unix:/x"},
                    SpecCase{"port_alone", "inet:10025", "inet:10025"},
                    SpecCase{"host", "inet:10025@localhost", "inet:10025@localhost"},
                    SpecCase{"address", "inet:10025@[127.0.0.1]", "inet:10025@[127.0.0.1]"},
                    SpecCase{"as_postfix_writes_it", "inet:127.0.0.1:10025", "inet:10025@[127.0.0.1]"},
                    SpecCase{"as_postfix_writes_a_name", "inet:mx.example.org:1", "inet:1@mx.example.org"},
                    SpecCase{"as_postfix_writes_ipv6", "inet:[2001:DB8::1]:25", "inet6:25@[2001:db8::1]"},
                    SpecCase{"ipv6", "inet6:10025@[::1]", "inet6:10025@[::1]"},
                    SpecCase{"ipv6_address_makes_it_inet6", "inet:10025@[::1]", "inet6:10025@[::1]"},
                    SpecCase{"ipv6_of_a_name", "inet6:10025@localhost", "inet6:10025@localhost"},
                    SpecCase{"no_kind", "10025", "begins with no kind"},
                    SpecCase{"unknown_kind", "tcp:1", "\"tcp\" is no kind"},
                    SpecCase{"no_path", "unix:", "path is empty"},
                    SpecCase{"port_0", "inet:0", "no port from 1"},
                    SpecCase{"port_too_large", "inet:65536", "no port from 1"},
                    SpecCase{"no_port", "inet:@x", "no port from 1"},
                    SpecCase{"nothing_behind_the_at", "inet:1@", "nothing stands behind"},
                    SpecCase{"open_bracket", "inet:1@[::1", "] is missing"},
                    SpecCase{"bad_address", "inet:1@[x]", "is no address"},
                    SpecCase{"ipv4_for_inet6", "inet6:1@[127.0.0.1]", "is not an IPv6 address"},
                    SpecCase{"plain_ipv4_for_inet6", "inet6:1@127.0.0.1", "is not an IPv6 address"},
                    SpecCase{"bad_host", "inet:1@a b", "is no host"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(ConnectionSpec, APathHasALimit) {
  EXPECT_TRUE(ConnectionSpec::parse("unix:" + std::string(107, 'x')));
  EXPECT_FALSE(ConnectionSpec::parse("unix:" + std::string(108, 'x')));
  EXPECT_FALSE(ConnectionSpec::parse(std::string("unix:a\0b", 8)));
}

/// What main.cf says, and what was said about it.
struct FromMain {
  explicit FromMain(const std::string& text, const Surroundings& surroundings = {})
      : main(Main::parse(text, "main.cf", sources, diagnostics)),
        settings(multiplexer_settings(main, diagnostics, surroundings)) {}
  std::vector<std::string> said() const {
    std::vector<std::string> all;
    for (const auto& one : diagnostics.all())
      all.push_back(sources.text(one.where) + ":" + std::to_string(one.column) + " " + one.text);
    return all;
  }
  SourceCatalogue sources;
  Diagnostics diagnostics;
  Main main;
  MultiplexerSettings settings;
};

TEST(MultiplexerParameters, SayFiltersInOrder) {
  const FromMain read(R"(hikyaku_milters_listen = unix:/run/mux.sock
hikyaku_milters_control = inet:10026@[127.0.0.1]
hikyaku_milters_fallback_status = temporary-failure
hikyaku_milters =
  { unix:/run/greylist.sock, name=greylist, { conditions = S25R, remote-network | Unauthenticated },
    fallback_status=reject, reading_timeout=30s, max_connections=50 }
  { inet:127.0.0.1:10027, tell_ahead=no }
  { inet:10028@localhost, name=clamav, second=inet:10029@localhost, evaluation=yes, enabled=no,
    { accounts = bob@example.com /@example\.jp\z/i }, breaker_failures=3, ignore_added_headers=yes,
    { command = /usr/sbin/clamav-milter --config '/etc/a b' }, user=clamav, working_directory=/var/lib/clamav }
)");
  ASSERT_THAT(read.said(), IsEmpty());
  const auto& settings = read.settings;
  EXPECT_EQ(settings.manager.connection->value.text(), "unix:/run/mux.sock");
  EXPECT_EQ(settings.controller.connection->value.text(), "inet:10026@[127.0.0.1]");
  EXPECT_EQ(*settings.fallback_status, FallbackStatus::temporary_failure);
  EXPECT_EQ(*settings.fallback_status_at_disconnect, FallbackStatus::temporary_failure);
  ASSERT_EQ(settings.children.size(), 3U);
  const auto& greylist = settings.children[0];
  EXPECT_EQ(greylist.name, "greylist");
  EXPECT_EQ(read.sources.text(greylist.origin), "main.cf:5");
  EXPECT_EQ(*greylist.fallback_status, FallbackStatus::reject);
  EXPECT_EQ(read.sources.text(greylist.fallback_status.origin), "main.cf:5")
      << "the line that the filter begins on";
  EXPECT_EQ(*greylist.reading_timeout, std::chrono::seconds(30));
  EXPECT_EQ(*greylist.max_connections, 50U);
  std::vector<std::string> names;
  for (const auto use : greylist.uses()) names.push_back(settings.conditions.all()[use].name);
  EXPECT_THAT(names, ElementsAre("S25R", "Remote Network", "Unauthenticated"));
  EXPECT_EQ(settings.children[1].name, "inet:10027@[127.0.0.1]");
  EXPECT_FALSE(*settings.children[1].tell_ahead);
  EXPECT_TRUE(*greylist.tell_ahead);
  const auto& clamav = settings.children[2];
  EXPECT_EQ(clamav.second_connection->value.text(), "inet:10029@localhost");
  EXPECT_TRUE(*clamav.evaluation_mode);
  EXPECT_FALSE(*clamav.enabled);
  EXPECT_EQ(*clamav.breaker_failures, 3U);
  EXPECT_TRUE(*clamav.ignore_added_headers);
  EXPECT_FALSE(*greylist.ignore_added_headers);
  EXPECT_THAT(*clamav.command, ElementsAre("/usr/sbin/clamav-milter", "--config", "/etc/a b"));
  EXPECT_EQ(*clamav.user_name, "clamav");
  EXPECT_EQ(*clamav.working_directory, "/var/lib/clamav");
  EXPECT_TRUE(*settings.privilege_mode) << "who writes a command means it";
  const auto& accounts =
      std::get<policy::RestrictAccounts>(settings.conditions.all()[clamav.uses().at(0)].rule).accounts;
  EXPECT_EQ(accounts.size(), 2U);
}

TEST(MultiplexerParameters, SetTheConditions) {
  const FromMain read(R"(hikyaku_milters = inet:1@localhost
hikyaku_milters_s25r_ipv6 = yes
hikyaku_milters_s25r_whitelist = mx.example.org, /\.example\.com\z/
hikyaku_milters_local_networks = 192.0.2.0/24
hikyaku_milters_remote_networks = 10.9.0.0/16
hikyaku_milters_stress_sessions = 75
hikyaku_milters_trusted_domains = example.net
hikyaku_milters_dnsbl = list.example=127.0.0.2 other.example
)");
  ASSERT_THAT(read.said(), IsEmpty());
  const auto rule = [&](std::string_view name) -> const auto& {
    return read.settings.conditions.all()[read.settings.conditions.find(name).value()].rule;
  };
  EXPECT_FALSE(std::get<policy::S25r>(rule("S25R")).only_ipv4);
  EXPECT_EQ(std::get<policy::S25r>(rule("S25R")).whitelist.size(), 4U)
      << "the two that are built in, and two";
  EXPECT_EQ(std::get<policy::RemoteNetwork>(rule("Remote Network")).local.at(0).text(), "192.0.2.0/24");
  EXPECT_EQ(std::get<policy::RemoteNetwork>(rule("Remote Network")).remote.at(0).text(), "10.9.0.0/16");
  EXPECT_EQ(std::get<policy::NoStress>(rule("No Stress")).threshold, 75U);
  EXPECT_EQ(std::get<policy::StressNotify>(rule("Stress Notify")).threshold, 75U);
  EXPECT_THAT(std::get<policy::Trust>(rule("Trust")).domains.size(), 1U);
  const auto& services = std::get<policy::Dnsbl>(rule("DNSBL Not Listed")).services;
  ASSERT_EQ(services.size(), 2U);
  EXPECT_EQ(services[0].expected->text(), "127.0.0.2");
  EXPECT_FALSE(services[1].expected);
}

TEST(MultiplexerParameters, FindStressByTheMtaUntilTheySay) {
  const auto threshold = [](const MultiplexerSettings& settings) {
    const auto rule = settings.conditions.all()[settings.conditions.find("No Stress").value()].rule;
    EXPECT_EQ(*settings.stress_threshold, std::get<policy::NoStress>(rule).threshold);
    return *settings.stress_threshold;
  };
  const Surroundings of_the_mta{.stress = {30, {}}};
  EXPECT_EQ(threshold(FromMain("hikyaku_milters = inet:1@localhost\n", of_the_mta).settings), 30U);
  EXPECT_EQ(threshold(FromMain("hikyaku_milters_stress_sessions = 0\n", of_the_mta).settings), 0U);
  EXPECT_EQ(threshold(FromMain("hikyaku_milters = inet:1@localhost\n").settings), 0U);
}

class StaticTables final : public table::Opener {
 public:
  Result<std::shared_ptr<const table::Table>> open(std::string_view spec, Origin where) override {
    const auto parsed = table::parse_spec(spec);
    if (parsed && parsed->type == "static") return table::make_static(spec, parsed->name, where);
    return fail(Fault::not_found, "cannot open " + std::string(spec));
  }
};

TEST(MultiplexerParameters, NameTablesOfAccounts) {
  StaticTables tables;
  const auto accounts = [&tables](const std::string& text) {
    return FromMain("hikyaku_milters = { inet:1@localhost, { accounts = " + text + " } }\n",
                    {.tables = &tables});
  };
  const auto read = accounts("bob@[IPv6:::1] /a:b/ static:all");
  ASSERT_THAT(read.said(), IsEmpty());
  const auto& child = read.settings.children.at(0);
  const auto rule =
      std::get<policy::RestrictAccounts>(read.settings.conditions.all()[child.uses().at(0)].rule);
  EXPECT_EQ(rule.accounts.size(), 2U) << "an address with a colon, and an expression";
  ASSERT_EQ(rule.tables.size(), 1U);
  EXPECT_EQ(rule.tables[0]->name(), "static:all");
  EXPECT_THAT(accounts("hash:/no/such").said(),
              ElementsAre(HasSubstr("accounts: cannot open hash:/no/such")));
}

TEST(MultiplexerParameters, HaveTheSameDefaultsAsMilterManager) {
  const FromMain read("hikyaku_milters = inet:1@localhost\n");
  const auto trusted = [](const policy::ApplicableConditions& conditions) {
    return std::get<policy::Trust>(conditions.all()[conditions.find("Trust").value()].rule).domains.size();
  };
  const auto services = [](const policy::ApplicableConditions& conditions) {
    std::string all;
    for (const auto& one :
         std::get<policy::Dnsbl>(conditions.all()[conditions.find("DNSBL").value()].rule).services)
      all += one.domain + "=" + one.expected.value().text() + " ";
    return all;
  };
  const auto defaults = MultiplexerSettings::defaults();
  EXPECT_EQ(read.settings.manager.connection->value, defaults.manager.connection->value);
  EXPECT_EQ(*read.settings.fallback_status, *defaults.fallback_status);
  EXPECT_EQ(*read.settings.fallback_status_at_disconnect, *defaults.fallback_status_at_disconnect);
  EXPECT_EQ(trusted(read.settings.conditions), trusted(defaults.conditions));
  EXPECT_EQ(services(read.settings.conditions), services(defaults.conditions));
  EXPECT_EQ(read.main.text("hikyaku_milters_dnsbl").text + " ", services(defaults.conditions));
}

struct FaultCase {
  const char* name;
  const char* text;
  const char* said;
};
class FaultsOfParameters : public testing::TestWithParam<FaultCase> {};
TEST_P(FaultsOfParameters, AreToldWithTheirPlace) {
  const FromMain read(GetParam().text);
  EXPECT_THAT(read.said(), Contains(HasSubstr(GetParam().said)));
}
INSTANTIATE_TEST_SUITE_P(
    , FaultsOfParameters,
    testing::Values(FaultCase{"no_socket", "hikyaku_milters = { name=x }",
                              "main.cf:1:21 hikyaku_milters: \"name=x\" is no socket"},
                    FaultCase{"empty_group", "hikyaku_milters = {}", "{} is no filter"},
                    FaultCase{"misspelt_attribute", "hikyaku_milters = { inet:1@x, reading_timout=3 }",
                              "main.cf:1:31 hikyaku_milters: \"reading_timout\" is nothing that a filter "
                              "has; did you mean reading_timeout?"},
                    FaultCase{"no_attribute", "hikyaku_milters = { inet:1@x, fast }",
                              "\"fast\" behind a filter: write name=value"},
                    FaultCase{"bad_status", "hikyaku_milters = { inet:1@x, fallback_status=no }",
                              "fallback_status: \"no\" is none of accept"},
                    FaultCase{"bad_time", "hikyaku_milters = { inet:1@x, reading_timeout=0 }",
                              "\"0\" is no time; write 30s"},
                    FaultCase{"bad_count", "hikyaku_milters = { inet:1@x, max_connections=-1 }",
                              "\"-1\" is no number from 0"},
                    FaultCase{"bad_truth", "hikyaku_milters = { inet:1@x, enabled=perhaps }",
                              "\"perhaps\" is neither yes nor no"},
                    FaultCase{"unknown_condition", "hikyaku_milters = { inet:1@x, conditions=S25 }",
                              "no condition is named \"S25\"; did you mean \"S25R\"?"},
                    FaultCase{"twins", "hikyaku_milters = inet:1@x inet:1@x",
                              "main.cf:1:28 hikyaku_milters: two filters are named"},
                    FaultCase{"bad_listener", "hikyaku_milters_listen = here",
                              "main.cf:1:0 hikyaku_milters_listen: \"here\" is no socket"},
                    FaultCase{"bad_common_status", "hikyaku_milters_fallback_status = x",
                              "hikyaku_milters_fallback_status: \"x\" is none of"},
                    FaultCase{"bad_network", "hikyaku_milters_local_networks = 192.0.2.1/24",
                              "hikyaku_milters_local_networks: "},
                    FaultCase{"bad_pattern", "hikyaku_milters_s25r_whitelist = /(/",
                              "hikyaku_milters_s25r_whitelist: the regular expression"},
                    FaultCase{"bad_flags", "hikyaku_milters_s25r_whitelist = /a/q",
                              "is no regular expression: write"},
                    FaultCase{"bad_answer_of_a_list", "hikyaku_milters_dnsbl = a.example=x",
                              "main.cf:1:25 hikyaku_milters_dnsbl: "},
                    FaultCase{"one_socket_for_two", "hikyaku_milters_control = inet:10025@[127.0.0.1]",
                              "the controller listens where"},
                    FaultCase{"no_filter", "", "no filter is defined and enabled"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(MilterManagerRows, OfAnyShapeAreErrorsAndNoMore) {
  const PlainValue::List parts = {"set",
                                  "manager",
                                  "milter",
                                  "conditions",
                                  "add_condition",
                                  "stopper",
                                  "knob",
                                  "restrict",
                                  "said",
                                  "s25r",
                                  "f",
                                  std::int64_t{-1},
                                  std::int64_t{1} << 40,
                                  2.5,
                                  true,
                                  {},
                                  PlainValue::List{"a"},
                                  PlainValue::Map{{"pattern", "("}}};
  for (const auto& first : parts)
    for (const auto& second : parts)
      for (const auto& third : parts) {
        SourceCatalogue sources;
        Diagnostics diagnostics;
        const PlainValue rows =
            PlainValue::List{PlainValue::List{"milter", "f", "x.conf", std::int64_t{1}},
                             PlainValue::List{first, second, third, third, third, "x.conf", std::int64_t{2}}};
        (void)milter_manager_settings(rows, sources, diagnostics);
        EXPECT_FALSE(diagnostics.all().empty()) << "the filter has no socket at the least";
      }
  SourceCatalogue sources;
  Diagnostics diagnostics;
  (void)milter_manager_settings("no rows", sources, diagnostics);
  EXPECT_TRUE(diagnostics.failed());
}

}  // namespace
}  // namespace hikyaku::config
