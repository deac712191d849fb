// What access(5) tables answer, and what comes of it.
#include <algorithm>
#include <array>
#include <utility>

#include "base/escape.h"
#include "mail/address_tokens.h"
#include "policy/evaluation.h"
#include "policy/reply_words.h"
#include "table/fold.h"
#include "table/spec.h"

namespace hikyaku::policy {
namespace {

using Kind = Restriction::Kind;
using Outcome = Evaluation::Outcome;

constexpr unsigned kDeepest = 100;

bool is_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::string about(std::string_view name, std::string_view what, std::string_view text) {
  std::string out = "<";
  return out.append(name).append(">: ").append(what).append(" ").append(text);
}

/// "Name: text": could this be a header (RFC 5322 s. 2.2)?
bool is_header(std::string_view text) {
  const auto colon = text.find(':');
  if (colon == 0 || colon == std::string_view::npos) return false;
  return std::all_of(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(colon),
                     [](char c) { return c > 32 && c < 127; });
}

}  // namespace

Outcome Evaluation::look_up(const Restriction& one, Kind as, const Stage& stage) {
  const auto& client = request_.client;
  switch (as) {
    case Kind::check_client_access:
      return look_up_client(one, client.name, client.text(), subject::kClient, stage);
    case Kind::check_reverse_client_access:
      return look_up_client(one, client.reverse_name, std::string(client.reverse_name),
                            subject::kReverseClient, stage);
    case Kind::check_helo_access: {
      if (!request_.helo) return not_so("the client has said HELO", "no HELO");
      bool found = false;
      return act_on(one,
                    table::find_access_domain(one.map, *request_.helo, settings_.access_parents, &seen_.keys),
                    *request_.helo, subject::kHelo, stage, found);
    }
    case Kind::check_sender_access:
      if (request_.sender == nullptr) return not_so("there is a sender", "no MAIL yet");
      return look_up_address(one, *request_.sender, subject::kSender, stage);
    case Kind::check_recipient_access:
      if (request_.recipient == nullptr) return not_so("there is one recipient", "none or several");
      return look_up_address(one, *request_.recipient, subject::kRecipient, stage);
    case Kind::check_etrn_access: {
      if (!at_etrn_) return not_so("the command is ETRN", "another");
      bool found = false;
      return act_on(one,
                    table::find_access_domain(one.map, request_.etrn, settings_.access_parents, &seen_.keys),
                    request_.etrn, subject::kEtrn, stage, found);
    }
    case Kind::check_ccert_access:
      return look_up_certificate(one, stage);
    case Kind::check_sasl_access: {
      if (!settings_.sasl_enabled || client.sasl_user.empty())
        return not_so("client is logged in", "not logged in");
      auto answer = one.map.find(client.sasl_user, &seen_.keys);
      bool found = false;
      if (!answer)
        return act_on(one, std::unexpected(answer.error()), client.sasl_user, subject::kLogin, stage, found);
      table::KeyAnswer hit;
      if (*answer) hit = table::KeyHit{std::move(**answer), std::string(client.sasl_user), {}, {}};
      return act_on(one, hit, escaped(client.sasl_user), subject::kLogin, stage, found);
    }
    default:
      return Outcome::undecided;
  }
}

Outcome Evaluation::look_up_client(const Restriction& one, std::string_view name, std::string_view reply_name,
                                   std::string_view reply_class, const Stage& stage) {
  if (!request_.client.ip) return not_so("the client has an address", "none");
  bool found = false;
  const auto outcome = act_on(
      one,
      table::find_access_client(one.map, name, *request_.client.ip, settings_.access_parents, &seen_.keys),
      reply_name, reply_class, stage, found);
  // An unverified name must not open doors: anybody can have any.
  if (reply_class == subject::kReverseClient && outcome == Outcome::permit && !discard_) {
    return server_error("restriction " + one.text + " returns OK for " + escaped(name, 100) +
                        "; use DUNNO for an exception");
  }
  return outcome;
}

Outcome Evaluation::look_up_certificate(const Restriction& one, const Stage& stage) {
  const auto& client = request_.client;
  if (client.certificate_fingerprint.empty()) return not_so("client showed a certificate", "none");
  for (const auto print : {client.certificate_fingerprint, client.public_key_fingerprint}) {
    if (print.empty()) continue;
    auto answer = one.map.find(print, &seen_.keys);
    table::KeyAnswer hit;
    if (!answer) hit = std::unexpected(answer.error());
    if (answer && *answer) hit = table::KeyHit{std::move(**answer), std::string(print), {}, {}};
    bool found = false;
    const auto outcome =
        act_on(one, hit, escaped(client.certificate_name, 100), subject::kCertificate, stage, found);
    if (outcome != Outcome::undecided) return outcome;
  }
  return Outcome::undecided;
}

Outcome Evaluation::look_up_address(const Restriction& one, const mail::Address& address,
                                    std::string_view reply_class, const Stage& stage) {
  bool found = false;
  if (address.null()) {
    auto answer = one.map.find(settings_.null_access_key, &seen_.keys);
    table::KeyAnswer hit;
    if (!answer) hit = std::unexpected(answer.error());
    if (answer && *answer) hit = table::KeyHit{std::move(**answer), settings_.null_access_key, {}, {}};
    return act_on(one, hit, "", reply_class, stage, found);
  }
  const auto& resolution = resolved(address, reply_class);
  if (!resolution) return lookup_failed(address.internal(), resolution.error());
  const auto outcome = act_on(one,
                              table::find_access_address(one.map, resolution->address, settings_.delimiters,
                                                         settings_.access_parents, &seen_.keys),
                              address.internal(), reply_class, stage, found);
  // Where such an address really goes is not ours to say.
  const bool suspicious =
      !settings_.allow_untrusted_routing && resolution->routed && reply_class == subject::kRecipient;
  if (outcome == Outcome::permit && suspicious) {
    seen_.outcome = "passed on: OK does not count for an address with @, ! or % in its local part";
    return Outcome::undecided;
  }
  return outcome;
}

Outcome Evaluation::act_on(const Restriction& one, const table::KeyAnswer& answer,
                           std::string_view reply_name, std::string_view reply_class, const Stage& stage,
                           bool& found) {
  found = false;
  if (!answer) {
    found = true;
    seen_.failed = "the table answers";
    seen_.operand = answer.error().text;
    verdict_.warnings.push_back(one.text + ": " + answer.error().text);
    return act_on_value(one, "451 4.3.5 Server configuration error", reply_name, reply_class, stage);
  }
  if (!*answer) {
    std::string operand(reply_name.empty() ? "<>" : reply_name);
    seen_.failed = "the table has a key of it";
    seen_.operand = std::move(operand);
    return Outcome::undecided;
  }
  found = true;
  const auto& hit = **answer;
  seen_.rule = one.text + ": " + hit.key + " " + hit.found.value;
  seen_.origin = hit.found.origin;
  seen_.operand = reply_name.empty() ? "<>" : reply_name;
  return act_on_value(one, hit.found.value, reply_name, reply_class, stage);
}

bool Evaluation::may_change_message(const Restriction& one, std::string_view word) {
  if (at_etrn_) {
    verdict_.warnings.push_back(one.text + ": " + std::string(word) +
                                " is not possible in smtpd_etrn_restrictions");
    return false;
  }
  // With smtpd_delay_reject = no there is no message yet in the client and HELO lists.
  if (request_.sender == nullptr) {
    verdict_.warnings.push_back(one.text + ": " + std::string(word) +
                                " is skipped before MAIL (smtpd_delay_reject = no)");
    return false;
  }
  return true;
}

Outcome Evaluation::act_on_value(const Restriction& one, std::string_view value, std::string_view reply_name,
                                 std::string_view reply_class, const Stage& stage) {
  const auto word = value.substr(0, value.find_first_of(" \t"));
  auto text = value.substr(word.size());
  text.remove_prefix(std::min(text.find_first_not_of(" \t\r\n"), text.size()));
  if (const auto outcome = act_on_word(one, word, text, reply_name, reply_class)) return *outcome;
  if (is_digits(value)) return Outcome::permit;
  if (word.size() == 3 && !text.empty() && is_digits(word) && (word[0] == '4' || word[0] == '5')) {
    const int code = (word[0] - '0') * 100 + (word[1] - '0') * 10 + (word[2] - '0');
    const auto coded = split_enhanced(text, word[0] == '4' ? "4.7.1" : "5.7.1");
    return refuse(Cause::policy, code, fit_enhanced(coded.enhanced, reply_class),
                  about(reply_name, reply_class,
                        "rejected: " + std::string(coded.text.empty() ? "Access denied" : coded.text)));
  }
  return act_on_restrictions(one, value, reply_name, reply_class, stage);
}

std::optional<Outcome> Evaluation::act_on_word(const Restriction& one, std::string_view word,
                                               std::string_view text, std::string_view reply_name,
                                               std::string_view reply_class) {
  const auto is = [word](std::string_view name) { return table::equal_ascii_nocase(word, name); };
  const auto rejected = [&](std::string_view fallback_code, std::string_view fallback_text) {
    const auto coded = split_enhanced(text, fallback_code);
    return std::pair(fit_enhanced(coded.enhanced, reply_class),
                     about(reply_name, reply_class,
                           "rejected: " + std::string(coded.text.empty() ? fallback_text : coded.text)));
  };
  const auto note = [&](std::string_view kind, const std::string& words) {
    verdict_.notes.push_back({kind, words});
    seen_.outcome = std::string(kind) + ": " + words;
    return Outcome::undecided;
  };
  const auto mistake = [&](std::string_view words) {
    verdict_.warnings.push_back(one.text + ": " + std::string(word) + " " + std::string(words));
    return Outcome::undecided;
  };
  const auto triggers = [&](std::string_view what) {
    return about(reply_name, reply_class, "triggers " + std::string(what));
  };

  if (is("OK") || is("RELAY")) return Outcome::permit;
  if (is("DUNNO")) return Outcome::undecided;
  if (is("REJECT")) {
    auto [enhanced, words] = rejected("5.7.1", "Access denied");
    return refuse(Cause::policy, settings_.codes.access_map_reject, enhanced, std::move(words));
  }
  if (is("DEFER")) {
    auto [enhanced, words] = rejected("4.7.1", "Access denied");
    return refuse(Cause::policy, settings_.codes.access_map_defer, enhanced, std::move(words));
  }
  if (is("DEFER_IF_PERMIT")) {
    auto [enhanced, words] = rejected("4.7.1", "Service unavailable");
    return defer_if_permit(Settings::OnTemporary::defer_if_permit, settings_.codes.access_map_defer, enhanced,
                           std::move(words));
  }
  if (is("DEFER_IF_REJECT")) {
    auto [enhanced, words] = rejected("4.7.1", "Service unavailable");
    defer_if_reject(settings_.codes.access_map_defer, enhanced, std::move(words));
    return Outcome::undecided;
  }
  if (is("INFO")) return note("info", std::string(text));
  if (is("WARN")) return note("warn", std::string(text));
  if (is("FILTER")) {
    if (!may_change_message(one, word)) return Outcome::undecided;
    if (text.find(':') == std::string_view::npos) return mistake("needs transport:destination");
    verdict_.actions.filter = text;
    return note("filter", triggers("FILTER " + std::string(text)));
  }
  if (is("HOLD")) {
    if (!may_change_message(one, word) || verdict_.actions.hold) return Outcome::undecided;
    verdict_.actions.hold = true;
    verdict_.actions.hold_reason = text.empty() ? "access table" : std::string(text);
    return note("hold", text.empty() ? triggers("HOLD action") : about(reply_name, reply_class, text));
  }
  if (is("DISCARD")) {
    if (!may_change_message(one, word)) return Outcome::undecided;
    verdict_.actions.discard = discard_ = true;
    note("discard", text.empty() ? triggers("DISCARD action") : about(reply_name, reply_class, text));
    return Outcome::permit;
  }
  if (is("REDIRECT") || is("BCC")) {
    if (!may_change_message(one, word)) return Outcome::undecided;
    auto address = mail::Address::from_internal(mail::unquote_local_part(text));
    if (!address || !address->has_domain()) return mistake("needs user@domain");
    const bool redirect = is("REDIRECT");
    if (redirect)
      verdict_.actions.redirect = *address;
    else
      verdict_.actions.bcc.push_back(*address);
    return note(redirect ? "redirect" : "bcc",
                triggers(std::string(redirect ? "REDIRECT " : "BCC ") + std::string(text)));
  }
  if (is("PREPEND")) {
    if (request_.sender == nullptr) return mistake("is skipped before MAIL (smtpd_delay_reject = no)");
    if (at_end_of_data_) return mistake("comes too late in smtpd_end_of_data_restrictions");
    if (!is_header(text)) return mistake("needs a header: text");
    verdict_.actions.prepend.emplace_back(text);
    seen_.outcome = "prepends \"" + escaped(text, 200) + "\"";
    return Outcome::undecided;
  }
  return std::nullopt;
}

Outcome Evaluation::act_on_restrictions(const Restriction& one, std::string_view value,
                                        std::string_view reply_name, std::string_view reply_class,
                                        const Stage& stage) {
  if (value.find(':') != std::string_view::npos) {
    return server_error(one.text + " answers with a table, \"" + escaped(value, 200) +
                        "\"; name a restriction class instead");
  }
  if (depth_ > kDeepest)
    return server_error(one.text + ": \"" + escaped(value, 200) + "\" causes unreasonable recursion");
  std::vector<table::Element> elements;
  for (const auto word : table::split_list(value)) elements.push_back({std::string(word), seen_.origin});
  if (elements.empty()) return Outcome::permit;
  std::vector<RestrictionFault> faults;
  const auto list = compile_restrictions(elements, settings_.classes, nullptr, faults);
  for (const auto& fault : faults) {
    if (fault.fatal)
      return server_error(one.text + " answers with \"" + escaped(value, 200) + "\": " + fault.text);
  }
  seen_.outcome = "its restrictions follow";
  record(one, stage, Outcome::undecided);
  const auto outcome = walk(list, {stage.step, reply_class, std::string(reply_name), stage.bare_table});
  seen_.recorded = true;
  return outcome;
}

}  // namespace hikyaku::policy
