#include "greylist/peer_client.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/base64.h"
#include "greylist/greylist_for_tests.h"
#include "greylist/peer_server.h"

namespace hikyaku::greylist {
namespace {

using Kind = PeerChange::Kind;
using Sent = PeerClient::Sent;

PeerChange change(Kind kind) {
  return {kind,
          "192.0.2.7",
          "<a@example.org>",
          "<b@example.net>",
          Seconds(std::chrono::seconds(1795982068)),
          Seconds(std::chrono::seconds(1795985669))};
}

/// Octet by octet; the last event.
PeerClient::Event hear(PeerClient& client, std::string_view said) {
  PeerClient::Event last = client.next();
  for (const char c : said) {
    client.feed(std::string_view(&c, 1));
    last = client.next();
  }
  return last;
}

std::string error(const PeerClient::Event& event) {
  const auto* failed = std::get_if<PeerClient::Failed>(&event);
  return failed != nullptr ? failed->error.text : "";
}

struct VersionCase {
  const char* name;
  std::vector<std::string> replies;  ///< to each version that is asked for
  unsigned version;
  std::string asked;
  std::vector<std::string> lines;  ///< of add, del2 and flush; empty: it is not spoken
};
class PeerVersions : public testing::TestWithParam<VersionCase> {};

TEST_P(PeerVersions, AreTheNewestThatBothSpeak) {
  const auto& one = GetParam();
  PeerClient client;
  std::string asked;
  EXPECT_EQ(client.send(change(Kind::add)), Sent::busy);
  auto event = hear(client, "200 Yeah, what do you want?\n");
  for (const auto& reply : one.replies) {
    asked += client.take_output();
    EXPECT_TRUE(std::holds_alternative<PeerClient::NeedBytes>(event));
    event = hear(client, reply);
  }
  EXPECT_EQ(asked, one.asked);
  const auto* ready = std::get_if<PeerClient::Ready>(&event);
  ASSERT_NE(ready, nullptr) << error(event);
  EXPECT_EQ(ready->version, one.version);
  const Kind kinds[] = {Kind::add, Kind::del2, Kind::flush};
  for (std::size_t i = 0; i < 3; ++i) {
    const auto sent = client.send(change(kinds[i]));
    EXPECT_EQ(client.take_output(), one.lines[i]);
    if (one.lines[i].empty()) {
      EXPECT_EQ(sent, Sent::not_spoken);
      continue;
    }
    EXPECT_EQ(sent, Sent::sent);
    EXPECT_EQ(client.send(change(Kind::add)), Sent::busy);
    EXPECT_TRUE(
        std::holds_alternative<PeerClient::Acknowledged>(hear(client, "201 All right, I'll do that\n")));
  }
}

const std::string kAdd = "add addr 192.0.2.7 from <a@example.org> rcpt <b@example.net> date 1795982068\r\n";
const std::string kDel2 =
    "del2 addr 192.0.2.7 from <a@example.org> rcpt <b@example.net> date 1795982068 aw 1795985669\r\n";
const std::string kDel = "del addr 192.0.2.7 from <a@example.org> rcpt <b@example.net> date 1795982068\r\n";
const std::string kFlush = "flush addr 192.0.2.7\r\n";
const std::string kUnknown3 = "102 Invalid command \"vers3\"\n",
                  kUnknown2 = "102 Invalid command \"vers2\"\n";

INSTANTIATE_TEST_SUITE_P(
    , PeerVersions,
    testing::Values(VersionCase{"three",
                                {"803 Yes, I speak version 3, what do you think?\n"},
                                3,
                                "vers3\n",
                                {kAdd, kDel2, kFlush}},
                    VersionCase{"two", {kUnknown3, "802 Yes\r\n"}, 2, "vers3\nvers2\n", {kAdd, kDel2, ""}},
                    VersionCase{"one", {kUnknown3, kUnknown2}, 1, "vers3\nvers2\n", {kAdd, kDel, ""}}),
    [](const auto& row) { return std::string(row.param.name); });

PeerClient ready() {
  PeerClient client;
  hear(client, "200 Yes\n803 Yes\n");
  static_cast<void>(client.take_output());
  return client;
}

struct FailureCase {
  const char* name;
  const char* said;
  bool finished;
  const char* error;
};
class PeerFailures : public testing::TestWithParam<FailureCase> {};

TEST_P(PeerFailures, EndTheTalk) {
  PeerClient client;
  auto event = hear(client, GetParam().said);
  if (std::holds_alternative<PeerClient::Ready>(event)) {
    EXPECT_EQ(client.send(change(Kind::add)), Sent::sent);
  }
  if (GetParam().finished) client.finish();
  event = client.next();
  EXPECT_EQ(error(event), std::string("telling a greylisting peer: ") + GetParam().error);
  client.feed("201 All right\n");
  EXPECT_TRUE(std::holds_alternative<PeerClient::Failed>(client.next()));
  EXPECT_EQ(client.send(change(Kind::add)), Sent::busy);
}

INSTANTIATE_TEST_SUITE_P(
    , PeerFailures,
    testing::Values(FailureCase{"stranger", "106 You have no permission to talk, go away!\n", false,
                                "the connection was answered with \"106 You have no permission to talk, go "
                                "away!\""},
                    FailureCase{"empty_greeting", "\n", false, "the connection was answered with \"\""},
                    FailureCase{"closed_before_the_greeting", "", true, "it closed the connection"},
                    FailureCase{"closed_in_a_reply", "200 Yes\n803", true, "it closed the connection"},
                    FailureCase{"closed_instead_of_an_answer", "200 Yes\n803 Yes\n", true,
                                "it closed the connection"},
                    FailureCase{"speaks_unasked", "200 Yes\n803 Yes\n201 what\n", false,
                                "nothing was answered with \"201 what\""}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(PeerClient, FailsAtARefusalAndAtALongReply) {
  auto client = ready();
  EXPECT_EQ(client.send(change(Kind::add)), Sent::sent);
  EXPECT_EQ(error(hear(client, "107 Invalid IP address\n")),
            "telling a greylisting peer: a change was answered with \"107 Invalid IP address\"");
  auto other = ready();
  EXPECT_EQ(error(hear(other, std::string(600, '2'))),
            "telling a greylisting peer: its reply is longer than 512 octets");
}

TEST(PeerClient, SendsNothingThatMilterGreylistCannotRead) {
  auto client = ready();
  auto one = change(Kind::add);
  one.sender = std::string(324, 'x');
  EXPECT_EQ(client.send(one), Sent::unspeakable);
  one.sender = std::string(323, 'x');
  one.recipient = std::string(200, 'x');
  EXPECT_EQ(client.send(one), Sent::unspeakable) << "the line is longer than 511 octets";
  for (const char* text : {"", "a b", "a\nquit", "caf\xc3\xa9"}) {
    one = change(Kind::add);
    one.recipient = text;
    EXPECT_EQ(client.send(one), Sent::unspeakable) << text;
  }
  EXPECT_EQ(client.take_output(), "");
  one.recipient = "b";
  one.sender = std::string(323, 'x');
  EXPECT_EQ(client.send(one), Sent::sent);
}

TEST(PeerClient, IsUnderstoodByTheServer) {
  PeerClient client;
  PeerServer server(PeerServer::Caller::peer);
  std::vector<PeerChange> told = {change(Kind::add), change(Kind::del2), change(Kind::flush)}, heard;
  for (std::size_t sent = 0; sent <= told.size();) {
    client.feed(server.take_output());
    const auto event = client.next();
    if (!std::holds_alternative<PeerClient::NeedBytes>(event)) {
      ASSERT_EQ(error(event), "");
      if (sent < told.size()) EXPECT_EQ(client.send(told[sent]), Sent::sent);
      ++sent;
    }
    server.feed(client.take_output());
    for (;;) {
      const auto request = server.next();
      if (const auto* one = std::get_if<PeerServer::Change>(&request)) heard.push_back(one->change);
      if (std::holds_alternative<PeerServer::NeedBytes>(request)) break;
    }
  }
  told[0].autowhite = {};
  told[2] = {Kind::flush, told[2].address, "", "", {}, {}};
  EXPECT_EQ(heard, told);
}

TEST(PeerQueue, DiscardsWhatIsTooMuch) {
  PeerQueue queue(2);
  EXPECT_EQ(queue.front(), nullptr);
  EXPECT_TRUE(queue.push(change(Kind::add)));
  EXPECT_TRUE(queue.push(change(Kind::del2)));
  EXPECT_FALSE(queue.push(change(Kind::flush)));
  EXPECT_EQ(queue.discarded(), 1U);
  EXPECT_EQ(queue.front()->kind, Kind::add);
  queue.pop();
  EXPECT_EQ(queue.front()->kind, Kind::del2);
  EXPECT_EQ(queue.size(), 1U);
}

TEST(PeerClient, ReadsTheTableOfAPeerPageByPage) {
  auto client = ready();
  PeerServer server(PeerServer::Caller::peer, PeerServer::Proof::given);
  static_cast<void>(server.take_output());
  TuplePage page;
  page.tuples = {{1, entry("192.0.2.1", "<a@x.test>", TupleState::pending, at(10))},
                 {2, entry("2001:db8::1", "<c@x.test>", TupleState::autowhite, at(20))}};
  page.next = std::string("\0\n", 2);
  EXPECT_EQ(client.ask_table(""), Sent::sent);
  EXPECT_EQ(client.send(change(Kind::add)), Sent::busy);
  server.feed(client.take_output());
  EXPECT_TRUE(std::holds_alternative<PeerServer::TableWanted>(server.next()));
  server.answer_table(page);
  client.feed(server.take_output());
  for (const auto& listed : page.tuples) {
    auto event = client.next();
    ASSERT_TRUE(std::holds_alternative<PeerClient::Row>(event)) << error(event);
    EXPECT_EQ(std::get<PeerClient::Row>(event).entry, listed.entry);
  }
  auto event = client.next();
  ASSERT_TRUE(std::holds_alternative<PeerClient::PageEnd>(event)) << error(event);
  EXPECT_EQ(std::get<PeerClient::PageEnd>(event).next, page.next);
  EXPECT_EQ(client.ask_table(page.next), Sent::sent);
  server.feed(client.take_output());
  event = client.next();
  const auto wanted = server.next();
  ASSERT_TRUE(std::holds_alternative<PeerServer::TableWanted>(wanted));
  EXPECT_EQ(std::get<PeerServer::TableWanted>(wanted).from, page.next);
  server.answer_table({});
  client.feed(server.take_output());
  event = client.next();
  ASSERT_TRUE(std::holds_alternative<PeerClient::PageEnd>(event)) << error(event);
  EXPECT_EQ(std::get<PeerClient::PageEnd>(event).next, "");
  EXPECT_EQ(client.send_gap(), Sent::sent);
  EXPECT_EQ(client.take_output(), "gap\n");
}

struct BadPageCase {
  const char* name;
  std::string said, error;
};
class BadPage : public testing::TestWithParam<BadPageCase> {};

TEST_P(BadPage, EndsTheTalk) {
  auto client = ready();
  EXPECT_EQ(client.ask_table(""), Sent::sent);
  client.feed(GetParam().said);
  PeerClient::Event event = PeerClient::NeedBytes{};
  do {
    event = client.next();
  } while (std::holds_alternative<PeerClient::Row>(event));
  EXPECT_EQ(error(event), "telling a greylisting peer: " + GetParam().error);
}

std::string many_rows() {
  const auto row = base64_encode(encode(entry("192.0.2.1", "<a@x.test>", TupleState::pending, at(10))));
  std::string out;
  for (std::size_t i = 0; i <= PeerClient::kPage; ++i) out += "210 " + row + "\n";
  return out;
}

INSTANTIATE_TEST_SUITE_P(
    , BadPage,
    testing::Values(BadPageCase{"refused", "110 Not now\n",
                                "the question for its table was answered with \"110 Not now\""},
                    BadPageCase{"no_base64", "210 ?\n", "of its table came \"210 ?\""},
                    BadPageCase{"no_place", "211\n", "of its table came \"211\""},
                    BadPageCase{"no_row", "210 eA==\n",
                                "a row of its table can't be read: "
                                "a greylist row is cut"},
                    BadPageCase{"no_line", "210 " + std::string(PeerClient::kRow, 'x'),
                                "its reply is longer than 4096 octets"},
                    BadPageCase{"no_end", many_rows(), "a page of its table has more than 1000 rows"}),
    [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace hikyaku::greylist
