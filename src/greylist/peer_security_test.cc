#include "greylist/peer_security.h"

#include <gtest/gtest.h>

#include <string>

#include "base/base64.h"
#include "base/plain_hash.h"

namespace hikyaku::greylist {
namespace {

using NeedBytes = PeerSecurity::NeedBytes;
using StartTls = PeerSecurity::StartTls;
using Proven = PeerSecurity::Proven;
const hikyaku::testing_support::PlainHash kHash;

PeerSecurity::Keys keys(char nonce, std::string secret = "a secret of a fleet") {
  return {std::move(secret), std::string(PeerSecurity::kNonce, nonce)};
}

std::string error(const PeerSecurity::Event& event) {
  const auto* failed = std::get_if<PeerSecurity::Failed>(&event);
  return failed != nullptr ? failed->error.text : "";
}

/// Both ends until neither goes on; what each said to the other.
struct Talk {
  PeerSecurityCaller caller;
  PeerSecurityListener listener;
  std::string callers_binding = "exported", listeners_binding = "exported";
  std::string said;
  PeerSecurity::Event callers = NeedBytes{}, listeners = NeedBytes{};

  Talk(PeerSecurity::Keys of_caller, PeerSecurity::Keys of_listener)
      : caller(std::move(of_caller), kHash), listener(std::move(of_listener), kHash) {}

