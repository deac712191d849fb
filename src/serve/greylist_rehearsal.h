#pragma once
#include <boost/asio/awaitable.hpp>
#include <memory>
#include <string>
#include <vector>

#include "base/explanation.h"
#include "base/time.h"
#include "greylist/conversation.h"
#include "greylist/tuple_table.h"
#include "io/resolver.h"
#include "mail/address.h"
#include "serve/client_identity.h"
#include "serve/greylist_checks.h"
#include "serve/greylist_rules.h"

namespace hikyaku::serve {

/// What greylisting would make of a message to the hub that is only explained: its rules are asked, nothing
/// is remembered, and each sender is one that was never met.
class GreylistRehearsal {
 public:
  /// `client` and the resolver must outlive it.
  GreylistRehearsal(std::shared_ptr<const GreylistRules> rules, greylist::Learning learning,
                    io::Resolver& resolver, const ClientIdentity& client, const std::string& hostname,
                    Time now);

  boost::asio::awaitable<void> sender(const mail::Address& sender, Explanation& why);
  boost::asio::awaitable<greylist::Verdict> recipient(const mail::Address& recipient, Explanation& why);

 private:
  const std::shared_ptr<const GreylistRules> rules_;
  io::Resolver& resolver_;
  GreylistChecks checks_;
  const ClientIdentity& client_;
  const greylist::ProductNames names_;
  greylist::TupleTable nothing_known_;
  greylist::Conversation conversation_;
  greylist::Answers answers_;
  std::vector<std::string> problems_;  // of databases that rules and pools ask
};

}  // namespace hikyaku::serve
