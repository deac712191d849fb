#include "serve/import_frames.h"

#include <gtest/gtest.h>

namespace hikyaku::serve {
namespace {

using Kind = ImportFrame::Kind;
using Strings = std::vector<std::string>;

/// "M joe" of each frame, when the stream is fed in pieces of `size`; "fault" at what is none.
Strings taken(std::string_view stream, std::size_t size) {
  Strings all;
  ImportFrames frames;
  for (std::size_t at = 0; at < stream.size(); at += size) {
    frames.feed(stream.substr(at, size));
    for (;;) {
      const auto frame = frames.next();
      if (!frame) {
        all.emplace_back("fault");
        return all;
      }
      if (!*frame) break;
      all.push_back(std::string(1, static_cast<char>((*frame)->kind)) + " " + std::string((*frame)->octets));
    }
  }
  return all;
}

TEST(ImportFrames, AreTheSameWholeAndInPiecesOfAnySize) {
  std::string stream;
  append_frame(stream, Kind::mailbox, "joe");
  append_frame(stream, Kind::body, std::string(300, 'x'));
  append_frame(stream, Kind::body);
  append_frame(stream, Kind::end);
  append_frame(stream, Kind::abandon);
  append_frame(stream, Kind::finish);
  const Strings expected{"M joe", "B " + std::string(300, 'x'), "B ", "E ", "A ", "F "};
  for (std::size_t size = 1; size <= stream.size(); ++size) EXPECT_EQ(taken(stream, size), expected) << size;
}

TEST(ImportFrames, WhatIsNoneIsAFault) {
  std::string stream;
  append_frame(stream, Kind::mailbox, "joe");
  EXPECT_EQ(taken(stream + "{}", 3), (Strings{"M joe", "fault"}));
  EXPECT_EQ(taken(std::string("B\x00\x10\x00\x01", 5), 5), Strings{"fault"}) << "longer than kLongest";
  EXPECT_EQ(taken(std::string("B\x00\x10\x00\x00", 5), 5), Strings{}) << "not whole";
}

TEST(ImportFrames, TheHeadOfAMessageIsReadAsItWasWritten) {
  ImportHead head;
  head.received = Time{std::chrono::microseconds{1'600'000'000'123'456}};
  head.flags = {.seen = true, .draft = true};
  ASSERT_TRUE(head.keywords.add("work").has_value());
  head.sender = mail::Address::from_internal("joe q@b.example").value();
  const auto octets = encode(head);
  const auto again = decode_import_head(octets);
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->received, head.received);
  EXPECT_EQ(again->flags, head.flags);
  EXPECT_EQ(again->keywords, head.keywords);
  EXPECT_EQ(again->sender, head.sender);
  for (std::size_t size = 0; size < octets.size(); ++size)
    EXPECT_FALSE(decode_import_head(std::string_view(octets).substr(0, size)).has_value()) << size;
}

}  // namespace
}  // namespace hikyaku::serve
