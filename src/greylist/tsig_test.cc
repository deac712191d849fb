#include "greylist/tsig.h"

#include <gtest/gtest.h>

#include "greylist/dns_wire.h"

namespace hikyaku::greylist {
namespace {

constexpr std::uint64_t kNow = 1'700'000'000;
constexpr std::string_view kSecret = "1B2M2Y8AsgTpgAmY7PhCfg==";
// Of requests and answers with a header alone.
const std::string kRequest("\x12\x34\x28\0\0\0\0\0\0\0\0\0", 12),
    kAnswer("\x12\x34\xa8\0\0\0\0\0\0\0\0\0", 12);

/// A code that all octets of key and text count in, for tests alone.
std::optional<std::string> sum(std::string_view hash, std::string_view key, std::string_view text) {
  std::uint64_t state = 14695981039346656037U;
  for (const auto part : {hash, key, text})
    for (const char c : part) state = (state ^ static_cast<unsigned char>(c)) * 1099511628211U;
  return std::to_string(state);
}

Tsig key(std::string_view name = "dns-update", std::string_view algorithm = "hmac-sha256") {
  return Tsig::parse(name, algorithm, kSecret).value();
}

/// An answer as the server that has `key` signs it.
std::string signed_answer(const Tsig& tsig, const std::string& request_mac, std::uint64_t seconds = kNow) {
  const auto with_request = [&](std::string_view hash, std::string_view secret, std::string_view text) {
    std::string digested;
    put_u16(digested, static_cast<std::uint16_t>(request_mac.size()));
    return sum(hash, secret, digested + request_mac + std::string(text));
  };
  return tsig.sign(kAnswer, seconds, with_request).value().message;
}

TEST(Tsig, KnowsItsAlgorithms) {
  for (const auto* name : {"hmac-md5", "HMAC-MD5.SIG-ALG.REG.INT.", "hmac-sha1", "hmac-sha224", "hmac-sha256",
                           "hmac-sha256.", "hmac-sha384", "hmac-sha512"})
    EXPECT_TRUE(Tsig::parse("k", name, kSecret)) << name;
  EXPECT_FALSE(Tsig::parse("k", "hmac-crc32", kSecret));
  EXPECT_FALSE(Tsig::parse("k", "hmac-sha256", "no base64"));
  EXPECT_FALSE(Tsig::parse("k", "hmac-sha256", ""));
  EXPECT_FALSE(Tsig::parse("a..b", "hmac-sha256", kSecret));
}

TEST(Tsig, SignsTheMessageTheTimeAndTheKey) {
  std::string digested;
  const auto watch = [&](std::string_view hash, std::string_view, std::string_view text) {
    EXPECT_EQ(hash, "MD5");
    digested = text;
    return std::optional<std::string>("0123456789abcdef");
  };
  const auto made = key("Dns-Update.", "hmac-md5").sign(kRequest, kNow, watch).value();
  EXPECT_EQ(made.mac, "0123456789abcdef");
  const std::string name(
      "\x0a"
      "dns-update\0",
      12),
      algorithm("\x08hmac-md5\x07sig-alg\x03reg\x03int\0", 26);
  const std::string time("\0\0\x65\x53\xf1\0\x01\x2c", 8);
  EXPECT_EQ(digested, kRequest + name + std::string("\0\xff\0\0\0\0", 6) + algorithm + time +
                          std::string("\0\0\0\0", 4));
  EXPECT_EQ(made.message, kRequest.substr(0, 11) + "\x01" + name +
                              std::string("\0\xfa\0\xff\0\0\0\0\0\x3a", 10) + algorithm + time +
                              std::string("\0\x10", 2) + "0123456789abcdef" +
                              std::string("\x12\x34\0\0\0\0", 6));
}

TEST(Tsig, TakesTheAnswerOfWhoHasTheKey) {
  const auto mac = key().sign(kRequest, kNow, sum).value().mac;
  const auto verified = key().verify(signed_answer(key(), mac), mac, kNow + 299, sum);
  EXPECT_TRUE(verified) << verified.error().text;
}

TEST(Tsig, TakesNoOtherAnswer) {
  const auto mac = key().sign(kRequest, kNow, sum).value().mac;
  const auto refusal = [&](const std::string& answer, std::uint64_t seconds = kNow) {
    const auto verified = key().verify(answer, mac, seconds, sum);
    return verified ? "" : verified.error().text;
  };
  EXPECT_EQ(refusal(kAnswer), "the answer is not signed");
  EXPECT_EQ(refusal(signed_answer(key(), "another request's")), "the signature of the answer does not fit");
  EXPECT_EQ(refusal(signed_answer(key("another"), mac)), "the answer is signed with another key");
  EXPECT_EQ(refusal(signed_answer(key("dns-update", "hmac-sha1"), mac)),
            "the answer is signed with another key");
  EXPECT_EQ(refusal(signed_answer(key(), mac), kNow + 301), "the answer was signed at another time");
  EXPECT_EQ(refusal(signed_answer(key(), mac, kNow + 301)), "the answer was signed at another time");
  auto badkey = signed_answer(key(), mac);
  badkey[badkey.size() - 3] = 17;
  EXPECT_EQ(refusal(badkey), "the server does not take the signature: BADKEY");
}

TEST(Tsig, HoldsNoOctetForTheOther) {
  const auto mac = key().sign(kRequest, kNow, sum).value().mac;
  const auto answer = signed_answer(key(), mac);
  for (std::size_t at = 0; at < answer.size(); ++at) {
    auto changed = answer;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    // Class and TTL of the record are those that all signatures have, its name is in either case.
    const auto ttl = answer.find("dns-update") + 11 + 2;
    if (at >= ttl && at < ttl + 6) continue;
    // The identifier that is signed is the one beside the code.
    if (at < 2) continue;
    EXPECT_FALSE(key().verify(changed, mac, kNow, sum)) << at;
    EXPECT_FALSE(key().verify(answer.substr(0, at), mac, kNow, sum)) << at;
  }
}

}  // namespace
}  // namespace hikyaku::greylist
