#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/origin.h"

namespace hikyaku::config {

/// One thing to say about a configuration file.
struct Diagnostic {
  enum class Level : unsigned char {
    note,     ///< for information
    warning,  ///< the hub runs, but perhaps not as meant
    error,    ///< the hub does not start on it, or keeps the configuration that it has
  };
  Level level = Level::error;
  Origin where;         ///< the place; a built-in origin if it is about no line
  unsigned column = 0;  ///< octet of the line, from 1; 0: the whole line
  std::string text;     ///< what is wrong, and what to write instead
  std::string line;  ///< the source line; filled in by Diagnostics when it knows the file, unless it may hold
                     ///< a password
};

/// Collects what is said while a configuration is read. Order is kept; one of each level is kept for
/// a line and column, the first; at most 2,000 are kept. Not thread-safe.
class Diagnostics {
 public:
  /// Keeps the lines of a file, so that later diagnostics about it can show them. `file` is its number in
  /// the SourceCatalogue. The readers of main.cf and master.cf do this.
  void keep_source(std::uint32_t file, std::string_view text);

  /// Adds it as it is; an empty `line` is filled in from the kept source.
  void add(Diagnostic diagnostic);
  /// Shorter forms. `token` is the faulty word as it stands in the source line: its first place there becomes
  /// the column. It may be empty, or not be there (it came through $name): then the whole line is meant.
  void error(Origin where, std::string text, std::string_view token = {});
  void warning(Origin where, std::string text, std::string_view token = {});
  void note(Origin where, std::string text, std::string_view token = {});

  bool failed() const { return failed_; }  ///< true once an error was added
  const std::vector<Diagnostic>& all() const { return all_; }
  /// The first error; nullptr if there is none.
  const Diagnostic* first_error() const;

 private:
  void add(Diagnostic::Level level, Origin where, std::string text, std::string_view token);
  std::string_view source_line(Origin where) const;

  std::vector<Diagnostic> all_;
  std::unordered_map<std::uint32_t, std::vector<std::string>> sources_;
  std::unordered_set<std::string> seen_;
  bool failed_ = false;
};

/// "note", "warning" or "error".
std::string_view text(Diagnostic::Level level);

/// "main.cf:31:12: error: ...", then the line and a caret under the column (if known). Ends with a newline.
/// Octets of the line that could harm a terminal are escaped.
std::string text(const Diagnostic& diagnostic, const SourceCatalogue& sources);

/// All of them, one after the other.
std::string text(const Diagnostics& diagnostics, const SourceCatalogue& sources);

}  // namespace hikyaku::config
