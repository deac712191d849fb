#pragma once
#include <string>

#include "cmd/command_line.h"
#include "cmd/milter_greylist_options.h"
#include "serve/greylist_server.h"

namespace hikyaku::cmd {

/// `hikyaku greylist serve`: greylisting as a filter (milter) for any MTA, in milter-greylist's place.
class GreylistServe {
 public:
  /// Where its options go; milter-greylist's own are among them.
  explicit GreylistServe(CommandLine& command);
  /// As milter-greylist does: it leaves the terminal unless -D or `nodetach` is there.
  void leave_terminal() { leave_terminal_ = true; }
  bool called() const { return app_.called(); }
  int run();

 private:
  Result<greylist::Configuration> load(config::Diagnostics& diagnostics, SourceCatalogue& sources) const;
  Result<void> check_peer_security() const;
  int serve(greylist::Configuration configuration, std::shared_ptr<const SourceCatalogue> sources);

  CommandLine& app_;
  MilterGreylistOptions given_;
  serve::GreylistServer::Options options_;
  std::string state_;
  unsigned save_ = 1000;
  bool check_only_ = false, leave_terminal_ = false;
};

}  // namespace hikyaku::cmd
