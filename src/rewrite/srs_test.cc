#include "rewrite/srs.h"

#include <gmock/gmock.h>

#include <chrono>

#include "base/plain_hash.h"

namespace hikyaku::rewrite {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;

const hikyaku::testing_support::PlainHash kHash;
constexpr Time kNow = std::chrono::sys_days(std::chrono::year(2026) / 11 / 25) + std::chrono::hours(9);

Srs srs(std::vector<std::string> secrets = {"secret"}, std::string domain = "srs.example") {
  return Srs({.domain = std::move(domain), .secrets = std::move(secrets)}, kHash);
}

mail::Address address(std::string_view text) { return mail::Address::from_internal(text).value(); }

TEST(Srs, sender_comes_back_as_it_was) {
  for (const auto* sender :
       {"joe@example.com", "Joe.User+tag@Example.COM", "a=b=c@example.com", "joe q@example.com",
        "\xe3\x83\xa1@example.com", "srs@example.com", "SRS0@example.com"}) {
    const auto forwarded = srs().forward(address(sender), kNow);
    ASSERT_TRUE(forwarded) << sender;
    EXPECT_EQ(forwarded->domain(), "srs.example");
    EXPECT_TRUE(srs().has_form(*forwarded));
    const auto back = srs().reverse(*forwarded, kNow + std::chrono::days(3));
    ASSERT_TRUE(back) << back.error().text;
    EXPECT_EQ(back->internal(), sender);
  }
}

TEST(Srs, has_the_form_that_everybody_writes) {
  // 2026-11-25 is day 20782 since 1970, 302 modulo 1024: 9 and 14 in base32.
  EXPECT_THAT(srs().forward(address("joe@example.com"), kNow)->internal(),
              MatchesRegex("SRS0=....=JO=example.com=joe@srs.example"));
}

TEST(Srs, second_forwarder_keeps_the_first_ones_part) {
  const auto first = srs({"one"}, "first.example");
  const auto second = srs({"two"}, "second.example");
  const auto third = srs({"three"}, "third.example");
  const auto a = first.forward(address("joe@example.com"), kNow).value();
  const auto b = second.forward(a, kNow).value();
  EXPECT_THAT(b.internal(), MatchesRegex("SRS1=....=first.example==....=JO=example.com=joe@second.example"));
  const auto c = third.forward(b, kNow).value();
  EXPECT_THAT(c.internal(), MatchesRegex("SRS1=....=first.example==....=JO=example.com=joe@third.example"));
  // A notice goes past the second forwarder, to the first, and from there to the sender.
  EXPECT_EQ(third.reverse(c, kNow)->internal(), a.internal());
  EXPECT_EQ(second.reverse(b, kNow)->internal(), a.internal());
  EXPECT_EQ(first.reverse(a, kNow)->internal(), "joe@example.com");
}

TEST(Srs, case_that_was_lost_on_the_way_does_no_harm) {
  const auto sent = srs().forward(address("Joe@Example.com"), kNow)->internal();
  std::string lower = sent;
  for (char& c : lower) c = static_cast<char>(std::tolower(c));
  EXPECT_EQ(srs().reverse(address(lower), kNow)->internal(), "joe@example.com");
}

TEST(Srs, nobody_else_can_write_one) {
  const auto sent = srs().forward(address("joe@example.com"), kNow)->internal();
  auto other = sent;
  other.replace(other.find("=joe@"), 5, "=eve@");
  const auto answer = srs().reverse(address(other), kNow);
  ASSERT_FALSE(answer);
  EXPECT_THAT(answer.error().text, HasSubstr("the hash of the rewritten sender is not ours"));
  EXPECT_FALSE(srs({"another secret"}).reverse(address(sent), kNow));
  for (const auto* text : {"SRS0=@srs.example", "SRS0=x@srs.example", "SRS0=abcd=JO@srs.example",
                           "SRS0=abcd=JO=example.com@srs.example", "SRS1=abcd@srs.example",
                           "SRS1=abcd=@srs.example", "SRS1=abcd==@srs.example", "SRS0===@srs.example"}) {
    EXPECT_TRUE(srs().has_form(address(text))) << text;
    const auto refused = srs().reverse(address(text), kNow);
    ASSERT_FALSE(refused) << text;
    EXPECT_EQ(refused.error().fault, Fault::permanent);
  }
}

TEST(Srs, old_ones_are_refused_and_a_clock_that_was_ahead_is_forgiven) {
  const auto sent = srs().forward(address("joe@example.com"), kNow).value();
  EXPECT_TRUE(srs().reverse(sent, kNow + std::chrono::days(21)));
  EXPECT_TRUE(srs().reverse(sent, kNow - std::chrono::days(1)));
  const auto late = srs().reverse(sent, kNow + std::chrono::days(22));
  ASSERT_FALSE(late);
  EXPECT_THAT(late.error().text, HasSubstr("too old"));
  EXPECT_FALSE(srs().reverse(sent, kNow - std::chrono::days(2)));
}

TEST(Srs, secret_is_changed_by_writing_the_new_one_first) {
  const auto sent = srs({"old"}).forward(address("joe@example.com"), kNow).value();
  EXPECT_TRUE(srs({"new", "old"}).reverse(sent, kNow));
  EXPECT_NE(srs({"new", "old"}).forward(address("joe@example.com"), kNow)->internal(), sent.internal());
}

TEST(Srs, only_addresses_of_its_domain_have_its_form) {
  EXPECT_TRUE(srs().has_form(address("srs0+abcd=JO=x=y@SRS.example")));
  EXPECT_FALSE(srs().has_form(address("SRS0=abcd=JO=x=y@other.example")));
  EXPECT_FALSE(srs().has_form(address("SRS0@srs.example")));
  EXPECT_FALSE(srs().has_form(address("SRS2=a@srs.example")));
  EXPECT_FALSE(srs().has_form({}));
}

TEST(Srs, sender_that_would_be_too_long_stays) {
  const auto answer =
      srs().forward(address(std::string(64, 'a') + "@" + std::string(180, 'b') + ".test"), kNow);
  ASSERT_FALSE(answer);
  EXPECT_THAT(answer.error().text, HasSubstr("254 are allowed"));
  EXPECT_FALSE(srs().forward(address("local"), kNow));
  EXPECT_FALSE(srs().forward(address("joe@a=b.test"), kNow));
  EXPECT_FALSE(srs().forward(address("@b.test"), kNow));
}

}  // namespace
}  // namespace hikyaku::rewrite
