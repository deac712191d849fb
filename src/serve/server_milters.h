#pragma once
#include <boost/asio/awaitable.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "io/deadline.h"
#include "serve/client_identity.h"
#include "serve/incoming_message.h"
#include "serve/milter_chain.h"
#include "serve/running.h"
#include "serve/services.h"
#include "smtp/reply.h"
#include "smtp/server_session.h"

namespace hikyaku::serve {

/// The milters of one SMTP connection (smtpd_milters): tells them what the client says, with the macros that
/// Postfix tells, and makes replies and log lines of what they answer. Without filters nothing costs
/// anything.
///
/// A refusal is a reply other than std::nullopt; of code 421 it closes the connection.
class ServerMilters {
 public:
  /// All must outlive it; `client` and `session` may change between the calls.
  ServerMilters(Services& services, const Running& running, const Listener& listener,
                const ClientIdentity& client, smtp::ServerSession& session, io::DeadlineSweep& sweep);

  using Refusal = std::optional<smtp::Reply>;
  /// The milters want to see the message that is coming.
  bool sees_message() const { return chain_ && !skip_; }

  /// Asks which filters are for this client, and connects to them. Anew after XCLIENT, which changes who the
  /// client is; after STARTTLS filters are told the next EHLO alone, as in Postfix.
  /// Refusals but 421 are told as Postfix does: a permanent one by a greeting of 554, another at MAIL; so
  /// they are after hello().
  boost::asio::awaitable<Refusal> connect(std::string local_address, std::uint16_t local_port);
  boost::asio::awaitable<Refusal> hello(const smtp::ServerSession::Hello& event);
  boost::asio::awaitable<Refusal> sender(const smtp::ServerSession::Sender& event, IncomingEnvelope& envelope,
                                         Explanation& why);
  /// `refused`: what the access rules answered; nullptr: the recipient is accepted so far.
  boost::asio::awaitable<Refusal> recipient(const smtp::ServerSession::Recipient& event,
                                            const smtp::Reply* refused, IncomingEnvelope& envelope,
                                            Explanation& why);
  boost::asio::awaitable<Refusal> data(IncomingEnvelope& envelope, Explanation& why);
  boost::asio::awaitable<Refusal> unknown(std::string command, IncomingEnvelope& envelope);
  /// A recipient was accepted: from here on there is a queue id.
  void queue_id(const std::string& id);

  enum class Fate : unsigned char { take, discard };
  struct Outcome {
    Refusal refusal;
    Fate fate = Fate::take;
  };
  /// After IncomingMessage::finish(). An Error: the disk.
  boost::asio::awaitable<Result<Outcome>> message(IncomingMessage& message);
  /// The transaction is void, or over.
  void abort();
  boost::asio::awaitable<void> close();

 private:
  boost::asio::awaitable<std::optional<policy::Resolution>> resolve(mail::Address sender,
                                                                    mail::Address address);
  /// A refusal, or what is to become of the message that is coming.
  Refusal take(MilterDecision decision, std::string_view where, IncomingEnvelope* envelope);
  void log(std::string_view action, std::string_view where, std::string_view text) const;
  std::string facts(bool at_end) const;

  Services& services_;
  const Running& running_;
  const Listener& listener_;
  const ClientIdentity& client_;
  smtp::ServerSession& session_;
  io::DeadlineSweep& sweep_;
  std::unique_ptr<MilterChain> chain_;
  bool skip_ = false;          // the message is discarded: nobody is asked any more
  bool discard_next_ = false;  // the one that is to come
  std::string queue_id_, sender_, recipient_, last_recipient_;  // for the log
  std::optional<policy::Resolution> first_route_;               // of the recipient that was accepted first
  mail::Address sender_address_;
};

}  // namespace hikyaku::serve
