#include "route/recipient_form.h"

#include <string>
#include <utility>
#include <vector>

#include "base/escape.h"
#include "base/hostname.h"
#include "mail/address_tokens.h"
#include "table/fold.h"

namespace hikyaku::route {
namespace {

using mail::AddressToken;
using Tokens = std::vector<AddressToken>;

constexpr std::size_t kNone = static_cast<std::size_t>(-1);

std::size_t last_mark(const Tokens& tokens, char mark) {
  for (auto i = tokens.size(); i > 0; --i) {
    if (tokens[i - 1].is(mark)) return i - 1;
  }
  return kNone;
}

std::string internal_text(std::span<const AddressToken> tokens) {
  std::string text;
  mail::append_internal(text, tokens, mail::Spacing::between_words);
  return text;
}

bool is_quoted(const Tokens& tokens) {
  return tokens.size() == 1 && tokens[0].kind == AddressToken::Kind::quoted;
}

/// "[192.0.2.1]" or "[IPv6:2001:db8::1]", and no other form of literal (RFC 5321 s. 4.1.3).
bool is_address_literal(std::string_view domain) {
  if (domain.size() < 3 || domain.front() != '[' || domain.back() != ']') return false;
  const auto literal = domain.substr(1, domain.size() - 2);
  constexpr std::string_view kTag = "ipv6:";
  const bool tagged = table::equal_ascii_nocase(literal.substr(0, kTag.size()), kTag);
  const auto ip = table::Ip::parse_unmapped(tagged ? literal.substr(kTag.size()) : literal);
  return ip && (ip->family() == table::Ip::Family::v6) == tagged;
}

/// Peels our own domains off an address until another domain, or a local part without one, is left.
class Peeling {
 public:
  Peeling(const Settings& settings, const LocalDestinations& local) : settings_(settings), local_(local) {}

  Result<RecipientForm> run(const mail::Address& recipient) {
    tokens_ = mail::scan_address_tokens(mail::quote_local_part(recipient.internal()));
    const auto most = recipient.internal().size() + 100;
    for (std::size_t turn = 0; turn <= most; ++turn) {
      auto more = step();
      if (!more) return std::unexpected(more.error());
      if (!*more) return finish();
    }
    return fail(Fault::temporary,
                "resolve <" + escaped(recipient.internal(), 200) + ">: it turns in circles");
  }

 private:
  /// One round; false when the address is resolved.
  Result<bool> step() {
    trim();
    const auto at = last_mark(tokens_, '@');
    if (at != kNone) {
      if (at + 1 < tokens_.size()) {
        auto match = local_.match(internal_text(std::span(tokens_).subspan(at + 1)));
        if (!match) return std::unexpected(match.error());
        if (!match->is_local) return false;
        form_.match = *match;
      }
      domain_.assign(std::make_move_iterator(tokens_.begin() + static_cast<std::ptrdiff_t>(at)),
                     std::make_move_iterator(tokens_.end()));
      tokens_.resize(at);
    }
    if (settings_.complete && has_operator()) {
      rewrite();
      return true;
    }
    if (settings_.complete && settings_.resolve_dequoted && is_quoted(tokens_) && crack()) {
      rewrite();
      return true;
    }
    if (is_quoted(tokens_) && tokens_[0].text.empty()) tokens_.clear();
    if (tokens_.empty()) {
      tokens_ = mail::scan_address_tokens(settings_.empty_recipient);
      return true;
    }
    if (domain_.empty()) {
      append_domain(settings_.myhostname);
      return true;
    }
    form_.local = true;
    return false;
  }

  void trim() {
    const auto size = tokens_.size();
    if (size > 1 && tokens_.back().is('.') && last_mark(tokens_, '@') != kNone &&
        !tokens_[size - 2].is('.') && !tokens_[size - 2].is('@')) {
      tokens_.pop_back();
    }
    if (settings_.resolve_null_domain && !tokens_.empty() && tokens_.back().is('@')) tokens_.pop_back();
  }

  bool has_operator() const {
    return last_mark(tokens_, '@') != kNone ||
           (settings_.swap_bangpath && last_mark(tokens_, '!') != kNone) ||
           (settings_.percent_hack && last_mark(tokens_, '%') != kNone);
  }

  void rewrite() {
    std::string external;
    mail::append_external(external, tokens_, mail::Spacing::between_words);
    tokens_ = mail::scan_address_tokens(settings_.complete(external));
  }

  /// Takes the quotes off a local part that hides an operator. Not what RFC 5321 says, but it keeps others
  /// from relaying through hosts that read "user@domain"@here that way.
  bool crack() {
    auto text = tokens_[0].text;
    auto at = text.rfind('@');
    if (at == std::string::npos && settings_.percent_hack) at = text.rfind('%');
    if (at == std::string::npos && settings_.swap_bangpath) at = text.rfind('!');
    if (at == std::string::npos) return false;
    if (text[at] == '%') text[at] = '@';
    tokens_ = mail::scan_address_tokens(text[at] == '@' ? mail::quote_local_part(text) : text);
    return !tokens_.empty();
  }

  void append_domain(std::string_view domain) {
    tokens_.push_back(AddressToken::of('@'));
    auto more = mail::scan_address_tokens(domain);
    std::move(more.begin(), more.end(), std::back_inserter(tokens_));
  }

  Result<RecipientForm> finish() {
    if (form_.local) std::move(domain_.begin(), domain_.end(), std::back_inserter(tokens_));
    auto address = mail::Address::from_internal(internal_text(tokens_));
    if (!address) return std::unexpected(address.error());
    form_.address = std::move(*address);
    return std::move(form_);
  }

  const Settings& settings_;
  const LocalDestinations& local_;
  Tokens tokens_;
  Tokens domain_;  // the last of our own domains that was taken off, with its '@'
  RecipientForm form_;
};

}  // namespace

Result<RecipientForm> resolve_form(const Settings& settings, const LocalDestinations& local,
                                   const mail::Address& recipient) {
  RecipientForm form;
  const auto& user = recipient.local();
  if (!user.empty() && user.find_first_of("@%!") == std::string::npos && is_hostname(recipient.domain())) {
    // Nearly all addresses: nothing to peel.
    auto match = local.match(recipient.domain());
    if (!match) return std::unexpected(match.error());
    form.address = recipient;
    form.local = match->is_local;
    form.match = *match;
    return form;
  }
  auto peeled = Peeling(settings, local).run(recipient);
  if (!peeled) return peeled;
  form = std::move(*peeled);
  if (settings.resolve_numeric_domain && table::Ip::parse(form.address.domain())) {
    auto match = local.match("[" + form.address.domain() + "]");
    if (!match) return std::unexpected(match.error());
    form.address = *mail::Address::from_internal(form.address.local() + "@[" + form.address.domain() + "]");
    form.local = match->is_local;
    form.match = *match;
  }
  const auto& domain = form.address.domain();
  form.invalid = domain.starts_with('[') ? !is_address_literal(domain) : !is_hostname(domain);
  form.routed = form.address.local().find_first_of("@!%") != std::string::npos;
  return form;
}

}  // namespace hikyaku::route
