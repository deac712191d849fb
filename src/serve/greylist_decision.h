#pragma once
#include <boost/asio/awaitable.hpp>

#include "base/explanation.h"
#include "greylist/evaluation.h"
#include "io/resolver.h"

namespace hikyaku::serve {

/// What greylist::evaluate() is called with; all must live until the decision is there.
struct GreylistQuestion {
  greylist::Stage stage;
  const greylist::Configuration& configuration;
  const greylist::Facts& facts;
  const greylist::Properties& properties;
  const greylist::FormatContext& texts;
};

/// Decides by the rules of a stage, asking the DNS as often as they want to know something more, for some 15
/// s and the last question's own time. `answers` keeps what was asked, for the connection's next recipients.
/// Checks by URL and LDAP are not asked by this version: they give no answer, and
/// config::warn_of_unasked_checks() tells so. `why` may be nullptr.
boost::asio::awaitable<greylist::Decision> decide_by_rules(io::Resolver& resolver, GreylistQuestion question,
                                                           greylist::Answers& answers, Explanation* why);

}  // namespace hikyaku::serve
