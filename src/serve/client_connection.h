#pragma once
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "io/stream.h"
#include "serve/active_message.h"
#include "serve/running.h"
#include "serve/server_search.h"
#include "serve/services.h"
#include "smtp/client_session.h"
#include "smtp/sasl.h"

namespace hikyaku::serve {

/// A connection to a server and the session on it. Lives on one io_context thread.
struct ClientConnection {
  io::Stream stream;
  smtp::ClientSession session;
  std::string host;            ///< for names of certificates and password lookups
  std::string relay;           ///< "mx.example[192.0.2.1]:25"
  std::string login_sender{};  ///< whose login it is, where logins go by sender
  config::TlsClientPolicy::Decision tls{};
  std::unique_ptr<smtp::SaslClient> sasl{};
  std::chrono::steady_clock::time_point opened = std::chrono::steady_clock::now();

  /// `relay` without its port.
  std::string server() const { return relay.substr(0, relay.rfind(':')); }
  /// Sends what the session has to send and reads what comes, or tells the session that the connection is
  /// lost. `buffer` holds what is sent.
  boost::asio::awaitable<void> exchange(const config::SmtpClientTimeouts& timeouts, std::string& buffer);
  /// QUIT, where the session may still say it, and the end.
  boost::asio::awaitable<void> leave(std::string& buffer);
};

/// Opens connections for one message: TCP or UNIX, TLS by smtp_tls_*, login by smtp_sasl_*. What it refers to
/// must outlive it.
class ClientConnector {
 public:
  ClientConnector(Services& services, io::DeadlineSweep& sweep, const Running& running,
                  const Transport& transport, const std::string& next_hop, ActiveMessage& message)
      : services_(services),
        sweep_(sweep),
        running_(running),
        transport_(transport),
        next_hop_(next_hop),
        message_(message) {}

  using Opened = std::expected<std::unique_ptr<ClientConnection>, ServerRefusal>;
  /// Up to the point where mail can be sent. A failed handshake where TLS is only opportunistic is followed
  /// by a second try in plain text once the message is older than minimal_backoff_time, as Postfix does it.
  boost::asio::awaitable<Opened> open(const Server& server);
  /// Whose login the message goes under: the sender under smtp_sender_dependent_authentication.
  std::string login_sender() const;

 private:
  enum class Handshake : unsigned char { by_policy, never };
  boost::asio::awaitable<Opened> open(const Server& server, Handshake handshake);
  boost::asio::awaitable<Opened> begin(std::unique_ptr<ClientConnection> connection,
                                       const std::optional<Transport::Login>& login);
  boost::asio::awaitable<std::optional<ServerRefusal>> start_tls(ClientConnection& connection);
  void choose_mechanism(ClientConnection& connection, const std::vector<std::string>& offered,
                        const Transport::Login& login) const;
  ServerRefusal refusal_of(const ClientConnection& connection,
                           const smtp::ClientSession::Failed& failed) const;
  bool may_go_plain(const ServerRefusal& refusal) const;

  Services& services_;
  io::DeadlineSweep& sweep_;
  const Running& running_;
  const Transport& transport_;
  const std::string& next_hop_;
  ActiveMessage& message_;
  bool opportunistic_ = false;  // the last open(): TLS was wanted, not needed, and there was no login
};

}  // namespace hikyaku::serve
