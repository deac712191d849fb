#include <gtest/gtest.h>

#include "base/escape.h"
#include "base/explanation.h"
#include "base/kv.h"
#include "base/time.h"
#include "base/varint.h"

namespace hikyaku {

TEST(Explanation, ReadsBackWhatWasAdded) {
  KeyTrail keys;
  keys.add("foo@a.example");
  keys.add("@a.example");
  Explanation why;
  why.add(
      {"rewrite.sender_canonical", "@a.example -> @b.example", {3, 12}, keys.joined(), "", "", "rewritten"});
  why.add({.step = "route.relayhost", .failed = "relayhost is set", .operand = "", .outcome = "passed on"});
  const auto entries = why.entries();
  ASSERT_EQ(entries.size(), 2U);
  EXPECT_EQ(entries[0].origin, (Origin{3, 12}));
  EXPECT_EQ(entries[0].keys, (std::vector<std::string>{"foo@a.example", "@a.example"}));
  EXPECT_TRUE(entries[1].keys.empty());
  EXPECT_EQ(entries[1].failed, "relayhost is set");
}

TEST(Explanation, EveryCutOfTheStoredFormIsRefusedOrEndsAtAnEntry) {
  Explanation why;
  why.add({"a", "b", {1, 300}, "k", "f", "o", "out"});
  const auto one = why.bytes().size();
  why.add({"a", "b", {1, 300}, "k", "f", "o", "out"});
  for (std::size_t size = 0; size <= why.bytes().size(); ++size) {
    const bool whole = size == 0 || size == one || size == 2 * one;
    EXPECT_EQ(Explanation::decode(std::string_view(why.bytes()).substr(0, size)).has_value(), whole) << size;
  }
}

TEST(SourceCatalogue, NamesAFileOnce) {
  SourceCatalogue files;
  const auto main = files.add("/etc/postfix/main.cf");
  EXPECT_EQ(files.add("/etc/postfix/main.cf"), main);
  EXPECT_EQ(files.text({main, 31}), "/etc/postfix/main.cf:31");
  EXPECT_EQ(files.text({}), "default");
  EXPECT_EQ(files.file({77, 1}), "?");
}

TEST(Varint, RoundTripsAndRefusesOverlong) {
  for (const std::uint64_t value : {0ULL, 127ULL, 128ULL, 1ULL << 40, ~0ULL}) {
    std::string out;
    put_varint(out, value);
    std::string_view in = out;
    EXPECT_EQ(take_varint(in), value);
    EXPECT_TRUE(in.empty());
  }
  std::string_view overlong = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02";
  EXPECT_FALSE(take_varint(overlong));
}

TEST(Escaped, ShowsWhatATerminalWouldObey) {
  EXPECT_EQ(escaped("a\r\n\x1b[2J"), "a\\x0d\\x0a\\x1b[2J");
  EXPECT_EQ(escaped("飛脚"), "飛脚");
  EXPECT_EQ(escaped("\xc2\x9b"), "\\xc2\\x9b");
  EXPECT_EQ(escaped("\xff\\"), "\\xff\\x5c");
  EXPECT_EQ(escaped("abcdef", 3), "abc...");
}

TEST(PrefixEnd, IsTheFirstKeyBehindThePrefix) {
  EXPECT_EQ(prefix_end("ab"), "ac");
  EXPECT_EQ(prefix_end("a\xff"), "b");
  EXPECT_EQ(prefix_end("\xff"), "");
}

TEST(ParseIsoTime, TakesWhatPeopleWriteAndNothingElse) {
  const auto time = Time{std::chrono::seconds{1'795'564'100}};
  const auto text = iso_text(time);
  EXPECT_EQ(parse_iso_time(text), time);
  EXPECT_EQ(parse_iso_time("2026-11-24T23:48:20Z"), parse_iso_time("2026-11-25 08:48:20+09:00"));
  EXPECT_EQ(parse_iso_time("2026-11-24T23:48:20Z"), parse_iso_time("2026-11-24T18:18:20-0530"));
  EXPECT_EQ(*parse_iso_time("2026-11-24T23:48:20.25Z") - *parse_iso_time("2026-11-24T23:48Z"),
            std::chrono::milliseconds{20'250});
  EXPECT_EQ(parse_iso_time("1970-01-01T00:00:00Z"), Time{});
  for (const auto* const bad :
       {"", "2026", "2026-11-24", "2026-11-24T23:48:20", "2026-13-24T23:48:20Z", "2026-02-29T00:00:00Z",
        "2026-11-24T24:00:00Z", "2026-11-24T23:60:00Z", "2026-11-24T23:48:20Zx", "2026-11-24T23:48:20+9",
        "2026-11-24T23:48:20+24:00", " 2026-11-24T23:48:20Z", "2026-11-24T2a:48:20Z"})
    EXPECT_EQ(parse_iso_time(bad), std::nullopt) << bad;
}

TEST(TimeText, IsInTheMailsOwnForm) {
  const Time time{std::chrono::seconds{1795564100}};
  EXPECT_EQ(rfc5322_text(time), "Tue, 24 Nov 2026 23:48:20 +0000");
  EXPECT_EQ(iso_text(time), "2026-11-24T23:48:20Z");
}

}  // namespace hikyaku
