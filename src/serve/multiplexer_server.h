#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "config/diagnostic.h"
#include "config/multiplexer_settings.h"
#include "io/log.h"
#include "serve/multiplexer_configuration.h"
#include "serve/multiplexer_listener.h"

namespace hikyaku::serve {

/// `hikyaku milters serve`: many filters behind one socket.
class MultiplexerServer {
 public:
  /// A configuration as it was read.
  struct Loaded {
    config::MultiplexerSettings settings;
    std::shared_ptr<const SourceCatalogue> sources;
    RubyStoppers ruby;               ///< null: no condition asks it
    std::vector<std::string> files;  ///< what it was read from: it is read anew when one of them changes
    std::string verdict_file{};      ///< that main.cf names, for who names no other
    std::shared_ptr<MultiplexerTables> tables{};  ///< that conditions look in
  };
  /// Reads the configuration: for the start and for each reload. An Error, or diagnostics that failed: it is
  /// bad. `sources` gets the files' names.
  using Load = std::function<Result<Loaded>(config::Diagnostics&, SourceCatalogue& sources)>;

  struct Options {
    io::LogSettings log;
    std::string control;       ///< the socket that `milters stats` asks at; empty: none
    std::string http_listen;   ///< of the metrics; empty: nowhere
    std::string verdict_file;  ///< empty: none
    std::uint64_t verdict_limit = std::uint64_t{100} << 20;  ///< octets
    std::string spool_folder = "/var/tmp";
    std::string record_folder;                        ///< empty: sessions are not recorded
    std::string dns_server;                           ///< empty: the system's
    std::optional<MultiplexerListener::Owner> owner;  ///< of Unix sockets; nullopt: the process
  };

  /// Opens everything; nothing is served yet.
  static Result<std::unique_ptr<MultiplexerServer>> open(Loaded loaded, Load load, Options options);
  ~MultiplexerServer();

  /// Serves until SIGTERM or SIGINT; SIGHUP, or a changed file, reads the configuration anew. `ready` is
  /// called when connections are taken. The exit code is of sysexits.h.
  int run(const std::function<void()>& ready);

 private:
  struct State;
  explicit MultiplexerServer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace hikyaku::serve
