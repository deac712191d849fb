#include <algorithm>
#include <bitset>
#include <chrono>
#include <utility>

#include "mail/address_list.h"
#include "mail/header.h"
#include "rewrite/address_chain.h"
#include "rewrite/content_checks.h"
#include "rewrite/header_output.h"
#include "rewrite/rewriter.h"

namespace hikyaku::rewrite {
namespace {

using mail::HeaderName;
using mail::HeaderRole;

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  const auto first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

/// One header section on its way through the checks and maps.
class HeaderRewriting {
 public:
  HeaderRewriting(const Rewriter& rewriter, std::string_view section, const HeaderContext& context,
                  const MessageFacts& facts, Explanation& why)
      : rewriter_(rewriter),
        settings_(rewriter.settings()),
        chain_(settings_, rewriter.completion()),
        context_(context),
        facts_(facts),
        why_(why),
        output_(section),
        section_(section) {}

  HeaderResult run() {
    mail::HeaderFields fields(section_);
    while (const auto field = fields.next()) one(*field);
    if (result_.received + 1 >= settings_.hop_limit) refuse_loop();
    if (context_.rewrites() || settings_.always_add_missing_headers.on) add_missing();
    result_.section = output_.finish();
    return std::move(result_);
  }

 private:
  void one(const mail::HeaderField& field) {
    if (field.name.empty()) {
      std::string text = "X-Mailbox-Line: ";
      text += field.text;
      output_.replace(field, text);
      return;
    }
    const auto* kind = &mail::header_kind(field.name);
    if (kind->name == HeaderName::received) ++result_.received;
    CheckResult checked;
    const auto& checks = kind->mime ? settings_.mime_header_checks : settings_.header_checks;
    if (!checks.maps.empty() && !result_.actions.checks_over) {
      checked = apply_checks(checks, with_plain_folds(normal_text(field), folds_), Content::header,
                             CheckedBy::arrival, result_.actions, why_);
    }
    if (!checked.prepend.empty()) output_.insert_before(field, checked.prepend);
    if (checked.kind == CheckResult::Kind::drop) {
      output_.drop(field);
      return;
    }
    if (checked.kind == CheckResult::Kind::replace) {
      const auto replaced = mail::read_header(checked.text);
      kind = &mail::header_kind(replaced->name);
      pass(field, *replaced, *kind, checked.text);
    } else {
      pass(field, field, *kind, {});
    }
  }

  /// A header that white space separates from its colon loses that space (RFC 5322 s. 4.5).
  std::string_view normal_text(const mail::HeaderField& field) {
    if (field.name.size() + 1 + field.value.size() == field.text.size()) return field.text;
    normal_.assign(field.name);
    normal_ += ':';
    normal_ += field.value;
    return normal_;
  }

  /// `source` is the header as it came; `field` what is left of it after the checks; `text` their REPLACE
  /// text.
  void pass(const mail::HeaderField& source, const mail::HeaderField& field, const mail::HeaderKind& kind,
            std::string_view text) {
    note(field, kind);
    if (dropped(field.name)) {
      why_.add({"rewrite.drop_header",
                "message_drop_headers",
                settings_.drop_headers_origin,
                {},
                {},
                {},
                "header " + std::string(field.name) + " dropped"});
      output_.drop(source);
      return;
    }
    if (kind.role != HeaderRole::other && addresses(source, field, kind)) return;
    if (!text.empty()) {
      output_.replace(source, text);
    } else if (field.name.size() + 1 + field.value.size() != field.text.size()) {
      output_.replace(source, with_plain_folds(normal_text(field), folds_));
    }
  }

  bool dropped(std::string_view name) const {
    return std::any_of(settings_.drop_headers.begin(), settings_.drop_headers.end(),
                       [name](const std::string& drop) { return mail::same_header_name(drop, name); });
  }

  void note(const mail::HeaderField& field, const mail::HeaderKind& kind) {
    if (kind.name != HeaderName::other) seen_.set(static_cast<std::size_t>(kind.name));
    resent_ = resent_ || kind.resent;
    if (kind.name == HeaderName::message_id) result_.message_id = trimmed(field.value);
    if (kind.name == HeaderName::content_transfer_encoding) {
      const auto value = lower(trimmed(field.value));
      result_.eight_bit = result_.eight_bit || value == "8bit" || value == "binary";
    }
  }

