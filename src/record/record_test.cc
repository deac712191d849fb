#include <gtest/gtest.h>

#include "base/crc32c.h"
#include "record/arrival.h"
#include "record/damage.h"
#include "record/message_record.h"
#include "record/queue_entry.h"

namespace hikyaku::record {
namespace {

using hikyaku::testing_support::expect_no_damage_passes;
using hikyaku::testing_support::from_hex;
using hikyaku::testing_support::hex;
using hikyaku::testing_support::reframed;

mail::Address address(std::string_view internal) { return mail::Address::from_internal(internal).value(); }

QueueEntry full_entry() {
  QueueEntry entry;
  entry.id = QueueId(1'795'564'100'123'456);
  entry.arrival = Time{std::chrono::microseconds{1'795'564'100'123'456}};
  entry.sender = address("joe q@a.example");
  Recipient first;
  first.address = address("x@b.example");
  first.original = address("X@alias.example");
  first.orcpt = "rfc822;X@alias.example";
  first.notify = {.success = true, .failure = true, .delay = true};
  first.attempts = 3;
  first.status = "4.4.1";
  first.reply = "connect to mx.b.example[192.0.2.1]:25: refused";
  Recipient second;
  second.address = second.original = address("y@b.example");
  second.state = RecipientState::bounced;
  second.notify.never = true;
  second.reported = true;
  entry.recipients = {first, second};
  entry.client = {"192.0.2.7", 51234, "c.example", "[192.0.2.7]", "ESMTPSA",
                  "PLAIN",     "joe", "TLSv1.3",   "AES"};
  entry.size = 70000;
  entry.header_size = 300;
  entry.blob = "0000000001z0";
  entry.body_type = BodyType::eight_bit;
  entry.smtputf8 = true;
  entry.ret = ReturnContent::headers;
  entry.envid = "QQ+2B1";
  entry.rewrite_context = RewriteContext::local;
  entry.next_attempt = entry.arrival + std::chrono::seconds{300};
  entry.last_attempt = entry.arrival;
  entry.attempts = 3;
  entry.hold = true;
  entry.hold_reason = "HOLD by header_checks";
  entry.warned = true;
  entry.filter = "smtp:[127.0.0.1]:10025";
  entry.redirect = "all@c.example";
  entry.ledger_pieces = 4;
  return entry;
}

MessageRecord full_message() {
  MessageRecord record;
  record.flags = {.seen = true, .flagged = true};
  record.received = Time{std::chrono::seconds{1'795'564'100}};
  record.queue_id = QueueId(77);
  record.sender = address("a@b.example");
  record.prefix = "Return-Path: <a@b.example>\r\n";
  record.body_size = 4096;
  record.header_size = 200;
  record.body_key = std::string("\0\0\0\1\0\0\0\2", 8);
  record.shared = true;
  record.modseq = 300;
  for (const auto* word : {"$Forwarded", "later", "$junk"}) EXPECT_TRUE(record.keywords.add(word));
  return record;
}

TEST(Crc32c, GivesTheValuesOfRfc3720AndOfPartsSummedOneAfterTheOther) {
  EXPECT_EQ(crc32c(""), 0U);
  EXPECT_EQ(crc32c("123456789"), 0xe3069283U);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aaU);
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62a8ab43U);
  EXPECT_EQ(crc32c("456789", crc32c("123")), 0xe3069283U);
}

TEST(QueueEntry, TheStoredFormIsTheGoldenOne) {
  QueueEntry entry;
  entry.id = QueueId(258);
  entry.arrival = entry.next_attempt = Time{std::chrono::microseconds{258}};
  entry.recipients.resize(1);
  entry.recipients[0].address = entry.recipients[0].original = address("x@b");
  entry.client.address = "::1";
  entry.client.protocol = "ESMTP";
  entry.size = 4096;
  entry.header_size = 10;
  entry.ledger_pieces = 1;
  EXPECT_EQ(hex(encode(entry)),
            "01"
            "8202"
            "00"
            "8404"
            "0000"
            "033a3a31"
            "00"
            "00"
            "00"
            "0545534d5450"
            "00000000"
            "8020"
            "0a"
            "00"
            "00"
            "00"
            "8404"
            "00"
            "00"
            "00"
            "00"
            "00"
            "01"
            "01"
            "2000"
            "0003784062"
            "00"
            "00"
            "00"
            "00"
            "1c016912");
}

TEST(QueueEntry, EveryFieldComesBack) {
  const auto entry = full_entry();
  const auto back = decode_queue_entry(encode(entry));
  ASSERT_TRUE(back.has_value()) << back.error().text;
  EXPECT_EQ(*back, entry);
}

TEST(QueueEntry, AddressesThatTheInternalFormWouldSplitComeBack) {
  for (const std::string_view text : {"\"a@b\"", "\"a@b\"@c.example", "joe", "\"\"@c.example", ""}) {
    QueueEntry entry;
    if (!text.empty()) entry.sender = mail::Address::parse(text).value();
    const auto back = decode_queue_entry(encode(entry));
    ASSERT_TRUE(back.has_value()) << back.error().text;
    EXPECT_EQ(back->sender, entry.sender) << text;
  }
}

TEST(QueueEntry, TimesBefore1970ComeBack) {
  QueueEntry entry;
  entry.arrival = Time{std::chrono::microseconds{-1}};
  entry.next_attempt = Time::min();
  entry.last_attempt = Time::max();
  EXPECT_EQ(decode_queue_entry(encode(entry)).value(), entry);
}

template <class Decode>
void expect_no_crash_behind_the_checksum(const std::string& stored, Decode decode) {
  hikyaku::testing_support::expect_no_crash_behind_the_checksum(
      stored, decode, [](const auto& record) { return encode(record); });
}

TEST(QueueEntry, NoCutOrFlippedBitPasses) {
  expect_no_damage_passes(encode(full_entry()), decode_queue_entry);
  expect_no_crash_behind_the_checksum(encode(full_entry()), decode_queue_entry);
}

TEST(MessageRecord, NoCutOrFlippedBitPasses) {
  expect_no_damage_passes(encode(full_message()), decode_message_record);
  expect_no_crash_behind_the_checksum(encode(full_message()), decode_message_record);
}

TEST(MailboxRecord, NoCutOrFlippedBitPasses) {
  expect_no_damage_passes(encode(MailboxRecord{7, 1'795'564'100, 300}), decode_mailbox_record);
  expect_no_crash_behind_the_checksum(encode(MailboxRecord{7, 1'795'564'100, 300}), decode_mailbox_record);
}

TEST(QueueEntry, ANewerFormatIsRefusedAndSaysSo) {
  const auto stored = reframed(encode(full_entry()), [](std::string& framed) { framed[0] = 2; });
  const auto got = decode_queue_entry(stored);
  ASSERT_FALSE(got.has_value());
  EXPECT_EQ(got.error().fault, Fault::permanent);
  EXPECT_NE(got.error().text.find("format 2"), std::string::npos) << got.error().text;
}

TEST(QueueEntry, AHugeCountOfRecipientsIsRefusedBeforeMemoryIsTaken) {
  QueueEntry entry;
  const auto stored = reframed(encode(entry), [](std::string& framed) {
    framed.pop_back();
    framed += "\xff\xff\xff\xff\xff\xff\xff\x7f";
  });
  EXPECT_FALSE(decode_queue_entry(stored).has_value());
}

MessageRecord small_message() {
  MessageRecord small;
  small.queue_id = QueueId(1);
  small.body_size = 2;
  small.body_key = "k";
  return small;
}

TEST(MessageRecord, TheStoredFormIsTheGoldenOneAndComesBack) {
  const auto record = full_message();
  EXPECT_EQ(decode_message_record(encode(record)).value(), record);
  auto small = small_message();
  small.modseq = 300;
  ASSERT_TRUE(small.keywords.add("zz"));
  ASSERT_TRUE(small.keywords.add("$FORWARDED"));
  EXPECT_EQ(hex(encode(small)),
            "02"
            "00"
            "00"
            "01"
            "0000"
            "00"
            "02"
            "00"
            "016b"
            "00"
            "ac02"
            "02"
            "01"
            "00027a7a"
            "0776967f");
}

TEST(MessageRecord, OneThatWasRestoredIsOfVersion3) {
  auto small = small_message();
  small.restored = Time{std::chrono::microseconds{300}};
  EXPECT_EQ(hex(encode(small)),
            "03"
            "00"
            "00"
            "01"
            "0000"
            "00"
            "02"
            "00"
            "016b"
            "00"
            "01"
            "00"
            "d804"
            "15995887");
  EXPECT_EQ(decode_message_record(encode(small)).value(), small);
  expect_no_damage_passes(encode(small), decode_message_record);
}

TEST(MessageRecord, OneOfVersion1HasTheFirstModseqAndNoKeywords) {
  EXPECT_EQ(decode_message_record(from_hex("0100000100000002"
                                           "00016b0024b42312"))
                .value(),
            small_message());
}

TEST(MailboxRecord, TheStoredFormIsTheGoldenOneAndComesBack) {
  const MailboxRecord record{7, 300, 2, 300, 5, 1, false};
  EXPECT_EQ(hex(encode(record)),
            "02"
            "07"
            "ac02"
            "02"
            "ac02"
            "05"
            "01"
            "00"
            "6b6b2221");
  EXPECT_EQ(decode_mailbox_record(encode(record)).value(), record);
}

TEST(MailboxRecord, OneOfVersion1HasForgottenNothingYet) {
  EXPECT_EQ(decode_mailbox_record(from_hex("0107ac0202c2f7f16e")).value(), (MailboxRecord{7, 300, 2}));
}

Arrival full_arrival() {
  const auto entry = full_entry();
  Arrival arrival;
  arrival.at = entry.arrival;
  arrival.client = entry.client;
  arrival.client_name_verified = true;
  arrival.port = 587;
  arrival.sender = entry.sender;
  arrival.recipients = {address("x@b.example"), address("y@b.example")};
  arrival.header = std::string("From: a@b.example\r\nX: \0\xff\r\n", 27);
  arrival.header_cut = true;
  return arrival;
}

TEST(Arrival, ReadsBackWhatWasWritten) {
  for (const auto& arrival : {full_arrival(), Arrival{}}) {
    const auto read = decode_arrival(encode(arrival));
    ASSERT_TRUE(read) << read.error().text;
    EXPECT_EQ(*read, arrival);
  }
}

TEST(Arrival, EachOctetThatIsCutOrChangedIsFound) {
  const auto stored = encode(full_arrival());
  for (std::size_t i = 0; i < stored.size(); ++i) {
    EXPECT_FALSE(decode_arrival(stored.substr(0, i)));
    auto changed = stored;
    changed[i] = static_cast<char>(changed[i] ^ 0x10);
    EXPECT_FALSE(decode_arrival(changed)) << i;
  }
}

}  // namespace
}  // namespace hikyaku::record
