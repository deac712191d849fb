#include "serve/incoming_message.h"

#include <algorithm>

#include "base/escape.h"
#include "mail/header.h"
#include "mail/parameters_xtext.h"
#include "milter/header_list.h"
#include "rewrite/content_checks.h"
#include "serve/stored_parameters.h"

namespace hikyaku::serve {
namespace {

record::ReturnContent stored_return(mail::DsnReturn ret) {
  switch (ret) {
    case mail::DsnReturn::full:
      return record::ReturnContent::full;
    case mail::DsnReturn::headers:
      return record::ReturnContent::headers;
    case mail::DsnReturn::unspecified:
      break;
  }
  return record::ReturnContent::unset;
}

}  // namespace

IncomingMessage::IncomingMessage(const rewrite::Rewriter& rewriter, Blob& blob, record::QueueId id,
                                 Time arrival, IncomingEnvelope envelope, std::string trace,
                                 IncomingLimits limits, Explanation ledger)
    : rewriter_(rewriter),
      blob_(blob),
      limits_(limits),
      envelope_(std::move(envelope)),
      ledger_(std::move(ledger)),
      rewriting_(rewriter, ledger_, arrival),
      queue_id_(id.text()),
      trace_(std::move(trace)),
      body_(std::make_unique<SpooledBody>(blob, envelope_.filtered ? queue_id_ + ".body" : queue_id_,
                                          limits.small_body)) {
  entry_.id = id;
  entry_.arrival = arrival;
  entry_.next_attempt = arrival;
  entry_.sender = rewriting_.sender(envelope_.sender);
  for (const auto& recipient : envelope_.recipients) {
    rewriting_.recipient(
        {recipient.address, stored_orcpt(recipient.parameters), recipient.parameters.notify.bits});
  }
  if (const auto size = envelope_.parameters.size)
    body_->reserve(static_cast<std::size_t>(std::min<std::uint64_t>(*size, SIZE_MAX)));
}

void IncomingMessage::content(std::string_view octets) {
  if (!in_header_) return body(octets);
  header_ += octets;
  // The empty line may have been cut by the edge of two reads.
  const auto from = header_seen_ < 3 ? 0 : header_seen_ - 3;
  const bool at_once = header_.starts_with("\r\n");
  const auto end = at_once ? 0 : header_.find("\r\n\r\n", from);
  header_seen_ = header_.size();
  if (at_once || end != std::string::npos || header_.size() > limits_.header_section) finish_header();
}

void IncomingMessage::body(std::string_view octets) {
  if (!inspection_) return body_->append(octets);
  inspected_.clear();
  inspection_->feed(octets, inspected_);
  body_->append(inspected_);
}

Result<void> IncomingMessage::write_out() {
  // The blob holds the whole message, and nothing changes in the header section any more; unless milters may.
  if (!body_->in_blob() && !envelope_.filtered) body_->memory().insert(0, header_);
  return body_->write_out();
}

void IncomingMessage::finish_header() {
  in_header_ = false;
  const std::string arrived = std::exchange(header_, {});
  const auto end = mail::find_header_end(arrived);
  const auto section = std::string_view(arrived).substr(0, end.header);
  if (section.size() > limits_.header_section) {
    refusal_ = smtp::Reply{552, {5, 3, 4}, "message header size exceeds limit"};
    header_ = std::move(trace_) + "\r\n";  // of what is returned
    return;
  }
  keep_header(section);
  begin_header();
  const rewrite::MessageFacts facts{.sender = entry_.sender,
                                    .queue_id = queue_id_,
                                    .long_queue_id = limits_.long_queue_ids,
                                    .arrival = entry_.arrival,
                                    .date = {},
                                    .full_name = envelope_.full_name};
  auto result = rewriter_.headers(section, envelope_.context, facts, ledger_);
  const bool over = result.actions.checks_over;
  message_id_ = std::move(result.message_id);
  take_actions(std::move(result.actions));

  const auto& kept = result.section ? std::string_view(*result.section) : section;
  header_.reserve(header_.size() + kept.size() + 2 + std::min(arrived.size() - end.body, limits_.small_body));
  header_ += kept;
  header_ += "\r\n";
  if (rewriter_.inspects_body()) inspection_.emplace(rewriter_.body(section, over, ledger_));
  body(std::string_view(arrived).substr(end.body));
}

/// What access rules put on top, and our own Received, which header_checks see as in Postfix.
void IncomingMessage::begin_header() {
  for (const auto& line : envelope_.prepend) {
    header_ += line;
    header_ += "\r\n";
  }
  const auto& checks = rewriter_.settings().header_checks;
  rewrite::CheckResult checked;
  if (!checks.maps.empty() && !trace_.empty()) {
    rewrite::Actions actions;
    std::string folds;
    const auto field = std::string_view(trace_).substr(0, trace_.size() - 2);
    checked = rewrite::apply_checks(checks, rewrite::with_plain_folds(field, folds), rewrite::Content::header,
                                    rewrite::CheckedBy::arrival, actions, ledger_);
    take_actions(std::move(actions));
  }
  if (!checked.prepend.empty()) rewrite::append_header_text(header_, checked.prepend);
  if (checked.kind == rewrite::CheckResult::Kind::keep) {
    own_received_ = milter::HeaderList(header_, std::nullopt).fields().size();
    header_ += std::exchange(trace_, {});
    return;
  }
  own_received_.reset();
  if (checked.kind == rewrite::CheckResult::Kind::replace) rewrite::append_header_text(header_, checked.text);
}

/// Whole lines, as many as may be kept.
void IncomingMessage::keep_header(std::string_view section) {
  header_cut_ = section.size() > limits_.kept_header;
  if (header_cut_) {
    const auto end = section.substr(0, limits_.kept_header).rfind("\r\n");
    section = section.substr(0, end == std::string_view::npos ? 0 : end + 2);
  }
  kept_header_ = section;
}

std::string IncomingMessage::envelope_facts() const {
  auto text = " from=<" + escaped(envelope_.sender.text()) + ">";
  if (!envelope_.recipients.empty())
    text += " to=<" + escaped(envelope_.recipients.back().address.text()) + ">";
  return text;
}

record::Arrival IncomingMessage::take_arrival() {
  record::Arrival arrival;
  arrival.at = entry_.arrival;
  arrival.sender = std::move(envelope_.sender);
  for (auto& recipient : envelope_.recipients) arrival.recipients.push_back(std::move(recipient.address));
  arrival.header = std::move(kept_header_);
  arrival.header_cut = header_cut_;
  return arrival;
}

void IncomingMessage::take_actions(rewrite::Actions actions) {
  if (actions.refusal) refuse(*actions.refusal);
  discard_ = discard_ || actions.discard;
  if (actions.hold) {
    envelope_.hold = true;
    envelope_.hold_reason = "held by header_checks or body_checks";
  }
  if (!actions.filter.empty()) envelope_.filter = std::move(actions.filter);
  if (actions.redirect) envelope_.redirect = std::move(actions.redirect);
  std::ranges::move(actions.bcc, std::back_inserter(envelope_.bcc));
  std::ranges::move(actions.notes, std::back_inserter(notes_));
  std::ranges::move(actions.warnings, std::back_inserter(warnings_));
}

void IncomingMessage::refuse(smtp::Reply reply) {
  if (!refusal_) refusal_ = std::move(reply);
}

bool IncomingMessage::is_to_be_returned() const {
  return envelope_.returns_refused && refusal_ && refusal_->permanent();
}

/// By way of the error transport, so that the notice, its retries and the ledger are those of all mail.
void IncomingMessage::return_to_sender() {
  entry_.filter = "error:" + refusal_->enhanced.text() + " " + refusal_->text;
  entry_.hold = false;
  if (entry_.recipients.empty()) {
    for (const auto& named : envelope_.recipients) {
      record::Recipient recipient;
      recipient.address = named.address;
      recipient.original = named.address;
      recipient.notify = stored_notify(named.parameters.notify.bits);
      entry_.recipients.push_back(std::move(recipient));
    }
  }
  returned_ = std::exchange(refusal_, std::nullopt);
}

bool IncomingMessage::return_refused() {
  if (!is_to_be_returned()) return false;
  return_to_sender();
  return true;
}

void IncomingMessage::refuse(const rewrite::Refusal& refusal) {
  // What may pass goes before what will not: the client is to try again then.
  if (refusal_ && !(refusal_->permanent() && refusal.code < 500)) return;
  std::string_view enhanced = refusal.enhanced;
  refusal_ = smtp::Reply{refusal.code, smtp::EnhancedCode::take(enhanced), refusal.text};
}

void IncomingMessage::finish() {
  if (in_header_) finish_header();
  if (inspection_) {
    inspected_.clear();
    inspection_->finish(inspected_);
    body_->append(inspected_);
    take_actions(inspection_->actions());
  }
  discard_ = discard_ || envelope_.discard;
  for (const auto& address : envelope_.bcc) rewriting_.bcc(address);
  auto envelope = rewriting_.finish();
  std::ranges::move(envelope.warnings, std::back_inserter(warnings_));
  if (envelope.refusal) refuse(*envelope.refusal);
  if (refusal_ && !is_to_be_returned()) return;

  entry_.recipients.reserve(envelope.recipients.size());
  for (auto& expanded : envelope.recipients) {
    record::Recipient recipient;
    recipient.address = std::move(expanded.address);
    recipient.original = std::move(expanded.original);
    recipient.orcpt = std::move(expanded.dsn_original);
    recipient.notify = stored_notify(expanded.notify);
    entry_.recipients.push_back(std::move(recipient));
  }
  if (envelope_.redirect) redirect_to(*envelope_.redirect);
  entry_.client = std::move(envelope_.client);
  measure();
  entry_.body_type = envelope_.parameters.body == mail::BodyType::eight_bit_mime
                         ? record::BodyType::eight_bit
                         : record::BodyType::seven_bit;
  entry_.smtputf8 = envelope_.parameters.smtputf8;
  entry_.ret = stored_return(envelope_.parameters.ret);
  entry_.envid = mail::xtext_encode(envelope_.parameters.envid);
  entry_.rewrite_context = envelope_.context.kind == rewrite::HeaderContext::Kind::local
                               ? record::RewriteContext::local
                               : record::RewriteContext::remote;
  entry_.hold = envelope_.hold;
  entry_.hold_reason = std::move(envelope_.hold_reason);
  entry_.filter = std::move(envelope_.filter);
  if (refusal_) return_to_sender();
}

void IncomingMessage::redirect_to(const mail::Address& address) {
  record::Recipient only;
  if (!entry_.recipients.empty()) only = std::move(entry_.recipients.front());
  only.address = address;
  entry_.recipients.assign(1, std::move(only));
}

void IncomingMessage::measure() {
  entry_.header_size = header_.size();
  entry_.size = header_.size() + body_->size();
  entry_.blob = body_->in_blob() ? queue_id_ : std::string{};
}

MilterMessage IncomingMessage::take_for_milters(std::uint64_t size_limit) {
  header_.resize(header_.size() - 2);  // the empty line
  MilterMessage message{.header = std::move(header_),
                        .own_received = own_received_,
                        .body = std::move(body_),
                        .entry = entry_,
                        .rewriter = rewriter_,
                        .blob = blob_,
                        .small_body = limits_.small_body,
                        .size_limit = size_limit};
  return message;
}

void IncomingMessage::give_back(MilterMessage message) {
  header_ = std::move(message.header);
  header_ += "\r\n";
  body_ = std::move(message.body);
  auto& actions = message.actions;
  if (actions.hold) hold("held by milter_header_checks");
  if (!actions.filter.empty()) entry_.filter = std::move(actions.filter);
  take_actions(std::move(actions));
  // Also those go there that a milter has added.
  if (envelope_.redirect && !entry_.recipients.empty()) redirect_to(*envelope_.redirect);
  measure();
}

void IncomingMessage::hold(std::string reason) {
  entry_.hold = true;
  entry_.hold_reason = std::move(reason);
}

Result<void> IncomingMessage::sync() {
  if (body_->in_blob() && envelope_.filtered) return join();
  return body_->finish();
}

/// Headers and body, which milters had apart, as one.
Result<void> IncomingMessage::join() {
  constexpr std::size_t kPiece = std::size_t{1} << 20;
  auto whole = blob_.put(queue_id_);
  if (!whole) return std::unexpected(std::move(whole.error()));
  if (auto written = (*whole)->write(header_); !written) return written;
  for (std::uint64_t at = 0; at < body_->size();) {
    const auto piece = body_->read(at, kPiece);
    if (!piece) return std::unexpected(piece.error());
    if (piece->empty()) return fail(Fault::temporary, queue_id_ + ": the body became shorter");
    if (auto written = (*whole)->write(*piece); !written) return written;
    at += piece->size();
  }
  return (*whole)->finish();
}

std::string IncomingMessage::take_stored() {
  if (body_->in_blob()) return {};
  header_ += body_->memory();
  return std::move(header_);
}

}  // namespace hikyaku::serve
