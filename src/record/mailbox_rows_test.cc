#include "record/mailbox_rows.h"

#include <gtest/gtest.h>

#include "record/damage.h"
#include "record/envelope.h"

namespace hikyaku::record {
namespace {

using hikyaku::testing_support::expect_no_crash_behind_the_checksum;
using hikyaku::testing_support::expect_no_damage_passes;
using hikyaku::testing_support::hex;

const auto kEncode = [](const auto& record) { return encode(record); };

template <class Record, class Decode>
void expect_stored_form(const Record& record, Decode decode, std::string_view golden) {
  const auto stored = encode(record);
  EXPECT_EQ(hex(stored), golden);
  EXPECT_EQ(decode(stored).value(), record);
  expect_no_damage_passes(stored, decode);
  expect_no_crash_behind_the_checksum(stored, decode, kEncode);
}

TEST(RemovedMessage, TheStoredFormIsTheGoldenOneAndNoDamagePasses) {
  MessageRecord message;
  message.queue_id = QueueId(1);
  message.body_key = "k";
  expect_stored_form(RemovedMessage{Time{std::chrono::microseconds{258}}, message}, decode_removed_message,
                     "01840412020000010000000000016b000100d43c428a40fa2f5a");
}

TEST(RemovedMailbox, TheStoredFormIsTheGoldenOneAndNoDamagePasses) {
  expect_stored_form(
      RemovedMailbox{Time{std::chrono::microseconds{258}}, "u@d/A", MailboxRecord{7, 300, 2}, true},
      decode_removed_mailbox, "018404057540642f410d0207ac0202020100016a4f36cc012532c1d0");
}

TEST(Usage, TheStoredFormIsTheGoldenOneAndNoDamagePasses) {
  expect_stored_form(Usage{-4096, -1, 3}, decode_usage, "02ff3f010682e217f5");
}

TEST(Usage, ThatOfVersion1HasNoUnseenMessages) {
  EXPECT_EQ(decode_usage("\x01\xff\x3f\x01\xaa\x51\x7b\x51").value(), (Usage{-4096, -1, 0}));
}

TEST(Usage, ThatOfVersion3TellsUpToWhichChangeItWasAddedUp) {
  const FoldedUsage usage{{4096, 1, 1}, 300};
  expect_stored_form(usage, decode_folded_usage, "0380400202ac02a978876e");
  EXPECT_EQ(decode_usage(encode(usage)).value(), usage.sum);
  EXPECT_EQ(decode_folded_usage(encode(Usage{4096, 1, 1})).value(), (FoldedUsage{{4096, 1, 1}, 0}));
}

TEST(Quota, TheStoredFormIsTheGoldenOneAndNoDamagePasses) {
  expect_stored_form(Quota{1000, 3}, decode_quota, "01e8070385e94869");
}

TEST(MailboxFloors, TheStoredFormIsTheGoldenOneAndNoDamagePasses) {
  expect_stored_form(MailboxFloors{7, 300}, decode_mailbox_floors, "0107ac027e4e3f57");
}

TEST(MovedAccount, TheStoredFormIsTheGoldenOneAndNoDamagePasses) {
  expect_stored_form(MovedAccount{Time{std::chrono::microseconds{258}}, "default", "DB02"},
                     decode_moved_account, "0184040764656661756c7404444230320c5dd987");
}

TEST(Uids, TheStoredFormIsTheGoldenOneAndNoDamagePasses) {
  const std::vector<std::uint32_t> uids{1, 2, 300, UINT32_MAX};
  const auto stored = encode_uids(uids);
  EXPECT_EQ(hex(stored), "01040101aa02d3fdffff0f81802e4b");
  EXPECT_EQ(decode_uids(stored).value(), uids);
  expect_no_damage_passes(stored, decode_uids);
  expect_no_crash_behind_the_checksum(stored, decode_uids, encode_uids);
  EXPECT_FALSE(decode_uids(encode_uids({2, 2})));
  EXPECT_FALSE(decode_uids(encode_uids({2, 1})));
}

TEST(Envelope, TheStoredFormIsTheGoldenOneAndNoDamagePasses) {
  expect_stored_form(summarize("To: x\r\nSubject:  a\r\n b\r\n\r\n"), decode_envelope,
                     "011a0a00051105610d0a20620000000104017800000000f50ce356");
}

TEST(Envelope, HoldsTheFirstFieldOfEachNameWithItsPlaceInTheHeader) {
  const std::string header =
      "Received: by us\r\nSUBJECT : first\r\n folded \r\nSubject: second\r\nFrom: a@b\r\nCc:\r\nCc: "
      "c@d\r\n\r\n";
  const auto envelope = summarize(header);
  const auto& subject = envelope[Envelope::subject];
  EXPECT_EQ(subject.value, "first\r\n folded");
  EXPECT_EQ(header.substr(subject.offset, subject.size), subject.value);
  EXPECT_EQ(envelope[Envelope::from].value, "a@b");
  EXPECT_EQ(envelope[Envelope::cc].value, "c@d");
  EXPECT_EQ(envelope[Envelope::date].size, 0U);
  EXPECT_EQ(envelope.header_size, header.size());
}

TEST(Envelope, ALongValueIsCutAndItsWholeSizeIsTold) {
  const auto envelope = summarize("To: " + std::string(5000, 'x') + "\r\n");
  EXPECT_EQ(envelope[Envelope::to].value, std::string(Envelope::kLongest, 'x'));
  EXPECT_EQ(envelope[Envelope::to].size, 5000U);
  EXPECT_EQ(envelope[Envelope::to].offset, 4U);
}

TEST(Keywords, AreComparedWithoutCaseAndKeptInOrder) {
  Keywords keywords;
  for (const auto* word : {"b", "A", "$forwarded", "B", "c"}) EXPECT_TRUE(keywords.add(word));
  EXPECT_EQ(keywords.words(), (std::vector<std::string>{"$Forwarded", "A", "b", "c"}));
  EXPECT_TRUE(keywords.contains("$FORWARDED"));
  keywords.remove("a");
  EXPECT_EQ(keywords.words(), (std::vector<std::string>{"$Forwarded", "b", "c"}));
}

TEST(Keywords, AreAtomsOfAtMost255OctetsAndAtMost64) {
  Keywords keywords;
  for (const std::string& word :
       {std::string(), std::string("a b"), std::string("\\Seen"), std::string("a]"), std::string("\xc3\xa9"),
        std::string("a*"), std::string("a\x7f"), std::string(256, 'a')}) {
    EXPECT_EQ(keywords.add(word).error().fault, Fault::malformed) << word;
  }
  for (int i = 0; i < 64; ++i) EXPECT_TRUE(keywords.add("k" + std::to_string(i)));
  EXPECT_TRUE(keywords.add("K1"));
  EXPECT_EQ(keywords.add("one-more").error().fault, Fault::malformed);
}

}  // namespace
}  // namespace hikyaku::record
