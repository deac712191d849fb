#include "mime/embedded_files.h"

#include <gtest/gtest.h>

#include "base/escape.h"
#include "mime/any_cuts_for_tests.h"

namespace hikyaku::mime {
namespace {

class Trace : public EmbeddedFileListener {
 public:
  std::string trace;
  void text(std::string_view octets) override { put("text ", octets); }
  void file_begins(const EmbeddedFile& file) override {
    trace += (trace.empty() ? "" : "\n") + std::string("begin ") + file.name + " " +
             std::to_string(file.begin) + "/" + std::to_string(file.size);
    last_.clear();
  }
  void file(std::string_view octets) override { put("file ", octets); }
  void file_ends(std::uint64_t octets, const TransferNotes& notes) override {
    trace += "\nend " + std::to_string(octets);
    for (const auto& note : notes.all())
      trace += " " + std::string(word(note.fault)) + "@" + std::to_string(note.offset);
    last_ = "end";
  }

 private:
  void put(const std::string& kind, std::string_view octets) {
    if (octets.empty()) return;
    if (kind != last_) trace += (trace.empty() ? "" : "\n") + kind;
    last_ = kind;
    trace += escaped(octets);
  }
  std::string last_;
};

struct EmbeddedCase {
  const char* name;
  std::string text, trace;
};
void PrintTo(const EmbeddedCase& row, std::ostream* out) { *out << row.name; }
class EmbeddedFilesTest : public testing::TestWithParam<EmbeddedCase> {};

TEST_P(EmbeddedFilesTest, AreFoundInAnyCuts) {
  for (const auto& pieces : any_cuts(GetParam().text)) {
    Trace trace;
    EmbeddedFileReader reader(trace);
    for (const auto piece : pieces) reader.feed(piece);
    reader.finish();
    ASSERT_EQ(trace.trace, GetParam().trace);
  }
}

INSTANTIATE_TEST_SUITE_P(
    , EmbeddedFilesTest,
    testing::Values(
        EmbeddedCase{"text_alone", "a\nb = c\n=y\nbegin", "text a\\x0ab = c\\x0a=y\\x0abegin"},
        EmbeddedCase{"uuencode_between_texts", "hi\nbegin 644 a b\n#0V%T\n`\nend\nbye",
                     "text hi\\x0a\nbegin a b 0/0\nfile Cat\nend 3\ntext bye"},
        EmbeddedCase{"lines_in_crlf", "begin 644 a\r\n#0V%T\r\n`\r\nend\r\n", "begin a 0/0\nfile Cat\nend 3"},
        EmbeddedCase{"what_only_looks_like_a_begin", "begin 644 words\nthat go on\nbegin 12 a\nbegin\n",
                     "text begin 644 words\\x0athat go on\\x0abegin 12 a\\x0abegin\\x0a"},
        EmbeddedCase{"a_begin_with_nothing_behind_it", "begin 644 notes\n\nto the last\n",
                     "text begin 644 notes\\x0a\\x0ato the last\\x0a"},
        EmbeddedCase{"a_begin_with_the_word_end_behind_it", "begin 644 notes\nend\n",
                     "text begin 644 notes\\x0aend\\x0a"},
        EmbeddedCase{"a_begin_after_a_begin", "begin 644 a\nbegin 644 b\n#0V%T\n`\nend\n",
                     "text begin 644 a\\x0a\nbegin b 0/0\nfile Cat\nend 3"},
        EmbeddedCase{"a_file_that_is_cut_by_text", "begin 644 a\n#0V%T\nAnd so on\n",
                     "begin a 0/0\nfile Cat\nend 3 uu_not_ended@18\ntext And so on\\x0a"},
        EmbeddedCase{"a_file_without_end", "begin 644 a\n#0V%T\n`\n",
                     "begin a 0/0\nfile Cat\nend 3 uu_not_ended@20"},
        EmbeddedCase{"two_files", "begin 644 a\n#0V%T\n`\nend\nbegin 600 b\n#0V%T\n`\nend\n",
                     "begin a 0/0\nfile Cat\nend 3\nbegin b 0/0\nfile Cat\nend 3"},
        EmbeddedCase{"yenc_with_an_escape_at_the_begin_of_a_line",
                     "=ybegin line=2 size=3 name=a\nmk\n=}\n=yend size=3\nbye",
                     "begin a 0/3\nfile CA\\x13\nend 3\ntext bye"},
        EmbeddedCase{"a_part_of_yenc",
                     "=ybegin part=2 line=128 size=9 name=a\n=ypart begin=7 end=9\nmk~\n=yend size=3 "
                     "pcrc32=08f90122\n",
                     "begin a 6/9\nfile CAT\nend 3"},
        EmbeddedCase{"a_part_without_its_place_is_text", "=ybegin part=2 line=128 size=9 name=a\nmk~\n",
                     "text =ybegin part=2 line=128 size=9 name=a\\x0amk~\\x0a"}),
    [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace hikyaku::mime