  void step(PeerSecurity& one, PeerSecurity& other, PeerSecurity::Event& event, const std::string& binding) {
    event = one.next();
    const auto out = one.take_output();
    said += out;
    other.feed(out);
    if (std::holds_alternative<StartTls>(event)) one.secured(binding);
  }
  void run() {
    for (int i = 0; i < 10; ++i) {
      step(listener, caller, listeners, listeners_binding);
      step(caller, listener, callers, callers_binding);
    }
  }
};

TEST(PeerSecurity, BothEndsProveThatTheyKnowTheSecret) {
  Talk talk(keys('c'), keys('l'));
  talk.run();
  EXPECT_TRUE(std::holds_alternative<Proven>(talk.callers)) << error(talk.callers);
  EXPECT_TRUE(std::holds_alternative<Proven>(talk.listeners)) << error(talk.listeners);
  EXPECT_EQ(talk.said.find("a secret"), std::string::npos);
  EXPECT_EQ(talk.said.substr(0, 40), "200 TLS first\nstarttls\n204 TLS now\nauth ");
}

TEST(PeerSecurity, AnotherSecretIsNoProofAndTheCallerSendsNone) {
  Talk talk(keys('c', "another secret of a fleet"), keys('l'));
  talk.run();
  EXPECT_EQ(error(talk.callers), "it has another secret");
  EXPECT_EQ(talk.said.find("proof "), std::string::npos);
}

// Who stands between two connections, each under TLS with him, can hand on what both say and no more.
TEST(PeerSecurity, AProofOfAnotherConnectionIsNone) {
  Talk talk(keys('c'), keys('l'));
  talk.listeners_binding = "exported elsewhere";
  talk.run();
  EXPECT_EQ(error(talk.callers), "it has another secret");
}

TEST(PeerSecurity, TheListenersOwnProofIsNotTheCallers) {
  PeerSecurityListener listener(keys('l'), kHash);
  listener.feed("starttls\n");
  EXPECT_TRUE(std::holds_alternative<StartTls>(listener.next()));
  static_cast<void>(listener.take_output());
  listener.secured("exported");
  // The same nonce comes back, and then the proof.
  listener.feed("auth " + base64_encode(std::string(PeerSecurity::kNonce, 'l')) + "\n");
  EXPECT_TRUE(std::holds_alternative<NeedBytes>(listener.next()));
  const auto proof = listener.take_output().substr(4 + 45);
  listener.feed("proof " + proof);
  EXPECT_EQ(error(listener.next()), "it has another secret");
  EXPECT_EQ(listener.take_output(), "109 Wrong secret\n");
}

TEST(PeerSecurity, WhatFollowsBelongsToThePeerProtocol) {
  Talk talk(keys('c'), keys('l'));
  talk.run();
  talk.caller.feed("200 Yeah, what do you want?\n");
  EXPECT_TRUE(std::holds_alternative<Proven>(talk.caller.next()));
  EXPECT_EQ(talk.caller.take_rest(), "200 Yeah, what do you want?\n");
}

struct RefusedCase {
  const char* name;
  const char* heard;   ///< in plain
  const char* secure;  ///< under TLS; nullptr: it does not come to that
  const char* error;
  const char* answer;  ///< the last line, of the listener
};
class CallerRefuses : public testing::TestWithParam<RefusedCase> {};
class ListenerRefuses : public testing::TestWithParam<RefusedCase> {};

std::string refused(PeerSecurity& one, const RefusedCase& row) {
  one.feed(row.heard);
  auto event = one.next();
  if (row.secure == nullptr) return error(event);
  EXPECT_TRUE(std::holds_alternative<StartTls>(event)) << error(event);
  static_cast<void>(one.take_output());
  one.secured("exported");
  one.feed(row.secure);
  event = one.next();
  if (error(event).empty()) {
    one.finish();
    event = one.next();
  }
  return error(event);
}

TEST_P(CallerRefuses, what_is_not_secure) {
  PeerSecurityCaller caller(keys('c'), kHash);
  EXPECT_EQ(refused(caller, GetParam()), GetParam().error);
}
TEST_P(ListenerRefuses, what_is_not_secure) {
  PeerSecurityListener listener(keys('l'), kHash);
  EXPECT_EQ(refused(listener, GetParam()), GetParam().error);
  const auto said = listener.take_output();
  EXPECT_TRUE(said.ends_with(GetParam().answer)) << said;
}

#define NONCE "bGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGw="

INSTANTIATE_TEST_SUITE_P(
    , CallerRefuses,
    testing::Values(
        RefusedCase{"a_stranger", "106 You have no permission to talk, go away!\n", nullptr,
                    "the connection was answered with \"106 You have no permission to talk, go away!\"", ""},
        RefusedCase{"no_tls", "200 Yeah, what do you want?\n102 Invalid command \"starttls\"\n", nullptr,
                    "it does not speak TLS, and is told nothing without; it answered \"102 Invalid command "
                    "\"starttls\"\"",
                    ""},
        RefusedCase{"more_in_plain", "200 TLS first\n204 TLS now\n205 x\n", nullptr,
                    "something was said in plain after starttls", ""},
        RefusedCase{"no_proof", "200 TLS first\n204 TLS now\n", "205 " NONCE "\n", "it has another secret",
                    ""},
        RefusedCase{"a_wrong_proof", "200 TLS first\n204 TLS now\n", "205 " NONCE " " NONCE "\n",
                    "it has another secret", ""},
        RefusedCase{"a_short_nonce", "200 TLS first\n204 TLS now\n", "205 bGw= " NONCE "\n",
                    "auth was answered with \"205 bGw= " NONCE "\"", ""},
        RefusedCase{"the_end", "200 TLS first\n204 TLS now\n", "", "it closed the connection", ""}),
    [](const auto& row) { return std::string(row.param.name); });

INSTANTIATE_TEST_SUITE_P(
    , ListenerRefuses,
    testing::Values(RefusedCase{"milter_greylist", "vers3\n", nullptr, "it said \"vers3\" without TLS",
                                "108 TLS first\n"},
                    RefusedCase{"more_in_plain", "starttls\nauth x\n", nullptr,
                                "something was said in plain after starttls", "204 TLS now\n"},
                    RefusedCase{"another_command", "starttls\n", "vers3\n",
                                "it said \"vers3\" in place of auth", "103 Incomplete command\n"},
                    RefusedCase{"a_proof_at_once", "starttls\n", "proof " NONCE "\n",
                                "it said \"proof " NONCE "\" in place of auth", "103 Incomplete command\n"},
                    RefusedCase{"a_wrong_proof", "starttls\n", "auth " NONCE "\nproof " NONCE "\n",
                                "it has another secret", "109 Wrong secret\n"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(PeerSecurity, ALineHasAnEnd) {
  PeerSecurityListener listener(keys('l'), kHash);
  listener.feed(std::string(PeerSecurity::kLine, 'x'));
  EXPECT_EQ(error(listener.next()), "a line is longer than 512 octets");
}

}  // namespace
}  // namespace hikyaku::greylist
