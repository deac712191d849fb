#include "store/mbox_splitter.h"

#include <gtest/gtest.h>

namespace hikyaku::store {
namespace {

using Strings = std::vector<std::string>;

/// What a file is taken apart into, when it is fed in pieces of `size`.
Strings parts(std::string_view file, std::size_t size, MboxSplitter::Quoting quoting) {
  Strings all;
  MboxSplitter splitter(quoting);
  std::size_t fed = 0;
  for (int rounds = 0; rounds < 1'000'000; ++rounds) {
    const auto event = splitter.next();
    if (std::holds_alternative<MboxSplitter::NeedBytes>(event)) {
      splitter.feed(file.substr(fed, size));
      fed = std::min(fed + size, file.size());
      if (fed == file.size()) splitter.finish();
    } else if (const auto* ask = std::get_if<MboxSplitter::AskEnd>(&event)) {
      splitter.answer(ask->offset <= file.size() ? file.substr(ask->offset, MboxSplitter::kAsked) : "?");
    } else if (const auto* begin = std::get_if<MboxSplitter::Begin>(&event)) {
      auto text = std::to_string(begin->offset) + " " + begin->from.sender;
      const auto& flags = begin->flags;
      const std::pair<bool, char> letters[] = {{flags.draft, 'D'},
                                               {flags.flagged, 'F'},
                                               {flags.answered, 'R'},
                                               {flags.seen, 'S'},
                                               {flags.deleted, 'T'}};
      for (const auto& [set, letter] : letters) {
        if (set) text += std::string(" ") + letter;
      }
      for (const auto& word : begin->keywords) text += " " + word;
      if (begin->folder_data) text += " folder data";
      all.push_back(text);
      all.emplace_back();
    } else if (const auto* body = std::get_if<MboxSplitter::Body>(&event)) {
      all.back() += body->octets;
    } else if (const auto* end = std::get_if<MboxSplitter::End>(&event)) {
      all.push_back("end " + std::to_string(end->offset));
    } else if (const auto* passed = std::get_if<MboxSplitter::PassedOver>(&event)) {
      all.push_back("passed over " + std::to_string(passed->octets));
    } else {
      return all;
    }
  }
  return {"it never ends"};
}

struct MboxCase {
  const char* name;
  std::string file;
  Strings parts;
  MboxSplitter::Quoting quoting = MboxSplitter::Quoting::mboxrd;
};
void PrintTo(const MboxCase& row, std::ostream* out) { *out << row.name; }

class MboxSplitterTest : public testing::TestWithParam<MboxCase> {};

TEST_P(MboxSplitterTest, IsTheSameWholeAndInPiecesOfAnySize) {
  const auto& row = GetParam();
  for (std::size_t size = 1; size <= row.file.size() + 1; ++size)
    ASSERT_EQ(parts(row.file, size, row.quoting), row.parts) << "pieces of " << size;
}

const std::string kA = "From a@b Tue Nov 24 23:48:20 2026\n";  // of 34 octets
const std::string kB = "From c@d Tue Nov 24 23:48:20 2026\n";

INSTANTIATE_TEST_SUITE_P(
    , MboxSplitterTest,
    testing::Values(
        MboxCase{"two_messages",
                 kA + "S: 1\n\nx\n\n" + kB + "S: 2\n\ny\n\n",
                 {"0 a@b", "S: 1\n\nx\n", "end 43", "43 c@d", "S: 2\n\ny\n", "end 86"}},
        MboxCase{"crlf",
                 "From a@b Tue Nov 24 23:48:20 2026\r\nS: 1\r\n\r\nx\r\n\r\nFrom c@d Tue Nov 24 23:48:20 "
                 "2026\r\nS: 2\r\n\r\n",
                 {"0 a@b", "S: 1\r\n\r\nx\r\n", "end 48", "48 c@d", "S: 2\r\n\r\n", "end 91"}},
        MboxCase{"mboxrd_loses_one_arrow",
                 kA + "S: 1\n\n>From x\n>>From y\n>>>Fro\n> From\n",
                 {"0 a@b", "S: 1\n\nFrom x\n>From y\n>>>Fro\n> From\n", "end 71"}},
        MboxCase{"mboxo_has_one_arrow_alone",
                 kA + "S: 1\n\n>From x\n>>From y\n",
                 {"0 a@b", "S: 1\n\nFrom x\n>>From y\n", "end 57"},
                 MboxSplitter::Quoting::mboxo},
        MboxCase{"no_empty_line_before_it",
                 kA + "S: 1\n\nx\n" + kB + "y\n",
                 {"0 a@b", "S: 1\n\nx\n" + kB + "y\n", "end 78"}},
        MboxCase{"a_sentence_behind_an_empty_line",
                 kA + "S: 1\n\nx\n\nFrom there on\n",
                 {"0 a@b", "S: 1\n\nx\n\nFrom there on\n", "end 57"}},
        MboxCase{"no_body",
                 kA + "S: 1\n\n" + kB + "S: 2\n",
                 {"0 a@b", "S: 1\n\n", "end 40", "40 c@d", "S: 2\n", "end 79"}},
        MboxCase{"empty_lines_at_the_end_are_of_the_message_but_one",
                 kA + "S: 1\n\nx\n\n\n\n" + kB,
                 {"0 a@b", "S: 1\n\nx\n\n\n", "end 45", "45 c@d", "", "end 79"}},
        MboxCase{"an_open_last_line", kA + "S: 1\n\nx", {"0 a@b", "S: 1\n\nx", "end 41"}},
        MboxCase{"status",
                 kA + "Status: RO\nS: 1\nX-Status: AFDT\nX-Keywords: work\n  $Junk\nX-UID: 7\n\nx\n",
                 {"0 a@b D F R S T work $Junk", "S: 1\n\nx\n", "end 102"}},
        MboxCase{"of_thunderbird",
                 kA + "X-Mozilla-Status: 0007\nX-Mozilla-Status2: 00000000\nX-Mozilla-Keys: $label1   \nS: "
                      "1\n\nx\n",
                 {"0 a@b F R S $label1", "S: 1\n\nx\n", "end 120"}},
        MboxCase{"status_in_the_body_stays",
                 kA + "S: 1\n\nStatus: R\n",
                 {"0 a@b", "S: 1\n\nStatus: R\n", "end 50"}},
        MboxCase{"the_folders_own_data",
                 kA + "Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\nX-IMAP: 1 2\n\nx\n",
                 {"0 a@b folder data", "Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\n\nx\n",
                  "end 108"}},
        MboxCase{"content_length",
                 kA + "Content-Length: 39\n\nx\n\n" + kB + "y\n\n" + kB + "z\n",
                 {"0 a@b", "\nx\n\n" + kB + "y\n", "end 94", "94 c@d", "z\n", "end 130"}},
        MboxCase{"content_length_with_the_empty_line",
                 kA + "Content-Length: 40\n\nx\n\n" + kB + "y\n\n" + kB + "z\n",
                 {"0 a@b", "\nx\n\n" + kB + "y\n", "end 94", "94 c@d", "z\n", "end 130"}},
        MboxCase{"content_length_without_an_empty_line",
                 kA + "Content-Length: 2\n\nx\n" + kB + "z\n",
                 {"0 a@b", "\nx\n", "end 55", "55 c@d", "z\n", "end 91"}},
        MboxCase{"content_length_to_the_end",
                 kA + "Content-Length: 39\n\nx\n\n" + kB + "y\n\n",
                 {"0 a@b", "\nx\n\n" + kB + "y\n", "end 94"}},
        MboxCase{"content_length_that_is_wrong",
                 kA + "Content-Length: 3\n\nx\n\n" + kB + "y\n",
                 {"0 a@b", "\nx\n", "end 56", "56 c@d", "y\n", "end 92"}},
        MboxCase{"content_length_past_the_end",
                 kA + "Content-Length: 9999\n\nx\n\n" + kB + "y\n",
                 {"0 a@b", "\nx\n", "end 59", "59 c@d", "y\n", "end 95"}},
        MboxCase{"rubbish_before_the_first",
                 "rubbish\n\n" + kA + "S: 1\n\n",
                 {"passed over 9", "9 a@b", "S: 1\n\n", "end 49"}},
        MboxCase{"rubbish_without_an_empty_line",
                 "rubbish\n" + kA + "S: 1\n\n",
                 {"passed over 8", "8 a@b", "S: 1\n\n", "end 48"}},
        MboxCase{"rubbish_alone", "rubbish\n", {"passed over 8"}},
        MboxCase{"empty_lines_before_the_first", "\n\n" + kA + "x", {"2 a@b", "x", "end 37"}},
        MboxCase{"nothing", "", {}}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(MboxSplitter, LongLinesAndHeadersGoThrough) {
  const std::string line(300'000, 'x');
  const auto file =
      kA + "X-Long: " + line + "\nStatus: R\n\n>From " + line + "\n\n" + kB + "S: " + line + "\n\n" + line;
  for (const std::size_t size : {1000UL, 65536UL, file.size()}) {
    const auto all = parts(file, size, MboxSplitter::Quoting::mboxrd);
    ASSERT_EQ(all.size(), 6U);
    EXPECT_EQ(all[0], "0 a@b");  // the header is too long to be looked at
    EXPECT_EQ(all[1], "X-Long: " + line + "\nStatus: R\n\nFrom " + line + "\n");
    EXPECT_EQ(all[4], "S: " + line + "\n\n" + line);
  }
}

}  // namespace
}  // namespace hikyaku::store
