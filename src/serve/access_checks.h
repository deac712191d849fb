#pragma once
#include <boost/asio/awaitable.hpp>
#include <optional>
#include <string>

#include "base/explanation.h"
#include "io/resolver.h"
#include "mail/parameters.h"
#include "policy/access.h"
#include "policy/client_rates.h"
#include "serve/access_decision.h"
#include "serve/client_identity.h"
#include "serve/incoming_message.h"
#include "serve/running.h"
#include "serve/services.h"
#include "smtp/reply.h"

namespace hikyaku::serve {

/// Asks the access rules of a listener on behalf of one connection, and DNS on behalf of the rules. What the
/// rules ask for besides yes and no goes into the envelope.
class AccessChecks {
 public:
  /// All must outlive it; `client` may change between the calls.
  AccessChecks(Services& services, const Running& running, const Listener& listener,
               const ClientIdentity& client);
  ~AccessChecks();
  AccessChecks(const AccessChecks&) = delete;
  AccessChecks& operator=(const AccessChecks&) = delete;

  /// The client's name by reverse lookup, verified by a lookup of the name (smtpd_peername_lookup).
  boost::asio::awaitable<void> look_up_name(ClientIdentity& client);

  boost::asio::awaitable<smtp::Reply> connect();
  boost::asio::awaitable<smtp::Reply> hello(const std::string& name);
  boost::asio::awaitable<smtp::Reply> sender(const mail::Address& address,
                                             const mail::MailParameters& parameters,
                                             IncomingEnvelope& envelope, Explanation& why);
  boost::asio::awaitable<smtp::Reply> recipient(const mail::Address& address, IncomingEnvelope& envelope,
                                                Explanation& why);
  boost::asio::awaitable<smtp::Reply> data(IncomingEnvelope& envelope, Explanation& why);
  boost::asio::awaitable<smtp::Reply> end_of_data(IncomingEnvelope& envelope, Explanation& why);
  boost::asio::awaitable<smtp::Reply> etrn(const std::string& domain);
  boost::asio::awaitable<smtp::Reply> verify(const mail::Address& address);
  /// Counts against a smtpd_client_*_rate_limit; a reply: too many.
  std::optional<smtp::Reply> count(policy::ClientRates::Event event);

 private:
  boost::asio::awaitable<policy::Verdict> decide(AccessStage stage, policy::Request request,
                                                 Explanation& why);
  /// The reply to a verdict, with `yes` when nothing is against it.
  smtp::Reply take(policy::Verdict verdict, smtp::Reply yes, IncomingEnvelope* envelope);

  Services& services_;
  const Running& running_;
  const Listener& listener_;
  const ClientIdentity& client_;
  policy::Access access_;
  DnsFacts dns_;
  std::optional<std::string> helo_;
  std::optional<policy::Refusal> earlier_;
  bool smtputf8_ = false;
  bool counted_ = false;
  std::string counted_address_;
};

}  // namespace hikyaku::serve