  /// Rewrites an address header; false when it stays as it is.
  bool addresses(const mail::HeaderField& source, const mail::HeaderField& field,
                 const mail::HeaderKind& kind) {
    const auto one =
        kind.role == HeaderRole::sender ? AddressClass::header_sender : AddressClass::header_recipient;
    const bool mapped = chain_.active(one);
    const auto sole = sole_plain_address(field.value);
    if (sole && !mapped) return false;
    if (!context_.rewrites()) {
      if (mapped) record_missed(field, one, sole);
      return false;
    }
    const std::string subject = "header " + std::string(field.name);
    if (sole) {
      auto address = mail::Address::from_internal(*sole);
      if (!address || !map(*address, one, subject)) return false;
      auto list = mail::AddressList::parse(field.value, settings_.address_token_limit);
      if (list.empty()) return false;
      list.replace(0, address->text());
      output_.replace_raw(source, mail::fold_address_header(field.name, list.text()));
      return true;
    }
    auto list = mail::AddressList::parse(field.value, settings_.address_token_limit);
    bool changed = false;
    for (std::size_t i = 0; i < list.size(); ++i) changed = rewrite(list, i, one, subject) || changed;
    if (!changed) return false;
    output_.replace_raw(source, mail::fold_address_header(field.name, list.text()));
    return true;
  }

  bool rewrite(mail::AddressList& list, std::size_t index, AddressClass one, std::string_view subject) {
    const auto given = list.external(index);
    const auto local = context_.kind == HeaderContext::Kind::local;
    const auto full = rewriter_.completion().external(
        given, local ? Completion::Context::local : Completion::Context::remote);
    auto address = mail::Address::from_internal(mail::unquote_local_part(full));
    if (!address) return false;
    bool changed = full != given;
    if (changed) record_completion(subject, given, full, local);
    changed = map(*address, one, subject) || changed;
    if (changed) list.replace(index, address->null() ? "\"\"" : address->text());
    return changed;
  }

  void record_completion(std::string_view subject, const std::string& given, const std::string& full,
                         bool local) {
    const auto& completion = rewriter_.completion().settings();
    std::string_view rule = local ? "append_at_myorigin" : "remote_header_rewrite_domain";
    Origin origin = local ? completion.myorigin.origin : completion.remote_domain.origin;
    if (given.find('@') != std::string::npos) {
      if (local) rule = "append_dot_mydomain";
      if (local) origin = completion.append_dot_mydomain.origin;
      if (!full.starts_with(given)) rule = "address in its plain form";
    }
    why_.add({"rewrite.completion",
              rule,
              origin,
              {},
              {},
              {},
              std::string(subject) + ": " + given + " -> " + full});
  }

  bool map(mail::Address& address, AddressClass one, std::string_view subject) {
    constexpr std::size_t kMissesRecorded = 32;
    auto mapped = chain_.map(address, one, subject, maps_recorded_++ < kMissesRecorded, why_);
    if (!mapped.problem.empty()) result_.actions.warnings.push_back(std::move(mapped.problem));
    if (mapped.failed && !result_.actions.refusal) {
      result_.actions.refusal = Refusal{451, "4.3.0", "Error: queue file write error"};
    }
    return mapped.changed;
  }

  void record_missed(const mail::HeaderField& field, AddressClass one, std::optional<std::string_view> sole) {
    constexpr std::size_t kMissesRecorded = 32;
    const std::string subject = "header " + std::string(field.name);
    const auto record = [&](std::string_view internal) {
      auto address = mail::Address::from_internal(internal);
      if (address) chain_.record_missed(std::move(*address), one, subject, context_.client, why_);
    };
    if (sole) return record(*sole);
    const auto list = mail::AddressList::parse(field.value, settings_.address_token_limit);
    for (std::size_t i = 0; i < list.size() && maps_recorded_ < kMissesRecorded; ++i, ++maps_recorded_) {
      record(list.internal(i));
    }
  }

  bool has(HeaderName name) const { return seen_.test(static_cast<std::size_t>(name)); }

