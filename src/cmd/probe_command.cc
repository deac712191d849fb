#include <cstdio>
#include <string_view>

#include "cmd/commands.h"
#include "cmd/probe_audit.h"
namespace hikyaku::cmd {
int probe_command(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]) == "audit") return probe_audit_command(argc - 1, argv + 1);
  return 64;
}
}  // namespace hikyaku::cmd
