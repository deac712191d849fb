#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/origin.h"
#include "config/diagnostic.h"

namespace hikyaku::config {

/// Reads greylist.conf token by token. Which tokens there can be depends on where in a statement one is
/// ("/24" is a prefix after an address and the begin of an expression after `rcpt`), so that the reader asks
/// for what it wants. A statement ends at the end of its line, unless a backslash stands before (what follows
/// it on the line does not count). "#" where a token could begin makes the rest of the line a comment.
///
/// The first thing wrong with a statement is told; what is asked for afterwards gives empty values, until
/// next_statement(). So a statement is read as if all were well, and thrown away if failed(). Not
/// thread-safe.
class GreylistScanner {
 public:
  static constexpr std::size_t kQuotedLimit = 4096;  ///< octets between quotes or slashes

  /// `text` and `diagnostics` must outlive it. `file` is its number in the SourceCatalogue.
  GreylistScanner(std::string_view text, std::uint32_t file, Diagnostics& diagnostics);

  /// Goes to the next statement, past what is left of this one. Returns false at the end of the file.
  bool next_statement();
  /// Ends a statement: tells what is left on it as an error.
  void end();
  bool failed() const { return failed_; }

  /// The line of the next token, or of the statement's end.
  Origin here();
  /// The line on which the last token ended.
  std::uint32_t last_line() const { return last_line_; }
  /// What was written from the token at which mark() was called to the last one, on one line.
  void mark();
  std::string marked() const;

  /// Tells that the next token is not what is wanted: `what` names that ("an address").
  void expected(std::string_view what);
  /// Tells an error or a warning about the last token that was read.
  void error(std::string text);
  void warning(std::string text);

  /// Whether the next thing is the word, in any case and with a colon at its end or not; and takes it.
  bool take_word(std::string_view word);
  bool next_is_word(std::string_view word);
  /// Whether the next thing is the character; and takes it.
  bool take(char character);
  bool next_is(char character);
  bool at_end();

  /// A run of letters, digits and "_", in lower case, without a colon at its end. Empty: there is none.
  std::string word();
  /// The text between quotes. `\"` does not end it, and stays as it is. nullopt: the next thing is not
  /// quoted.
  std::optional<std::string> quoted();
  /// The text between slashes. nullopt: the next thing is no expression.
  std::optional<std::string> regex();
  /// The longest run of characters of which `belongs` is true. Empty: none.
  std::string_view run(bool (*belongs)(char));

 private:
  void skip();
  void next_line();
  std::optional<std::string> enclosed(char delimiter);
  unsigned column(std::size_t offset) const;
  void tell(Diagnostic::Level level, std::size_t offset, std::uint32_t line, std::string text);
  void took(std::size_t from);
  std::string_view token() const;

  std::string_view text_;
  std::uint32_t file_;
  Diagnostics& diagnostics_;
  std::size_t at_ = 0;
  std::uint32_t line_ = 1, last_line_ = 1;
  std::size_t line_begin_ = 0;
  std::size_t last_from_ = 0, last_line_begin_ = 0, last_to_ = 0;  // of the last token
  std::size_t marked_ = 0;
  bool failed_ = false, begun_ = false;
};

}  // namespace hikyaku::config
