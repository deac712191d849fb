#include "greylist/sender_pool.h"

#include <gtest/gtest.h>

namespace hikyaku::greylist {
namespace {

struct Named {
  const char *name, *address;
  bool names_it;
};

TEST(SenderPool, AUsersLineIsNamedByItsAddress) {
  for (const auto& one : {
           Named{"host-192-0-2-7.isp.example", "192.0.2.7", true},
           Named{"7.2.0.192.isp.example", "192.0.2.7", true},
           Named{"ip-002-007.isp.example", "192.0.2.7", true},
           Named{"C0000207.dsl.isp.example", "192.0.2.7", true},
           Named{"c0-00-02-07.isp.example", "192.0.2.7", true},
           Named{"mail-qk1-f44.provider.example", "192.0.2.44", false},
           Named{"mx7.a.example", "192.0.2.7", false},
           Named{"mx2.eu7.a.example", "192.0.2.7", true},  // for all that can be told
           Named{"a.example", "192.0.2.7", false},
           Named{"2001-db8--1-2f.isp.example", "2001:db8::a001:2f", false},
           Named{"x-a001-002f.isp.example", "2001:db8::a001:2f", true},
       })
    EXPECT_EQ(names_its_address(one.name, *table::Ip::parse(one.address)), one.names_it) << one.name;
}

Facts client(const char* name, const char* provider) {
  Facts facts;
  facts.client = table::Ip::parse("192.0.2.7");
  facts.client_name = name;
  facts.provider_domain = provider;
  facts.sender = "<joe@A.example>";
  return facts;
}

SpfResult spf(SpfStatus status) {
  SpfResult result;
  result.status = status;
  return result;
}

TEST(SenderPool, TheFirstThatIsKnownCounts) {
  auto facts = client("mx.provider.example", "Provider.example");
  facts.autonomous_system = 64500;
  EXPECT_EQ(sender_pool(facts, spf(SpfStatus::pass)), "spf:a.example");
  EXPECT_EQ(sender_pool(facts, spf(SpfStatus::softfail)), "dns:provider.example");
  EXPECT_EQ(sender_pool(facts, std::nullopt), "dns:provider.example");
  facts.client_name = "[192.0.2.7]";
  EXPECT_EQ(sender_pool(facts, std::nullopt), "asn:64500") << "nobody has confirmed a name";
  facts.autonomous_system.reset();
  EXPECT_EQ(sender_pool(facts, std::nullopt), "");
}

TEST(SenderPool, AUsersLineIsNoProvider) {
  auto facts = client("host-192-0-2-7.isp.example", "isp.example");
  facts.autonomous_system = 64500;
  EXPECT_EQ(sender_pool(facts, std::nullopt), "");
  EXPECT_EQ(sender_pool(facts, spf(SpfStatus::pass)), "spf:a.example") << "its domain says that it may";
}

TEST(SenderPool, TheNullSenderHasNoDomain) {
  auto facts = client("mx.provider.example", "provider.example");
  facts.sender = "<>";
  EXPECT_EQ(sender_pool(facts, spf(SpfStatus::pass)), "dns:provider.example");
  facts.client.reset();
  EXPECT_EQ(sender_pool(facts, std::nullopt), "") << "it did not come over IP";
}

}  // namespace
}  // namespace hikyaku::greylist
