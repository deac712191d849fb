#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/explanation.h"
#include "base/time.h"
#include "greylist/client_key.h"
#include "greylist/configuration.h"
#include "greylist/evaluation.h"
#include "greylist/facts.h"
#include "greylist/reply.h"
#include "greylist/tuple_table.h"
#include "mail/dkim_verdict.h"

namespace hikyaku::greylist {

/// Who speaks, for the formats %v and %V.
struct ProductNames {
  std::string product;    ///< "milter-greylist-4.6.4"
  std::string version;    ///< "4.6.4"
  std::string host_name;  ///< where the MTA does not tell its own
};

/// What milter-greylist does not do, and is off where nobody asks for it.
struct Learning {
  /// Tuples begin with who many addresses send for, where that is known (sender_pool.h).
  bool sender_pools = false;
  /// So many passes after a wait, and mail of the same client (or pool) and sending domain waits no more.
  /// 0: it does.
  std::uint32_t domain_passes = 0;
  /// The passes of sending domains are counted.
  bool counts_passes = false;
  /// Without another pass they are forgotten after this.
  std::chrono::seconds record_lifetime = std::chrono::days(35);
};

/// What becomes of a recipient or a message.
struct Verdict {
  enum class Kind : unsigned char { accept, tempfail, reject };
  Kind kind = Kind::accept;
  ReplyText reply;               ///< of tempfail and reject
  std::chrono::seconds wait{0};  ///< before it is answered: a tarpit
  bool passes() const { return kind == Kind::accept; }
};

/// A change of a message that passes.
struct MessageChange {
  enum class Kind : unsigned char { add_header, insert_header, change_subject, replace_body };
  Kind kind;
  unsigned index = 0;       ///< of insert_header
  std::string name, value;  ///< of headers; value: the new subject, the new body
};

/// Greylisting's side of one SMTP connection: what milter-greylist 4.6.4 does at each step of the filter
/// protocol, its replies, log lines and X-Greylist headers. Rules and lookups are asked for by the caller
/// between the steps; time and the remembered tuples are handed in. Not thread-safe.
///
/// connect(), helo(); then for each message mail(), and where wants_spf() says so, spf(); for each recipient
/// recipient(), and where it wants rules recipient_decided(), else recipient_passed(); data(); header() and
/// body(); end_of_message() with what the message's rules decided.
///
/// It differs where milter-greylist goes wrong: a footer does not begin with an empty line, and a message
/// that is larger than what is looked at is never replaced by the part that was.
class Conversation {
 public:
  static constexpr std::size_t kPeekLimit = std::size_t{1}
                                            << 20;  ///< octets kept of a message without `maxpeek`

  /// All must outlive it but the configuration, which is kept.
  Conversation(std::shared_ptr<const Configuration> configuration, TupleTable& tuples, MatchPrefixes prefixes,
               const ProductNames& names, Learning learning = {});

  /// What the rules and formats see. The caller sets country, macros and times.
  Facts& facts() { return facts_; }
  const Configuration& configuration() const { return *configuration_; }
  const Properties& properties() const { return properties_; }
  FormatContext context() const;

  void connect(std::string name, std::optional<table::Ip> address);
  /// What `unbracket` asks the DNS for, to be answered before the next step; nullopt: nothing.
  std::optional<DnsQuestion> name_question();
  void name_answered(const DnsAnswer& answer);
  void helo(std::string_view name);
  /// `path` as the MTA hands it: "<joe@a.example>".
  void mail(std::string_view path);
  /// Whether mail of a sender whose SPF passes is let through before all rules.
  bool wants_spf() const;
  void spf(const SpfResult& result);
  /// Before the message's rules are asked, where they want to know.
  void dkim(const mail::DkimVerdict& verdict) { dkim_ = verdict; }

  /// What the recipient is remembered by; nullopt: the client did not come over IP.
  std::optional<Tuple> tuple(std::string_view recipient) const;
  /// How often mail of the sending domain has passed, where that is counted.
  std::uint32_t passed() const;

  /// Begins a recipient. nullopt: the rules are asked. Otherwise what it is without them. `why`, where given,
  /// gets what decided besides the rules.
  std::optional<Verdict> recipient(std::string_view path, Explanation* why = nullptr);
  Verdict recipient_decided(const Decision& decision, Explanation* why = nullptr);
  /// At DATA: what is owed to a tarpit.
  Verdict data();
  void header(std::string_view name, std::string_view value);
  void body(std::string_view octets);
  /// What is still to be known of the message does not interest any rule.
  bool body_is_enough() const { return peeked_ >= peek_limit(); }
  /// Before the message's rules are asked.
  void message_is_complete();
  struct MessageVerdict {
    Verdict verdict;
    std::vector<MessageChange> changes;  ///< in their order, where it passes
  };
  MessageVerdict end_of_message(const Decision& decision);
  /// The message, or the connection, was given up.
  void abort();

  /// Lines since the last call.
  std::vector<std::string> take_log() { return std::exchange(log_, {}); }
  std::vector<std::string> take_statistics() { return std::exchange(statistics_, {}); }

 private:
  void explain_exemption(Reason reason, Explanation& why) const;
  bool has_good_record(const Tuple& tuple, Explanation* why);
  void explain_tuple(const Tuple& tuple, const Decision& decision, const TupleDecision& met,
                     Explanation& why) const;
  Verdict accept_recipient();
  Verdict refuse(const Decision& decision, Verdict::Kind kind, std::chrono::seconds remaining);
  std::optional<Verdict> owed_to_tarpit();
  Verdict first_encounter(const Decision& decision, const TupleDecision& met);
  std::optional<std::string> report() const;
  void add_header(const RuleValues::AddedHeader& header, const FormatContext& context,
                  std::vector<MessageChange>& changes);
  void add_footer(const std::string& format, const FormatContext& context,
                  std::vector<MessageChange>& changes) const;
  void add_subject_tag(const std::string& format, const FormatContext& context,
                       std::vector<MessageChange>& changes) const;
  std::string queue_id() const;
  std::string client() const;
  std::string rule_name(const Decision& decision) const;
  void log_refusal(const Decision& decision, std::string_view recipient, std::string_view what);
  void log_pass(const Decision& decision);
  void log_details(const Decision& decision);
  void log_met(std::string_view recipient, const Decision& decision, const TupleDecision& met);
  void count(Verdict::Kind kind, const FormatContext& context);
  std::size_t peek_limit() const;
  Seconds now() const { return seconds_of(facts_.now); }

  const std::shared_ptr<const Configuration> configuration_;
  TupleTable& tuples_;
  const MatchPrefixes prefixes_;
  const ProductNames& names_;
  const Learning learning_;
  Facts facts_;
  Properties properties_;

  // Of the message.
  std::optional<SpfResult> spf_;
  std::optional<mail::DkimVerdict> dkim_;
  Decision last_;      // of the last recipient for which rules were asked
  Reasons last_pass_;  // why the last recipient that passed did
  bool passed_by_rules_ = false;
  bool put_off_ = false;  // delayedreject: at the end of the message
  std::chrono::seconds longest_wait_{0}, remaining_{0};
  std::chrono::seconds tarpitted_{0}, longest_tarpit_{0};
  struct Tarpit {
    Tuple tuple;
    std::chrono::seconds wait;
    Action action;
    std::chrono::seconds autowhite;
  };
  std::optional<Tarpit> tarpit_;
  std::size_t peeked_ = 0;
  bool peek_ended_ = false;

  std::vector<std::string> log_, statistics_;
};

}  // namespace hikyaku::greylist
