#include "base/dns_server.h"

#include <gtest/gtest.h>

namespace hikyaku {
namespace {

TEST(DnsServer, IsAnAddressOrANameWithOrWithoutAPort) {
  for (const auto* text :
       {"192.0.2.53", "192.0.2.53@5353", "2001:db8::53", "2001:db8::53@5353", "ns.example"})
    EXPECT_EQ(DnsServer::parse(text).value().text(), text);
  EXPECT_EQ(DnsServer::parse("ns.example@53").value(), (DnsServer{"ns.example", 53}));
}

TEST(DnsServer, IsNothingElse) {
  for (const auto* text :
       {"", "@53", "ns.example@", "ns.example@0", "ns.example@65536", "ns.example@5x", "n s", "[::1]", "a/b"})
    EXPECT_FALSE(DnsServer::parse(text)) << text;
}

}  // namespace
}  // namespace hikyaku
