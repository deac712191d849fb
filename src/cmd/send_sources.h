#pragma once
#include <optional>
#include <string>

#include "probe/send_settings.h"

namespace hikyaku::cmd {

/// Files, stdin and the person at the terminal. At most 256 MiB of each.
class TerminalSources final : public probe::SendSources {
 public:
  Result<std::string> file(const std::string& path) override;
  Result<std::string> input() override;
  /// The prompt goes to stderr, and the answer is the next line of stdin.
  Result<std::string> ask(const std::string& prompt, bool hidden) override;

 private:
  std::optional<std::string> input_;
};

}  // namespace hikyaku::cmd
