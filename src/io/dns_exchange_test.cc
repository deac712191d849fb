#include "io/dns_exchange.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/udp.hpp>
#include <thread>

namespace hikyaku::io {
namespace {

namespace asio = boost::asio;
using asio::ip::udp;
using testing::ElementsAre;

const std::string kQuestion("\x12\x34\0\0\0\0\0\0\0\0\0\0", 12),
    kAnswer("\x12\x34\x80\0\0\0\0\0\0\0\0\0", 12), kOther("\x12\x35\x80\0\0\0\0\0\0\0\0\0", 12);

TEST(NameServers, AreThoseOfResolvConf) {
  EXPECT_THAT(
      name_servers("# nameserver 192.0.2.1\nsearch x.example\nnameserver 192.0.2.53\n"
                   "nameserver\t2001:db8::53%eth0\r\nnameservers 192.0.2.2\nnameserver\nnameserver ::1"),
      ElementsAre(DnsServer{"192.0.2.53", 53}, DnsServer{"2001:db8::53", 53}, DnsServer{"::1", 53}));
}

TEST(DnsExchange, AsksAgainAndTakesTheAnswerToItsQuestion) {
  asio::io_context context;
  udp::socket server(context, {asio::ip::address_v4::loopback(), 0});
  std::string asked;
  std::jthread thread([&] {
    std::array<char, 512> room{};
    udp::endpoint peer;
    server.receive_from(asio::buffer(room), peer);  // and says nothing
    asked.assign(room.data(), server.receive_from(asio::buffer(room), peer));
    server.send_to(asio::buffer("short", 5), peer);
    server.send_to(asio::buffer(kOther), peer);
    server.send_to(asio::buffer(kAnswer), peer);
  });
  const auto answer = dns_exchange({"127.0.0.1", server.local_endpoint().port()}, kQuestion,
                                   std::chrono::steady_clock::now() + std::chrono::seconds(20));
  ASSERT_TRUE(answer) << answer.error().text;
  EXPECT_EQ(*answer, kAnswer);
  thread.join();
  EXPECT_EQ(asked, kQuestion);
}

TEST(DnsExchange, EndsWhenTimeIsOver) {
  asio::io_context context;
  const udp::socket silent(context, {asio::ip::address_v4::loopback(), 0});
  const auto answer = dns_exchange({"127.0.0.1", silent.local_endpoint().port()}, kQuestion,
                                   std::chrono::steady_clock::now() + std::chrono::milliseconds(50));
  ASSERT_FALSE(answer);
  EXPECT_THAT(answer.error().text, testing::EndsWith(": no answer"));
}

}  // namespace
}  // namespace hikyaku::io
