// What guards the logins: the memory of right passwords, the throttle of wrong ones.
#include <gmock/gmock.h>

#include "io/auth_throttle.h"
#include "io/credential_cache.h"
#include "io/system_random.h"

namespace hikyaku::io {
namespace {

using namespace std::chrono_literals;
constexpr Time kNow{1'790'000'000s};

TEST(CredentialCache, KnowsARightPasswordForItsTime) {
  SystemRandom random;
  CredentialCache cache(random, 300s, 10);
  EXPECT_FALSE(cache.holds("v1", "joe", "secret", kNow));
  cache.remember("v1", "joe", "secret", kNow);
  EXPECT_TRUE(cache.holds("v1", "joe", "secret", kNow + 300s));
  EXPECT_FALSE(cache.holds("v1", "joe", "secret", kNow + 301s));
  EXPECT_FALSE(cache.holds("v1", "joe", "secret", kNow)) << "forgotten for good";
}

TEST(CredentialCache, TellsAllPartsApart) {
  SystemRandom random;
  CredentialCache cache(random, 300s, 10);
  cache.remember("v1", "joe", "secret", kNow);
  EXPECT_FALSE(cache.holds("v2", "joe", "secret", kNow)) << "the users' file has changed";
  EXPECT_FALSE(cache.holds("v1", "jo", "esecret", kNow));
  EXPECT_FALSE(cache.holds("v1", "joe", "Secret", kNow));
}

TEST(CredentialCache, ForgetsTheOneUsedLongestAgo) {
  SystemRandom random;
  CredentialCache cache(random, 300s, 2);
  cache.remember("v", "a", "x", kNow);
  cache.remember("v", "b", "x", kNow);
  EXPECT_TRUE(cache.holds("v", "a", "x", kNow));
  cache.remember("v", "c", "x", kNow);
  EXPECT_TRUE(cache.holds("v", "a", "x", kNow));
  EXPECT_FALSE(cache.holds("v", "b", "x", kNow));
}

TEST(AuthThrottle, EachFailureWaitsTwiceAsLongUpToALimit) {
  AuthThrottle throttle;
  std::vector<std::int64_t> waits;
  for (int i = 0; i < 7; ++i) waits.push_back(throttle.failed("192.0.2.1", "joe", kNow).count());
  EXPECT_THAT(waits, testing::ElementsAre(500, 1000, 2000, 4000, 8000, 8000, 8000));
}

TEST(AuthThrottle, AnAddressIsBlockedForAWhile) {
  AuthThrottle throttle;
  for (unsigned i = 0; i < AuthThrottle::kBlockAddress; ++i) {
    EXPECT_FALSE(throttle.blocked("192.0.2.1", "joe", kNow));
    (void)throttle.failed("192.0.2.1", "user" + std::to_string(i), kNow);
  }
  EXPECT_TRUE(throttle.blocked("192.0.2.1", "joe", kNow));
  EXPECT_FALSE(throttle.blocked("192.0.2.2", "joe", kNow));
  EXPECT_FALSE(throttle.blocked("192.0.2.1", "joe", kNow + AuthThrottle::kBlock));
  EXPECT_TRUE(throttle.blocked("192.0.2.1", "joe", kNow + AuthThrottle::kBlock - 1s));
}

TEST(AuthThrottle, ANetworkOfIpv6IsOneClient) {
  AuthThrottle throttle;
  for (unsigned i = 0; i < AuthThrottle::kBlockAddress; ++i)
    (void)throttle.failed("2001:db8:0:1::" + std::to_string(i), "joe", kNow);
  EXPECT_TRUE(throttle.blocked("2001:db8:0:1:ffff::1", "joe", kNow));
  EXPECT_FALSE(throttle.blocked("2001:db8:0:2::1", "joe", kNow));
}

TEST(AuthThrottle, AUserIsGuardedAgainstManyAddresses) {
  AuthThrottle throttle;
  for (unsigned i = 0; i < AuthThrottle::kBlockUser; ++i)
    (void)throttle.failed("10.0." + std::to_string(i) + ".1", "joe", kNow);
  EXPECT_TRUE(throttle.blocked("192.0.2.1", "joe", kNow));
  EXPECT_FALSE(throttle.blocked("192.0.2.1", "ann", kNow));
}

TEST(AuthThrottle, ASuccessClearsTheAddress) {
  AuthThrottle throttle;
  for (unsigned i = 0; i + 1 < AuthThrottle::kBlockAddress; ++i)
    (void)throttle.failed("192.0.2.1", "joe", kNow);
  throttle.succeeded("192.0.2.1");
  EXPECT_EQ(throttle.failed("192.0.2.1", "joe", kNow), 500ms);
  throttle.succeeded("192.0.2.99");
}

TEST(AuthThrottle, FailuresAreForgotten) {
  AuthThrottle throttle;
  for (unsigned i = 0; i < AuthThrottle::kBlockAddress; ++i) (void)throttle.failed("192.0.2.1", "joe", kNow);
  EXPECT_EQ(throttle.failed("192.0.2.1", "joe", kNow + AuthThrottle::kForget + 1s), 500ms);
}

TEST(AuthThrottle, ItsMemoryIsBounded) {
  AuthThrottle throttle(4);
  (void)throttle.failed("192.0.2.1", "joe", kNow);
  for (int i = 0; i < 10; ++i) (void)throttle.failed("10.0.0." + std::to_string(i), "ann", kNow);
  EXPECT_EQ(throttle.failed("192.0.2.1", "ann", kNow), 500ms) << "the oldest was dropped";
}

}  // namespace
}  // namespace hikyaku::io
