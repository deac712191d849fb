#include "policy/client_rates.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace hikyaku::policy {
namespace {

using std::chrono_literals::operator""s;

/// `address` is looked at as long as the client is.
Client client(std::string_view address) {
  Client one;
  one.ip = table::Ip::parse(address);
  one.address = address;
  return one;
}

const Time kStart{std::chrono::seconds(1'000'000)};

TEST(ClientRates, RefusesConnectionsBeyondTheLimitAndCountsClosedOnesNoMore) {
  const std::string address = "192.0.2.1";
  ClientRates rates;
  RateLimits limits;
  limits.connection_count = 2;
  EXPECT_FALSE(rates.connect(limits, client(address), "hub.test", kStart));
  EXPECT_FALSE(rates.connect(limits, client(address), "hub.test", kStart));
  EXPECT_EQ(rates.connect(limits, client(address), "hub.test", kStart)->line(),
            "421 4.7.0 hub.test Error: too many connections from 192.0.2.1");
  EXPECT_FALSE(rates.connect(limits, client("192.0.2.2"), "hub.test", kStart));
  rates.disconnect(address, kStart);
  rates.disconnect(address, kStart);
  EXPECT_FALSE(rates.connect(limits, client(address), "hub.test", kStart));
  EXPECT_EQ(rates.load().connections, 3U);
}

TEST(ClientRates, TellsHowManyConnectionsAClientHasWhereTheyAreLimited) {
  ClientRates rates;
  const RateLimits limits;
  const auto one = client("192.0.2.1"), other = client("192.0.2.2");
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(rates.connect(limits, one, "hub.test", kStart));
  EXPECT_EQ(rates.connections(limits, one), 3U);
  EXPECT_EQ(rates.connections(limits, other), 0U);
  RateLimits none;
  none.connection_count = 0;
  EXPECT_EQ(rates.connections(none, one), 0U) << "nothing is limited";
  none.auth_rate = 1;
  EXPECT_EQ(rates.connections(none, one), 3U);
}

TEST(ClientRates, CountsEventsWithinOneUnit) {
  const std::string address = "192.0.2.1";
  ClientRates rates;
  RateLimits limits;
  limits.message_rate = 2;
  const auto count = [&](Time now) {
    return rates.count(ClientRates::Event::message, limits, client(address), now);
  };
  EXPECT_FALSE(count(kStart));
  EXPECT_FALSE(count(kStart + 1s));
  EXPECT_EQ(count(kStart + 2s)->line(), "450 4.7.1 Error: too much mail from 192.0.2.1");
  EXPECT_FALSE(count(kStart + 61s));
  EXPECT_FALSE(rates.count(ClientRates::Event::auth, limits, client(address), kStart))
      << "no limit, not counted";
}

TEST(ClientRates, LeavesExceptedClientsAlone) {
  struct NoTables final : table::Opener {
    Result<std::shared_ptr<const table::Table>> open(std::string_view, Origin) override {
      return fail(Fault::not_found, "none");
    }
  } none;
  const std::string address = "192.0.2.1";
  ClientRates rates;
  RateLimits limits;
  limits.connection_rate = limits.message_rate = 1;
  limits.exceptions = *table::NetworkList::compile({{"192.0.2.0/28", {}}}, none);
  for (int i = 0; i < 5; ++i) {
    EXPECT_FALSE(rates.connect(limits, client(address), "hub.test", kStart));
    EXPECT_FALSE(rates.count(ClientRates::Event::message, limits, client(address), kStart));
    EXPECT_EQ(rates.connections(limits, client(address)), 0U);
    rates.disconnect(address, kStart);
  }
}

TEST(ClientRates, ForgetsTheClientLongestUnseen) {
  ClientRates rates;
  const RateLimits limits;
  for (std::size_t i = 0; i < ClientRates::kLimit + 10; ++i) {
    const auto address = "10." + std::to_string(i / 65536) + "." + std::to_string(i / 256 % 256) + "." +
                         std::to_string(i % 256);
    rates.connect(limits, client(address), "hub.test", kStart);
    rates.disconnect(address, kStart);
  }
  EXPECT_EQ(rates.load().clients, ClientRates::kLimit);
  EXPECT_EQ(rates.load().connections, 0U);
}

}  // namespace
}  // namespace hikyaku::policy
