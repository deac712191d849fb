#include "store/export.h"

#include <gtest/gtest.h>

#include "base/crashing_kv.h"
#include "store/keys.h"

namespace hikyaku::store {
namespace {

struct TextCase {
  const char* name;
  FileText::Quote quote;
  std::string_view in, out;
};
void PrintTo(const TextCase& row, std::ostream* out) { *out << row.name; }

class FileTextTest : public testing::TestWithParam<TextCase> {};

TEST_P(FileTextTest, IsTheSameWholeAndInPiecesOfAnySize) {
  const auto& row = GetParam();
  for (std::size_t size = 1; size <= row.in.size() + 1; ++size) {
    FileText text(row.quote);
    std::string out;
    for (std::size_t at = 0; at < row.in.size(); at += size) text.feed(row.in.substr(at, size), out);
    text.finish(out);
    EXPECT_EQ(out, row.out) << "pieces of " << size;
  }
}

using enum FileText::Quote;
INSTANTIATE_TEST_SUITE_P(
    , FileTextTest,
    testing::Values(TextCase{"line_ends_become_those_of_files", none, "a\r\nb\r\n", "a\nb\n"},
                    TextCase{"a_bare_cr_stays", none, "a\rb\r\r\nc\r\n", "a\rb\r\nc\n"},
                    TextCase{"an_open_last_line_is_ended", none, "a\r\nb", "a\nb\n"},
                    TextCase{"an_open_last_cr_is_kept", none, "a\r", "a\r\n"},
                    TextCase{"from_lines_are_quoted", from, "x\r\nFrom y\r\n>From z\r\n>>From\r\n",
                             "x\n>From y\n>>From z\n>>From\n"},
                    TextCase{"the_first_line_too", from, "From me\r\n", ">From me\n"},
                    TextCase{"a_header_is_not_one", from, "From: me\r\nFro\r\n", "From: me\nFro\n"},
                    TextCase{"an_open_beginning_is_kept", from, "x\r\n>Fro", "x\n>Fro\n"},
                    TextCase{"only_where_it_is_asked_for", none, "From y\r\n", "From y\n"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(Export, AMessageGoesToMboxMaildirAndAFile) {
  hikyaku::testing_support::Power power;
  hikyaku::testing_support::CrashingKv kv(power, store::kSpaces);
  hikyaku::testing_support::CrashingBlob blob(power);
  auto store = Store::open(kv, blob).value();
  Store::Message message;
  message.queue_id = record::QueueId(1'795'564'100'123'456);
  message.received = Time{std::chrono::seconds{1'796'255'300}};
  message.sender = mail::Address::from_internal("a@b.example").value();
  const std::string body = "Subject: x\r\n\r\nFrom here\r\n";
  message.size = body.size();
  Kv::Batch batch;
  auto delivery = store->deliver(batch, {{"m", "m", "P: q\r\n"}}, message, body).value();
  ASSERT_TRUE(kv.commit(std::move(batch), Kv::Durability::synced).has_value());
  delivery.committed();
  auto item = store->find("m", 1).value();
  std::string out;
  const Sink sink = [&out](std::string_view octets) -> Result<void> {
    out += octets;
    return {};
  };
  ASSERT_TRUE(write_mbox_entry(*store, item, sink).has_value());
  EXPECT_EQ(out, "From a@b.example Wed Dec  2 23:48:20 2026\nP: q\nSubject: x\n\n>From here\n\n");
  out.clear();
  ASSERT_TRUE(write_message(*store, item, sink).has_value());
  EXPECT_EQ(out, "P: q\r\n" + body);
  out.clear();
  ASSERT_TRUE(write_maildir_file(*store, item, sink).has_value());
  EXPECT_EQ(out, "P: q\nSubject: x\n\nFrom here\n");
  EXPECT_EQ(maildir_name(item), "new/1796255300.1_4jYzyr0sf8z0.hikyaku");
  item.message.flags = {.seen = true, .answered = true, .draft = true};
  EXPECT_EQ(maildir_name(item), "cur/1796255300.1_4jYzyr0sf8z0.hikyaku:2,DRS");
  ASSERT_TRUE(item.message.keywords.add("$Forwarded").has_value());
  ASSERT_TRUE(item.message.keywords.add("work").has_value());
  EXPECT_EQ(maildir_name(item, "ab"), "cur/1796255300.1_4jYzyr0sf8z0.hikyaku:2,DPRSab");
  out.clear();
  ASSERT_TRUE(write_mbox_entry(*store, item, sink).has_value());
  EXPECT_TRUE(
      out.starts_with("From a@b.example Wed Dec  2 23:48:20 2026\nStatus: RO\nX-Status: AT\n"
                      "X-Keywords: $Forwarded work\nP: q\nSubject: x\n\n>From here\n"))
      << out;
}

}  // namespace
}  // namespace hikyaku::store
