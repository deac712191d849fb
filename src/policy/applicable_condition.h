#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/origin.h"
#include "base/result.h"
#include "table/ip.h"
#include "table/ruby_pattern.h"
#include "table/table.h"

// Applicable conditions: which filters (children) of a multiplexer see a session, decided stage by stage, as
// milter-manager has it. A condition stops a child: from then on the child is not spoken to in this session
// (from MAIL on: in this message).
namespace hikyaku::policy {

enum class MilterStage : unsigned char {
  connect,
  helo,
  envelope_from,
  envelope_recipient,
  data,
  header,
  end_of_header,
  body,
  end_of_message
};
constexpr std::size_t kMilterStages = 9;
/// "envelope-recipient": as milter-manager's log has it.
std::string_view text(MilterStage stage);

/// A block of Ruby in the configuration; the number that its interpreter knows it by.
struct RubyBlock {
  std::size_t number = 0;
  Origin origin{};
  bool operator==(const RubyBlock&) const = default;
};

/// What a name or an address is compared with. A string is compared as it is, in any case.
using Matcher = std::variant<std::string, table::RubyPattern, RubyBlock>;

// What each condition does. All are immutable values.

/// Stops for clients that look like a mail server: their name matches none of the rules for the names that
/// providers give their users' lines (S25R), or is on the whitelist.
struct S25r {
  bool only_ipv4 = true;  ///< other clients are taken for servers, as milter-manager does by default
  std::vector<Matcher> whitelist = {};  ///< stronger than the rules and the blacklist
  std::vector<Matcher> blacklist = {};  ///< besides the eight rules
};
/// Stops for clients of the local network: 127/8, 10/8, 172.16/12, 192.168/16, ::1, fe80::/10, fc00::/7, unix
/// sockets, and `local`; not for those in `remote`, which is asked first.
struct RemoteNetwork {
  std::vector<table::Network> local = {}, remote = {};
};
/// Stops, at MAIL, where the sender is not authenticated: neither {auth_type} nor {auth_authen} is there.
struct Authenticated {};
/// Stops where the sender is.
struct Unauthenticated {};
/// Never stops. Behind Postfix ({v} says so) gives the child {if_addr} and {if_name} of {client_addr} and
/// {client_name}, and at MAIL an `i`, where they are missing.
struct SendmailCompatible {};
/// Sessions at which the multiplexer is under stress; 0: never.
struct StressNotify {
  std::size_t threshold = 0;  ///< gives the child {stress}=yes, and never stops
};
struct NoStress {
  std::size_t threshold = 0;  ///< stops under stress
};
/// Never stops; gives the child {trusted_domain}=yes where the sender's domain is one of these.
struct Trust {
  std::vector<Matcher> domains = {};
};
/// Stops for clients that no DNS list has (`listed`), or for those that one has.
struct Dnsbl {
  struct Service {
    std::string domain;
    std::optional<table::Network> expected;  ///< the answer must be in it; nullopt: any counts
  };
  std::vector<Service> services = {};
  bool listed = true;
};
/// Stops at DATA where none of the message's recipients is one of these: compared with the address without
/// its brackets, or in a table, which is asked for the address and, but for patterns, for "@domain". A table
/// that can't be asked counts as one that has it: no filter is left out because a file can't be read.
struct RestrictAccounts {
  std::vector<Matcher> accounts = {};
  std::vector<std::shared_ptr<const table::Table>> tables = {};
};
/// A condition that the configuration defines, in Ruby: for each stage its stoppers, any of which stops.
struct RubyStoppers {
  std::vector<RubyBlock> at[kMilterStages] = {};
};

struct ApplicableCondition {
  std::string name;
  std::string description;
  Origin origin;  ///< its definition; built in: the program's own
  std::variant<S25r, RemoteNetwork, Authenticated, Unauthenticated, SendmailCompatible, StressNotify,
               NoStress, Trust, Dnsbl, RestrictAccounts, RubyStoppers>
      rule;
};

/// The conditions that are there without being defined, with milter-manager's lists: "S25R", "Remote
/// Network", "Authenticated", "Unauthenticated", "Sendmail Compatible", "Stress Notify", "No Stress",
/// "Trust", "DNSBL" and "DNSBL Listed" (which are the same), "DNSBL Not Listed".
std::vector<ApplicableCondition> builtin_conditions();

/// The SMTP client, as the MTA told it.
struct MilterClient {
  enum class Family : unsigned char { unknown, local, inet, inet6 };
  std::string_view name;  ///< "mx.example.org", "[192.0.2.1]" or "unknown"
  Family family = Family::unknown;
  std::string_view address;  ///< "192.0.2.1", "2001:db8::1", with or without "IPv6:"; a path
  std::uint16_t port = 0;
};

/// What became of a child so far, for those that ask after another one.
struct ChildState {
  enum class Status : unsigned char { going_on, accept, reject, temporary_failure, discard };
  std::string_view name;
  Status status = Status::going_on;  ///< in evaluation mode: what it would have said
  bool quitted = false;              ///< it is not spoken to any more
};

/// The answer to one of dnsbl_questions().
struct DnsblAnswer {
  std::string name;                    ///< the question
  std::vector<std::string> addresses;  ///< empty: not listed
  bool failed = false;                 ///< no answer could be had
};

using MacroValues = std::vector<std::pair<std::string, std::string>>;

/// What is known at a stage. Views need live as long as the call. What a stage does not have yet is empty.
struct StageFacts {
  MilterStage stage = MilterStage::connect;
  MilterClient client = {};
  std::string_view helo = {};
  std::string_view sender = {};                  ///< "<a@a.example>"
  std::span<const std::string> parameters = {};  ///< of MAIL or RCPT, at their stages
  std::string_view recipient = {};               ///< at envelope_recipient
  std::string_view header_name = {}, header_value = {};
  std::string_view chunk = {};          ///< of the body
  const MacroValues* macros = nullptr;  ///< for this child, names as in milter::MacroTable::all()
  std::size_t sessions = 0;             ///< that the multiplexer has now, this one too
  std::span<const DnsblAnswer> dnsbl = {};
  std::string_view child = {};  ///< whose conditions are asked
  std::span<const ChildState> children = {};
};

/// What one message leaves behind for its later stages: one for all children of a session, new for each
/// message (and one before the first).
struct MessageMemory {
  std::string shelf;  ///< mail_transaction_shelf, as the interpreter wrote it; at most 64 KiB
  std::vector<std::size_t> matched = {};  ///< conditions of RestrictAccounts that a recipient has met
};

/// Asks Ruby. May wait; see io::RubyProcess for the limits.
class RubyStopperPort {
 public:
  virtual ~RubyStopperPort() = default;
  struct Answer {
    bool value = false;
    MacroValues macros = {};            ///< that the block has set for the child
    std::string shelf = {};             ///< as it is now
    std::vector<std::string> log = {};  ///< what it wrote, escaped
  };
  /// `matched`: the one argument of a Matcher's block; nullopt for a stopper, whose arguments are the facts.
  /// Fails where the block raised an exception or ran into a limit: file:line and why.
  virtual Result<Answer> ask(const RubyBlock& block, const StageFacts& facts, std::string_view shelf,
                             std::optional<std::string_view> matched) = 0;
};

struct StageDecision {
  struct Stop {
    std::size_t condition = 0;  ///< of ApplicableConditions::all()
    std::string name;           ///< the condition's
    Origin origin;              ///< its definition's; built in: the program's own
    std::string predicate;      ///< what was true, escaped
  };
  std::optional<Stop> stop;           ///< the child is not to see this stage, nor what follows
  MacroValues macros;                 ///< that this child is to be told from now on
  std::vector<std::string> failures;  ///< of blocks, for the log: the child stays applicable in spite of them
  std::vector<std::string> log;       ///< what blocks wrote
};

/// All conditions of a configuration. Immutable, thread-safe.
class ApplicableConditions {
 public:
  ApplicableConditions() = default;
  explicit ApplicableConditions(std::vector<ApplicableCondition> all) : all_(std::move(all)) {}

