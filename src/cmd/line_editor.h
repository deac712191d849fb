#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace hikyaku::cmd {

/// A line that is edited on the terminal while other things go on (libedit): the caller waits for the
/// terminal and for what else there is, and shows what came above the line that is being typed. With a
/// history for as long as it lives, which goes to no file. stdin and stdout must be the terminal, and there
/// is one at a time.
class LineEditor {
 public:
  enum class State : unsigned char { typing, line, ended };

  /// `name` for ~/.editrc, which is not read: no key may mean anything to the tool but `control`, which goes
  /// into the line as it is. `prompt` is asked for with each line.
  LineEditor(const char* name, char control, std::function<std::string()> prompt);
  ~LineEditor();
  LineEditor(const LineEditor&) = delete;
  LineEditor& operator=(const LineEditor&) = delete;

  /// After the terminal has something to read: takes it. `line` is the whole line, without its end. Ctrl-D on
  /// an empty line is the end.
  State read(std::string& line);
  /// Prints text that ends in "\n" above the line that is being typed.
  void print_above(std::string_view text);
  /// The line is to be found again with the arrow keys.
  void remember(const std::string& line);
  /// Reads a line without an echo and without a history. nullopt: the end of input.
  std::optional<std::string> read_secret(std::string_view prompt);

 private:
  struct Edit;
  std::unique_ptr<Edit> edit_;
};

/// Reads a line from the terminal of this process without an echo; nullopt where there is no terminal, or no
/// line.
std::optional<std::string> read_secret_from_terminal(std::string_view prompt);

}  // namespace hikyaku::cmd
