#pragma once
#include <string>
#include <vector>

#include "cmd/command_line.h"

namespace hikyaku::cmd {

/// `hikyaku greylist status`, `show`, `release`, `forget`, `whitelist`, `import`, `export`: what greylisting
/// remembers, by way of the filter that runs, or of its database when none does.
class GreylistStateCommands {
 public:
  explicit GreylistStateCommands(CommandLine& app);
  bool called() const;
  int run() const;

 private:
  struct Command {
    std::string name;
    CommandLine* app;
  };
  CommandLine& add(CommandLine& app, const char* name, const char* description);
  std::vector<Command> commands_;
  std::string file_ = "/etc/milter-greylist/greylist.conf", folder_, state_, client_, sender_, recipient_,
              until_, dump_;
  unsigned seconds_ = 0, watch_ = 0;
  bool as_json_ = false;
};

}  // namespace hikyaku::cmd
