#include "table/lookup_reply.h"

#include <gmock/gmock.h>

namespace hikyaku::table {
namespace {

using testing::HasSubstr;

TEST(Netstring, is_read_when_all_of_it_is_there) {
  const std::string whole = netstring("OK joe@a.test");
  EXPECT_EQ(whole, "13:OK joe@a.test,");
  for (std::size_t i = 0; i < whole.size(); ++i) {
    const auto part = read_netstring(std::string_view(whole).substr(0, i), 100);
    ASSERT_TRUE(part) << i;
    EXPECT_FALSE(part->has_value()) << i;
  }
  EXPECT_EQ(**read_netstring(whole, 100), "OK joe@a.test");
  EXPECT_EQ(**read_netstring("0:,", 100), "");
}

TEST(Netstring, what_can_never_be_one_is_refused) {
  for (const auto* text : {"OK x", ":x,", "1x:", "3:abcd", "-1:x,", "101:", "99999999999999999999999999:x"}) {
    const auto read = read_netstring(text, 100);
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().fault, Fault::malformed);
  }
}

TEST(SocketmapReply, found_not_found_and_no_answer) {
  EXPECT_EQ(read_socketmap_reply("OK joe@a.test")->value(), "joe@a.test");
  EXPECT_EQ(read_socketmap_reply("OK ")->value(), "");
  EXPECT_FALSE(read_socketmap_reply("NOTFOUND ")->has_value());
  EXPECT_FALSE(read_socketmap_reply("NOTFOUND")->has_value());
  for (const auto* text : {"TEMP down", "TIMEOUT ", "PERM no such map", "", "OK", "ok x", "NOTFOUNDx"}) {
    const auto read = read_socketmap_reply(text);
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().fault, Fault::temporary);
  }
  EXPECT_THAT(read_socketmap_reply("PERM no such map").error().text, HasSubstr("PERM no such map"));
}

TEST(TcpReply, found_not_found_and_no_answer) {
  EXPECT_EQ(read_tcp_reply("200 joe%20q@a.test")->value(), "joe q@a.test");
  EXPECT_EQ(read_tcp_reply("200 %4A%4a\r")->value(), "JJ");
  EXPECT_FALSE(read_tcp_reply("500 no such user")->has_value());
  for (const auto* text : {"400 later", "200", "300 x", "200 %4", "200 %", "200 %zz", "", "20"}) {
    const auto read = read_tcp_reply(text);
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().fault, Fault::temporary);
  }
}

TEST(TcpRequest, holds_no_octet_that_could_end_it) {
  EXPECT_EQ(tcp_request("joe@a.test"), "get joe@a.test\n");
  EXPECT_EQ(tcp_request("a b%\n\x7f\xe3"), "get a%20b%25%0a%7f%e3\n");
}

}  // namespace
}  // namespace hikyaku::table
