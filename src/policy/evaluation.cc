#include "policy/evaluation.h"

#include <algorithm>
#include <utility>

#include "base/escape.h"

namespace hikyaku::policy {
namespace {

using Kind = Restriction::Kind;
using Outcome = Evaluation::Outcome;

constexpr unsigned kDeepest = 100;

std::string about(std::string_view name, std::string_view what, std::string_view words) {
  std::string text = "<";
  return text.append(name).append(">: ").append(what).append(" rejected: ").append(words);
}

}  // namespace

Evaluation::Evaluation(const Settings& settings, const AddressResolver& resolver, const Request& request)
    : settings_(settings), resolver_(resolver), request_(request), discard_(request.discarding) {}

void Evaluation::take_earlier() {
  if (request_.earlier != nullptr) defer_if_permit_ = *request_.earlier;
}

const Result<Resolution>& Evaluation::resolved(const mail::Address& address, std::string_view subject) {
  static const mail::Address kNull;
  const bool of_sender = subject == subject::kSender;
  auto& kept = of_sender ? sender_ : recipient_;
  if (!kept) {
    const auto* other = of_sender ? request_.recipient : request_.sender;
    kept = resolver_.resolve(other == nullptr ? kNull : *other, address);
  }
  return *kept;
}

Outcome Evaluation::refuse(Cause cause, int code, std::string_view enhanced, std::string text) {
  Refusal refusal{code, std::string(enhanced), std::move(text)};
  if (code < 400 || code > 599) {
    verdict_.warnings.push_back("reply code configuration error: " + escaped(refusal.line(), 300));
    refusal = {450, "4.7.1", "Service unavailable"};
  }
  const bool only_warn = still_warning() && cause == Cause::policy;
  if (!only_warn && defer_if_reject_ && refusal.code >= 500) {
    // What might have let it pass could not be asked: so not for good.
    refusal = std::move(*defer_if_reject_);
    defer_if_reject_.reset();
    warn_depth_ = 0;
  }
  if (settings_.soft_bounce && refusal.code >= 500) refusal.code -= 100;
  if (!refusal.enhanced.empty()) refusal.enhanced[0] = static_cast<char>('0' + refusal.code / 100);
  if (only_warn) {
    seen_.outcome = "would be refused, but for warn_if_reject: " + refusal.line();
    verdict_.notes.push_back({"reject_warning", refusal.line()});
    return Outcome::undecided;
  }
  seen_.outcome = "refused: " + refusal.line();
  verdict_.refusal = std::move(refusal);
  return Outcome::refuse;
}

Outcome Evaluation::defer_if_permit(Settings::OnTemporary action, int code, std::string_view enhanced,
                                    std::string text) {
  if (still_warning() || action == Settings::OnTemporary::defer)
    return refuse(Cause::policy, code, enhanced, std::move(text));
  if (!defer_if_permit_) defer_if_permit_ = Refusal{code, std::string(enhanced), std::move(text)};
  seen_.outcome = "deferred, if nothing else refuses it";
  return Outcome::undecided;
}

void Evaluation::defer_if_reject(int code, std::string_view enhanced, std::string text) {
  if (!defer_if_reject_) defer_if_reject_ = Refusal{code, std::string(enhanced), std::move(text)};
  seen_.outcome = "a refusal becomes a deferral";
}

Outcome Evaluation::lookup_failed(std::string_view name, const Error& why) {
  seen_.failed = "the tables answer";
  seen_.operand = why.text;
  verdict_.warnings.push_back(why.text);
  std::string text = "<";
  return refuse(Cause::mistake, 451, "4.3.0", text.append(name).append(">: Temporary lookup failure"));
}

Outcome Evaluation::server_error(std::string warning) {
  verdict_.warnings.push_back(std::move(warning));
  return refuse(Cause::mistake, 451, "4.3.5", "Server configuration error");
}

Outcome Evaluation::not_so(std::string_view condition, std::string_view operand) {
  seen_.failed = condition;
  seen_.operand = operand;
  return Outcome::undecided;
}

Outcome Evaluation::run(const RestrictionList& list, const Stage& stage) {
  depth_ = warn_depth_ = 0;
  defer_if_reject_.reset();
  return walk(list, stage);
}

Outcome Evaluation::walk(const RestrictionList& list, const Stage& stage) {
  ++depth_;
  auto outcome = Outcome::undecided;
  for (const auto& one : list) {
    if (discard_) break;
    if (one.kind == Kind::warn_if_reject) {
      if (warn_depth_ == 0) warn_depth_ = depth_;
      continue;
    }
    seen_ = {};
    seen_.origin = one.origin;
    outcome = apply(one, stage);
    if (!seen_.recorded) record(one, stage, outcome);
    if (warn_depth_ >= depth_) warn_depth_ = 0;
    if (outcome != Outcome::undecided) break;
    if (defer_if_permit_ && defer_if_reject_) break;
  }
  --depth_;
  if (warn_depth_ > depth_) warn_depth_ = 0;
  return outcome;
}

void Evaluation::record(const Restriction& one, const Stage& stage, Outcome outcome) {
  const std::string_view rule = seen_.rule.empty() ? std::string_view(one.text) : seen_.rule;
  std::string_view came = seen_.outcome;
  if (came.empty()) {
    came = outcome == Outcome::permit ? "permitted" : outcome == Outcome::undecided ? "passed on" : "";
  }
  ledger_.add({stage.step, rule, seen_.origin, seen_.keys.joined(), seen_.failed, seen_.operand, came});
}

void Evaluation::record_stage(std::string_view step, std::string_view rule, Origin origin, Outcome outcome) {
  record({Kind::permit, std::string(rule), origin}, {step, {}, {}, Kind::permit}, outcome);
}

Verdict Evaluation::finish(Outcome outcome, Explanation& why) {
  if (outcome == Outcome::needs_dns) {
    Verdict verdict;
    verdict.kind = Verdict::Kind::needs_dns;
    verdict.questions = std::move(verdict_.questions);
    return verdict;
  }
  verdict_.questions.clear();
  verdict_.kind = outcome == Outcome::refuse ? Verdict::Kind::refuse : Verdict::Kind::go_on;
  verdict_.deferral = std::move(defer_if_permit_);
  why.append(ledger_.bytes());
  return std::move(verdict_);
}

Verdict Evaluation::finish_alone(Outcome outcome, Explanation& why) {
  defer_if_permit_.reset();
  take_earlier();
  return finish(outcome, why);
}

Outcome Evaluation::settle(Outcome outcome) {
  if (!defer_if_permit_ || (outcome != Outcome::undecided && outcome != Outcome::permit)) return outcome;
  seen_ = {};
  const auto reason = *defer_if_permit_;
  outcome = refuse(Cause::policy, reason.code, reason.enhanced, reason.text);
  record_stage("policy.deferred", "defer_if_permit", {}, outcome);
  return outcome;
}

Outcome Evaluation::check_syntax(const mail::Address& address, std::string_view enhanced,
                                 std::string_view words) {
  if (address.null()) return Outcome::undecided;
  const bool of_sender = enhanced == "5.1.7";
  const auto& resolution = resolved(address, of_sender ? subject::kSender : subject::kRecipient);
  if (!resolution) return Outcome::undecided;  // a later check will say so with its own words
  const auto& domain = resolution->address.domain();
  const bool ascii =
      std::all_of(domain.begin(), domain.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
  if (!resolution->invalid && (ascii || request_.smtputf8)) return Outcome::undecided;
  seen_ = {};
  not_so(resolution->invalid ? "the address has a well-formed domain and user" : "MAIL had SMTPUTF8",
         address.internal());
  const auto outcome = refuse(Cause::mistake, 501, enhanced, std::string(words));
  record_stage("policy.syntax", "address syntax", {}, outcome);
  return outcome;
}

Outcome Evaluation::apply(const Restriction& one, const Stage& stage) {
  const auto& codes = settings_.codes;
  switch (one.kind) {
    case Kind::permit:
      return Outcome::permit;
    case Kind::reject:
      return refuse(Cause::policy, codes.reject, "5.7.1", about(stage.name, stage.subject, "Access denied"));
    case Kind::defer:
      return refuse(Cause::policy, codes.defer, "4.3.2", about(stage.name, stage.subject, "Try again later"));
    case Kind::defer_if_permit:
      return defer_if_permit(Settings::OnTemporary::defer_if_permit, 450, "4.7.0",
                             about(stage.name, stage.subject, "defer_if_permit requested"));
    case Kind::defer_if_reject:
      defer_if_reject(450, "4.7.0", about(stage.name, stage.subject, "defer_if_reject requested"));
      return Outcome::undecided;
    case Kind::warn_if_reject:
      return Outcome::undecided;
    case Kind::pause:
      // Digits only, at most four, as the list was compiled.
      for (int seconds = 0; const char c : one.argument) {
        seconds = seconds * 10 + (c - '0');
        verdict_.pause = std::max(verdict_.pause, std::chrono::seconds(seconds));
      }
      seen_.outcome = "the answer waits";
      return Outcome::undecided;
    case Kind::reject_unauth_pipelining:
      if (!request_.client.bad_pipelining)
        return not_so("the client sent commands too early", request_.client.address);
      return refuse(Cause::policy, 503, "5.5.0",
                    about(stage.name, stage.subject, "Improper use of SMTP command pipelining"));
    case Kind::reject_plaintext_session:
      if (request_.client.tls) return not_so("the session is not encrypted", "TLS");
      return refuse(Cause::policy, codes.plaintext, "4.7.1", "Session encryption is required");
    case Kind::restriction_class: {
      if (depth_ > kDeepest)
        return server_error("restriction class " + one.argument + ": unreasonable recursion");
      ledger_.add({stage.step, one.text, one.origin, {}, {}, {}, "its restrictions follow"});
      const auto outcome = walk(*one.members, stage);
      seen_.recorded = true;
      return outcome;
    }
    case Kind::default_access:
      if (stage.bare_table == Kind::default_access) {
        return server_error("\"" + one.text + "\" needs check_client_access or another word before it in " +
                            std::string(stage.step));
      }
      return look_up(one, stage.bare_table, stage);
    default:
      break;
  }
  if (one.kind >= Kind::check_client_mx_access) return apply_to_servers(one, stage);
  if (one.kind >= Kind::check_recipient_access) return apply_to_recipient(one, stage);
  if (one.kind >= Kind::check_sender_access) return apply_to_sender(one, stage);
  if (one.kind >= Kind::check_helo_access) return apply_to_helo(one, stage);
  return apply_to_client(one, stage);
}

Outcome Evaluation::apply_to_client(const Restriction& one, const Stage& stage) {
  const auto& client = request_.client;
  const auto unknown = [&](NameStatus status, int code, std::string_view enhanced, std::string_view which) {
    std::string text = "Client host rejected: cannot find your ";
    text.append(which).append("hostname, [").append(client.address).append("]");
    return refuse(Cause::policy, status == NameStatus::temporary ? 450 : code, enhanced, std::move(text));
  };
  switch (one.kind) {
    case Kind::permit_inet_interfaces:
      if (client.ip && std::find(settings_.own_addresses.begin(), settings_.own_addresses.end(),
                                 *client.ip) != settings_.own_addresses.end()) {
        return Outcome::permit;
      }
      return not_so("client address is in inet_interfaces", client.address);
    case Kind::permit_mynetworks: {
      if (!client.ip) return not_so("client address is in mynetworks", client.address);
      const auto match = settings_.mynetworks.match(client.name, *client.ip, &seen_.keys);
      if (!match) return lookup_failed(stage.name, match.error());
      if (!*match) return not_so("client address is in mynetworks", client.address);
      seen_.operand = client.address;
      seen_.outcome = "permitted: mynetworks has " + std::string((*match)->element);
      return Outcome::permit;
    }
    case Kind::permit_sasl_authenticated:
      if (settings_.sasl_enabled && !client.sasl_user.empty()) {
        seen_.operand = client.sasl_user;
        return Outcome::permit;
      }
      return not_so("client is logged in",
                    settings_.sasl_enabled ? "not logged in" : "smtpd_sasl_auth_enable = no");
    case Kind::permit_tls_all_clientcerts:
      if (client.certificate_trusted) return Outcome::permit;
      [[fallthrough]];
    case Kind::permit_tls_clientcerts:
      if (client.certificate_fingerprint.empty() && client.public_key_fingerprint.empty()) {
        return not_so("client showed a certificate", "none");
      }
      for (const auto print : {client.certificate_fingerprint, client.public_key_fingerprint}) {
        const auto found = settings_.relay_clientcerts.find(print, &seen_.keys);
        if (!found) return lookup_failed(stage.name, found.error());
        if (*found) return Outcome::permit;
      }
      return not_so("client's certificate is in relay_clientcerts", client.certificate_fingerprint);
    case Kind::reject_unknown_client_hostname:
      if (client.name_status == NameStatus::ok)
        return not_so("client has no verified host name", client.name);
      return unknown(client.name_status, settings_.codes.unknown_client, "4.7.25", "");
    case Kind::reject_unknown_reverse_client_hostname:
      if (client.reverse_name_status == NameStatus::ok)
        return not_so("client has no reverse host name", client.reverse_name);
      return unknown(client.reverse_name_status, settings_.codes.unknown_client, "4.7.1", "reverse ");
    case Kind::reject_rbl_client:
      return refuse_listed_address(one);
    case Kind::reject_rhsbl_client:
      return refuse_listed_name(one, client.name, subject::kClient);
    case Kind::reject_rhsbl_reverse_client:
      return refuse_listed_name(one, client.reverse_name, subject::kReverseClient);
    case Kind::permit_dnswl_client:
      return permit_listed(one, {}, client.address);
    case Kind::permit_rhswl_client:
      return permit_listed(one, client.name, client.name);
    default:
      return look_up(one, one.kind, stage);
  }
}

Outcome Evaluation::apply_to_helo(const Restriction& one, const Stage& stage) {
  if (!request_.helo) return not_so("the client has said HELO", "no HELO");
  switch (one.kind) {
    case Kind::reject_invalid_helo_hostname:
      return invalid_helo();
    case Kind::reject_non_fqdn_helo_hostname:
      return incomplete_helo();
    case Kind::reject_unknown_helo_hostname:
      return unknown_helo();
    case Kind::reject_rhsbl_helo:
      return refuse_listed_name(one, *request_.helo, subject::kHelo);
    default:
      return look_up(one, one.kind, stage);
  }
}

Outcome Evaluation::apply_to_sender(const Restriction& one, const Stage& stage) {
  if (request_.sender == nullptr) return not_so("there is a sender", "no MAIL yet");
  if (one.kind == Kind::check_sender_access) return look_up(one, one.kind, stage);
  if (request_.sender->null()) return not_so("the sender is not <>", "<>");
  switch (one.kind) {
    case Kind::reject_non_fqdn_sender:
      return incomplete_address(*request_.sender, subject::kSender);
    case Kind::reject_unknown_sender_domain:
      return unknown_domain(*request_.sender, subject::kSender);
    case Kind::reject_rhsbl_sender:
      return refuse_listed_name(one, request_.sender->internal(), subject::kSender);
    case Kind::reject_unlisted_sender:
      return unlisted_sender();
    default:
      break;
  }
  if (!settings_.sasl_enabled) {
    verdict_.warnings.push_back("restriction " + one.text + " ignored: smtpd_sasl_auth_enable = no");
    return not_so("smtpd_sasl_auth_enable = yes", "no");
  }
  const bool logged_in = !request_.client.sasl_user.empty();
  switch (one.kind) {
    case Kind::reject_authenticated_sender_login_mismatch:
      return login_owns_sender(false);
    case Kind::reject_unauthenticated_sender_login_mismatch:
      return sender_needs_login();
    case Kind::reject_known_sender_login_mismatch:
      return logged_in ? login_owns_sender(true) : sender_needs_login();
    default:
      return logged_in ? login_owns_sender(false) : sender_needs_login();  // reject_sender_login_mismatch
  }
}

Outcome Evaluation::apply_to_recipient(const Restriction& one, const Stage& stage) {
  if (one.kind == Kind::reject_multi_recipient_bounce) {
    const std::size_t allowed =
        stage.subject == subject::kRecipient || stage.subject == subject::kSender ? 0 : 1;
    if (request_.sender == nullptr || !request_.sender->null())
      return not_so("the sender is <>", "another sender");
    if (request_.accepted_recipients <= allowed) return not_so("there is more than one recipient", "one");
    return refuse(Cause::policy, settings_.codes.multi_recipient_bounce, "5.5.3",
                  about(stage.name, stage.subject, "Multi-recipient bounce"));
  }
  if (one.kind == Kind::check_etrn_access) return look_up(one, one.kind, stage);
  if (request_.recipient == nullptr) return not_so("there is one recipient", "none or several");
  switch (one.kind) {
    case Kind::permit_auth_destination:
    case Kind::permit_mx_backup: {
      const auto& resolution = resolved(*request_.recipient, subject::kRecipient);
      if (!resolution) return lookup_failed(request_.recipient->internal(), resolution.error());
      if (authorized(*resolution)) return Outcome::permit;
      return not_so("recipient domain is ours or in relay_domains", resolution->address.domain());
    }
    case Kind::reject_unauth_destination:
      return unauthorized_destination(settings_.codes.relay_domains_reject, "5.7.1");
    case Kind::defer_unauth_destination:
      return unauthorized_destination(settings_.codes.relay_domains_reject - 100, "4.7.1");
    case Kind::reject_non_fqdn_recipient:
      return incomplete_address(*request_.recipient, subject::kRecipient);
    case Kind::reject_unknown_recipient_domain:
      return unknown_domain(*request_.recipient, subject::kRecipient);
    case Kind::reject_rhsbl_recipient:
      return refuse_listed_name(one, request_.recipient->internal(), subject::kRecipient);
    case Kind::reject_unlisted_recipient:
      return unlisted_recipient();
    default:
      return look_up(one, one.kind, stage);
  }
}

}  // namespace hikyaku::policy
