#pragma once
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "io/log.h"
#include "serve/greylist_rules.h"
#include "serve/greylisting.h"

namespace hikyaku::serve {

/// `hikyaku greylist serve`: greylisting as a filter for any MTA.
class GreylistServer {
 public:
  struct Options {
    /// Called once the socket is there, and before anything else is opened.
    std::function<Result<void>()> drop_privileges;
    Greylisting::Options greylisting;
    io::LogSettings log;
    std::string dns_server;  ///< empty: the system's
  };

  /// Opens everything; nothing is served yet.
  static Result<std::unique_ptr<GreylistServer>> open(std::shared_ptr<const GreylistRules> rules,
                                                      Greylisting::Load load, Options options);
  ~GreylistServer();

  /// Serves until SIGTERM or SIGINT; SIGHUP, or a changed file, reads the configuration anew, and keeps the
  /// one in force where the new one is bad. `ready` is called when connections are taken. The exit code is of
  /// sysexits.h.
  int run(const std::function<void()>& ready);

 private:
  struct State;
  explicit GreylistServer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace hikyaku::serve
