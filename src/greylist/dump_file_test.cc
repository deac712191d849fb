#include "greylist/dump_file.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "greylist/greylist_for_tests.h"

namespace hikyaku::greylist {
namespace {

using std::chrono_literals::operator""s;
using std::chrono_literals::operator""h;

std::chrono::seconds utc(Seconds /*time*/) { return 0s; }
std::chrono::seconds tokyo(Seconds /*time*/) { return 9h; }
// Summer time from March to the first Sunday of November; of the moments that the dumps hold, that is.
std::chrono::seconds new_york(Seconds time) {
  return time < Seconds(1'800'000'000s) ? std::chrono::seconds(-5h) : std::chrono::seconds(-4h);
}

struct Reading {
  std::vector<TupleEntry> entries;
  std::vector<std::string> problems;
};

Reading read(std::string_view file, std::size_t at_once) {
  DumpReader reader;
  Reading reading;
  for (;;) {
    const auto event = reader.next();
    if (const auto* entry = std::get_if<DumpReader::Entry>(&event)) reading.entries.push_back(entry->entry);
    if (const auto* problem = std::get_if<DumpReader::Problem>(&event)) {
      reading.problems.push_back(std::to_string(problem->line) + ":" + std::to_string(problem->column) + " " +
                                 problem->text + (problem->taken ? " (taken)" : ""));
    }
    if (std::holds_alternative<DumpReader::End>(event)) break;
    if (!std::holds_alternative<DumpReader::NeedBytes>(event)) continue;
    if (file.empty()) {
      reader.finish();
    } else {
      reader.feed(file.substr(0, at_once));
      file.remove_prefix(std::min(at_once, file.size()));
    }
  }
  EXPECT_EQ(reader.entries(), reading.entries.size());
  EXPECT_EQ(reader.problems(), reading.problems.size());
  return reading;
}

struct RecordedDump {
  const char* name;  ///< of a file that milter-greylist 4.6.4 wrote, in corpus/dump_file
  DumpWriter::UtcOffset offset;
  DumpWriter::Dates dates;
  std::int64_t written;
};
class RecordedDumps : public testing::TestWithParam<RecordedDump> {};

TEST_P(RecordedDumps, AreWrittenAgainOctetForOctet) {
  const auto& one = GetParam();
  std::ifstream file(std::string(HIKYAKU_SOURCE_DIR "/src/greylist/corpus/dump_file/") + one.name);
  const std::string octets((std::istreambuf_iterator<char>(file)), {});
  ASSERT_FALSE(octets.empty());
  const auto reading = read(octets, 4096);
  EXPECT_EQ(reading.entries.size(), 11U);
  EXPECT_TRUE(reading.problems.empty());
  DumpWriter writer(one.offset, one.dates);
  auto again = writer.header("milter-greylist-4.6.4", Seconds(std::chrono::seconds(one.written)));
  for (const auto& entry : reading.entries) again += writer.line(entry);
  again += writer.summary();
  EXPECT_EQ(again, octets);
}

using Dates = DumpWriter::Dates;
INSTANTIATE_TEST_SUITE_P(, RecordedDumps,
                         testing::Values(RecordedDump{"utc", utc, Dates::written, 1'795'983'053},
                                         RecordedDump{"tokyo", tokyo, Dates::written, 1'795'983'059},
                                         RecordedDump{"new_york", new_york, Dates::written, 1'795'983'064},
                                         RecordedDump{"without_dates", utc, Dates::left_out, 1'795'983'070}),
                         [](const auto& row) { return std::string(row.param.name); });

struct LineCase {
  const char* name;
  std::string line;
  std::string entry;    ///< as it is written without dates; empty: none
  std::string problem;  ///< empty: none
};
class DumpLines : public testing::TestWithParam<LineCase> {};

TEST_P(DumpLines, AreReadWholeAndInParts) {
  for (const std::size_t at_once : {1U, 7U, 10000U}) {
    const auto reading = read(GetParam().line, at_once);
    DumpWriter writer(utc, Dates::left_out);
    std::string entries, problems;
    for (const auto& entry : reading.entries) entries += writer.line(entry);
    for (const auto& problem : reading.problems) problems += problem;
    EXPECT_EQ(entries, GetParam().entry);
    EXPECT_EQ(problems, GetParam().problem);
  }
}

const std::string kLong(5000, 'x');

INSTANTIATE_TEST_SUITE_P(
    , DumpLines,
    testing::Values(
        LineCase{"empty", "\n", "", ""}, LineCase{"comment", "  # 192.0.2.1\t<a>\t<b>\t7\n", "", ""},
        LineCase{"pending", "192.0.2.1\t<a>\t<b>\t7\n", "192.0.2.1\t<a>\t<b>\t7 \n", ""},
        LineCase{"a_comment_that_touches_a_word", "  192.0.2.1 <a>\t\t<b> 7\taUtO# x\n",
                 "192.0.2.1\t<a>\t<b>\t7 \n", "1:24 aUtO# behind the entry is not understood (taken)"},
        LineCase{"autowhite_in_any_case_and_between_any_blanks", "  192.0.2.1 <a>\t\t<b> 7\taUtO # x\n",
                 "192.0.2.1\t<a>\t<b>\t7 AUTO\n", ""},
        LineCase{"tarpit", "192.0.2.1\t<a>\t<b>\t7\t3 tarpit\n", "192.0.2.1\t<a>\t<b>\t7\t3 TARPIT\n", ""},
        LineCase{"tarpit_without_its_word", "192.0.2.1\t<a>\t<b>\t7\t3\n", "",
                 "1:21 a second number is not followed by TARPIT"},
        LineCase{"without_an_end", "192.0.2.1\t<a>\t<b>\t7 AUTO # x", "192.0.2.1\t<a>\t<b>\t7 AUTO\n", ""},
        LineCase{"with_cr", "192.0.2.1\t<a>\t<b>\t7\r\n", "192.0.2.1\t<a>\t<b>\t7 \n", ""},
        LineCase{"with_something_behind", "192.0.2.1\t<a>\t<b>\t7 junk\n", "192.0.2.1\t<a>\t<b>\t7 \n",
                 "1:21 junk behind the entry is not understood (taken)"},
        LineCase{"with_a_word_twice", "192.0.2.1\t<a>\t<b>\t7 AUTO AUTO\n", "192.0.2.1\t<a>\t<b>\t7 AUTO\n",
                 "1:26 AUTO behind the entry is not understood (taken)"},
        LineCase{"without_a_recipient", "192.0.2.1\t<a>\n192.0.2.2\t<a>\t<b>\t7\n",
                 "192.0.2.2\t<a>\t<b>\t7 \n", "1:14 an address is missing"},
        LineCase{"without_a_time", "192.0.2.1\t<a>\t<b> # c\n", "", "1:19 the time is missing"},
        LineCase{"with_a_time_that_is_none", "192.0.2.1\t<a>\t<b>\t-7\n", "",
                 "1:19 -7 is no time in seconds since 1970"},
        LineCase{"with_a_time_that_no_moment_has", "192.0.2.1\t<a>\t<b>\t9223372036854775807\n", "",
                 "1:19 9223372036854775807 is no time in seconds since 1970"},
        LineCase{"after_2038", "192.0.2.1\t<a>\t<b>\t99999999999\n", "192.0.2.1\t<a>\t<b>\t99999999999 \n",
                 ""},
        LineCase{"a_comment_that_touches_the_time", "192.0.2.1\t<a>\t<b>\t7#x\n", "",
                 "1:19 7#x is no time in seconds since 1970"},
        LineCase{"with_an_address_that_is_none", "999.0.2.1\t<a>\t<b>\t7\n", "",
                 "1:1 999.0.2.1 is no IP address"},
        LineCase{"ipv6_in_another_form", "2001:DB8:0::1\t<>\t<b>\t7\n", "2001:db8::1\t<>\t<b>\t7 \n", ""},
        LineCase{"ipv4_in_ipv6", "::ffff:192.0.2.1\t<>\t<b>\t7\n", "192.0.2.1\t<>\t<b>\t7 \n", ""},
        LineCase{"what_milter_greylist_writes_and_cannot_read", "192.0.2.1\t<a,b@[192.0.2.1]>\t12345\t7\n",
                 "192.0.2.1\t<a,b@[192.0.2.1]>\t12345\t7 \n", ""},
        LineCase{"a_sender_is_not_cut_at_its_equals_sign", "192.0.2.1\t<a=b>\t<b>\t7\n",
                 "192.0.2.1\t<a=b>\t<b>\t7 \n", ""},
        LineCase{"a_long_sender_is_cut", "192.0.2.1\t" + kLong.substr(0, 400) + "\t<b>\t7\n",
                 "192.0.2.1\t" + kLong.substr(0, 324) + "\t<b>\t7 \n", ""},
        LineCase{"a_line_that_is_too_long", "192.0.2.1\t" + kLong + "\t<b>\t7\n192.0.2.2\t<a>\t<b>\t7\n",
                 "192.0.2.2\t<a>\t<b>\t7 \n", "1:4097 the line is longer than 4096 octets"},
        LineCase{"too_long_and_without_an_end", kLong, "", "1:4097 the line is longer than 4096 octets"}),
    [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace hikyaku::greylist
