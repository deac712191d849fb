#include "probe/record.h"

#include <gtest/gtest.h>

namespace hikyaku::probe {
namespace {

using Kind = Entry::Kind;

struct RecordCase {
  const char* name;
  Entry entry;
  const char* text;
  const char* json;
};

class Recorded : public testing::TestWithParam<RecordCase> {};

TEST_P(Recorded, is_printed) {
  std::string text;
  std::string json;
  TextSink({}, [&](std::string_view line) { text += line; }).put(GetParam().entry);
  JsonSink(false, [&](std::string_view line) { json += line; }).put(GetParam().entry);
  EXPECT_EQ(text, std::string(GetParam().text) + '\n');
  EXPECT_EQ(json, std::string(GetParam().json) + '\n');
}

INSTANTIATE_TEST_SUITE_P(
    , Recorded,
    testing::Values(
        RecordCase{"a_line_sent",
                   {.kind = Kind::sent, .text = "EHLO a"},
                   " -> EHLO a",
                   R"({"kind":"sent","tls":false,"seconds":0.000000,"text":"EHLO a"})"},
        RecordCase{"a_line_sent_under_tls",
                   {.kind = Kind::sent, .text = "EHLO a", .tls = true},
                   " ~> EHLO a",
                   R"({"kind":"sent","tls":true,"seconds":0.000000,"text":"EHLO a"})"},
        RecordCase{"a_line_received",
                   {.kind = Kind::received, .text = "250 ok"},
                   "<-  250 ok",
                   R"({"kind":"received","tls":false,"seconds":0.000000,"text":"250 ok"})"},
        RecordCase{"a_refusal",
                   {.kind = Kind::received, .text = "550 no", .unexpected = true},
                   "<** 550 no",
                   R"({"kind":"received","tls":false,"seconds":0.000000,"text":"550 no","unexpected":true})"},
        RecordCase{"a_refusal_under_tls",
                   {.kind = Kind::received, .text = "550 no", .tls = true, .unexpected = true},
                   "<~* 550 no",
                   R"({"kind":"received","tls":true,"seconds":0.000000,"text":"550 no","unexpected":true})"},
        RecordCase{"a_note",
                   {.kind = Kind::note, .text = "TLS is on"},
                   "=== TLS is on",
                   R"({"kind":"note","tls":false,"seconds":0.000000,"text":"TLS is on"})"},
        RecordCase{"a_failure",
                   {.kind = Kind::failure, .text = "closed"},
                   "*** closed",
                   R"({"kind":"failure","tls":false,"seconds":0.000000,"text":"closed"})"},
        RecordCase{
            "a_challenge_has_its_meaning_beside_it",
            {.kind = Kind::received, .text = "334 VXNlcm5hbWU6", .has_decoded = true, .decoded = "Username:"},
            "<-  334 VXNlcm5hbWU6   ← \"Username:\"",
            R"({"kind":"received","tls":false,"seconds":0.000000,"text":"334 VXNlcm5hbWU6","decoded":"Username:"})"},
        RecordCase{
            "a_secret_is_masked_in_both_forms",
            {.kind = Kind::sent,
             .text = "AUTH PLAIN AGEAYg==",
             .secret_from = 11,
             .has_decoded = true,
             .decoded = std::string("\0a\0b", 4),
             .decoded_secret_from = 3},
            " -> AUTH PLAIN <secret>   ← \"\\x00a\\x00<secret>\"",
            R"({"kind":"sent","tls":false,"seconds":0.000000,"text":"AUTH PLAIN <secret>","decoded":"\\x00a\\x00<secret>"})"},
        RecordCase{
            "escape_sequences_are_shown_and_not_passed_on",
            {.kind = Kind::received, .text = "220 \033]0;x\007\xc2\x9b\x9b\x7f\\"},
            R"(<-  220 \x1b]0;x\x07\xc2\x9b\x9b\x7f\\)",
            R"({"kind":"received","tls":false,"seconds":0.000000,"text":"220 \\x1b]0;x\\x07\\xc2\\x9b\\x9b\\x7f\\\\"})"},
        RecordCase{
            "the_direction_of_writing_stays",
            {.kind = Kind::received, .text = "220 \u202eabc\u2066"},
            R"(<-  220 \xe2\x80\xaeabc\xe2\x81\xa6)",
            R"({"kind":"received","tls":false,"seconds":0.000000,"text":"220 \\xe2\\x80\\xaeabc\\xe2\\x81\\xa6"})"},
        RecordCase{"other_scripts_are_text",
                   {.kind = Kind::received, .text = "220 飛脚"},
                   "<-  220 飛脚",
                   R"({"kind":"received","tls":false,"seconds":0.000000,"text":"220 飛脚"})"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(Record, shows_secrets_when_told_to) {
  std::string text;
  TextSink({.show_secrets = true}, [&](std::string_view line) {
    text += line;
  }).put({.kind = Kind::sent, .text = "PASS x", .secret_from = 5});
  EXPECT_EQ(text, " -> PASS x\n");
}

TEST(Record, shows_the_time_since_the_start_and_since_the_line_before) {
  std::string text;
  TextSink sink({.show_time = true}, [&](std::string_view line) { text += line; });
  sink.put({.kind = Kind::sent, .text = "NOOP", .at = std::chrono::microseconds{1'000'000}});
  sink.put({.kind = Kind::received, .text = "250 ok", .at = std::chrono::microseconds{1'012'300}});
  EXPECT_EQ(text, " -> NOOP   (1.000 s, +1.0000)\n<-  250 ok   (1.012 s, +0.0123)\n");
}

TEST(Record, escapes_once_what_a_note_quotes) {
  std::string text;
  TextSink({}, [&](std::string_view line) {
    text += line;
  }).put({.kind = Kind::failure, .text = "the server says \"" + shown("\033\\") + "\" and \033"});
  EXPECT_EQ(text, "*** the server says \"\\x1b\\\\\" and \\x1b\n");
}

TEST(Record, keeps_the_last_entries) {
  KeepingSink sink(2);
  for (const char* text : {"a", "b", "c"}) sink.put({.text = text});
  EXPECT_EQ(sink.text(), "=== b\n=== c\n");
}

}  // namespace
}  // namespace hikyaku::probe
