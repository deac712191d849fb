#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "cmd/line_editor.h"
#include "cmd/typed_lines.h"
#include "probe/conversation.h"
#include "probe/opening.h"

namespace hikyaku::cmd {

/// A conversation that somebody types, or that comes out of a pipe: each line goes to the server as it is.
/// Nothing that begins with a letter, a digit or any sign is ever a command to us: those begin with the one
/// octet `control` (Ctrl-]), with which no line of these protocols begins; within a message from a pipe it is
/// content like all else.
class ProbeSession {
 public:
  struct Settings {
    probe::Speech speech;
    probe::OpeningWish wish;
    bool has_control = true;
    bool on_terminal = false;
  };
  /// What a command to us that needs more than the conversation does.
  struct Actions {
    std::function<void()> tell_tls;                              ///< the verdict once more
    std::function<void(const std::string& words)> authenticate;  ///< "MECHANISM [USER]"
  };
  static constexpr char kControl = 0x1d;

  ProbeSession(probe::Conversation& conversation, probe::Opening& opening, Settings settings, Actions actions)
      : conversation_(conversation),
        opening_(opening),
        settings_(std::move(settings)),
        actions_(std::move(actions)) {}

  /// Until the input or the connection ends. From a pipe, each line waits for the answer to the one before.
  /// An exit code.
  int run();
  /// Prints a line of the record; while somebody types, above what is being typed.
  void print(std::string_view line);
  /// Whether the line that is being recorded stands on the terminal already.
  bool is_echoed() const { return echoed_; }
  LineEditor* editor() { return editor_.get(); }

 private:
  enum class Next : unsigned char { go_on, end, broken };
  int run_terminal();
  int run_pipe();
  Next hear_all();
  Next hear_read();
  Next wait_for_answer();
  Next send(const std::string& line);
  Next send_next(const std::string& line);
  Next send_unseen();
  Next control(std::string_view line);
  Next start_tls();
  Next send_raw(std::string_view text);
  Next broken(const Error& error);
  bool is_control(std::string_view line) const;
  std::string prompt() const;

  probe::Conversation& conversation_;
  probe::Opening& opening_;
  Settings settings_;
  Actions actions_;
  std::unique_ptr<LineEditor> editor_;
  bool echoed_ = false;
  bool more_ = false;  // there was more than hear_all() takes at once
  int code_ = 0;       // the exit code, once it is broken
};

/// Reads \r \n \t \0 \\ and \xHH. nullopt: something else stands behind a backslash.
std::optional<std::string> unescaped_octets(std::string_view text);

}  // namespace hikyaku::cmd
