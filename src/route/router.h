#pragma once
#include <memory>
#include <string>
#include <string_view>

#include "base/explanation.h"
#include "base/result.h"
#include "mail/address.h"
#include "route/local_destinations.h"
#include "route/settings.h"

namespace hikyaku::route {

/// Which list the domain of a recipient is in; the first that has it, in this order.
enum class DomainClass : unsigned char {
  local,            ///< mydestination, inet_interfaces, proxy_interfaces
  virtual_alias,    ///< virtual_alias_domains
  virtual_mailbox,  ///< virtual_mailbox_domains
  relay,            ///< relay_domains
  other,            ///< none of them ("default" in Postfix)
};
/// "local", "alias", "virtual", "relay", "default"
std::string_view text(DomainClass one);

/// Where a recipient goes.
struct Route {
  std::string transport;    ///< the name of a service of master.cf: "smtp", "relay", "lmtp", "error"
  std::string nexthop;      ///< as the transport wants it: "[192.0.2.1]:25", "unix:/run/x", a text for error:
  mail::Address recipient;  ///< after user%domain@here, domain!user@here and "user@domain"@here are resolved
  DomainClass domain_class = DomainClass::other;
  /// The address is no address: its domain is malformed, or its local part begins with '-' (allow_min_user).
  /// Answer 501. Transport and next hop are meaningless when the domain is malformed.
  bool invalid = false;
  /// A routing operator (@ ! %) is left in the local part: where it really goes is up to the next hop, so no
  /// relay permission may come of its domain (allow_untrusted_routing = no).
  bool routed = false;

  /// transport error: or retry:, whose next hop is a text. The recipient is refused at RCPT with it.
  bool is_error() const { return transport == "error"; }
  bool is_retry() const { return transport == "retry"; }
};

/// Decides transport and next hop of a recipient, as Postfix 3.7's trivial-rewrite does (its tables are named
/// in Settings): class of the domain -> transport and next hop of the class -> sender-dependent tables and
/// relayhost
/// -> transport_maps -> relocated_maps. Compiled once; immutable, thread-safe, pure but for the tables.
class Router {
  struct SenderAnswers;

 public:
  explicit Router(Settings settings);

  /// Both addresses are full ones (see complete()), as they stand in the queue. Adds one entry for each
  /// setting that had a say, in order, also for those that another one silenced ("route.relayhost": failed
  /// "nothing before it names a next hop"). Fails with Fault::temporary when a table can't answer, answers
  /// with an empty text, or names no transport: defer, and at RCPT answer 451 4.3.0.
  Result<Route> resolve(const mail::Address& sender, const mail::Address& recipient, Explanation& why) const;
  /// The same without telling why.
  Result<Route> resolve(const mail::Address& sender, const mail::Address& recipient) const;

  /// The same for all recipients of one message: the tables by sender are asked once. The Router and the
  /// sender must outlive it. Not thread-safe.
  class Message {
   public:
    Message(const Router& router, const mail::Address& sender);
    ~Message();
    Result<Route> resolve(const mail::Address& recipient, Explanation& why);

   private:
    const Router& router_;
    const mail::Address& sender_;
    std::unique_ptr<SenderAnswers> answers_;
  };

  /// Where a content filter ("transport:nexthop", "transport:", of FILTER or content_filter) sends the
  /// recipient: it overrides all other settings. Without a next hop it is default_filter_nexthop, or the
  /// recipient's domain.
  Result<Route> filter(std::string_view filter, const mail::Address& recipient, Explanation& why) const;

  /// Makes an address of MAIL or RCPT a full one (Settings::complete).
  mail::Address complete(const mail::Address& address) const;

  /// Whose users are ours: for lookups of short keys.
  const LocalDestinations& local_destinations() const { return local_; }
  const Settings& settings() const { return settings_; }

 private:
  struct Decision;
  Result<Route> resolve(const mail::Address& sender, const mail::Address& recipient, SenderAnswers& answers,
                        Explanation* why) const;

  Settings settings_;
  LocalDestinations local_;
};

/// "transport:nexthop" taken apart at its first colon; either may be empty. Views point into `text`.
struct TransportNextHop {
  std::string_view transport, nexthop;
};
TransportNextHop split_transport(std::string_view text);

}  // namespace hikyaku::route
