#pragma once
#include <memory>
#include <string>
#include <vector>

#include "cmd/command_line.h"
#include "greylist/configuration.h"

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
  /// What the commands are about: of greylist.conf, or of the hub's main.cf.
  struct Place {
    std::shared_ptr<const greylist::Configuration> configuration;
    std::string folder;
    int exit_code = 0;  ///< without a configuration: what was wrong with it is told
  };
  Place place(const std::string& name) const;
  CommandLine& add(CommandLine& app, const char* name, const char* description);
  std::vector<Command> commands_;
  std::string file_ = "/etc/milter-greylist/greylist.conf", directory_, folder_, action_ = "add", state_,
              client_, sender_, recipient_, until_, dump_;
  unsigned seconds_ = 0, watch_ = 0;
  bool as_json_ = false;
};

}  // namespace hikyaku::cmd
