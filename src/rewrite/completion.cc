#include "rewrite/completion.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "mail/address_tokens.h"

namespace hikyaku::rewrite {
namespace {

using mail::AddressToken;
using Tokens = std::vector<AddressToken>;

bool domain_octet(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}
bool local_octet(char c) {
  return domain_octet(c) || c == '+' || c == '=' || c == '/' || c == '\'' || c == '#';
}

/// Octets of the text that are dots and octets of `wanted` only, with no dot at either end and no two
/// together; npos when it is something else.
template <class Wanted>
bool dotted(std::string_view text, Wanted wanted) {
  if (text.empty()) return false;
  char before = '.';
  for (const char c : text) {
    if (c == '.' ? before == '.' : !wanted(c)) return false;
    before = c;
  }
  return before != '.';
}

std::size_t find_mark(const Tokens& tokens, char mark, std::size_t from = 0) {
  for (auto i = from; i < tokens.size(); ++i) {
    if (tokens[i].is(mark)) return i;
  }
  return tokens.size();
}

std::size_t find_last_mark(const Tokens& tokens, char mark) {
  for (auto i = tokens.size(); i > 0; --i) {
    if (tokens[i - 1].is(mark)) return i - 1;
  }
  return tokens.size();
}

void append_domain(Tokens& tokens, char mark, std::string_view domain) {
  tokens.push_back(AddressToken::of(mark));
  auto more = mail::scan_address_tokens(domain);
  std::move(more.begin(), more.end(), std::back_inserter(tokens));
}

}  // namespace

bool is_plain_full_address(std::string_view text) {
  const auto at = text.find('@');
  if (at == std::string_view::npos) return false;
  const auto domain = text.substr(at + 1);
  return domain.find('.') != std::string_view::npos && dotted(text.substr(0, at), local_octet) &&
         dotted(domain, domain_octet);
}

std::string Completion::external(std::string_view external, Context context) const {
  if (is_plain_full_address(external)) return std::string(external);
  auto tokens = mail::scan_address_tokens(external);
  if (tokens.empty()) return std::string(external);
  const auto text = [&tokens] {
    std::string internal;
    mail::append_internal(internal, tokens, mail::Spacing::between_words);
    return mail::quote_local_part(internal);
  };
  if (tokens.size() == 1 &&
      (tokens[0].is('@') || (tokens[0].kind == AddressToken::Kind::quoted && tokens[0].text.empty()))) {
    return "\"\"";
  }
  const bool local = context == Context::local;
  const auto& origin = local ? settings_.myorigin.text : settings_.remote_domain.text;
  const auto& domain = local ? settings_.mydomain.text : settings_.remote_domain.text;

  if (tokens.front().is('@')) {
    const auto colon = find_mark(tokens, ':');
    if (colon + 1 < tokens.size())
      tokens.erase(tokens.begin(), tokens.begin() + static_cast<std::ptrdiff_t>(colon) + 1);
  }
  if (find_mark(tokens, '@') == tokens.size()) {
    const auto bang = find_mark(tokens, '!');
    const auto percent = find_last_mark(tokens, '%');
    if (settings_.swap_bangpath.on && bang < tokens.size()) {
      // site!user: what stands before the first '!' goes to the end.
      tokens[bang] = AddressToken::of('@');
      std::rotate(tokens.begin(), tokens.begin() + static_cast<std::ptrdiff_t>(bang), tokens.end());
      std::rotate(tokens.begin(), tokens.begin() + 1, tokens.end() - static_cast<std::ptrdiff_t>(bang));
    } else if (settings_.allow_percent_hack.on && percent < tokens.size()) {
      tokens[percent] = AddressToken::of('@');
    } else if (settings_.append_at_myorigin.on && !origin.empty()) {
      append_domain(tokens, '@', origin);
    }
  }
  const auto at = find_last_mark(tokens, '@');
  if (settings_.append_dot_mydomain.on && !domain.empty() && at + 1 < tokens.size() &&
      find_mark(tokens, '.', at) == tokens.size() &&
      std::none_of(tokens.begin() + static_cast<std::ptrdiff_t>(at), tokens.end(),
                   [](const AddressToken& token) { return token.kind == AddressToken::Kind::literal; })) {
    append_domain(tokens, '.', domain);
  }
  // "a." loses its dot; "a.." and "a@." are left to be seen as the mistakes that they are.
  const auto size = tokens.size();
  if (size > 1 && tokens.back().is('.') && !tokens[size - 2].is('.') && !tokens[size - 2].is('@'))
    tokens.pop_back();
  return text();
}

bool is_plain_full_address(const mail::Address& address) {
  return address.has_domain() && address.domain().find('.') != std::string::npos &&
         dotted(address.local(), local_octet) && dotted(address.domain(), domain_octet);
}

mail::Address Completion::address(const mail::Address& address, Context context) const {
  if (address.null() || is_plain_full_address(address)) return address;
  // By the internal form as a whole, in which a source route is still told apart from the local part.
  const auto full = external(mail::quote_local_part(address.internal()), context);
  auto result = mail::Address::from_internal(mail::unquote_local_part(full));
  return result ? std::move(*result) : address;
}

}  // namespace hikyaku::rewrite
