#pragma once
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/random.h"
#include "base/result.h"
#include "io/deadline.h"
#include "io/dovecot_line.h"

namespace hikyaku::io {

/// Asks an existing Dovecot who may log in, over its authentication protocol, version 1.1 and later 1.x
/// (smtpd_sasl_type = dovecot). For the coroutines of one io_context; not thread-safe. Connections are used
/// again, one exchange at a time on each; what hangs or breaks is closed.
class DovecotAuth {
 public:
  struct Settings {
    /// smtpd_sasl_path: "inet:HOST:PORT", "unix:PATH" or "PATH". A HOST that is no address is looked up by
    /// make().
    std::string path;
    std::string service = "smtp";       ///< smtpd_sasl_service
    std::chrono::seconds timeout{100};  ///< of each answer
    std::size_t idle_connections = 10;  ///< kept for later exchanges
  };
  using Mechanism = DovecotMechanism;
  /// What Dovecot is told of the client: for its log and its own rules.
  struct ClientFacts {
    std::string local_address, remote_address;
    std::uint16_t local_port = 0, remote_port = 0;
    bool secured = false;  ///< under TLS
    bool valid_certificate = false;
  };
  struct Challenge {
    std::string octets;
  };
  struct Accepted {
    std::string user;
  };  ///< as Dovecot names it
  struct Rejected {
    std::string user;    ///< empty if Dovecot did not say
    std::string reason;  ///< for the log; never for the client
    bool temporary = false;
  };
  using Step = std::variant<Challenge, Accepted, Rejected>;

  /// One login under way. Destroying it unfinished cancels it.
  class Exchange {
   public:
    Exchange(Exchange&&) noexcept;
    Exchange& operator=(Exchange&&) noexcept;
    ~Exchange();
    /// The client's answer to the last challenge, decoded. An error (Fault::temporary) when Dovecot can't be
    /// asked, or is not understood; Challenge is the only step that is not the last.
    boost::asio::awaitable<Result<Step>> answer(std::string octets);

   private:
    friend class DovecotAuth;
    struct Link;
    explicit Exchange(std::unique_ptr<Link> link);
    std::unique_ptr<Link> link_;
  };
  struct Begun {
    Step step;
    std::optional<Exchange> exchange;  ///< set when `step` is a Challenge
  };

  /// Fails with Fault::malformed for a path that is none, Fault::temporary for a HOST that can't be found
  /// now. Blocks while it looks up a HOST; an address or a socket's path takes no time.
  static Result<std::unique_ptr<DovecotAuth>> make(Settings settings, DeadlineSweep& sweep, Random& random);
  ~DovecotAuth();

  /// What Dovecot offers. Asks it at the first call; later it is what the newest connection told.
  boost::asio::awaitable<Result<std::vector<Mechanism>>> mechanisms();
  /// Begins a login; `initial` is the decoded initial response if the client gave one.
  boost::asio::awaitable<Result<Begun>> begin(std::string mechanism, ClientFacts client,
                                              std::optional<std::string> initial);

 private:
  struct Connection;
  struct State;
  explicit DovecotAuth(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace hikyaku::io
