#pragma once
#include <string>

#include "cmd/command_line.h"
#include "serve/greylist_server.h"

namespace hikyaku::cmd {

/// `hikyaku greylist serve`: greylisting as a filter (milter) for any MTA, in milter-greylist's place.
class GreylistServe {
 public:
  explicit GreylistServe(CommandLine& app);
  bool called() const { return app_.called(); }
  int run();

 private:
  CommandLine& app_;
  serve::GreylistServer::Options options_;
  std::string state_, socket_;
  unsigned save_ = 1000;
};

}  // namespace hikyaku::cmd
