// What an export writes is read back as the same message.
#include <gtest/gtest.h>

#include "base/crashing_kv.h"
#include "store/append.h"
#include "store/export.h"
#include "store/maildir.h"
#include "store/mbox_splitter.h"
#include "store/opened_store.h"
#include "store/wire_text.h"

namespace hikyaku::store {
namespace {

using testing_support::OpenedStore;

struct RoundTripCase {
  const char* name;
  Flags flags;
  std::vector<std::string> keywords;
  std::string body;
};
void PrintTo(const RoundTripCase& row, std::ostream* out) { *out << row.name; }

class RoundTripTest : public testing::TestWithParam<RoundTripCase> {
 protected:
  void SetUp() override {
    const auto& row = GetParam();
    ASSERT_TRUE(at_.create("u@d"));
    std::vector<NewMessage> messages(2);
    for (auto& message : messages) {
      message.received = testing_support::kNow;
      message.flags = row.flags;
      for (const auto& word : row.keywords) ASSERT_TRUE(message.keywords.add(word).has_value());
      message.sender = mail::Address::from_internal("a@b.example").value();
      message.size = row.body.size();
      message.body = row.body;
    }
    ASSERT_TRUE(
        at_.change([&](Kv::Batch& batch) { return append(*at_.store, batch, "u@d", std::move(messages)); }));
  }
  Store::Item item(Uid uid) const { return at_.store->find("u@d", uid).value(); }
  OpenedStore at_;
};

TEST_P(RoundTripTest, ThroughAnMbox) {
  std::string file;
  const Sink sink = [&file](std::string_view octets) -> Result<void> {
    file += octets;
    return {};
  };
  for (const Uid uid : {1U, 2U}) ASSERT_TRUE(write_mbox_entry(*at_.store, item(uid), sink).has_value());
  MboxSplitter splitter(MboxSplitter::Quoting::mboxrd);
  splitter.feed(file);
  splitter.finish();
  std::vector<std::string> found;
  WireText text;
  for (auto event = splitter.next(); !std::holds_alternative<MboxSplitter::Done>(event);
       event = splitter.next()) {
    if (const auto* begin = std::get_if<MboxSplitter::Begin>(&event)) {
      EXPECT_EQ(begin->flags, GetParam().flags);
      EXPECT_EQ(begin->keywords, item(1).message.keywords.words());
      EXPECT_EQ(begin->from.sender, "a@b.example");
      EXPECT_EQ(begin->from.date, testing_support::kNow);
      found.emplace_back();
    } else if (const auto* body = std::get_if<MboxSplitter::Body>(&event)) {
      text.feed(body->octets, found.back());
    } else if (std::holds_alternative<MboxSplitter::End>(event)) {
      text.finish(found.back());
    } else if (const auto* ask = std::get_if<MboxSplitter::AskEnd>(&event)) {
      splitter.answer(ask->offset <= file.size() ? std::string_view(file).substr(ask->offset) : "?");
    } else {
      FAIL() << "event " << event.index();
    }
  }
  EXPECT_EQ(found, std::vector<std::string>(2, GetParam().body));
}

TEST_P(RoundTripTest, ThroughAMaildir) {
  std::string file, again;
  const Sink sink = [&file](std::string_view octets) -> Result<void> {
    file += octets;
    return {};
  };
  ASSERT_TRUE(write_maildir_file(*at_.store, item(1), sink).has_value());
  WireText text;
  text.feed(file, again);
  text.finish(again);
  EXPECT_EQ(again, GetParam().body);
  MaildirKeywords given;
  std::string letters;
  const auto one = item(1);
  for (const auto& word : one.message.keywords.words()) letters += given.letter(word).value();
  const auto name = MaildirName::parse(maildir_name(one, letters).substr(4));
  EXPECT_EQ(name.flags, GetParam().flags);
  EXPECT_EQ(name.received, testing_support::kNow);
  EXPECT_EQ(name.letters, letters);
  const auto read = MaildirKeywords::parse(given.text());
  for (const char letter : name.letters) EXPECT_TRUE(one.message.keywords.contains(read.word(letter)));
}

constexpr Flags kAll{.seen = true, .answered = true, .flagged = true, .deleted = true, .draft = true};
INSTANTIATE_TEST_SUITE_P(
    , RoundTripTest,
    testing::Values(
        RoundTripCase{"plain", {}, {}, "Subject: x\r\n\r\nbody\r\n"},
        RoundTripCase{"all_flags", kAll, {}, "Subject: x\r\n\r\nbody\r\n"},
        RoundTripCase{
            "keywords", {.flagged = true}, {"$Forwarded", "work", "later"}, "Subject: x\r\n\r\nbody\r\n"},
        RoundTripCase{
            "from_lines", {}, {}, "Subject: x\r\n\r\nFrom a\r\n>From b\r\n>>From c\r\n\r\nFrom d\r\n"},
        RoundTripCase{"a_separator_in_the_body",
                      {},
                      {},
                      "Subject: x\r\n\r\n\r\nFrom a@b Tue Nov 24 23:48:20 2026\r\n\r\nx\r\n"},
        RoundTripCase{"empty_lines_at_the_end", {}, {}, "Subject: x\r\n\r\nbody\r\n\r\n\r\n"},
        RoundTripCase{"no_body", {.seen = true}, {}, "Subject: x\r\n\r\n"},
        RoundTripCase{"no_header", {.seen = true}, {}, "\r\nbody\r\n"},
        RoundTripCase{"a_bare_cr", {}, {}, "Subject: x\r\n\r\na\rb\r\n"},
        RoundTripCase{"octets", {}, {}, std::string("Subject: x\r\n\r\n\0\xff\xfe\r\n", 19)}),
    [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace hikyaku::store
