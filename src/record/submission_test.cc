#include "record/submission.h"

#include <gtest/gtest.h>

namespace hikyaku::record {
namespace {

mail::Address address(std::string_view text) { return mail::Address::from_internal(text).value(); }

Submission sample() {
  Submission submission;
  submission.at = Time{std::chrono::seconds{1'700'000'000}};
  submission.sender = address("ann@a.example");
  submission.full_name = "Ann";
  submission.body = mail::BodyType::eight_bit_mime;
  submission.ret = mail::DsnReturn::headers;
  submission.envid = "e 1";
  submission.notify.bits = mail::Notify::kFailure;
  submission.from_gateway = true;
  submission.recipients = {address("bob"), address("joe q@b.example"), mail::Address{}};
  return submission;
}

std::string written(const Submission& submission, std::string_view content) {
  SubmissionWriter writer;
  auto out = writer.head(submission).value();
  writer.content(content, out);
  return out + writer.end();
}

struct Read {
  std::optional<Submission> submission;
  std::string content;
  std::optional<Fault> fault;
  bool ended = false;
};

Read read(std::string_view file, std::size_t piece) {
  Read result;
  SubmissionReader reader;
  while (true) {
    const auto event = reader.next();
    if (!event) {
      result.fault = event.error().fault;
      return result;
    }
    switch (*event) {
      case SubmissionReader::Event::need_more:
        if (file.empty()) {
          result.ended = reader.ended();
          return result;
        }
        reader.feed(file.substr(0, piece));
        file.remove_prefix(std::min(piece, file.size()));
        break;
      case SubmissionReader::Event::head:
        result.submission = reader.submission();
        break;
      case SubmissionReader::Event::content:
        result.content += reader.content();
        break;
      case SubmissionReader::Event::end:
        break;
    }
  }
}

TEST(Submission, comes_back_whole_and_octet_by_octet) {
  const std::string large(submission_file::kLargestPart * 2 + 7, 'x');
  for (const std::string& content : {std::string{}, std::string("Subject: a\n\nhi\n"), large}) {
    const auto file = written(sample(), content);
    for (const std::size_t piece : {std::size_t{1}, std::size_t{4096}, file.size()}) {
      const auto got = read(file, piece);
      EXPECT_EQ(got.submission, sample());
      EXPECT_EQ(got.content, content);
      EXPECT_TRUE(got.ended);
      EXPECT_FALSE(got.fault);
    }
  }
}

TEST(Submission, no_sender_is_not_the_null_sender) {
  auto none = sample(), null = sample();
  none.sender.reset();
  null.sender = mail::Address{};
  EXPECT_EQ(read(written(none, "a"), 100).submission->sender, std::nullopt);
  EXPECT_EQ(read(written(null, "a"), 100).submission->sender, mail::Address{});
}

TEST(Submission, has_the_golden_octets) {
  Submission submission;
  submission.recipients = {address("b@c.d")};
  std::string hex;
  for (const unsigned char octet : written(submission, "hi\n")) {
    hex += "0123456789abcdef"[octet >> 4];
    hex += "0123456789abcdef"[octet & 15];
  }
  EXPECT_EQ(hex,
            "484b594d41494c3116000000010000000000000000000100056240632e644b7fcbc41595a0cb0300"
            "000068690af9d890b000000000937c83d6");
}

TEST(Submission, tells_of_every_cut_and_every_changed_octet) {
  const auto file = written(sample(), "Subject: a\n\nhi\n");
  for (std::size_t size = 0; size < file.size(); ++size)
    EXPECT_FALSE(read(file.substr(0, size), 64).ended) << size;
  for (std::size_t at = 0; at < file.size(); ++at) {
    auto changed = file;
    changed[at] = static_cast<char>(changed[at] ^ 0x20);
    EXPECT_FALSE(read(changed, 64).ended) << at;
  }
  EXPECT_EQ(read(file + "x", 64).fault, Fault::corrupt);
}

TEST(Submission, of_too_many_recipients_is_refused) {
  Submission submission;
  submission.recipients.assign(3000, address(std::string(3000, 'a')));
  SubmissionWriter writer;
  const auto head = writer.head(submission);
  ASSERT_FALSE(head);
  EXPECT_EQ(head.error().fault, Fault::permanent);
}

TEST(Submission, a_part_that_says_to_be_huge_is_not_waited_for) {
  EXPECT_EQ(read("HKYMAIL1\xff\xff\xff\xff", 64).fault, Fault::corrupt);
}

}  // namespace
}  // namespace hikyaku::record
