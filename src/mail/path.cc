#include "mail/path.h"

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include "mail/address_tokens.h"

namespace hikyaku::mail {
namespace {

constexpr std::size_t kMostTokens = 512;  // of one address; a longer one is no address
constexpr auto kNone = std::string_view::npos;

bool blank(char c) { return c == ' ' || c == '\t'; }

std::string_view without_front_blanks(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  return first == kNone ? std::string_view() : text.substr(first);
}

std::string_view trimmed(std::string_view text) {
  text = without_front_blanks(text);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

std::unexpected<Error> malformed(std::string_view what) {
  return fail(Fault::malformed, "path of MAIL or RCPT: " + std::string(what));
}

/// The first octet outside quotes for which `stop` holds.
template <class Stop>
std::size_t find_unquoted(std::string_view text, Stop stop) {
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (quoted && text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      quoted = !quoted;
    } else if (!quoted && stop(text[i])) {
      return i;
    }
  }
  return kNone;
}

/// Octets of `text` behind a source route (RFC 5321 appendix C); kNone when the route has no end.
std::size_t route_size(std::string_view text) {
  if (text.empty() || text.front() != '@') return 0;
  bool literal = false;  // "@[IPv6:::1]:" has colons of its own
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '[') literal = true;
    if (text[i] == ']') literal = false;
    if (text[i] == ':' && !literal) return i + 1;
  }
  return kNone;
}

using Tokens = std::span<const AddressToken>;

/// A local part as people have it, which RFC 5321 would not allow: "a..b", ".a", "a.", "\"a b\".c".
bool tolerable_local_part(Tokens tokens) {
  bool after_word = false;
  for (const auto& token : tokens) {
    const bool word = token.kind == AddressToken::Kind::atom || token.kind == AddressToken::Kind::quoted;
    if (word ? after_word : !(token.is('.') || token.is('%') || token.is('!'))) return false;
    after_word = word;
  }
  return !tokens.empty();
}

bool tolerable_domain(Tokens tokens) {
  if (tokens.size() == 1 && tokens.front().kind == AddressToken::Kind::literal) {
    return tokens.front().text.find_first_of("@[]\\ ") == kNone;
  }
  bool after_word = false;
  for (const auto& token : tokens) {
    const bool word = token.kind == AddressToken::Kind::atom;
    if (word ? after_word : !token.is('.')) return false;
    after_word = word;
  }
  return !tokens.empty();
}

/// Address::parse has refused `text`: perhaps it is one of the forms that Postfix lets pass.
Result<Address> parse_leniently(std::string_view text, Error refusal) {
  auto tokens = scan_address_tokens(text, kMostTokens + 1);
  if (tokens.size() > kMostTokens) return std::unexpected(std::move(refusal));
  std::erase_if(tokens, [](const auto& token) { return token.kind == AddressToken::Kind::comment; });
  const auto at = std::ranges::find_if(tokens, [](const auto& token) { return token.is('@'); });
  const Tokens local(tokens.begin(), at);
  if (!tolerable_local_part(local)) return std::unexpected(std::move(refusal));
  std::string internal;
  append_internal(internal, local, Spacing::none);
  if (at == tokens.end()) {
    // A quoted word with an '@' of its own must not be split there.
    if (internal.find('@') != std::string::npos) return std::unexpected(std::move(refusal));
    return Address::from_internal(internal);
  }
  const Tokens domain(at + 1, tokens.end());
  if (!tolerable_domain(domain)) return std::unexpected(std::move(refusal));
  internal += '@';
  append_external(internal, domain, Spacing::none);
  return Address::from_internal(internal);
}

bool has_control(std::string_view text) {
  return std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) < 32 || c == 127; });
}

bool has_high_octet(std::string_view text) {
  return std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) > 127; });
}

Result<Address> parse_address(std::string_view text, Path::Form form) {
  auto address = Address::parse(text);
  // Address::parse is the judge of UTF-8, so that only ASCII gets a second look.
  if (!address && form == Path::Form::lenient && !has_control(text) && !has_high_octet(text)) {
    address = parse_leniently(text, std::move(address.error()));
  }
  if (!address) return address;
  if (address->has_domain() && address->domain().empty()) return malformed("no domain behind the @");
  if (address->null()) return malformed("no local part");  // "": <> is written without quotes
  // "[>]" would end the path early when it is written again.
  if (address->domain().find_first_of("<>\"") != kNone) return malformed("octet not allowed in a domain");
  return address;
}

}  // namespace

Result<Path::Taken> Path::take(std::string_view text, Form form) {
  text = without_front_blanks(text);
  std::string_view inner, rest;
  if (!text.empty() && text.front() == '<') {
    const auto end = find_unquoted(text, [](char c) { return c == '>'; });
    if (end == kNone) return malformed("no closing >");
    inner = text.substr(1, end - 1);
    rest = text.substr(end + 1);
    if (form == Form::lenient) inner = trimmed(inner);
    if (!rest.empty() && !blank(rest.front())) return malformed("no blank behind the >");
    if (inner.empty()) return Taken{Path(), without_front_blanks(rest)};
  } else {
    if (form == Form::strict) return malformed("no opening <");
    const auto end = std::min(find_unquoted(text, blank), text.size());
    inner = text.substr(0, end);
    rest = text.substr(end);
  }
  const auto route = route_size(inner);
  if (route == kNone) return malformed("source route without end");
  auto address = parse_address(inner.substr(route), form);
  if (!address) return std::unexpected(std::move(address.error()));
  return Taken{Path(*std::move(address)), without_front_blanks(rest)};
}

Result<Path> Path::parse(std::string_view text, Form form) {
  auto taken = take(text, form);
  if (!taken) return std::unexpected(std::move(taken.error()));
  if (!taken->rest.empty()) return malformed("something behind it");
  return std::move(taken->path);
}

bool Path::needs_utf8() const {
  return has_high_octet(address_.local()) || has_high_octet(address_.domain());
}

std::string Path::text() const {
  std::string out = "<";
  out += address_.text();
  out += '>';
  return out;
}

}  // namespace hikyaku::mail
