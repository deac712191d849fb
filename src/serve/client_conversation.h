#pragma once
#include <boost/asio/awaitable.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "io/stream.h"
#include "route/destination_search.h"
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
  struct Connection;
  /// Why a server could not be used.
  struct Refusal {
    DeliveryResult result;
    bool permanent = false;
  };

  boost::asio::awaitable<std::optional<Job>> next_job(DestinationQueue::Turn turn);
  boost::asio::awaitable<std::optional<Job>> wait_parked();
  boost::asio::awaitable<void> deliver(const Job& job);
  boost::asio::awaitable<std::optional<Refusal>> connect(const Job& job);
  boost::asio::awaitable<std::optional<Refusal>> connect_to(const route::Target& target, const Job& job);
  boost::asio::awaitable<std::optional<Refusal>> connect_unix(const std::string& path, const Job& job);
  boost::asio::awaitable<std::optional<Refusal>> begin_session(io::Stream stream, std::string host,
                                                               std::string relay, const Job& job);
  boost::asio::awaitable<route::DestinationSearch::Found> find_targets(const route::NextHop& hop);
  boost::asio::awaitable<std::optional<Refusal>> start_tls(Connection& connection);
  void choose_mechanism(Connection& connection, const std::vector<std::string>& offered,
                        const Transport::Login& login);
  std::string login_sender(const Job& job) const;
  boost::asio::awaitable<std::vector<Session::Outcome>> transact(
      const Job& job, Session::Transaction transaction, const std::optional<std::string>& new_header);
  /// Sends what the session has to send and reads what comes, or tells the session that the connection is
  /// lost.
  boost::asio::awaitable<void> exchange_bytes(Connection& connection);
  boost::asio::awaitable<bool> send_content(const Job& job, const std::optional<std::string>& new_header);
  boost::asio::awaitable<void> drop_connection();

  Session::Transaction transaction_of(const Job& job, Explanation& why, std::optional<Error>& failure) const;
  DeliveryResult result_of(const Session::Outcome& outcome) const;
  static Refusal refusal_of(const Connection& connection, const Session::Failed& failed);
  std::chrono::seconds limit_of(Session::Phase phase) const;

  Services& services_;
  Outbound& outbound_;
  io::Resolver& resolver_;
  io::DeadlineSweep& sweep_;
  std::shared_ptr<DestinationQueue::Destination> destination_;
  std::shared_ptr<const Running> running_;
  const Transport* transport_ = nullptr;
  std::unique_ptr<Connection> connection_;
  std::string output_;
};

}  // namespace hikyaku::serve
