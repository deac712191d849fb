#include "serve/notices.h"

#include <algorithm>

#include "mail/header.h"
#include "mail/parameters_xtext.h"
#include "mail/trace.h"

namespace hikyaku::serve {
namespace {

bool in_state(const record::Recipient& recipient, mail::DsnAction action) {
  switch (action) {
    case mail::DsnAction::failed:
      return recipient.state == record::RecipientState::bounced;
    case mail::DsnAction::delayed:
      return recipient.state == record::RecipientState::pending;
    case mail::DsnAction::delivered:
    case mail::DsnAction::relayed:
      return recipient.state == record::RecipientState::delivered;
  }
  return false;
}

mail::Notify notify_of(const record::Notify& stored) {
  mail::Notify notify;
  notify.bits = static_cast<std::uint8_t>(
      (stored.never ? mail::Notify::kNever : 0) | (stored.success ? mail::Notify::kSuccess : 0) |
      (stored.failure ? mail::Notify::kFailure : 0) | (stored.delay ? mail::Notify::kDelay : 0));
  return notify;
}

mail::DsnReturn stored_return(record::ReturnContent ret) {
  switch (ret) {
    case record::ReturnContent::full:
      return mail::DsnReturn::full;
    case record::ReturnContent::headers:
      return mail::DsnReturn::headers;
    case record::ReturnContent::unset:
      break;
  }
  return mail::DsnReturn::unspecified;
}

}  // namespace

std::vector<std::size_t> owed_notices(const record::QueueEntry& entry, mail::DsnAction action,
                                      const std::vector<std::size_t>& in_mailbox) {
  std::vector<std::size_t> owed;
  for (std::size_t i = 0; i < entry.recipients.size(); ++i) {
    const auto& recipient = entry.recipients[i];
    if (recipient.reported || !in_state(recipient, action)) continue;
    const bool here = std::ranges::find(in_mailbox, i) != in_mailbox.end();
    if ((action == mail::DsnAction::delivered && !here) || (action == mail::DsnAction::relayed && here))
      continue;
    if (mail::notice_wanted(entry.sender, notify_of(recipient.notify), action)) owed.push_back(i);
  }
  return owed;
}

Notice make_notice(const record::QueueEntry& entry, const std::vector<std::size_t>& recipients,
                   mail::DsnAction action, std::string_view content, const NoticeFacts& facts) {
  const auto queue_id = entry.id.text();
  const auto notice_id = facts.id.text();
  const auto envelope_id = mail::xtext_decode(entry.envid).value_or("");
  std::vector<std::string> originals(recipients.size());

  mail::DsnFacts dsn;
  dsn.kind = action;
  dsn.reporting_mta = facts.hostname;
  dsn.queue_id = queue_id;
  dsn.notice_id = notice_id;
  dsn.arrival = entry.arrival;
  dsn.now = facts.now;
  dsn.sender = entry.sender;
  dsn.from =
      mail::Address::from_internal("MAILER-DAEMON@" + std::string(facts.hostname)).value_or(mail::Address{});
  dsn.envelope_id = envelope_id;
  dsn.smtputf8 = entry.smtputf8;
  dsn.retry_until = facts.retry_until;
  for (std::size_t i = 0; i < recipients.size(); ++i) {
    const auto& recipient = entry.recipients[recipients[i]];
    if (const auto semicolon = recipient.orcpt.find(';'); semicolon != std::string::npos) {
      originals[i] = recipient.orcpt.substr(0, semicolon + 1) +
                     mail::xtext_decode(std::string_view(recipient.orcpt).substr(semicolon + 1)).value_or("");
    } else if (recipient.original != recipient.address) {
      originals[i] = "rfc822;" + recipient.original.text();
    }
    mail::DsnRecipient row;
    row.final_recipient = recipient.address;
    row.original = originals[i];
    row.action = action;
    row.status = recipient.status;
    const auto said = mail::read_dsn_reply(recipient.reply);
    row.remote_mta = said.remote_mta;
    row.diagnostic = said.diagnostic;
    if (!said.remote_mta.empty()) row.diagnostic_type = "smtp";
    row.reason = recipient.reply;
    if (entry.last_attempt != Time{}) row.last_attempt = entry.last_attempt;
    dsn.recipients.push_back(row);
  }

  const auto end = mail::find_header_end(content);
  mail::DsnOriginal original;
  original.header = content.substr(0, end.header);
  if (mail::returns_whole_message(action, stored_return(entry.ret), entry.size, facts.size_limit)) {
    original.body = content.substr(end.body);
  }
  auto written = mail::compose_notice(dsn, original);

  Notice notice;
  mail::TraceFacts trace;
  trace.by = facts.hostname;
  trace.software = "Hikyaku";
  trace.queue_id = notice_id;
  trace.time = facts.now;
  notice.content = mail::received_header(trace);
  notice.content += written.message;
  notice.entry.id = facts.id;
  notice.entry.arrival = facts.now;
  notice.entry.next_attempt = facts.now;
  notice.entry.size = notice.content.size();
  notice.entry.header_size = mail::find_header_end(notice.content).body;
  notice.entry.smtputf8 = written.smtputf8;
  notice.entry.body_type = written.eight_bit ? record::BodyType::eight_bit : record::BodyType::seven_bit;
  notice.entry.rewrite_context = record::RewriteContext::local;
  record::Recipient to;
  to.address = facts.recipient;
  to.original = facts.recipient;
  to.notify.never = true;
  notice.entry.recipients.push_back(std::move(to));
  return notice;
}

}  // namespace hikyaku::serve
