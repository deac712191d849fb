#include "serve/greylist_updates.h"

#include <gtest/gtest.h>

#include "greylist/dns_update.h"
#include "greylist/hex_for_tests.h"
#include "greylist/tsig.h"
#include "io/hmac.h"

namespace hikyaku::serve {
namespace {

using greylist::from_hex;
using greylist::hex;

struct SignedCase {
  const char* name;
  const char* algorithm;
  const char* signature;  ///< behind the message
  const char* answer;
};
void PrintTo(const SignedCase& row, std::ostream* out) { *out << row.algorithm; }
class SignedUpdate : public testing::TestWithParam<SignedCase> {};

// dnspython 2.3 makes the same octets of the same key, time and message, and signs this answer to it.
INSTANTIATE_TEST_SUITE_P(
    , SignedUpdate,
    testing::Values(
        SignedCase{
            "md5", "hmac-md5",
            "0a646e732d7570646174650000fa00ff00000000003a08686d61632d6d6435077369672d616c670372656703696e7400"
            "00006553f100012c0010429541067824719627bb57be771aa2ac123400000000",
            "1234a80000000000000000010a646e732d7570646174650000fa00ff00000000003a08686d61632d6d6435077369672d"
            "616c670372656703696e740000006553f100012c00105bb7f1d635cbe09e85c9f7685837a2fb123400000000"},
        SignedCase{
            "sha256", "hmac-sha256",
            "0a646e732d7570646174650000fa00ff00000000003d0b686d61632d7368613235360000006553f100012c00204d0331"
            "51381c5684a4c1a709865a575d498fa4f75e9fe9aad2b8e7b416d19d79123400000000",
            "1234a80000000000000000010a646e732d7570646174650000fa00ff00000000003d0b686d61632d7368613235360000"
            "006553f100012c002001b67618d32c7454e487036089a10a7c0fc1214e7d6a3cef8c788767ca58982e12340000000"
            "0"}),
    [](const auto& row) { return std::string(row.param.name); });
TEST_P(SignedUpdate, IsToTheOctetAndItsAnswerIsTaken) {
  constexpr std::uint64_t kNow = 1'700'000'000;
  const auto tsig =
      greylist::Tsig::parse("dns-update", GetParam().algorithm, "1B2M2Y8AsgTpgAmY7PhCfg==").value();
  const greylist::DnsUpdate update{.zone = "bl.example.net",
                                   .name = "7.2.0.192.bl.example.net",
                                   .ttl = std::chrono::minutes(5),
                                   .value = "127.0.0.2"};
  auto message = greylist::update_message(update, 0x1234).value();
  const auto made = tsig.sign(message, kNow, io::hmac).value();
  message[11] = 1;
  EXPECT_EQ(hex(made.message), hex(message) + GetParam().signature);
  const auto verified = tsig.verify(from_hex(GetParam().answer), made.mac, kNow, io::hmac);
  EXPECT_TRUE(verified) << verified.error().text;
  EXPECT_TRUE(greylist::read_update_answer(from_hex(GetParam().answer), 0x1234));
}

}  // namespace
}  // namespace hikyaku::serve
