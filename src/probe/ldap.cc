#include "probe/ldap.h"

#include <algorithm>
#include <array>
#include <utility>

#include "probe/ber.h"
#include "probe/ldap_filter.h"

namespace hikyaku::probe {
namespace {

constexpr std::uint8_t kInteger = 0x02, kOctets = 0x04, kEnumerated = 0x0a, kBoolean = 0x01, kSequence = 0x30;
constexpr std::uint8_t kBind = 0x60, kUnbind = 0x42, kSearch = 0x63, kExtended = 0x77;
constexpr std::uint8_t kEntry = 0x64, kReference = 0x73, kIntermediate = 0x79;

std::string message(std::uint32_t number, std::string_view operation) {
  return ber(kSequence, ber_integer(kInteger, number) + std::string(operation));
}

std::string extended(std::uint32_t number, std::string_view name) {
  return message(number, ber(kExtended, ber(0x80, name)));
}

std::string operation_name(std::uint8_t tag) {
  static constexpr std::array kNames{
      std::pair{std::uint8_t{0x61}, "bindResponse"},   std::pair{kEntry, "searchResEntry"},
      std::pair{std::uint8_t{0x65}, "searchResDone"},  std::pair{std::uint8_t{0x67}, "modifyResponse"},
      std::pair{std::uint8_t{0x69}, "addResponse"},    std::pair{std::uint8_t{0x6b}, "delResponse"},
      std::pair{std::uint8_t{0x6d}, "modDNResponse"},  std::pair{std::uint8_t{0x6f}, "compareResponse"},
      std::pair{kReference, "searchResRef"},           std::pair{std::uint8_t{0x78}, "extendedResp"},
      std::pair{kIntermediate, "intermediateResponse"}};
  for (const auto& [one, name] : kNames) {
    if (one == tag) return name;
  }
  return "operation " + std::to_string(tag);
}

/// Each attribute with each of its values on a line of its own.
bool read_entry(std::string_view content, LdapMessage& out) {
  const auto name = take_ber(content);
  auto attributes = take_ber(content);
  if (!name || !attributes) return false;
  out.lines.push_back("dn: " + std::string(name->content));
  while (!attributes->content.empty()) {
    auto attribute = take_ber(attributes->content);
    if (!attribute) return false;
    const auto type = take_ber(attribute->content);
    auto values = take_ber(attribute->content);
    if (!type || !values) return false;
    while (!values->content.empty()) {
      const auto value = take_ber(values->content);
      if (!value) return false;
      out.lines.push_back(std::string(type->content) + ": " + std::string(value->content));
    }
  }
  return true;
}

bool read_references(std::string_view content, LdapMessage& out) {
  while (!content.empty()) {
    const auto one = take_ber(content);
    if (!one) return false;
    out.lines.push_back("referral: " + std::string(one->content));
  }
  return true;
}

/// LDAPResult, and the name and value of an extended response behind it.
bool read_result(std::string_view content, LdapMessage& out) {
  const auto code = take_ber(content);
  const auto matched = take_ber(content);
  const auto text = take_ber(content);
  if (!code || code->tag != kEnumerated || !matched || !text) return false;
  const auto number = ber_number(code->content);
  if (!number || *number < 0) return false;
  out.code = *number;
  if (!matched->content.empty()) out.lines.push_back("matched: " + std::string(matched->content));
  if (!text->content.empty()) out.lines.emplace_back(text->content);
  while (!content.empty()) {
    const auto more = take_ber(content);
    if (!more) return false;
    if (more->tag == 0xa3 && !read_references(more->content, out)) return false;
    if (more->tag == 0x8a) out.lines.push_back("name: " + std::string(more->content));
    if (more->tag == 0x8b) out.lines.push_back("value: " + std::string(more->content));
  }
  return true;
}

bool read_operation(const Ber& operation, LdapMessage& out) {
  out.name = operation_name(operation.tag);
  out.last = operation.tag != kEntry && operation.tag != kReference && operation.tag != kIntermediate;
  if (operation.tag == kEntry) return read_entry(operation.content, out);
  if (operation.tag == kReference) return read_references(operation.content, out);
  if (operation.tag == kIntermediate || out.name.starts_with("operation")) return true;
  return read_result(operation.content, out);
}

}  // namespace

std::string ldap_start_tls(std::uint32_t number) { return extended(number, "1.3.6.1.4.1.1466.20037"); }
std::string ldap_who_am_i(std::uint32_t number) { return extended(number, "1.3.6.1.4.1.4203.1.11.3"); }
std::string ldap_unbind(std::uint32_t number) { return message(number, ber(kUnbind, "")); }

std::string ldap_bind(std::uint32_t number, std::string_view name, std::string_view password) {
  return message(number, ber(kBind, ber_integer(kInteger, 3) + ber(kOctets, name) + ber(0x80, password)));
}

Result<std::string> ldap_search(std::uint32_t number, const LdapSearch& search) {
  auto filter = ldap_filter(search.filter);
  if (!filter) return std::unexpected(std::move(filter.error()));
  std::string attributes;
  for (const auto& one : search.attributes) attributes += ber(kOctets, one);
  return message(
      number,
      ber(kSearch,
          ber(kOctets, search.base) + ber_integer(kEnumerated, static_cast<std::uint8_t>(search.scope)) +
              ber_integer(kEnumerated, 0) + ber_integer(kInteger, search.most) + ber_integer(kInteger, 0) +
              ber(kBoolean, std::string_view("\0", 1)) + *filter + ber(kSequence, attributes)));
}

std::optional<std::uint32_t> ldap_awaited(std::string_view octets) {
  constexpr std::uint8_t kAbandon = 0x50;
  std::optional<std::uint32_t> out;
  while (!octets.empty()) {
    const auto whole = take_ber(octets);
    if (!whole || whole->tag != kSequence) return std::nullopt;
    auto content = whole->content;
    const auto number = take_ber(content);
    const auto operation = take_ber(content);
    const auto value = number ? ber_number(number->content) : std::nullopt;
    if (!operation || !value || *value <= 0) return std::nullopt;
    out = operation->tag == kUnbind || operation->tag == kAbandon
              ? std::nullopt
              : std::optional(static_cast<std::uint32_t>(*value));
  }
  return out;
}

bool LdapMessage::refused() const {
  static constexpr std::array kFine{-1, 0, 5, 6, 10, 14};  // success, compare, referral, bind in progress
  return std::ranges::find(kFine, code) == kFine.end();
}

Result<std::optional<LdapMessage>> take_ldap_message(std::string& octets) {
  const auto size = ber_size(octets);
  const auto broken = [] { return fail(Fault::malformed, "what the server says is no message of LDAP"); };
  if (!size || (!octets.empty() && static_cast<std::uint8_t>(octets[0]) != kSequence)) return broken();
  if (*size > LdapMessage::kMost)
    return fail(Fault::malformed, "a message of the server is longer than 1 MiB");
  if (*size == 0 || octets.size() < *size) return std::optional<LdapMessage>{};
  LdapMessage out;
  std::string_view rest(octets.data(), *size);
  auto whole = take_ber(rest);
  auto content = whole ? whole->content : std::string_view{};
  const auto number = take_ber(content);
  const auto operation = take_ber(content);
  if (!number || !operation) return broken();
  const auto value = ber_number(number->content);
  if (!value || *value < 0 || !read_operation(*operation, out)) return broken();
  out.number = static_cast<std::uint32_t>(*value);
  octets.erase(0, *size);
  return std::optional(std::move(out));
}

std::string ldap_code_text(int code) {
  static constexpr std::array kNames{std::pair{0, "success"},
                                     std::pair{1, "operationsError"},
                                     std::pair{2, "protocolError"},
                                     std::pair{3, "timeLimitExceeded"},
                                     std::pair{4, "sizeLimitExceeded"},
                                     std::pair{7, "authMethodNotSupported"},
                                     std::pair{8, "strongerAuthRequired"},
                                     std::pair{10, "referral"},
                                     std::pair{12, "unavailableCriticalExtension"},
                                     std::pair{13, "confidentialityRequired"},
                                     std::pair{14, "saslBindInProgress"},
                                     std::pair{16, "noSuchAttribute"},
                                     std::pair{32, "noSuchObject"},
                                     std::pair{34, "invalidDNSyntax"},
                                     std::pair{48, "inappropriateAuthentication"},
                                     std::pair{49, "invalidCredentials"},
                                     std::pair{50, "insufficientAccessRights"},
                                     std::pair{51, "busy"},
                                     std::pair{52, "unavailable"},
                                     std::pair{53, "unwillingToPerform"},
                                     std::pair{80, "other"}};
  for (const auto& [one, name] : kNames) {
    if (one == code) return std::string(name) + " (" + std::to_string(code) + ')';
  }
  return "code " + std::to_string(code);
}

}  // namespace hikyaku::probe
