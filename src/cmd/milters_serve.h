#pragma once
#include "cmd/command_line.h"
#include "cmd/milters_source.h"
#include "serve/multiplexer_server.h"

namespace hikyaku::cmd {

/// `hikyaku milters serve`.
class MiltersServe {
 public:
  explicit MiltersServe(CommandLine& app);
  bool called() const { return app_.called(); }
  /// The exit code. After parse() only.
  int run();

 private:
  CommandLine& app_;
  MiltersSource source_;
  serve::MultiplexerServer::Options options_;
};

}  // namespace hikyaku::cmd
