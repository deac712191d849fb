#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/dns.h"
#include "base/explanation.h"
#include "greylist/check_answer.h"
#include "greylist/configuration.h"
#include "greylist/facts.h"
#include "greylist/format.h"
#include "greylist/properties.h"
#include "greylist/reasons.h"
#include "greylist/spf.h"

namespace hikyaku::greylist {

/// What rules asked elsewhere, as far as it is known.
struct Answers {
  DnsFacts dns;
  std::map<CheckQuestion, CheckAnswer> checks;
  /// The verdict of a DKIM check, at the end of the message.
  std::optional<SpfWord> dkim;
  /// How long the tuple's client bore a tarpit; nullopt: it was never put into one.
  std::optional<std::chrono::seconds> tarpitted;
  std::uint32_t passed = 0;  ///< how often mail of the sending domain has passed
  /// How much a ratelimit's key has used in its period, without what is decided on.
  std::function<std::int64_t(const RatelimitDefinition&, const std::string& key)> used =
      [](const RatelimitDefinition&, const std::string&) { return std::int64_t{0}; };
};

/// What must be looked up before there is a decision.
struct Questions {
  std::vector<DnsQuestion> dns;
  std::vector<CheckQuestion> checks;
  /// What clauses and rules after that will ask unless the answers decide before them, in their order. To be
  /// asked at the same time, but not waited for. Checks are not among it: they may do something at the other
  /// end, and what they ask may depend on answers before.
  std::vector<DnsQuestion> ahead;
};
/// With so many of `dns` and `ahead` rules are not looked at any further.
constexpr std::size_t kMostAsked = 32;

/// What the rules of a stage decide. Effects are for the caller: they happen once, when there is a decision.
struct Decision {
  Action action = Action::greylist;
  const Rule* rule = nullptr;  ///< nullptr: none held
  Reasons reasons, negated;    ///< negated: those of clauses with "not"
  std::chrono::seconds delay{0}, autowhite{0};
  std::optional<std::chrono::seconds> tarpit;
  TarpitScope tarpit_scope = TarpitScope::session;
  std::optional<std::int64_t> maxpeek;
  /// Of the rules that held, the last one that says something: code, ecode, msg, report, addheader,
  /// addfooter, subjtag, nolog.
  RuleValues values;

  // For formats.
  std::vector<std::string> groups;
  std::optional<Properties::Property> property;
  std::vector<std::string> dnsrbls;
  std::optional<SpfResult> spf;

  // Effects.
  Properties properties;               ///< as they are now
  std::vector<std::string> log_lines;  ///< of `log` clauses, expanded
  bool flushaddr = false;              ///< everything of the client's address is forgotten
  /// A record that is to be added to the DNS.
  struct Update {
    std::size_t nsupdate;     ///< its definition
    std::string name, value;  ///< expanded
    bool operator==(const Update&) const = default;
  };
  std::vector<Update> updates;
  struct Use {
    std::size_t ratelimit;
    std::string key;
    std::int64_t amount;
  };
  std::vector<Use> uses;
};

/// Looks at the rules of a stage in their order: the first one of which all clauses hold decides, `continue`
/// only adds what it says. What the answer of a check overrides is as if the rule said so. None: at RCPT
/// greylist (in test mode whitelist), at the end of the message whitelist. Pure: it begins anew each time;
/// what is not among the answers is asked for, and who calls looks it up and calls again. Where something is
/// asked, the walk goes on to where a rule decides for certain, to ask ahead; nothing of that walk lasts.
///
/// How a text is compared (milter-greylist 4.6; (*) where it does else, its way is told):
/// - addr: the client's address in the network; an IPv4-mapped one is IPv4.
/// - domain: the client's name ends with it, at any letter; with `domainexact` at a dot or whole. Without
/// case.
/// - helo: the whole name (a format), without case.
/// - from: tuple_sender(); rawfrom: as it came; rcpt: the recipient, at the end of the message any of
/// them. The whole
///   address, without case, brackets and blanks around it.
/// - auth: {auth_authen}; tls: {cert_subject} where {verify} is OK. Exactly.
/// - header, body: within a line. Exactly, expressions without case.
/// - geoip: nothing holds where there is no database.
/// - a DNS list or a check that does not answer does not hold, negated or not (*: negated it does).
/// `why`, where given, gets an entry for each rule: which clause did not hold, and on what it was tried.
/// Without it rules that can't hold are not looked at (rule_index.h).
std::variant<Decision, Questions> evaluate(Stage stage, const Configuration& configuration,
                                           const Facts& facts, const Properties& properties,
                                           const Answers& answers, const FormatContext& texts,
                                           Explanation* why = nullptr);

/// What is decided where no rule of the stage holds.
Decision decision_by_default(Stage stage, const Configuration& configuration);

}  // namespace hikyaku::greylist
