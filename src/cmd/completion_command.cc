#include <fmt/format.h>
#include <sysexits.h>

#include <string>
#include <vector>

#include "cmd/command_line.h"
#include "cmd/program_table.h"
#include "cmd/shell_completion.h"

namespace hikyaku::cmd {
namespace {

constexpr std::string_view kFooter =
    "  source <(hikyaku completion bash)                       in ~/.bashrc\n"
    "  hikyaku completion bash > /etc/bash_completion.d/hikyaku\n"
    "  hikyaku completion zsh > /usr/local/share/zsh/site-functions/_hikyaku\n";

}  // namespace

int completion_command(int argc, char** argv, const ProgramTable& table) {
  CommandLine app{"hikyaku completion",
                  "Prints a script by which a shell completes commands, options and values."};
  std::string shell;
  app.option("shell", &shell, "whose", {.required = true, .one_of = {"bash", "zsh"}});
  app.footer(kFooter);
  if (const auto end = app.parse(argc, argv)) return *end;
  std::vector<CommandDescription> commands;
  for (const auto& command : table.commands) {
    auto described = describe(command, "");
    if (!described) {
      fmt::print(stderr, "hikyaku completion: {}\n", described.error().text);
      return EX_SOFTWARE;
    }
    commands.push_back(std::move(*described));
  }
  fmt::print("{}", shell == "bash" ? bash_completion(commands) : zsh_completion(commands));
  return EX_OK;
}

}  // namespace hikyaku::cmd