  const std::vector<ApplicableCondition>& all() const { return all_; }
  std::optional<std::size_t> find(std::string_view name) const;

  /// Whether one of `uses` (numbers of all(), a child's conditions) can decide anything at this stage; where
  /// none can, decide() need not be called.
  bool acts(MilterStage stage, std::span<const std::size_t> uses) const;
  /// Whether one of them may stop there: what some do is to tell macros.
  bool may_stop(MilterStage stage, std::span<const std::size_t> uses) const;
  /// Whether one of them asks after the other children (Ruby may) at a stage behind connect.
  bool may_ask_after_others(std::span<const std::size_t> uses) const;
  /// Whether decide() would ask Ruby, or a table, so that it belongs on a thread that may block.
  bool may_wait(MilterStage stage, std::span<const std::size_t> uses) const;
  /// What DNS is to be asked (A records) before connect is decided; none for a client that has no IPv4
  /// address.
  std::vector<std::string> dnsbl_questions(const MilterClient& client,
                                           std::span<const std::size_t> uses) const;
  /// Decides for one child. Conditions are asked in order; the first that stops is the answer, and those
  /// behind it are not asked. Pure but for tables and for `ruby`, which may be
  /// null where may_wait() says no.
  StageDecision decide(const StageFacts& facts, std::span<const std::size_t> uses, MessageMemory& memory,
                       RubyStopperPort* ruby) const;

 private:
  std::vector<ApplicableCondition> all_;
};

}  // namespace hikyaku::policy
