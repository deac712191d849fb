#include "mime/nkf_options.h"

#include <gtest/gtest.h>

namespace hikyaku::mime {
namespace {

std::string told(const NkfOptions& options) {
  std::string out;
  if (options.output)
    out += "out=" + std::string(options.output->charset.name) +
           (options.output->mark.empty() ? "" : "+mark") + " ";
  if (options.input) out += "in=" + std::string(options.input->name) + " ";
  static constexpr std::string_view kStreams[] = {"", "base64 ", "quoted "};
  if (options.decode != NkfOptions::Stream::none)
    out += "decode=" + std::string(kStreams[static_cast<int>(options.decode)]);
  if (options.encode != NkfOptions::Stream::none)
    out += "encode=" + std::string(kStreams[static_cast<int>(options.encode)]);
  if (options.words == NkfOptions::Words::kept) out += "kept ";
  if (options.encode_words) out += "words ";
  if (!options.forms.widen_kana) out += "x ";
  if (options.forms.narrow_ascii) out += "Z ";
  if (options.no_conversion) out += "t ";
  if (options.fold)
    out += (options.fold->line_ends == LineFolder::LineEnds::kept ? "F" : "f") +
           std::to_string(options.fold->columns) + "-" + std::to_string(options.fold->margin) + " ";
  if (options.line_ends != LineEnds::Form::kept)
    out += "L" + std::to_string(static_cast<int>(options.line_ends)) + " ";
  if (options.guess != NkfOptions::Guess::no) out += "g ";
  for (const auto& file : options.files) out += file + " ";
  return out;
}

struct OptionCase {
  const char* name;
  std::vector<std::string> arguments;
  std::string expected;  // an error where it begins with "!"
};
void PrintTo(const OptionCase& row, std::ostream* out) { *out << row.name; }
class NkfOptionsTest : public testing::TestWithParam<OptionCase> {};

TEST_P(NkfOptionsTest, AreReadAsNkfDoes) {
  const auto options = NkfOptions::parse(GetParam().arguments);
  EXPECT_EQ(options ? told(*options) : "!" + options.error().text, GetParam().expected);
}

INSTANTIATE_TEST_SUITE_P(
    , NkfOptionsTest,
    testing::Values(
        OptionCase{"none", {}, ""}, OptionCase{"files", {"-w", "a", "-", "b"}, "out=utf-8 a - b "},
        OptionCase{"letters_together", {"-jSMBxZ0"}, "out=iso-2022-jp in=shift_jis encode=base64 x Z "},
        OptionCase{"the_last_charset_counts", {"-js", "-e"}, "out=euc-jp "},
        OptionCase{"mime_kinds", {"-mB", "-MQ", "-m0"}, "decode=base64 encode=quoted kept "},
        OptionCase{"mime_alone", {"-mM"}, "words "}, OptionCase{"nonstrict", {"-mN"}, ""},
        OptionCase{"strict", {"-mS"}, ""}, OptionCase{"marks", {"-w8"}, "out=utf-8+mark "},
        OptionCase{"no_mark", {"-w80"}, "out=utf-8 "}, OptionCase{"utf_16", {"-w16"}, "out=utf-16be+mark "},
        OptionCase{"utf_16_little", {"-w16L0"}, "out=utf-16le "},
        OptionCase{"utf_16_in", {"-W16L"}, "in=utf-16le "},
        OptionCase{"labels", {"--ic=cp932", "--oc=utf-8"}, "out=utf-8 in=shift_jis "},
        OptionCase{"long_names", {"--windows", "--mime-input"}, "out=shift_jis L2 "},
        OptionCase{"line_ends", {"-Lu"}, "L3 "}, OptionCase{"line_ends_of_the_mac", {"-Lm"}, "L4 "},
        OptionCase{"guess", {"-g", "f"}, "g f "}, OptionCase{"nothing_to_convert", {"-t"}, "t "},
        OptionCase{"the_end_of_options", {"--", "-w"}, "-w "},
        OptionCase{"folding", {"-wf40-4Lu"}, "out=utf-8 f40-4 L3 "},
        OptionCase{"folding_with_line_ends", {"-F"}, "F60-10 "},
        OptionCase{"not_supported", {"--url-input"}, "!--url-input is nkf's, and is not supported here"},
        OptionCase{"unknown", {"-y"}, "!-y is no option of nkf"},
        OptionCase{"unknown_long", {"--nothing"}, "!--nothing is no option of nkf"},
        OptionCase{"line_ends_of_what", {"-L"}, "!-L wants u, w or m"}),
    [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace hikyaku::mime