  void add(std::string_view name, std::string_view value, std::string_view because) {
    std::string header(resent_ ? "Resent-" : "");
    header += name;
    header += ": ";
    header += value;
    why_.add({"rewrite.add_header",
              because,
              settings_.always_add_missing_headers.origin,
              {},
              {},
              {},
              "header added: " + header});
    output_.append(header);
  }

  void add_missing() {
    if (!has(resent_ ? HeaderName::resent_message_id : HeaderName::message_id)) {
      std::string id = "<";
      if (!facts_.long_queue_id) {
        for (const char c : iso_text(facts_.arrival)) {
          if (c >= '0' && c <= '9') id += c;
        }
        id += '.';
      }
      id += std::string(facts_.queue_id) + "@" + settings_.hostname.text + ">";
      if (!resent_) result_.message_id = id;
      add("Message-Id", id, "a message has a Message-Id");
    }
    if (!has(resent_ ? HeaderName::resent_date : HeaderName::date)) {
      add("Date", facts_.date.empty() ? rfc5322_text(facts_.arrival) : std::string(facts_.date),
          "a message has a Date");
    }
    if (!has(resent_ ? HeaderName::resent_from : HeaderName::from)) {
      add("From", author(), "From: added from the envelope sender, because the message had none");
    }
    const auto& undisclosed = settings_.undisclosed_recipients;
    if (!undisclosed.text.empty() && !has(HeaderName::to) && !has(HeaderName::cc) &&
        !has(HeaderName::resent_to) && !has(HeaderName::resent_cc)) {
      why_.add({"rewrite.add_header",
                "undisclosed_recipients_header",
                undisclosed.origin,
                {},
                {},
                {},
                "header added: " + undisclosed.text});
      output_.append(undisclosed.text);
    }
  }

  std::string author() const {
    if (facts_.sender.null()) return "MAILER-DAEMON";
    const auto address = facts_.sender.text();
    if (facts_.full_name.empty()) return address;
    std::string name(facts_.full_name);
    for (char& c : name) {
      if (c == '\r' || c == '\n') c = ' ';
    }
    std::vector<mail::AddressToken> words;
    if (name.find_first_of("%!()<>@,;:\\\".[]") == std::string::npos) {
      words = mail::scan_address_tokens(name);
    } else {
      words.push_back({mail::AddressToken::Kind::quoted, 0, name});
    }
    std::string phrase;
    mail::append_external(phrase, words, mail::Spacing::between_words);
    return phrase.empty() ? "<" + address + ">" : phrase + " <" + address + ">";
  }

  void refuse_loop() {
    why_.add({"rewrite.hop_limit",
              "hopcount_limit",
              settings_.hop_limit_origin,
              {},
              "fewer Received headers",
              std::to_string(result_.received + 1),
              "refused with 554 5.4.0"});
    if (!result_.actions.refusal) result_.actions.refusal = Refusal{554, "5.4.0", "Error: too many hops"};
  }

  const Rewriter& rewriter_;
  const Settings& settings_;
  AddressChain chain_;
  const HeaderContext& context_;
  const MessageFacts& facts_;
  Explanation& why_;
  HeaderOutput output_;
  std::string_view section_;
  HeaderResult result_;
  std::string folds_, normal_;
  std::bitset<64> seen_;
  bool resent_ = false;
  std::size_t maps_recorded_ = 0;
};

bool is_set(const Checks& checks) { return !checks.maps.empty(); }

}  // namespace

Rewriter::Rewriter(Settings settings)
    : settings_(std::move(settings)),
      completion_(settings_.completion),
      inspects_body_(is_set(settings_.mime_header_checks) || is_set(settings_.nested_header_checks) ||
                     is_set(settings_.body_checks)) {}

HeaderResult Rewriter::headers(std::string_view section, const HeaderContext& context,
                               const MessageFacts& facts, Explanation& why) const {
  return HeaderRewriting(*this, section, context, facts, why).run();
}

BodyInspection Rewriter::body(std::string_view section, bool over, Explanation& why) const {
  return BodyInspection({settings_.mime_header_checks, settings_.nested_header_checks, settings_.body_checks},
                        settings_.body_checks_size, CheckedBy::arrival, section, over, why);
}

}  // namespace hikyaku::rewrite
