#include "config/route_settings.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "route/router.h"
#include "table/given_tables.h"

namespace hikyaku::config {
namespace {

/// Settings read from a main.cf of a few lines.
struct Read {
  explicit Read(const std::string& main_cf, const std::string& table = {}) {
    tables.give("/t", table);
    main = std::make_unique<Main>(
        Main::parse("compatibility_level = 3.6\nmyhostname = mail.hub.test\nmydomain = hub.test\n" + main_cf,
                    "main.cf", sources, diagnostics));
    settings = route_settings(*main, {}, tables, diagnostics);
  }
  std::string remarks() const { return text(diagnostics, sources); }

  SourceCatalogue sources;
  Diagnostics diagnostics;
  table::GivenTables tables;
  std::unique_ptr<Main> main;
  Result<route::Settings> settings;
};

TEST(RouteSettings, KeepThePlaceOfEachSetting) {
  const Read read("relayhost = [192.0.2.1]\ntransport_maps = hash:/t\n", "dest.test alt:\n");
  ASSERT_TRUE(read.settings) << read.remarks();
  EXPECT_EQ(read.settings->relayhost.text, "[192.0.2.1]");
  EXPECT_EQ(read.sources.text(read.settings->relayhost.origin), "main.cf:4");
  EXPECT_EQ(read.settings->local_transport.text, "local:mail.hub.test");
  EXPECT_TRUE(read.settings->local_transport.origin.built_in());
}

TEST(RouteSettings, RoutersCompleteAddresses) {
  Read read("append_dot_mydomain = yes\n");
  ASSERT_TRUE(read.settings) << read.remarks();
  const route::Router router(std::move(*read.settings));
  EXPECT_EQ(router.complete(*mail::Address::from_internal("joe")).internal(), "joe@mail.hub.test");
  EXPECT_EQ(router.complete(*mail::Address::from_internal("joe@pc")).internal(), "joe@pc.hub.test");
  EXPECT_EQ(router.complete(*mail::Address::from_internal("joe%a.test")).internal(), "joe@a.test");
  EXPECT_TRUE(router.complete({}).null());
}

struct RemarkCase {
  const char* name;
  std::string main_cf, table;
  std::string remark;  // part of what is said; empty: nothing is
};
class RouteSettingsRemark : public testing::TestWithParam<RemarkCase> {};

TEST_P(RouteSettingsRemark, on_next_hops) {
  const auto& row = GetParam();
  const Read read(row.main_cf, row.table);
  if (row.remark.empty()) {
    EXPECT_EQ(read.remarks(), "");
  } else {
    EXPECT_NE(read.remarks().find(row.remark), std::string::npos) << read.remarks();
  }
}

INSTANTIATE_TEST_SUITE_P(
    , RouteSettingsRemark,
    testing::Values(
        RemarkCase{"a_good_relayhost_needs_none", "relayhost = [mail.a.test]:587\n", "", ""},
        RemarkCase{"relayhost_with_a_transport", "relayhost = smtp:[mail.a.test]\n", "",
                   "write \"[mail.a.test]\""},
        RemarkCase{"table_of_relayhosts_with_a_transport", "sender_dependent_relayhost_maps = hash:/t\n",
                   "joe@a.test smtp:[192.0.2.1]:25\n", "looks like transport:nexthop"},
        RemarkCase{"dunno_is_no_next_hop_and_fine", "sender_dependent_relayhost_maps = hash:/t\n",
                   "joe@a.test DUNNO\n", ""},
        RemarkCase{"table_of_transports_with_a_next_hop",
                   "sender_dependent_default_transport_maps = hash:/t\n", "joe@a.test [192.0.2.1]\n",
                   "names no transport"},
        RemarkCase{"domain_key_with_at", "transport_maps = hash:/t\n", "@a.test smtp:[192.0.2.1]\n",
                   "never looked up in transport_maps"},
        RemarkCase{"table_as_transport", "relay_transport = hash:/etc/postfix/transport\n", "",
                   "names one transport, not a table"},
        RemarkCase{"table_that_does_not_open", "relocated_maps = hash:/none\n", "", "relocated_maps: "}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(TransportLimitSettings, OwnValuesComeBeforeTheDefaults) {
  const Read read(
      "default_destination_concurrency_limit = 7\nslow_destination_concurrency_limit = "
      "2\nspaced_destination_concurrency_limit = 5\nspaced_destination_rate_delay = 3s\n"
      "initial_destination_concurrency = 9\nfast_destination_recipient_limit = 0\n");
  const auto slow = transport_limits(*read.main, "slow", 0);
  EXPECT_EQ(slow.destination_concurrency_limit, 2U);
  EXPECT_EQ(slow.initial_destination_concurrency, 2U) << "never above the limit";
  EXPECT_EQ(slow.process_limit, 100U);
  const auto spaced = transport_limits(*read.main, "spaced", 0);
  EXPECT_EQ(spaced.destination_rate_delay, std::chrono::seconds(3));
  EXPECT_EQ(spaced.destination_concurrency_limit, 1U) << "deliveries side by side would not be spaced";
  EXPECT_EQ(spaced.initial_destination_concurrency, 1U);
  const auto fast = transport_limits(*read.main, "fast", 4);
  EXPECT_EQ(fast.destination_concurrency_limit, 7U);
  EXPECT_EQ(fast.process_limit, 4U);
  EXPECT_GT(fast.destination_recipient_limit, 100000U) << "0 is no limit";
}

TEST(RetryScheduleSettings, IsReadFromMainCf) {
  const Read read("minimal_backoff_time = 10m\nmaximal_queue_lifetime = 1d\n");
  const auto schedule = retry_schedule(*read.main);
  EXPECT_EQ(schedule.minimal_backoff, std::chrono::minutes(10));
  EXPECT_EQ(schedule.maximal_backoff, std::chrono::seconds(4000));
  EXPECT_EQ(schedule.lifetime, std::chrono::hours(24));
  EXPECT_EQ(schedule.bounce_lifetime, std::chrono::hours(120));
}

TEST(SearchSettingsOfClient, AreThoseOfTheClient) {
  Read read(
      "smtp_tcp_port = 2525\nsmtp_dns_support_level = disabled\ninet_protocols = ipv4\nlmtp_tcp_port = 24\n");
  const auto smtp = search_settings(*read.main, {}, false, read.diagnostics);
  EXPECT_EQ(smtp.default_port, 2525);
  EXPECT_FALSE(smtp.use_dns);
  EXPECT_TRUE(smtp.ipv4);
  EXPECT_FALSE(smtp.ipv6);
  EXPECT_EQ(search_settings(*read.main, {}, true, read.diagnostics).default_port, 24);
}

}  // namespace
}  // namespace hikyaku::config
