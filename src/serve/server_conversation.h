#pragma once
#include <boost/asio/awaitable.hpp>
#include <memory>
#include <optional>
#include <string>

#include "io/stream.h"
#include "serve/access_checks.h"
#include "serve/authentication.h"
#include "serve/client_identity.h"
#include "serve/incoming_message.h"
#include "serve/running.h"
#include "serve/server_greylist.h"
#include "serve/server_milters.h"
#include "serve/services.h"
#include "smtp/server_session.h"

namespace hikyaku::serve {

/// Drives one client's connection: the only place where its bytes, its deadlines, the protocol, the access
/// rules, authentication and the queue meet. Lives on one io_context thread.
class ServerConversation {
 public:
  ServerConversation(Services& services, std::shared_ptr<const Running> running, const Listener& listener,
                     io::Stream stream, io::DeadlineSweep& sweep, io::DovecotAuth* dovecot);

  /// From the greeting to the close. Never throws; the stream is closed at its end.
  boost::asio::awaitable<void> run();

 private:
  using Session = smtp::ServerSession;
  boost::asio::awaitable<bool> converse();
  boost::asio::awaitable<bool> exchange_bytes();
  boost::asio::awaitable<bool> send_output();

  boost::asio::awaitable<void> greet();
  boost::asio::awaitable<void> handle(const Session::Hello& event);
  boost::asio::awaitable<bool> start_tls();
  boost::asio::awaitable<void> answer_auth(AuthenticationStep step);
  boost::asio::awaitable<void> handle(Session::Sender& event);
  boost::asio::awaitable<void> handle(Session::Recipient& event);
  boost::asio::awaitable<void> begin_data();
  boost::asio::awaitable<void> handle(const Session::Content& event);
  boost::asio::awaitable<void> end_message();
  boost::asio::awaitable<void> handle(const Session::Xclient& event);

  boost::asio::awaitable<void> handle(const Session::Unknown& event);
  void begin_queue_id();
  boost::asio::awaitable<void> begin_message();
  boost::asio::awaitable<bool> refused_at_end(IncomingMessage& incoming);
  boost::asio::awaitable<void> take_message(std::unique_ptr<IncomingMessage> incoming);
  void forget_transaction();
  void refuse_recipient(const mail::Path& path, const smtp::Reply& reply);
  std::string trace_header(record::QueueId id, Time now) const;
  record::Client client_facts() const;
  void note_ledger(IncomingMessage& incoming) const;
  void remember_arrival(Kv::Batch& batch, IncomingMessage& incoming, const record::QueueEntry& entry) const;
  io::WorkerPool* lookups() const { return services_.lookups_for(*running_); }
  void answer_message(const smtp::Reply& reply);
  void log_checks(const IncomingMessage& incoming) const;
  void log(const std::string& text) const;

  Services& services_;
  std::shared_ptr<const Running> running_;
  const Listener& listener_;
  io::Stream stream_;
  ClientIdentity client_;
  Session session_;
  AccessChecks access_;
  Authentication authentication_;
  ServerGreylist greylist_;
  ServerMilters milters_;
  std::string output_;

  IncomingEnvelope envelope_;
  Explanation ledger_;                 // of the transaction's envelope
  std::optional<record::QueueId> id_;  // of the message that is coming
  std::unique_ptr<IncomingMessage> message_;
  std::optional<smtp::Reply> storage_failure_;
};

}  // namespace hikyaku::serve
