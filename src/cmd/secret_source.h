#pragma once
#include <functional>
#include <optional>
#include <string>

#include "base/result.h"
#include "cmd/command_line.h"

namespace hikyaku::cmd {

/// The first line of a file or of a descriptor, of which no octet more is read, for that may be for others.
/// Fault::not_found: it can't be read; Fault::malformed: the line is empty, or longer than 64 KiB.
Result<std::string> secret_from_file(const std::string& name);
Result<std::string> secret_from_descriptor(int descriptor, const std::string& what);

/// Where a password, or a token, comes from: a file, a descriptor, or the terminal without an echo. Asked
/// for when it is needed first; at the terminal once for each user, and again after a refusal. There is no
/// way to have it on the command line, where others see it.
class SecretSource {
 public:
  void add_to(CommandLine& line);
  /// Fault::not_found: there is nowhere to ask; Fault::malformed: it is empty, or longer than 64 KiB.
  Result<std::string> get(const std::string& user);
  /// The server did not take it: one that was typed is asked for again.
  void refused();
  /// How the terminal is asked, where something else reads from it already.
  void ask_by(std::function<std::optional<std::string>(const std::string& prompt)> ask) {
    ask_ = std::move(ask);
  }

 private:
  bool from_terminal() const { return file_.empty() && descriptor_ < 0; }
  Result<std::string> ask_terminal(const std::string& user);

  std::string file_;
  int descriptor_ = -1;
  std::optional<std::string> known_;
  std::string known_user_;  // whose it is
  std::function<std::optional<std::string>(const std::string&)> ask_;
};

}  // namespace hikyaku::cmd
