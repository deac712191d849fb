#pragma once
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "base/explanation.h"
#include "policy/access.h"
#include "policy/facts.h"
#include "policy/settings.h"

namespace hikyaku::policy {

/// What a refusal says is rejected; its words are Postfix's.
namespace subject {
inline constexpr std::string_view kClient = "Client host", kReverseClient = "Unverified Client host",
                                  kCertificate = "Client certificate", kLogin = "SASL login name",
                                  kHelo = "Helo command", kSender = "Sender address",
                                  kRecipient = "Recipient address", kEtrn = "Etrn command",
                                  kData = "Data command", kEndOfData = "End-of-data";
}

/// One stage's walk through its lists: the state between restrictions, and each restriction's rule. Made for
/// one question and thrown away.
class Evaluation {
 public:
  Evaluation(const Settings& settings, const AddressResolver& resolver, const Request& request);

  enum class Outcome : unsigned char { undecided, permit, refuse, needs_dns };
  /// What a list is about: a bare table in it is looked up with that, and refusals name it.
  struct Stage {
    std::string_view step;         ///< "policy.relay"; a literal
    std::string_view subject;      ///< of subject::
    std::string name;              ///< "mail.example[192.0.2.1]", "joe@a.example"
    Restriction::Kind bare_table;  ///< default_access: a bare table is a mistake here
  };

  // The stages, in access.cc.
  Outcome client_list();
  Outcome helo_list();
  Outcome sender_list();
  Outcome relay_and_recipient_lists();
  Outcome run(const RestrictionList& list, const Stage& stage);
  /// Turns a permission into the deferral that an earlier failure asked for.
  Outcome settle(Outcome outcome);
  Outcome check_syntax(const mail::Address& address, std::string_view enhanced, std::string_view words);
  Outcome unlisted_recipient();
  Outcome unlisted_sender();

  void take_earlier();
  void forget_deferral() { defer_if_permit_.reset(); }
  /// Ends the evaluation: what was found out, and its entries for the ledger.
  Verdict finish(Outcome outcome, Explanation& why);
  /// The same for a stage of a recipient or a message: its deferral concerns no other one.
  Verdict finish_alone(Outcome outcome, Explanation& why);

 private:
  // The walk (evaluation.cc).
  Outcome walk(const RestrictionList& list, const Stage& stage);
  Outcome apply(const Restriction& one, const Stage& stage);
  Outcome apply_to_client(const Restriction& one, const Stage& stage);
  Outcome apply_to_helo(const Restriction& one, const Stage& stage);
  Outcome apply_to_sender(const Restriction& one, const Stage& stage);
  Outcome apply_to_recipient(const Restriction& one, const Stage& stage);
  Outcome apply_to_servers(const Restriction& one, const Stage& stage);
  void record(const Restriction& one, const Stage& stage, Outcome outcome);
  void record_stage(std::string_view step, std::string_view rule, Origin origin, Outcome outcome);

  /// mistake: also under warn_if_reject it is a refusal.
  enum class Cause : unsigned char { policy, mistake };
  Outcome refuse(Cause cause, int code, std::string_view enhanced, std::string text);
  Outcome defer_if_permit(Settings::OnTemporary action, int code, std::string_view enhanced,
                          std::string text);
  void defer_if_reject(int code, std::string_view enhanced, std::string text);
  Outcome lookup_failed(std::string_view name, const Error& why);
  Outcome server_error(std::string warning);
  /// The restriction did not act: its first condition that did not hold, and on what.
  Outcome not_so(std::string_view condition, std::string_view operand);
  bool still_warning() const { return warn_depth_ != 0; }

  // Facts.
  const Result<Resolution>& resolved(const mail::Address& address, std::string_view subject);

