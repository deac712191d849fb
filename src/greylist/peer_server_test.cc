#include "greylist/peer_server.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "greylist/greylist_for_tests.h"
#include "greylist/peer_client.h"

namespace hikyaku::greylist {
namespace {

std::string shown(const PeerChange& change) {
  const auto seconds = [](Seconds time) { return std::to_string(time.time_since_epoch().count()); };
  const char* const kinds[] = {"add", "del", "del2", "flush"};
  return std::string(kinds[static_cast<std::size_t>(change.kind)]) + " " + change.address + " " +
         change.sender + " " + change.recipient + " " + seconds(change.time) + " " +
         seconds(change.autowhite) + "\n";
}

struct Heard {
  std::string replies, changes;
  bool closed = false;
};
Heard hear(std::string_view said, std::size_t at_once, bool finished) {
  PeerServer server(PeerServer::Caller::peer);
  Heard heard;
  EXPECT_EQ(server.take_output(), "200 Yeah, what do you want?\n");
  for (;;) {
    const auto event = server.next();
    heard.replies += server.take_output();
    if (const auto* change = std::get_if<PeerServer::Change>(&event)) heard.changes += shown(change->change);
    heard.closed = std::holds_alternative<PeerServer::Close>(event);
    if (heard.closed) break;
    if (!std::holds_alternative<PeerServer::NeedBytes>(event)) continue;
    if (said.empty() && !finished) break;
    if (said.empty()) server.finish();
    server.feed(said.substr(0, at_once));
    said.remove_prefix(std::min(at_once, said.size()));
  }
  return heard;
}

struct CommandCase {
  const char* name;
  std::string line, reply, change;
};
class PeerCommands : public testing::TestWithParam<CommandCase> {};

// The replies were recorded from milter-greylist 4.6.4, but where the row is named as what differs.
TEST_P(PeerCommands, AreAnsweredAsMilterGreylistDoes) {
  for (const std::size_t at_once : {1U, 10U, 100000U}) {
    const auto heard = hear(GetParam().line, at_once, false);
    EXPECT_EQ(heard.replies, GetParam().reply);
    EXPECT_EQ(heard.changes, GetParam().change);
    EXPECT_FALSE(heard.closed);
  }
}

const std::string kDone = "201 All right, I'll do that\n";
const std::string kCut = "103 Incomplete command\n";

INSTANTIATE_TEST_SUITE_P(
    , PeerCommands,
    testing::Values(
        CommandCase{"nothing", "\n", "101 No command\n", ""},
        CommandCase{"blanks", "   \r\n", "101 No command\n", ""},
        CommandCase{"version_3", "vers3\n", "803 Yes, I speak version 3, what do you think?\n", ""},
        CommandCase{"version_2", "vers2\r\n", "802 Yes, I speak version 2, what do you think?\n", ""},
        CommandCase{"a_version_with_more", "vers3 junk\n", "803 Yes, I speak version 3, what do you think?\n",
                    ""},
        CommandCase{"version_1_is_not_asked_for", "vers1\n", "102 Invalid command \"vers1\"\n", ""},
        CommandCase{"version_4", "vers4\n", "102 Invalid command \"vers4\"\n", ""},
        CommandCase{"upper_case", "VERS3\n", "102 Invalid command \"VERS3\"\n", ""},
        CommandCase{"unknown", "hello\n", "102 Invalid command \"hello\"\n", ""},
        CommandCase{"control_octets_which_are_told_safely", "a\x01\n", "102 Invalid command \"a\\x01\"\n",
                    ""},
        CommandCase{"add_alone", "add\n", kCut, ""},
        CommandCase{"add_with_another_word", "add foo\n", "104 Unexpected keyword \"foo\"\n", ""},
        CommandCase{"add_without_an_address", "add addr\n", kCut, ""},
        CommandCase{"add_with_a_host", "add addr x.y.z.invalid\n", "107 Invalid IP address\n", ""},
        CommandCase{"add_with_half_an_address_which_differs", "add addr 127.1\n", "107 Invalid IP address\n",
                    ""},
        CommandCase{"add_with_an_address_alone", "add addr 192.0.2.9\n", kCut, ""},
        CommandCase{"add_with_to", "add addr 192.0.2.9 to\n", "104 Unexpected keyword \"to\"\n", ""},
        CommandCase{"add_without_a_sender", "add addr 192.0.2.9 from\n", kCut, ""},
        CommandCase{"add_up_to_the_sender", "add addr 192.0.2.9 from <a@b.c>\n", kCut, ""},
        CommandCase{"add_without_a_recipient", "add addr 192.0.2.9 from <a@b.c> rcpt\n", kCut, ""},
        CommandCase{"add_up_to_the_recipient", "add addr 192.0.2.9 from <a@b.c> rcpt <d@e.f>\n", kCut, ""},
        CommandCase{"add_with_time", "add addr 192.0.2.9 from <a@b.c> rcpt <d@e.f> time 3\n",
                    "104 Unexpected keyword \"time\"\n", ""},
        CommandCase{"add_without_a_date", "add addr 192.0.2.9 from <a@b.c> rcpt <d@e.f> date\n", kCut, ""},
        CommandCase{"add", "add addr 192.0.2.9 from <a@b.c> rcpt <d@e.f> date 1999999999\r\n", kDone,
                    "add 192.0.2.9 <a@b.c> <d@e.f> 1999999999 0\n"},
        CommandCase{"add_with_more", "add addr 192.0.2.9 from <a@b.c> rcpt <d@e.f> date 1999999999 x\n",
                    "104 Unexpected keyword \"x\"\n", ""},
        CommandCase{"add_with_octets_that_are_not_graphic",
                    "add addr 2001:DB8::9 from <caf\xc3\xa9\x01@b.c> rcpt <d@e.f> date 1999999998\n", kDone,
                    "add 2001:db8::9 <caf___@b.c> <d@e.f> 1999999998 0\n"},
        CommandCase{"add_with_ipv4_in_ipv6", "add addr ::ffff:192.0.2.77 from a rcpt b date 3\n", kDone,
                    "add 192.0.2.77 a b 3 0\n"},
        CommandCase{"add_with_a_date_that_is_none", "add addr 192.0.2.10 from a rcpt b date abc\n", kDone,
                    "add 192.0.2.10 a b 0 0\n"},
        CommandCase{"add_with_a_date_before_1970", "add addr 192.0.2.10 from a rcpt b date -5\n", kDone,
                    "add 192.0.2.10 a b 0 0\n"},
        CommandCase{"add_with_a_date_that_no_moment_has",
                    "add addr 192.0.2.10 from a rcpt b date 99999999999999999999999\n", kDone,
                    "add 192.0.2.10 a b 9223372036854 0\n"},
        CommandCase{"del", "del addr 192.0.2.9 from <a@b.c> rcpt <d@e.f> date 1999999999\n", kDone,
                    "del 192.0.2.9 <a@b.c> <d@e.f> 1999999999 0\n"},
        CommandCase{"del_with_aw", "del addr 192.0.2.9 from <a@b.c> rcpt <d@e.f> date 1999999999 aw 3\n",
                    "104 Unexpected keyword \"aw\"\n", ""},
        CommandCase{"del2", "del2 addr 192.0.2.9 from <a@b.c> rcpt <d@e.f> date 1999999997 aw 1999999990\n",
                    kDone, "del2 192.0.2.9 <a@b.c> <d@e.f> 1999999997 1999999990\n"},
        CommandCase{"del2_without_aw", "del2 addr 192.0.2.9 from <a@b.c> rcpt <d@e.f> date 1999999997\n",
                    kCut, ""},
        CommandCase{"del2_with_bw", "del2 addr 192.0.2.9 from <a@b.c> rcpt <d@e.f> date 1999999997 bw 3\n",
                    "104 Unexpected keyword \"bw\"\n", ""},
        CommandCase{"del2_without_a_time",
                    "del2 addr 192.0.2.9 from <a@b.c> rcpt <d@e.f> date 1999999997 aw\n", kCut, ""},
        CommandCase{"flush_alone", "flush\n", kCut, ""},
        CommandCase{"flush_with_more", "flush addr 203.0.113.5 x\n", "104 Unexpected keyword \"x\"\n", ""},
        CommandCase{"flush", "flush addr 203.0.113.5\n", kDone, "flush 203.0.113.5   0 0\n"},
        CommandCase{"two_at_once", "vers9\nflush addr 203.0.113.5\n",
                    "102 Invalid command \"vers9\"\n" + kDone, "flush 203.0.113.5   0 0\n"},
        CommandCase{"a_long_sender_is_cut",
                    "add addr 192.0.2.9 from " + std::string(400, 'x') + " rcpt b date 3\n", kDone,
                    "add 192.0.2.9 " + std::string(324, 'x') + " b 3 0\n"},
        CommandCase{"a_line_of_511_octets", "vers3" + std::string(505, ' ') + "\n",
                    "803 Yes, I speak version 3, what do you think?\n", ""},
        CommandCase{"a_longer_line_which_differs", "vers3" + std::string(506, ' ') + "\nvers9\n",
                    kCut + "102 Invalid command \"vers9\"\n", ""},
        CommandCase{"a_very_long_line_which_differs", std::string(5000, 'x') + "\nvers9\n",
                    kCut + "102 Invalid command \"vers9\"\n", ""},
        CommandCase{"half_a_line", "vers3", "", ""}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(PeerServer, SaysGoodByeAtQuitAndAtTheEndOfTheStream) {
  for (const std::size_t at_once : {1U, 1000U}) {
    auto heard = hear("quit now\nvers3\n", at_once, false);
    EXPECT_EQ(heard.replies, "202 Good bye\n");
    EXPECT_TRUE(heard.closed);
    heard = hear("vers9\n", at_once, true);
    EXPECT_EQ(heard.replies, "102 Invalid command \"vers9\"\n202 Good bye\n");
    EXPECT_TRUE(heard.closed);
    heard = hear("vers9", at_once, true);
    EXPECT_EQ(heard.replies, "102 Invalid command \"vers9\"\n202 Good bye\n") << "a last line counts";
    heard = hear(std::string(600, 'x'), at_once, true);
    EXPECT_EQ(heard.replies, kCut + "202 Good bye\n");
  }
}

TEST(PeerServer, HelpsInElevenLines) {
  const auto heard = hear("help\n", 100, false);
  EXPECT_EQ(std::count(heard.replies.begin(), heard.replies.end(), '\n'), 11);
  EXPECT_TRUE(
      heard.replies.ends_with("\n203 flush addr <ip> -- remove anything about an ip  (version 3 only)\n"));
}

TEST(PeerServer, SendsAwayWhoIsNoPeer) {
  PeerServer stranger(PeerServer::Caller::stranger);
  EXPECT_EQ(stranger.take_output(), "106 You have no permission to talk, go away!\n");
  stranger.feed("vers3\n");
  EXPECT_TRUE(std::holds_alternative<PeerServer::Close>(stranger.next()));
  EXPECT_EQ(stranger.take_output(), "");
  PeerServer nobody(PeerServer::Caller::nobody_is_a_peer);
  EXPECT_EQ(nobody.take_output(), "105 No more peers, shutting down!\n");
  EXPECT_TRUE(std::holds_alternative<PeerServer::Close>(nobody.next()));
}

TEST(PeerServer, GivesItsTableToOursAlone) {
  PeerServer stranger(PeerServer::Caller::peer);
  static_cast<void>(stranger.take_output());
  stranger.feed("table\ngap\n");
  EXPECT_TRUE(std::holds_alternative<PeerServer::Answered>(stranger.next()));
  EXPECT_TRUE(std::holds_alternative<PeerServer::Answered>(stranger.next()));
  EXPECT_EQ(stranger.take_output(), "102 Invalid command \"table\"\n102 Invalid command \"gap\"\n");

  PeerServer server(PeerServer::Caller::peer, PeerServer::Proof::given);
  static_cast<void>(server.take_output());
  server.feed("gap\ntable dGhlcmU=\ntable ?\ntable\n");
  EXPECT_TRUE(std::holds_alternative<PeerServer::Gap>(server.next()));
  EXPECT_EQ(server.take_output(), "201 All right, I'll do that\n");
  auto event = server.next();
  ASSERT_TRUE(std::holds_alternative<PeerServer::TableWanted>(event));
  EXPECT_EQ(std::get<PeerServer::TableWanted>(event).from, "there");
  server.answer_table({{}, "more", 0});
  EXPECT_EQ(server.take_output(), "211 bW9yZQ==\n");
  EXPECT_TRUE(std::holds_alternative<PeerServer::Answered>(server.next()));
  EXPECT_EQ(server.take_output(), "103 Incomplete command\n");
  event = server.next();
  ASSERT_TRUE(std::holds_alternative<PeerServer::TableWanted>(event));
  EXPECT_EQ(std::get<PeerServer::TableWanted>(event).from, "");
  server.refuse_table();
  EXPECT_EQ(server.take_output(), "110 Not now\n");
}

TEST(PeerPools, AreToldByOursToOurs) {
  PeerChange told{PeerChange::Kind::add, "192.0.2.7", "<a@example.org>", "<b@example.net>", at(0), {},
                  "spf:example.org"};
  PeerClient client;
  client.is_ours();
  client.feed("200 Yeah, what do you want?\n803 Version 3\n");
  ASSERT_TRUE(std::holds_alternative<PeerClient::Ready>(client.next()));
  static_cast<void>(client.take_output());
  ASSERT_EQ(client.send(told), PeerClient::Sent::sent);
  const auto line = client.take_output();
  EXPECT_TRUE(line.ends_with(" pool spf:example.org\r\n")) << line;

  PeerServer ours(PeerServer::Caller::peer, PeerServer::Proof::given);
  ours.feed(line);
  const auto event = ours.next();
  ASSERT_TRUE(std::holds_alternative<PeerServer::Change>(event));
  EXPECT_EQ(std::get<PeerServer::Change>(event).change, told);

  PeerServer another(PeerServer::Caller::peer);
  static_cast<void>(another.take_output());
  another.feed(line);
  EXPECT_TRUE(std::holds_alternative<PeerServer::Answered>(another.next()));
  EXPECT_TRUE(another.take_output().starts_with("104 Unexpected keyword \"pool\""))
      << "nobody has proven anything";
}

}  // namespace
}  // namespace hikyaku::greylist
