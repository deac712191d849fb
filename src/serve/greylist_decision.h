#pragma once
#include <boost/asio/awaitable.hpp>
#include <optional>

#include "base/dns.h"
#include "base/explanation.h"
#include "greylist/evaluation.h"
#include "greylist/spf.h"
#include "io/resolver.h"
#include "serve/greylist_checks.h"

namespace hikyaku::serve {

/// What greylist::evaluate() is called with; all must live until the decision is there.
struct GreylistQuestion {
  greylist::Stage stage;
  const greylist::Configuration& configuration;
  const greylist::Facts& facts;
  const greylist::Properties& properties;
  const greylist::FormatContext& texts;
};

/// Whether each rule gets an entry, or, where there are more than 200, the one alone that decided.
enum class Explained : unsigned char { where_few, always };

/// Decides by the rules of a stage, asking the DNS, URLs and directories as often as they want to know
/// something more, together where they may, for some 15 s. `answers` keeps what the DNS was asked,
/// for the connection's next recipients; checks are asked anew for each. `why` may be nullptr.
boost::asio::awaitable<greylist::Decision> decide_by_rules(io::Resolver& resolver, GreylistChecks& checks,
                                                           GreylistQuestion question,
                                                           greylist::Answers& answers, Explanation* why,
                                                           Explained explained = Explained::where_few);

/// The SPF check of a client and the sender that it names, for some 10 s. nullopt: it was given up, which is
/// no pass.
boost::asio::awaitable<std::optional<greylist::SpfResult>> ask_spf(io::Resolver& resolver,
                                                                   const greylist::Facts& facts,
                                                                   DnsFacts& dns);

}  // namespace hikyaku::serve
