#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "config/diagnostic.h"
#include "io/confinement.h"
#include "serve/listening_sockets.h"
#include "serve/running.h"

namespace hikyaku::serve {

/// A whole hub: listeners, the queue, the way out, the control socket.
class Hub {
 public:
  /// Reads the configuration anew: for the start and for each reload. Null when it is bad; then the
  /// diagnostics say why.
  using Load = std::function<std::shared_ptr<const Running>(config::Diagnostics&)>;

  /// What was done before there were threads.
  struct Begun {
    ListeningSockets sockets;
    std::optional<io::Confinement> confinement;  ///< by hikyaku_confinement
  };

  /// Opens the databases and all listeners for `running`, those that are not open yet; nothing is served yet.
  /// An error means that nothing was left open.
  static Result<std::unique_ptr<Hub>> open(std::shared_ptr<const Running> running, Load load, Begun begun);
  ~Hub();

  /// Serves until SIGTERM or SIGINT; SIGHUP reloads. `ready` is called when all listeners accept. The exit
  /// code is of sysexits.h.
  int run(const std::function<void()>& ready);

 private:
  struct State;
  explicit Hub(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace hikyaku::serve
