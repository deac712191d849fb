#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace hikyaku::mime {

/// Folds lines of Japanese text (UTF-8) as nkf's -f and -F do, while it arrives: so many columns a line, of
/// which ASCII and half-width kana take one and all else two. Characters that begin no line, and the rest of
/// an ASCII word, may stand in the margin behind it. Tabs and ideographic blanks become blanks, of several
/// one is left; an open last line is ended. Line ends that it writes are LF. Pure.
class LineFolder {
 public:
  enum class LineEnds : unsigned char {
    joined,  ///< -f: one alone is a blank between words, nothing behind Japanese; several are a paragraph's
             ///< end
    kept,    ///< -F
  };
  struct Options {
    std::size_t columns = 60, margin = 10;
    LineEnds line_ends = LineEnds::joined;
  };
  explicit LineFolder(const Options& options) : options_(options) {}
  void feed(std::string_view utf8, std::string& out);
  void finish(std::string& out);

 private:
  enum class Previous : unsigned char { other, japanese, blank, line_end };
  void character(std::string_view octets, std::string& out);
  void line_end(std::string& out);
  void joined_line_end(std::string& out);
  void blank(std::string& out);
  void visible(std::string_view octets, std::string& out);

  const Options options_;
  std::string cut_;  // the begin of a character
  std::size_t column_ = 0;
  bool after_return_ = false;
  Previous previous_ = Previous::other;
};

}  // namespace hikyaku::mime
