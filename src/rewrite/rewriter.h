#pragma once
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/explanation.h"
#include "base/time.h"
#include "mail/address.h"
#include "rewrite/actions.h"
#include "rewrite/body_inspection.h"
#include "rewrite/client.h"
#include "rewrite/completion.h"
#include "rewrite/envelope.h"
#include "rewrite/settings.h"

namespace hikyaku::rewrite {

/// What added headers are made of.
struct MessageFacts {
  const mail::Address& sender;  ///< the envelope sender after EnvelopeRewriting::sender()
  std::string_view queue_id;
  bool long_queue_id = false;  ///< Message-Id: <ID@host>, and not <time.ID@host>
  Time arrival{};
  std::string_view date;       ///< text of an added Date, in local time; empty: UTC from `arrival`
  std::string_view full_name;  ///< of a local user (sendmail -F); usually empty
};

/// What came of the header section.
struct HeaderResult {
  std::optional<std::string>
      section;  ///< the new header section, without empty line; nullopt: the very same bytes
  Actions actions;
  std::string message_id;    ///< "<m1@client.test>" of the message, given or added; may be empty
  std::size_t received = 0;  ///< Received headers before ours
  bool eight_bit = false;    ///< Content-Transfer-Encoding: 8bit or binary
};

/// All rewriting of arriving mail, compiled from one configuration. Immutable and thread-safe.
///
/// The way of a message: header_context() when MAIL comes; EnvelopeRewriting for MAIL and RCPT; headers()
/// when the header section is there; BodyInspection while the body passes, when inspects_body(); bcc() for
/// each of Actions::bcc; EnvelopeRewriting::finish(). Refusals are given as the answer to DATA, the first of
/// them.
class Rewriter {
 public:
  explicit Rewriter(Settings settings);

  const Settings& settings() const { return settings_; }
  const Completion& completion() const { return completion_; }

  /// See rewrite::header_context().
  Result<HeaderContext> header_context(const ClientFacts& client, Explanation& why) const {
    return rewrite::header_context(settings_, client, why);
  }

  /// Checks and rewrites the header section (mail::find_header_end), which does not hold the Received header
  /// that this hub adds. Adds a ledger entry for each header that a map, a check or the completion changed or
  /// dropped, for each header added, and, when the context is none, for each canonical rule that would have
  /// changed an address had the client been local. Lines end in CRLF. Pure; one pass, with nothing to do one
  /// scan.
  HeaderResult headers(std::string_view section, const HeaderContext& context, const MessageFacts& facts,
                       Explanation& why) const;

  /// Whether MIME part headers or body lines are checked, so that the body must pass a BodyInspection.
  bool inspects_body() const { return inspects_body_; }
  /// The inspection for a message with this header section, as it came (its Content-Type is read). `over` is
  /// Actions::checks_over of headers(). The Rewriter and the Explanation must outlive it.
  BodyInspection body(std::string_view section, bool over, Explanation& why) const;

 private:
  Settings settings_;
  Completion completion_;
  bool inspects_body_ = false;
};

}  // namespace hikyaku::rewrite
