#include "base/base64_stream.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "base/base64.h"

namespace hikyaku {
namespace {

using namespace std::string_view_literals;
using Kind = Base64Fault::Kind;
using Garbage = Base64Rules::Garbage;
using LineEnd = Base64Format::LineEnd;
constexpr auto kPadded = Base64Format::Padding::written;
constexpr auto kUnpadded = Base64Format::Padding::left_out;
constexpr auto kStandard = Base64Alphabet::standard;
constexpr auto kUrl = Base64Alphabet::url;

/// In pieces of `piece` octets; 0: all at once.
std::string encoded(std::string_view octets, const Base64Format& format, const Base64Kernel& kernel,
                    std::size_t piece = 0) {
  Base64Encoder encoder(format, kernel);
  std::string out;
  if (piece == 0) encoder.feed(octets, out);
  for (std::size_t at = 0; piece != 0 && at < octets.size(); at += piece) {
    encoder.feed(octets.substr(at, piece), out);
  }
  encoder.end(out);
  return out;
}

struct Decoded {
  std::string octets;
  std::optional<Base64Fault> fault;
  std::uint64_t ignored = 0;
  std::uint64_t first_ignored = 0;
  Base64Decoder::Found unused_bits, half_padded;
};

Decoded decoded(std::string_view text, const Base64Rules& rules, const Base64Kernel& kernel,
                std::size_t piece = 0) {
  Base64Decoder decoder(rules, kernel);
  Decoded result;
  for (std::size_t at = 0; at < text.size(); at += piece == 0 ? text.size() : piece) {
    if (const auto fed = decoder.feed(text.substr(at, piece == 0 ? text.size() : piece), result.octets);
        !fed) {
      result.fault = fed.error();
      return result;
    }
  }
  if (const auto ended = decoder.end(result.octets); !ended) result.fault = ended.error();
  result.ignored = decoder.ignored();
  result.first_ignored = decoder.first_ignored();
  result.unused_bits = decoder.unused_bits();
  result.half_padded = decoder.half_padded();
  return result;
}

std::string random_octets(std::mt19937& random, std::size_t size) {
  std::string octets(size, '\0');
  for (auto& octet : octets) octet = static_cast<char>(static_cast<unsigned char>(random() & 255));
  return octets;
}

struct EncodeCase {
  const char* name;
  Base64Format format;
  std::string_view octets, text;
};
void PrintTo(const EncodeCase& row, std::ostream* out) { *out << row.name; }
class Base64Encode : public testing::TestWithParam<EncodeCase> {};

TEST_P(Base64Encode, WritesTheSameWhateverThePieces) {
  const auto& row = GetParam();
  for (const auto& kernel : base64_kernels()) {
    for (const std::size_t piece : {0, 1, 2, 3, 4, 5, 7, 56, 57, 58}) {
      EXPECT_EQ(encoded(row.octets, row.format, kernel, piece), row.text) << kernel.name << ' ' << piece;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    , Base64Encode,
    testing::Values(
        EncodeCase{"nothing", {}, "", ""}, EncodeCase{"nothing_makes_no_line", {.line_length = 76}, "", ""},
        EncodeCase{"one_octet", {}, "f", "Zg=="}, EncodeCase{"two_octets", {}, "fo", "Zm8="},
        EncodeCase{"three_octets", {}, "foo", "Zm9v"},
        EncodeCase{
            "nul_octets", {}, "username\0username\0password"sv, "dXNlcm5hbWUAdXNlcm5hbWUAcGFzc3dvcmQ="},
        EncodeCase{"standard_alphabet", {}, "\xfb\xff\xbf", "+/+/"},
        EncodeCase{"url_alphabet", {.alphabet = kUrl}, "\xfb\xff\xbf", "-_-_"},
        EncodeCase{"without_padding_one", {.padding = kUnpadded}, "f", "Zg"},
        EncodeCase{"without_padding_two", {.padding = kUnpadded}, "fo", "Zm8"},
        EncodeCase{"a_full_line_ends_once", {.line_length = 4}, "foo", "Zm9v\n"},
        EncodeCase{"lines_of_four", {.line_length = 4}, "foobar", "Zm9v\nYmFy\n"},
        EncodeCase{"lines_of_eight", {.line_length = 8}, "foobarx", "Zm9vYmFy\neA==\n"},
        EncodeCase{"lines_of_eight_with_crlf",
                   {.line_length = 8, .line_end = LineEnd::crlf},
                   "foobarx",
                   "Zm9vYmFy\r\neA==\r\n"},
        EncodeCase{"lines_of_one", {.line_length = 1}, "fo", "Z\nm\n8\n=\n"},
        EncodeCase{"lines_of_three", {.line_length = 3}, "foob", "Zm9\nvYg\n==\n"},
        EncodeCase{"lines_of_five_with_crlf",
                   {.line_length = 5, .line_end = LineEnd::crlf},
                   "foobar",
                   "Zm9vY\r\nmFy\r\n"},
        EncodeCase{"a_line_longer_than_all", {.line_length = 1000}, "foobar", "Zm9vYmFy\n"},
        EncodeCase{"a_line_end_without_lines_is_none", {.line_end = LineEnd::crlf}, "foobar", "Zm9vYmFy"}),
    [](const auto& row) { return std::string(row.param.name); });

struct DecodeCase {
  const char* name;
  std::string_view text, octets;
  Base64Rules rules = {};
  std::uint64_t ignored = 0, first_ignored = 0;
};
void PrintTo(const DecodeCase& row, std::ostream* out) { *out << row.name; }
class Base64Decode : public testing::TestWithParam<DecodeCase> {};

TEST_P(Base64Decode, TakesAllOfItWhateverThePieces) {
  const auto& row = GetParam();
  for (const auto& kernel : base64_kernels()) {
    for (const std::size_t piece : {0, 1, 2, 3, 4, 5, 7}) {
      const auto result = decoded(row.text, row.rules, kernel, piece);
      ASSERT_FALSE(result.fault) << kernel.name << ' ' << piece << " offset " << result.fault->offset;
      EXPECT_EQ(result.octets, row.octets) << kernel.name << ' ' << piece;
      EXPECT_EQ(result.ignored, row.ignored) << kernel.name << ' ' << piece;
      EXPECT_EQ(result.first_ignored, row.first_ignored) << kernel.name << ' ' << piece;
    }
  }
}

constexpr Base64Rules kIgnore{.garbage = Garbage::ignored};
INSTANTIATE_TEST_SUITE_P(
    , Base64Decode,
    testing::Values(DecodeCase{"nothing", "", ""}, DecodeCase{"line_ends_alone", "\n\r\n\n", ""},
                    DecodeCase{"one_octet", "Zg==", "f"}, DecodeCase{"two_octets", "Zm8=", "fo"},
                    DecodeCase{"three_octets", "Zm9v", "foo"}, DecodeCase{"lines", "Zm9v\nYmFy\n", "foobar"},
                    DecodeCase{"lines_with_crlf", "Zm9v\r\nYmFy\r\n", "foobar"},
                    DecodeCase{"lf_and_crlf_mixed", "Zm9v\nYmFy\r\neA==", "foobarx"},
                    DecodeCase{"empty_lines", "\n\nZm9v\n\r\n\nYmFy", "foobar"},
                    DecodeCase{"line_ends_inside_a_group", "Z\nm\r\n9\nv", "foo"},
                    DecodeCase{"line_end_between_the_padding", "Zg=\r\n=\n", "f"},
                    DecodeCase{"line_end_before_the_padding", "Zg\n==", "f"},
                    DecodeCase{"without_padding_one", "Zm9vZg", "foof"},
                    DecodeCase{"without_padding_two", "Zm9vZm8", "foofo"},
                    DecodeCase{"without_padding_and_a_line_end", "Zm8\r\n", "fo"},
                    DecodeCase{"padded_pieces_joined_by_lf", "Zg==\nZm8=\nZm9v\nZg==\n", "ffofoof"},
                    DecodeCase{"padded_pieces_joined_by_crlf", "Zg==\r\nZm8=\r\nZm9v", "ffofoo"},
                    DecodeCase{"padded_pieces_without_a_line_end_between", "Zg==Zm8=Zm9v", "ffofoo"},
                    DecodeCase{"the_last_of_padded_pieces_without_padding", "Zg==\nZg", "ff"},
                    DecodeCase{"url_alphabet", "-_-_", "\xfb\xff\xbf", {.alphabet = kUrl}},
                    DecodeCase{"nul_octets",
                               "dXNlcm5hbWUAdXNlcm5hbWUAcGFzc3dvcmQ=", "username\0username\0password"sv},
                    DecodeCase{"garbage_ignored", " Zm*9v\0Zg=="sv, "foof", kIgnore, 3, 0},
                    DecodeCase{"line_ends_are_no_garbage", "Zm9v\r\nZg==\n", "foof", kIgnore},
                    DecodeCase{"a_lone_cr_is_garbage", "Zm9v\rZm9v\r", "foofoo", kIgnore, 2, 4},
                    DecodeCase{"cr_cr_lf_has_one_lone_cr", "Zm9v\r\r\nZm9v", "foofoo", kIgnore, 1, 4},
                    DecodeCase{"the_other_alphabet_is_garbage", "Zm-9_v", "foo", kIgnore, 2, 2},
                    DecodeCase{"padding_without_digits_ignored", "==Zg====", "f", kIgnore, 4, 0},
                    DecodeCase{"a_missing_second_padding_ignored", "Zg=", "f", kIgnore},
                    DecodeCase{"a_piece_behind_half_the_padding", "Zg=Zm9v", "ffoo", kIgnore},
                    DecodeCase{"unused_bits_ignored", "Zh==Zm9=", "ffo", kIgnore},
                    DecodeCase{"garbage_alone", "-- \t*", "", kIgnore, 5, 0}),
    [](const auto& row) { return std::string(row.param.name); });

struct DroppedCase {
  const char* name;
  std::string_view text, octets;
  Base64Decoder::Found unused_bits, half_padded;
};
void PrintTo(const DroppedCase& row, std::ostream* out) { *out << row.name; }
class Base64Dropped : public testing::TestWithParam<DroppedCase> {};

TEST_P(Base64Dropped, IsToldWhereGarbageIsIgnored) {
  const auto& row = GetParam();
  for (const std::size_t piece : {0, 1, 2, 3, 4, 5, 7}) {
    const auto result = decoded(row.text, kIgnore, best_base64_kernel(), piece);
    ASSERT_FALSE(result.fault) << piece;
    EXPECT_EQ(result.octets, row.octets) << piece;
    EXPECT_EQ(result.unused_bits.count, row.unused_bits.count) << piece;
    EXPECT_EQ(result.unused_bits.first, row.unused_bits.first) << piece;
    EXPECT_EQ(result.half_padded.count, row.half_padded.count) << piece;
    EXPECT_EQ(result.half_padded.first, row.half_padded.first) << piece;
  }
}

INSTANTIATE_TEST_SUITE_P(
    , Base64Dropped,
    testing::Values(DroppedCase{"nothing", "Zg==Zg==Zm8=Zg", "fffof", {}, {}},
                    DroppedCase{"bits_at_the_end", "Zm9vZh", "foof", {1, 5}, {}},
                    DroppedCase{"bits_of_two_pieces", "Zh==Zm9=", "ffo", {2, 1}, {}},
                    DroppedCase{"half_the_padding_at_the_end", "Zg=", "f", {}, {1, 3}},
                    DroppedCase{"half_the_padding_and_a_line_end", "Zg=\r\n", "f", {}, {1, 5}},
                    DroppedCase{"half_the_padding_twice", "Zg=Zg=", "ff", {}, {2, 3}},
                    DroppedCase{"half_the_padding_before_a_whole_piece", "Zg= Zg==", "ff", {}, {1, 4}},
                    DroppedCase{"garbage_between_the_padding", "Zg= =", "f", {}, {}},
                    DroppedCase{"bits_and_half_the_padding", "Zh=", "f", {1, 1}, {1, 3}}),
    [](const auto& row) { return std::string(row.param.name); });

struct RefusedCase {
  const char* name;
  std::string_view text;
  Kind kind;
  std::uint64_t offset;
  std::string_view before;  ///< decoded all the same
  Base64Rules rules = {};
};
void PrintTo(const RefusedCase& row, std::ostream* out) { *out << row.name; }
class Base64Refused : public testing::TestWithParam<RefusedCase> {};

TEST_P(Base64Refused, WithTheOffsetWhateverThePieces) {
  const auto& row = GetParam();
  for (const auto& kernel : base64_kernels()) {
    for (const std::size_t piece : {0, 1, 2, 3, 4, 5, 7}) {
      const auto result = decoded(row.text, row.rules, kernel, piece);
      ASSERT_TRUE(result.fault) << kernel.name << ' ' << piece;
      EXPECT_EQ(result.fault->offset, row.offset) << kernel.name << ' ' << piece;
      EXPECT_EQ(result.fault->kind, row.kind) << kernel.name << ' ' << piece << text(result.fault->kind);
      EXPECT_EQ(result.octets, row.before) << kernel.name << ' ' << piece;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    , Base64Refused,
    testing::Values(
        RefusedCase{"a_blank", "Zm9v YmFy", Kind::alien, 4, "foo"},
        RefusedCase{"a_blank_at_the_end", "Zm9v\n ", Kind::alien, 5, "foo"},
        RefusedCase{"a_lone_cr", "Zm9v\rYmFy", Kind::alien, 4, "foo"},
        RefusedCase{"a_lone_cr_at_the_end", "Zm9v\r", Kind::alien, 4, "foo"},
        RefusedCase{"a_lone_cr_before_crlf", "Zm9v\r\r\n", Kind::alien, 4, "foo"},
        RefusedCase{"a_nul", "Zm9vZ\0g="sv, Kind::alien, 5, "foo"},
        RefusedCase{"an_octet_over_127", "Zm9v\xffZg=", Kind::alien, 4, "foo"},
        RefusedCase{"the_url_alphabet_in_standard", "Zm9v-_-_", Kind::alien, 4, "foo"},
        RefusedCase{"the_standard_alphabet_in_url", "Zm9v+/+/", Kind::alien, 4, "foo", {.alphabet = kUrl}},
        RefusedCase{"padding_alone", "====", Kind::padding, 0, ""},
        RefusedCase{"padding_after_a_group", "Zm9v=", Kind::padding, 4, "foo"},
        RefusedCase{"padding_after_one_digit", "Zm9vZ===", Kind::padding, 5, "foo"},
        RefusedCase{"a_third_padding", "Zg===", Kind::padding, 4, "f"},
        RefusedCase{"unpadded_pieces_joined", "Zg\nZg==", Kind::padding, 5, "f\x06\x60"},
        RefusedCase{"one_digit_at_the_end", "Zm9vZ", Kind::incomplete, 5, "foo"},
        RefusedCase{"one_digit_and_a_line_end", "Zm9vZ\n", Kind::incomplete, 6, "foo"},
        RefusedCase{"half_the_padding_at_the_end", "Zg=", Kind::incomplete, 3, "f"},
        RefusedCase{"half_the_padding_and_digits", "Zg=Zg==", Kind::incomplete, 3, "f"},
        RefusedCase{"half_the_padding_and_a_blank", "Zg= =", Kind::alien, 3, "f"},
        RefusedCase{"unused_bits_in_two_digits", "Zm9vZh==", Kind::unused_bits, 5, "foo"},
        RefusedCase{"unused_bits_in_three_digits", "Zm9=", Kind::unused_bits, 2, ""},
        RefusedCase{"unused_bits_without_padding", "Zm9vZm9", Kind::unused_bits, 6, "foo"},
        RefusedCase{"one_digit_also_where_garbage_is_ignored", "Zm9vZ ", Kind::incomplete, 6, "foo", kIgnore},
        RefusedCase{"padding_after_one_digit_also_where_garbage_is_ignored", "Z=Zg", Kind::padding, 1, "",
                    kIgnore}),
    [](const auto& row) { return std::string(row.param.name); });

// The kernels and the strict reader of base/base64.h know each other's results.
TEST(Base64Kernels, EncodeAsTheFirstDoes) {
  std::mt19937 random(1);
  for (const auto& kernel : base64_kernels()) {
    for (std::size_t size = 0; size <= 400; ++size) {
      const auto octets = random_octets(random, size + 16);
      const auto view = std::string_view(octets).substr(size % 16, size);  // at every alignment
      EXPECT_EQ(encoded(view, {}, kernel), base64_encode(view)) << kernel.name << ' ' << size;
    }
  }
}

TEST(Base64Kernels, EncodeLinesOfAllLengthsAsThePlainOneDoes) {
  std::mt19937 random(2);
  const auto octets = random_octets(random, 1000);
  for (std::size_t line = 0; line <= 200; ++line) {
    for (const auto end : {LineEnd::lf, LineEnd::crlf}) {
      for (const auto alphabet : {kStandard, kUrl}) {
        const Base64Format format{alphabet, kPadded, line, end};
        const auto view = std::string_view(octets).substr(line % 7);
        const auto plain = encoded(view, format, base64_kernels().front());
        for (const auto& kernel : base64_kernels()) {
          EXPECT_EQ(encoded(view, format, kernel), plain) << kernel.name << ' ' << line;
          EXPECT_EQ(encoded(view, format, kernel, 100), plain) << kernel.name << ' ' << line;
        }
        EXPECT_EQ(decoded(plain, {.alphabet = alphabet}, best_base64_kernel()).octets, view);
      }
    }
  }
}

TEST(Base64Kernels, DecodeAllLengthsAtEveryAlignment) {
  std::mt19937 random(3);
  for (const auto& kernel : base64_kernels()) {
    for (std::size_t size = 0; size <= 400; ++size) {
      const auto octets = random_octets(random, size);
      for (const std::size_t line : {0, 1, 5, 32, 64, 76}) {
        const auto text = std::string(size % 32, 'A') + encoded(octets, {.line_length = line}, kernel);
        const auto result = decoded(std::string_view(text).substr(size % 32), {}, kernel);
        EXPECT_FALSE(result.fault) << kernel.name << ' ' << size << ' ' << line;
        EXPECT_EQ(result.octets, octets) << kernel.name << ' ' << size << ' ' << line;
      }
    }
  }
}

/// Every octet that is no digit, at each place of two steps of the widest kernel and their rest.
TEST(Base64Kernels, SeeEachAlienOctetAtEachPlace) {
  for (const auto alphabet : {kStandard, kUrl}) {
    const std::string_view letters =
        alphabet == kStandard ? "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/\n\r="
                              : "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_\n\r=";
    for (const auto& kernel : base64_kernels()) {
      std::string text(80, 'A');
      for (std::size_t at = 0; at < text.size(); ++at) {
        for (int value = 0; value < 256; ++value) {
          text[at] = static_cast<char>(value);
          const auto result = decoded(text, {.alphabet = alphabet}, kernel);
          if (letters.find(text[at]) != letters.npos) {
            if (text[at] != '=' && text[at] != '\r' && text[at] != '\n') {
              ASSERT_FALSE(result.fault) << kernel.name << ' ' << at << ' ' << value;
            }
            continue;
          }
          ASSERT_TRUE(result.fault) << kernel.name << ' ' << at << ' ' << value;
          ASSERT_EQ(result.fault->offset, at) << kernel.name << ' ' << value;
          ASSERT_EQ(result.octets, std::string(at / 4 * 3, '\0'));
        }
        text[at] = 'A';
      }
    }
  }
}

/// Text with a few odd octets in it: all kernels say the same, whatever the pieces, ignored or refused.
TEST(Base64Kernels, AgreeOnDamagedText) {
  std::mt19937 random(4);
  constexpr std::string_view kOdd = "\r\n= -_\0\xff\xc3*"sv;
  for (int round = 0; round < 3000; ++round) {
    auto text =
        encoded(random_octets(random, random() % 200), {.line_length = random() % 80}, best_base64_kernel());
    for (auto damages = random() % 4; damages != 0 && !text.empty(); --damages) {
      text[random() % text.size()] = kOdd[random() % kOdd.size()];
    }
    const Base64Rules rules{.garbage = round % 2 == 0 ? Garbage::refused : Garbage::ignored};
    const auto plain = decoded(text, rules, base64_kernels().front(), 1);
    for (const auto& kernel : base64_kernels()) {
      for (const std::size_t piece : {std::size_t{0}, std::size_t{33}, std::size_t{1 + random() % 100}}) {
        const auto result = decoded(text, rules, kernel, piece);
        ASSERT_EQ(result.octets, plain.octets) << kernel.name << ' ' << piece << ' ' << text;
        ASSERT_EQ(result.fault.has_value(), plain.fault.has_value())
            << kernel.name << ' ' << piece << ' ' << text;
        ASSERT_EQ(result.ignored, plain.ignored) << kernel.name << ' ' << piece << ' ' << text;
        if (!plain.fault) continue;
        ASSERT_EQ(result.fault->offset, plain.fault->offset) << kernel.name << ' ' << piece << ' ' << text;
        ASSERT_EQ(result.fault->kind, plain.fault->kind) << kernel.name << ' ' << piece << ' ' << text;
      }
    }
  }
}

TEST(Base64Kernels, WriteNoFurtherThanTheirOverrun) {
  std::mt19937 random(5);
  const auto octets = random_octets(random, 3 * 40);
  for (const auto& kernel : base64_kernels()) {
    for (std::size_t groups = 0; groups <= 40; ++groups) {
      const auto size = groups * 4 + 1;
      std::string out(size + Base64Kernel::kOverrun + 8, '\x01');
      kernel.encode(reinterpret_cast<const std::uint8_t*>(octets.data()), 1, {groups, "\n", kStandard},
                    out.data());
      EXPECT_EQ(out.substr(size + Base64Kernel::kOverrun), std::string(8, '\x01'))
          << kernel.name << ' ' << groups;
      const std::string text(groups * 4, 'A');
      std::string back(groups * 3 + Base64Kernel::kOverrun + 8, '\x01');
      const auto run =
          kernel.decode(text.data(), text.size(), kStandard, reinterpret_cast<std::uint8_t*>(back.data()));
      EXPECT_EQ(run.written, groups * 3);
      EXPECT_EQ(back.substr(groups * 3 + Base64Kernel::kOverrun), std::string(8, '\x01'))
          << kernel.name << ' ' << groups;
    }
  }
}

TEST(Base64Encoder, AppendsAndIsAsNewAfterTheEnd) {
  Base64Encoder encoder({.line_length = 8});
  std::string out = "x: ";
  encoder.feed("foo", out);
  EXPECT_EQ(out, "x: Zm9v");
  encoder.end(out);
  encoder.feed("b", out);
  encoder.end(out);
  EXPECT_EQ(out, "x: Zm9v\nYg==\n");
}

TEST(Base64Decoder, AppendsAndIsAsNewAfterAReset) {
  Base64Decoder decoder({});
  std::string out = "x: ";
  EXPECT_EQ(decoder.feed("Zm9v*", out).error().offset, 4U);
  decoder.reset();
  EXPECT_TRUE(decoder.feed("YmFy", out));
  EXPECT_TRUE(decoder.end(out));
  EXPECT_EQ(out, "x: foobar");
}

TEST(Base64Decoder, TellsOfPiecesThatItJoinedAndOfBitsThatItIgnored) {
  Base64Decoder decoder({.garbage = Base64Rules::Garbage::ignored});
  std::string out;
  EXPECT_TRUE(decoder.feed("QQ==\nQkM=\n", out));
  EXPECT_TRUE(decoder.feed("RB==\n", out));
  EXPECT_TRUE(decoder.end(out));
  EXPECT_EQ(out, "ABCD");
  EXPECT_EQ(decoder.joined().count, 2U);
  EXPECT_EQ(decoder.joined().first, 5U);
  EXPECT_EQ(decoder.unused_bits().count, 1U);
  EXPECT_EQ(decoder.unused_bits().first, 11U);
  decoder.reset();
  EXPECT_EQ(decoder.joined().count, 0U);
}

}  // namespace
}  // namespace hikyaku
