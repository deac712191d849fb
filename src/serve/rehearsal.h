#pragma once
#include <boost/asio/awaitable.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/explanation.h"
#include "base/time.h"
#include "io/resolver.h"
#include "mail/address.h"
#include "serve/client_identity.h"
#include "serve/running.h"
#include "smtp/reply.h"

namespace hikyaku::serve {

/// A message that might come.
struct RehearsalRequest {
  ClientIdentity client;
  bool look_up_name = true;  ///< the client's name is not given: ask the DNS, if the listener would
  mail::Address sender;
  std::vector<mail::Address> recipients;
  std::string message;  ///< header section, empty line, body; lines end in CR LF
};

/// What would become of it.
struct Rehearsal {
  /// The answer to one command, as the client would get it.
  struct Answer {
    std::string command;
    smtp::Reply reply;
  };
  /// One recipient after all rewriting.
  struct Delivery {
    mail::Address address, original;
    std::string transport, nexthop;
    std::string failure;                 ///< why it can't be routed now; empty: it can
    mail::Address sent_sender, sent_to;  ///< as the next server would see them (smtp_generic_maps)
    std::string login;  ///< the user name at the next hop, when the key of a password is known
    std::optional<std::string> sent_header;  ///< the header section, where the transport changes it
    std::vector<mail::Address> mailboxes;    ///< of `local` and `virtual`: where it ends here
    std::vector<mail::Address> forwards;     ///< by alias_maps: queued again
    std::vector<std::string> commands;       ///< by alias_maps: run
  };
  Explanation why;
  std::vector<Answer> answers;
  bool accepted = false;
  bool discarded = false;
  std::string hold_reason;  ///< not empty: it would wait on hold
  mail::Address sender;     ///< after all rewriting
  std::vector<Delivery> deliveries;
  std::string header;  ///< the header section as it would be queued, without our Received
};

/// Takes the message through the very rules, tables and code that mail to `listener` goes through, up to the
/// point where it would be queued and routed, and sends nothing. Blocks as tables do.
boost::asio::awaitable<Rehearsal> rehearse(const Running& running, const Listener& listener,
                                           io::Resolver& resolver, RehearsalRequest request, Time now);

}  // namespace hikyaku::serve
