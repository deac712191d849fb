#include "greylist/received_spf.h"

#include <gtest/gtest.h>

#include <string>

namespace hikyaku::greylist {
namespace {

struct HeaderCase {
  const char* name;
  const char* client;
  std::string helo, sender;
  SpfResult result;
  std::string value;
};

class ReceivedSpf : public testing::TestWithParam<HeaderCase> {};

TEST_P(ReceivedSpf, IsAsTheTableSays) {
  const auto& one = GetParam();
  const SpfRequest request{.client = table::Ip::parse(one.client).value(),
                           .helo = one.helo,
                           .sender = one.sender,
                           .receiver = "mx.example"};
  EXPECT_EQ(received_spf(request, one.result, " "), one.value);
}

SpfResult matched(SpfStatus status, std::string mechanism) {
  return {.status = status,
          .domain = "a.example",
          .record_domain = "a.example",
          .mechanism = std::move(mechanism)};
}
SpfResult failed(SpfStatus status, std::string problem) {
  return {
      .status = status, .domain = "a.example", .record_domain = "a.example", .problem = std::move(problem)};
}

INSTANTIATE_TEST_SUITE_P(
    , ReceivedSpf,
    testing::Values(
        HeaderCase{"pass", "192.0.2.7", "helo.example", "bob@a.example",
                   matched(SpfStatus::pass, "ip4:192.0.2.0/24"),
                   "pass (mx.example: domain of bob@a.example permits 192.0.2.7) client-ip=192.0.2.7; "
                   "envelope-from=\"bob@a.example\"; helo=helo.example; receiver=mx.example; "
                   "mechanism=\"ip4:192.0.2.0/24\"; identity=mailfrom"},
        HeaderCase{"fail_of_IPv6", "2001:db8::7", "helo.example", "bob@a.example",
                   matched(SpfStatus::fail, "-all"),
                   "fail (mx.example: domain of bob@a.example does not permit 2001:db8::7) "
                   "client-ip=\"2001:db8::7\"; "
                   "envelope-from=\"bob@a.example\"; helo=helo.example; receiver=mx.example; mechanism=-all; "
                   "identity=mailfrom"},
        HeaderCase{
            "softfail", "192.0.2.7", "helo.example", "b@a.example", matched(SpfStatus::softfail, "~all"),
            "softfail (mx.example: domain of b@a.example advises against 192.0.2.7) client-ip=192.0.2.7; "
            "envelope-from=\"b@a.example\"; helo=helo.example; receiver=mx.example; mechanism=~all; "
            "identity=mailfrom"},
        HeaderCase{"null_sender", "192.0.2.7", "a.example", "", matched(SpfStatus::neutral, "default"),
                   "neutral (mx.example: domain of a.example neither permits nor denies 192.0.2.7) "
                   "client-ip=192.0.2.7; envelope-from=\"\"; helo=a.example; receiver=mx.example; "
                   "mechanism=default; identity=helo"},
        HeaderCase{"none", "192.0.2.7", "h.example", "b@a.example",
                   failed(SpfStatus::none, "\"a.example\" has no SPF record"),
                   "none (mx.example: domain of b@a.example has no SPF record) client-ip=192.0.2.7; "
                   "envelope-from=\"b@a.example\"; helo=h.example; receiver=mx.example; "
                   "problem=\"\\\"a.example\\\" has no SPF record\"; identity=mailfrom"},
        HeaderCase{
            "temperror", "192.0.2.7", "h.example", "b@a.example", failed(SpfStatus::temperror, "no answer"),
            "temperror (mx.example: domain of b@a.example could not be checked for now) client-ip=192.0.2.7; "
            "envelope-from=\"b@a.example\"; helo=h.example; receiver=mx.example; problem=\"no answer\"; "
            "identity=mailfrom"},
        HeaderCase{"permerror", "192.0.2.7", "h.example", "b@a.example", failed(SpfStatus::permerror, ""),
                   "permerror (mx.example: domain of b@a.example can not be checked) client-ip=192.0.2.7; "
                   "envelope-from=\"b@a.example\"; helo=h.example; receiver=mx.example; identity=mailfrom"},
        HeaderCase{"what_the_client_says_stays_in_its_place", "192.0.2.7", "a..b;c",
                   "x)\r\ny: \"\\@a.example", matched(SpfStatus::pass, "+all"),
                   "pass (mx.example: domain of x???y: \"?@a.example permits 192.0.2.7) client-ip=192.0.2.7; "
                   "envelope-from=\"x)??y: \\\"\\\\@a.example\"; helo=\"a..b;c\"; receiver=mx.example; "
                   "mechanism=+all; identity=mailfrom"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(ReceivedSpfHeader, HasShortLinesWhereItIsFolded) {
  SpfRequest request;
  request.helo = std::string(3000, '"');
  request.sender = std::string(3000, '\\') + "@a.example";
  request.receiver = std::string(3000, 'r');
  const auto value = received_spf(request, matched(SpfStatus::pass, std::string(3000, ':')), "\n\t");
  EXPECT_EQ(std::count(value.begin(), value.end(), '\n'), 6);
  for (std::size_t begin = 0; begin <= value.size();) {
    const auto end = std::min(value.find('\n', begin), value.size());
    EXPECT_LE(end - begin, 900U);
    begin = end + 1;
  }
}

}  // namespace
}  // namespace hikyaku::greylist
