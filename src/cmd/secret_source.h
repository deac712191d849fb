#pragma once
#include <functional>
#include <optional>
#include <string>

#include "base/result.h"
#include "cmd/command_line.h"

namespace hikyaku::cmd {

/// Where a password, or a token, comes from: a file, a descriptor, or the terminal without an echo. Asked
/// for once, when it is needed first. There is no way to have it on the command line, where others see it.
class SecretSource {
 public:
  void add_to(CommandLine& line);
  /// Fault::not_found: there is nowhere to ask; Fault::malformed: it is empty, or longer than 64 KiB.
  Result<std::string> get(const std::string& user);
  /// How the terminal is asked, where something else reads from it already.
  void ask_by(std::function<std::optional<std::string>(const std::string& prompt)> ask) {
    ask_ = std::move(ask);
  }

 private:
  std::string file_;
  int descriptor_ = -1;
  std::optional<std::string> known_;
  std::function<std::optional<std::string>(const std::string&)> ask_;
};

}  // namespace hikyaku::cmd