  // Access tables (evaluation_tables.cc).
  Outcome look_up(const Restriction& one, Restriction::Kind as, const Stage& stage);
  Outcome look_up_client(const Restriction& one, std::string_view name, std::string_view reply_name,
                         std::string_view reply_class, const Stage& stage);
  Outcome look_up_certificate(const Restriction& one, const Stage& stage);
  Outcome look_up_address(const Restriction& one, const mail::Address& address, std::string_view reply_class,
                          const Stage& stage);
  /// Acts on what a table answered; `found` false when it had nothing.
  Outcome act_on(const Restriction& one, const table::KeyAnswer& answer, std::string_view reply_name,
                 std::string_view reply_class, const Stage& stage, bool& found);
  Outcome act_on_value(const Restriction& one, std::string_view value, std::string_view reply_name,
                       std::string_view reply_class, const Stage& stage);
  std::optional<Outcome> act_on_word(const Restriction& one, std::string_view word, std::string_view text,
                                     std::string_view reply_name, std::string_view reply_class);
  Outcome act_on_restrictions(const Restriction& one, std::string_view value, std::string_view reply_name,
                              std::string_view reply_class, const Stage& stage);
  bool may_change_message(const Restriction& one, std::string_view word);

  // Names and DNS (evaluation_dns.cc).
  enum class Existence : unsigned char { exists, missing, temporary, malformed, null_mx, not_known };
  Existence existence(const std::string& name, std::initializer_list<DnsQuestion::Type> types);
  const DnsAnswer* ask(const std::string& name, DnsQuestion::Type type);
  Outcome invalid_helo();
  Outcome incomplete_helo();
  Outcome bad_helo_literal();
  Outcome unknown_helo();
  Outcome incomplete_address(const mail::Address& address, std::string_view reply_class);
  Outcome unknown_domain(const mail::Address& address, std::string_view reply_class);
  enum class Listed : unsigned char { no, yes, temporary, not_known };
  Listed listed(std::string_view query_prefix, std::string_view list, std::string& reason);
  Outcome refuse_listed_address(const Restriction& one);
  Outcome refuse_listed_name(const Restriction& one, std::string_view name, std::string_view reply_class);
  Outcome permit_listed(const Restriction& one, std::string_view prefix, std::string_view shown);
  Outcome listed_reply(std::string_view list, std::string_view what, std::string_view reply_class,
                       std::string_view reason);
  Outcome look_up_servers(const Restriction& one, std::string_view name, DnsQuestion::Type type,
                          std::string_view reply_name, std::string_view reply_class, const Stage& stage);
  std::optional<std::vector<std::string>> servers_of(std::string domain, DnsQuestion::Type type,
                                                     Outcome& outcome);

  // Addresses (evaluation_addresses.cc).
  Outcome unauthorized_destination(int code, std::string_view enhanced);
  bool authorized(const Resolution& resolution) const;
  Outcome login_owns_sender(bool unknown_sender_allowed);
  Outcome sender_needs_login();
  Outcome unlisted(const mail::Address& address, std::string_view reply_class);
  Outcome unlisted_in_class(const Resolution& resolution, const mail::Address& address,
                            std::string_view reply_class);
  Result<bool> in_tables(const Listing& listing, const mail::Address& address);

  const Settings& settings_;
  const AddressResolver& resolver_;
  const Request& request_;
  Verdict verdict_;
  Explanation ledger_;

  std::optional<Refusal> defer_if_permit_, defer_if_reject_;
  unsigned depth_ = 0, warn_depth_ = 0;
  bool discard_ = false;
  bool recipient_listing_checked_ = false, sender_listing_checked_ = false;
  bool at_etrn_ = false, at_end_of_data_ = false;
  friend class Access;

  std::optional<Result<Resolution>> sender_, recipient_;

  /// What the restriction at work tells of itself.
  struct Seen {
    std::string failed, operand, outcome;
    std::string rule;  ///< more exact than the restriction's own text; empty: that
    Origin origin;
    KeyTrail keys;
    bool recorded = false;  ///< by the restrictions within it
  } seen_;
};

}  // namespace hikyaku::policy
