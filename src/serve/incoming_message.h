#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/blob.h"
#include "base/explanation.h"
#include "base/time.h"
#include "mail/parameters.h"
#include "mail/path.h"
#include "record/arrival.h"
#include "record/queue_entry.h"
#include "rewrite/rewriter.h"
#include "serve/milter_edits.h"
#include "serve/spooled_body.h"
#include "smtp/reply.h"

namespace hikyaku::serve {

/// What was agreed on before the content of a message: the envelope and what the access rules ask for.
struct IncomingEnvelope {
  mail::Address sender;
  mail::MailParameters parameters;
  struct Recipient {
    mail::Address address;
    mail::RecipientParameters parameters;
  };
  std::vector<Recipient> recipients;
  record::Client client;
  rewrite::HeaderContext context;
  bool hold = false;  ///< HOLD of an access table
  std::string hold_reason;
  bool discard = false;          ///< DISCARD: answered as accepted, then dropped
  bool filter_discards = false;  ///< it was a milter that said so: access rules go on
  std::string filter;            ///< FILTER transport:nexthop
  std::optional<mail::Address> redirect;
  std::vector<std::string> prepend;  ///< header lines of PREPEND, without line ends
  std::vector<mail::Address> bcc;
  std::string full_name;  ///< of a local user, for an added From header (sendmail -F)
  /// Nobody is there to be told of a refusal: what is refused for good is queued, to be returned to its
  /// sender.
  bool returns_refused = false;
  bool filtered = false;  ///< milters get it: a large body is kept apart until they are through
};

struct IncomingLimits {
  std::size_t small_body = 65536;        ///< octets of a body that travels in the queue's database
  std::size_t header_section = 1048576;  ///< octets of all headers together
  std::size_t kept_header = 16384;       ///< octets of a header section that its Arrival keeps
  bool long_queue_ids = false;           ///< enable_long_queue_ids: Message-Id: <ID@host>
};

/// One message while it arrives: its headers are rewritten as soon as they are there, its body is inspected
/// and spooled as it passes. Bounded memory: the header section up to its limit, the body up to small_body
/// and one read. One thread at a time; only write_out() and sync() block.
class IncomingMessage {
 public:
  /// `rewriter` and `blob` must outlive it. `trace` is the finished Received header. Rewrites the envelope.
  IncomingMessage(const rewrite::Rewriter& rewriter, Blob& blob, record::QueueId id, Time arrival,
                  IncomingEnvelope envelope, std::string trace, IncomingLimits limits, Explanation ledger);

  /// Takes octets of the message as they come, line ends CR LF.
  void content(std::string_view octets);
  /// Tells that write_out() is due before more content.
  bool must_write() const { return body_->over_limit(); }
  Result<void> write_out();

  /// The content is complete: finishes headers and envelope. Then, unless refusal() or discarded(), sync()
  /// and take_entry(), take_stored().
  void finish();
  const std::optional<smtp::Reply>& refusal() const { return refusal_; }
  /// Why the queue will return it (IncomingEnvelope::returns_refused).
  const std::optional<smtp::Reply>& returned() const { return returned_; }
  /// Refuses it before finish(): for what only the driver knows. The first refusal stays.
  void refuse(smtp::Reply reply);
  /// After finish() and a refuse() that came later: true when the queue will return it; else the refusal
  /// stays.
  bool return_refused();
  bool discarded() const { return discard_; }
  /// Whether sync() has anything to wait for.
  bool in_blob() const { return body_->in_blob(); }
  Result<void> sync();

  /// What milters see and change, after finish(), of an envelope that said so; then give_back(). When it is
  /// in_blob() body_ready() goes before, which blocks.
  Result<void> body_ready() { return body_->write_out(); }
  MilterMessage take_for_milters(std::uint64_t size_limit);
  void give_back(MilterMessage message);
  void hold(std::string reason);

  /// What goes to queue::Queue::accept().
  record::QueueEntry& entry() { return entry_; }
  /// The octets for the queue's database: the whole message, or none when it is in a blob.
  std::string take_stored();
  Explanation& ledger() { return ledger_; }
  /// What it began with: for what is decided before finish().
  IncomingEnvelope& envelope() { return envelope_; }
  /// The message as it was handed in; but for the client, which the conversation knows. After finish().
  record::Arrival take_arrival();

  const std::string& message_id() const { return message_id_; }
  /// " from=<a@a.example> to=<b@b.example>": its sender and its last recipient, for lines of the log.
  /// Escaped.
  std::string envelope_facts() const;
  /// What header_checks and the like did, for the log.
  const std::vector<rewrite::CheckNote>& notes() const { return notes_; }
  const std::vector<std::string>& warnings() const { return warnings_; }

 private:
  void finish_header();
  void redirect_to(const mail::Address& address);
  void measure();
  Result<void> join();
  void begin_header();
  void keep_header(std::string_view section);
  void take_actions(rewrite::Actions actions);
  bool is_to_be_returned() const;
  void return_to_sender();
  void refuse(const rewrite::Refusal& refusal);
  void body(std::string_view octets);

  const rewrite::Rewriter& rewriter_;
  Blob& blob_;
  IncomingLimits limits_;
  IncomingEnvelope envelope_;
  Explanation ledger_;
  rewrite::EnvelopeRewriting rewriting_;
  record::QueueEntry entry_;
  std::string queue_id_;
  std::string trace_;
  std::optional<std::size_t> own_received_ = 0;  // its number among the fields, if it is there still
  std::string kept_header_;                      // as it arrived
  bool header_cut_ = false;
  std::string header_;           // as it arrives; then with the trace, rewritten, with the empty line
  std::size_t header_seen_ = 0;  // octets of header_ that hold no end of the section
  bool in_header_ = true;
  std::optional<rewrite::BodyInspection> inspection_;
  std::string inspected_;
  std::unique_ptr<SpooledBody> body_;
  std::optional<smtp::Reply> refusal_;
  std::optional<smtp::Reply> returned_;
  std::string message_id_;
  std::vector<rewrite::CheckNote> notes_;
  std::vector<std::string> warnings_;
  bool discard_ = false;
};

}  // namespace hikyaku::serve
