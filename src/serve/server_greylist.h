#pragma once
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/explanation.h"
#include "mail/address.h"
#include "milter/macros.h"
#include "serve/client_identity.h"
#include "serve/greylisted_client.h"
#include "serve/incoming_message.h"
#include "serve/running.h"
#include "serve/services.h"
#include "smtp/reply.h"

namespace hikyaku::serve {

/// What a client is told of a verdict that does not pass.
smtp::Reply greylist_reply(const greylist::Verdict& verdict);

/// Greylisting of one SMTP connection by the hub itself (hikyaku_greylist): after the access rules, before
/// milters. Where it is not set nothing costs anything. A Refusal is a reply other than std::nullopt.
class ServerGreylist {
 public:
  using Refusal = std::optional<smtp::Reply>;

  /// All must outlive it; `client` may change between the calls.
  ServerGreylist(Services& services, const Running& running, const Listener& listener,
                 const ClientIdentity& client);

  bool active() const { return client_ != nullptr; }
  /// The whole message is looked at, or changed beyond a header that is put on top: message() is due.
  bool sees_message() const;

  /// Begins, by the rules that are in force; anew after XCLIENT, which changes who the client is.
  boost::asio::awaitable<void> connect(std::string local_address, std::uint16_t local_port);
  void hello();
  void sender(const mail::Address& sender);
  /// Of a recipient that nothing else is against.
  boost::asio::awaitable<Refusal> recipient(const mail::Address& recipient, Explanation& why);
  void queue_id(const std::string& id);
  /// At DATA. Where no rule looks at the message, what there is to say of it is said here: a header goes into
  /// the envelope.
  boost::asio::awaitable<Refusal> data(IncomingEnvelope& envelope, Explanation& why);
  /// After IncomingMessage::finish(), where it sees_message(). An Error: the disk.
  boost::asio::awaitable<Result<Refusal>> message(IncomingMessage& message);
  /// The transaction is void, or over.
  void abort();

 private:
  boost::asio::awaitable<Result<void>> show(const MilterMessage& message);
  boost::asio::awaitable<Result<void>> change(std::vector<greylist::MessageChange> changes,
                                              MilterMessage& message, Explanation& why);

  Services& services_;
  const Running& running_;
  const Listener& listener_;
  const ClientIdentity& client_identity_;
  milter::MacroTable macros_;
  std::unique_ptr<GreylistedClient> client_;
};

}  // namespace hikyaku::serve
