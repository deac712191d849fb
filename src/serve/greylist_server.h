#pragma once
#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "config/diagnostic.h"
#include "greylist/configuration.h"
#include "greylist/conversation.h"
#include "io/log.h"

namespace hikyaku::serve {

/// `hikyaku greylist serve`: greylisting as a filter for any MTA.
class GreylistServer {
 public:
  /// Reads the configuration: for the start and for each reload. An Error, or diagnostics that failed: it is
  /// bad.
  using Load = std::function<Result<greylist::Configuration>(config::Diagnostics&, SourceCatalogue&)>;

  struct Options {
    /// Called once the socket is there, and before anything else is opened.
    std::function<Result<void>()> drop_privileges;
    std::string file;                      ///< greylist.conf: read anew when it changes
    std::filesystem::path state;           ///< the folder of the database
    std::chrono::milliseconds save{1000};  ///< at most so long a change is in memory alone
    io::LogSettings log;
    std::string dns_server;  ///< empty: the system's
    greylist::ProductNames names;
  };

  /// Opens everything; nothing is served yet.
  static Result<std::unique_ptr<GreylistServer>> open(greylist::Configuration configuration,
                                                      std::shared_ptr<const SourceCatalogue> sources,
                                                      Load load, Options options);
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
