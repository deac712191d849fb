#pragma once
#include <boost/asio/awaitable.hpp>
#include <memory>
#include <optional>
#include <string>

#include "access/pop3_session.h"
#include "io/stream.h"
#include "serve/authentication.h"
#include "serve/client_identity.h"
#include "serve/databases.h"
#include "serve/mailbox_locks.h"
#include "serve/running.h"
#include "serve/services.h"

namespace hikyaku::serve {

/// Drives one POP3 client's connection: the only place where its bytes, its deadlines, the protocol,
/// authentication and the mailbox store meet. Lives on one io_context thread; what blocks goes to the pool.
class Pop3Conversation {
 public:
  Pop3Conversation(Services& services, std::shared_ptr<const Running> running, const Listener& listener,
                   io::Stream stream, io::DovecotAuth* dovecot);
  ~Pop3Conversation();

  /// From the greeting to the close. Never throws; the stream is closed at its end.
  boost::asio::awaitable<void> run();

 private:
  using Session = access::Pop3Session;
  boost::asio::awaitable<bool> begin();
  boost::asio::awaitable<void> converse();
  boost::asio::awaitable<bool> exchange_bytes();
  boost::asio::awaitable<bool> send_output();
  boost::asio::awaitable<bool> start_tls();
  bool count_connection();

  boost::asio::awaitable<void> answer_auth(AuthenticationStep step);
  boost::asio::awaitable<void> log_in(AuthenticationSuccess who);
  Result<access::Maildrop> list_messages() const;
  boost::asio::awaitable<void> handle(Session::Read event);
  Result<std::string> read(const Session::Read& event);
  boost::asio::awaitable<void> handle(Session::Update event);
  boost::asio::awaitable<Result<void>> remove(std::vector<std::uint32_t> uids, std::size_t& done);
  boost::asio::awaitable<Result<void>> remove_piece(std::vector<std::uint32_t> uids);

  void refuse(const Error& error, std::string_view doing);
  void log(const std::string& text) const;
  void log_end() const;

  Services& services_;
  std::shared_ptr<const Running> running_;
  const Listener& listener_;
  io::Stream stream_;
  ClientIdentity client_;
  Session session_;
  Authentication authentication_;
  bool counted_ = false;
  std::string counted_address_;

  std::shared_ptr<StoreDatabase> database_;  // from the login on
  std::string mailbox_;
  std::optional<MailboxLocks::Lease> lease_;
  std::optional<store::Store::Item> item_;  // the message that is sent
};

}  // namespace hikyaku::serve
