#include "cmd/probe_command.h"

#include <array>
#include <csignal>
#include <string_view>

#include "cmd/probe_audit.h"
#include "cmd/probe_script.h"
#include "cmd/probe_send.h"
#include "cmd/probe_talk.h"

namespace hikyaku::cmd {
namespace {

/// What is no conversation by hand, by its first word.
struct Part {
  std::string_view name;
  int (*run)(int argc, char** argv);
};

constexpr std::array kParts{
    Part{"audit", probe_audit_command},
    Part{"send", probe_send_command},
};

}  // namespace

int probe_command(int argc, char** argv) {
  // OpenSSL writes by itself.
  std::signal(SIGPIPE, SIG_IGN);
  for (const auto& part : kParts) {
    if (argc > 1 && part.name == argv[1]) return part.run(argc - 1, argv + 1);
  }
  if (asks_for_script(argc, argv)) return probe_script(argc, argv);
  if (argc > 1 && asks_to_send(argc - 1, argv + 1)) return probe_send_by_protocol(argc - 1, argv + 1);
  return probe_talk(argc, argv);
}

}  // namespace hikyaku::cmd
