#include "serve/session_recording.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace hikyaku::serve {
namespace {

using milter::Command;
using milter::SessionAnswer;
using milter::SessionEvent;
using nlohmann::json;
using testing::HasSubstr;

const Time kNow{std::chrono::seconds{1'790'000'000}};

SessionEvent connect_event() {
  SessionEvent event;
  event.command = Command::connect;
  event.text = "mx.example";
  event.address = {milter::ClientAddress::Family::inet6, 2525, "2001:db8::1"};
  event.macros.set("j", "hub.example");
  event.macros.set("{daemon_name}", "smtpd");
  return event;
}

SessionEvent recipient_event() {
  SessionEvent event;
  event.command = Command::rcpt;
  event.text = "<b\xff@b.example>";
  event.parameters = {"NOTIFY=NEVER", "ORCPT=rfc822;b"};
  event.rejected = true;
  return event;
}

std::string recording() {
  auto text = recording_head(milter::Offer::of_version(4), kNow);
  text += recording_line(connect_event(), {}, std::chrono::microseconds{12});
  SessionAnswer refusal;
  refusal.verdict.kind = milter::ClientSession::Verdict::Kind::reply;
  refusal.verdict.reply = {451, "4.7.1", "later"};
  refusal.edits.emplace_back(milter::AddHeader{"X-A", "v\n w"});
  return text + recording_line(recipient_event(), refusal, std::chrono::microseconds{3});
}

TEST(SessionRecording, what_is_written_is_read_back) {
  const auto read = parse_recording(recording());
  ASSERT_TRUE(read) << read.error().text;
  EXPECT_EQ(read->offer, milter::Offer::of_version(4));
  ASSERT_EQ(read->events.size(), 2U);
  EXPECT_EQ(read->events[0], connect_event());
  EXPECT_EQ(read->events[1], recipient_event()) << "octets that are no UTF-8 too";
  EXPECT_EQ(read->answers[0], json({{"verdict", "continue"}}));
  EXPECT_EQ(read->answers[1],
            json({{"verdict", "reply"},
                  {"reply", {{"code", 451}, {"enhanced", "4.7.1"}, {"text", "later"}}},
                  {"edits", {{{"edit", "add header"}, {"name", "X-A"}, {"value", "v\n w"}}}}}));
}

TEST(SessionRecording, begins_with_its_version) {
  const auto head = recording_head(milter::Offer::of_version(6), kNow);
  EXPECT_EQ(head, R"({"hikyaku_milter_session":1,"offer":{"actions":511,"steps":2097151,"version":6},)"
                  R"("recorded":"2026-09-21T14:13:20Z"})"
                  "\n");
}

TEST(SessionRecording, every_edit_has_its_fields) {
  using namespace milter;  // NOLINT(google-build-using-namespace)
  EXPECT_EQ(edit_json(InsertHeader{1, "A", "b"}),
            json({{"edit", "insert header"}, {"index", 1}, {"name", "A"}, {"value", "b"}}));
  EXPECT_EQ(edit_json(ChangeHeader{2, "A", ""}),
            json({{"edit", "change header"}, {"index", 2}, {"name", "A"}, {"value", ""}}));
  EXPECT_EQ(edit_json(ChangeSender{"<a@a>", "RET=HDRS"}),
            json({{"edit", "change sender"}, {"address", "<a@a>"}, {"parameters", "RET=HDRS"}}));
  EXPECT_EQ(edit_json(AddRecipient{"<a@a>", {}}), json({{"edit", "add recipient"}, {"address", "<a@a>"}}));
  EXPECT_EQ(edit_json(RemoveRecipient{"<a@a>"}), json({{"edit", "remove recipient"}, {"address", "<a@a>"}}));
  EXPECT_EQ(edit_json(ReplaceBody{"\x80"}),
            json({{"edit", "replace body"}, {"octets", {{"base64", "gA=="}}}}));
  EXPECT_EQ(edit_json(Quarantine{"why"}), json({{"edit", "quarantine"}, {"reason", "why"}}));
}

struct BadCase {
  const char* name;
  std::string text;
  const char* told;
};

class BadRecording : public testing::TestWithParam<BadCase> {};

TEST_P(BadRecording, is_told_with_its_line) {
  const auto read = parse_recording(GetParam().text, {.octets = 2000, .events = 2});
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().fault, Fault::malformed);
  EXPECT_THAT(read.error().text, HasSubstr(GetParam().told));
}

const std::string kHead = R"({"hikyaku_milter_session":1,"offer":{"actions":511,"steps":0,"version":6}})"
                          "\n";
const std::string kData = R"({"event":"data","answer":{}})"
                          "\n";

INSTANTIATE_TEST_SUITE_P(
    , BadRecording,
    testing::Values(
        BadCase{"empty", "", "empty"}, BadCase{"cut_short", kHead + R"({"event")", "line 2"},
        BadCase{"no_json", kHead + "x\n", "line 2"},
        BadCase{"another_format", "{}\n", "line 1 of the recording: this is no recording"},
        BadCase{"a_newer_version",
                "{\"hikyaku_milter_session\":2,\"offer\":{\"actions\":1,\"steps\":1,\"version\":6}}\n",
                "of version 2"},
        BadCase{"an_unknown_protocol",
                "{\"hikyaku_milter_session\":1,\"offer\":{\"actions\":1,\"steps\":1,\"version\":9}}\n",
                "version 9"},
        BadCase{"no_event", kHead + "{\"event\":\"quit\",\"answer\":{}}\n", "'quit' is no event"},
        BadCase{"no_answer", kHead + "{\"event\":\"data\"}\n", "answer"},
        BadCase{"a_wrong_type", kHead + "{\"event\":7,\"answer\":{}}\n", "line 2"},
        BadCase{"bad_base64", kHead + "{\"event\":\"helo\",\"text\":{\"base64\":\"?\"},\"answer\":{}}\n",
                "base64"},
        BadCase{"an_unknown_family",
                kHead + R"({"event":"connect","address":{"family":"tcp","address":"x","port":1},"answer":{}})"
                        "\n",
                "'tcp' is no family"},
        BadCase{
            "a_port_out_of_range",
            kHead +
                R"({"event":"connect","address":{"family":"inet","address":"x","port":65537},"answer":{}})"
                "\n",
            "65537 is no whole number from 0 to 65535"},
        BadCase{"a_negative_number",
                "{\"hikyaku_milter_session\":1,\"offer\":{\"actions\":-1,\"steps\":1,\"version\":6}}\n",
                "-1 is no whole number"},
        BadCase{"too_many_events", kHead + kData + kData + kData, "more than 2 events"},
        BadCase{"too_large", kHead + std::string(3000, ' '), "more than 2000 octets"}),
    [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace hikyaku::serve
