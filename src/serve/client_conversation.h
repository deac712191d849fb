#pragma once
#include <boost/asio/awaitable.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "io/deadline.h"
#include "io/resolver.h"
#include "serve/client_connection.h"
#include "serve/delivery_result.h"
#include "serve/destination_queue.h"
#include "serve/outbound.h"
#include "serve/running.h"
#include "serve/services.h"
#include "smtp/client_session.h"

namespace hikyaku::serve {

/// One worker of a destination: connects to its servers in their order, delivers one job after the other over
/// the connection, and keeps it open for a while when there is none. Lives on one io_context thread.
class ClientConversation {
 public:
  ClientConversation(Services& services, Outbound& outbound, io::Resolver& resolver, io::DeadlineSweep& sweep,
                     std::shared_ptr<DestinationQueue::Destination> destination);
  ~ClientConversation();

  /// Until the destination has no more work for it.
  boost::asio::awaitable<void> run();

 private:
  using Session = smtp::ClientSession;

  boost::asio::awaitable<std::optional<Job>> next_job(DestinationQueue::Turn turn);
  boost::asio::awaitable<std::optional<Job>> wait_parked();
  boost::asio::awaitable<void> deliver(const Job& job);
  boost::asio::awaitable<void> try_servers(const Job& job, const Session::Transaction& transaction,
                                           const std::optional<std::string>& header);
  boost::asio::awaitable<std::vector<Session::Outcome>> transact(
      const Job& job, Session::Transaction transaction, const std::optional<std::string>& new_header);
  boost::asio::awaitable<void> send_content(const Job& job, const std::optional<std::string>& new_header);
  boost::asio::awaitable<void> drop_connection();
  bool may_reuse_connection(const ClientConnector& connector) const;

  Session::Transaction transaction_of(const Job& job, Explanation& why, std::optional<Error>& failure) const;
  /// The header section as smtp_generic_maps and the header checks of the transport make it; none: as it is.
  boost::asio::awaitable<Result<std::optional<std::string>>> changed_header(
      std::shared_ptr<ActiveMessage> message, Explanation& why);
  DeliveryResult result_of(const Session::Outcome& outcome) const;

  Services& services_;
  Outbound& outbound_;
  io::Resolver& resolver_;
  io::DeadlineSweep& sweep_;
  std::shared_ptr<DestinationQueue::Destination> destination_;
  std::shared_ptr<const Running> running_;
  const Transport* transport_ = nullptr;
  std::unique_ptr<ClientConnection> connection_;
  std::string output_;
};

}  // namespace hikyaku::serve
