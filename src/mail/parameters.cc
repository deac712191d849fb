#include "mail/parameters.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <utility>

#include "mail/parameters_xtext.h"

namespace hikyaku::mail {
namespace {

constexpr std::size_t kMostEnvid = 100;      // octets encoded, RFC 3461 s. 4.4
constexpr std::size_t kMostOrcpt = 500;      // octets encoded, RFC 3461 s. 4.2
constexpr std::size_t kMostAuth = 500;       // octets encoded, RFC 4954 s. 5
constexpr std::size_t kMostSizeDigits = 20;  // RFC 1870 s. 3
constexpr std::size_t kMostKeyword = 64;

char upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }

/// `name` is in upper case.
bool same_word(std::string_view text, std::string_view name) {
  return std::ranges::equal(text, name, {}, upper);
}

bool control(char c) { return static_cast<unsigned char>(c) < 32 || c == 127; }
bool has_control(std::string_view text) { return std::ranges::any_of(text, control); }
bool has_high_octet(std::string_view text) {
  return std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) > 127; });
}

/// One "KEYWORD=value" of the list.
struct Parameter {
  std::string_view keyword, value;
  bool has_value = false;

  ParameterFault fault(ParameterFault::Kind kind) const {
    std::string name;
    for (const char c : keyword.substr(0, kMostKeyword)) name += c > 32 && c < 127 ? upper(c) : '?';
    return {kind, std::move(name)};
  }
};

/// Takes the next parameter off `text`; false at its end.
bool take(std::string_view& text, Parameter& parameter) {
  const auto begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return false;
  text.remove_prefix(begin);
  const auto word = text.substr(0, text.find_first_of(" \t"));
  text.remove_prefix(word.size());
  const auto equals = word.find('=');
  parameter.keyword = word.substr(0, equals);
  parameter.has_value = equals != std::string_view::npos;
  parameter.value = parameter.has_value ? word.substr(equals + 1) : std::string_view();
  return true;
}

bool read_size(const Parameter& parameter, std::optional<std::uint64_t>& size) {
  const auto text = parameter.value;
  if (text.empty() || text.size() > kMostSizeDigits) return false;
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  // Twenty digits may be more than 64 bits: that is larger than any limit, and no error of syntax.
  if (error == std::errc::result_out_of_range) value = UINT64_MAX;
  if (error == std::errc::invalid_argument || end != text.data() + text.size()) return false;
  size = value;
  return true;
}

bool read_body(const Parameter& parameter, BodyType& body) {
  if (same_word(parameter.value, "7BIT")) body = BodyType::seven_bit;
  if (same_word(parameter.value, "8BITMIME")) body = BodyType::eight_bit_mime;
  return body != BodyType::unspecified;
}

/// Reads xtext of at most `limit` octets, also in the form in which we would write it: UTF-8 may stand as it
/// is, and is longer once it is encoded.
std::optional<std::string> read_xtext(std::string_view text, std::size_t limit) {
  if (text.empty() || text.size() > limit) return std::nullopt;
  auto decoded = xtext_decode(text);
  if (!decoded || has_control(*decoded) || xtext_encode(*decoded).size() > limit) return std::nullopt;
  return decoded;
}

bool read_ret(const Parameter& parameter, DsnReturn& ret) {
  if (same_word(parameter.value, "FULL")) ret = DsnReturn::full;
  if (same_word(parameter.value, "HDRS")) ret = DsnReturn::headers;
  return ret != DsnReturn::unspecified;
}

/// An envelope id is printable ASCII once it is decoded (RFC 3461 s. 4.4): it stands in a header later.
bool read_envid(const Parameter& parameter, std::string& envid) {
  auto decoded = read_xtext(parameter.value, kMostEnvid);
  if (!decoded || has_high_octet(*decoded)) return false;
  envid = *std::move(decoded);
  return true;
}

bool read_auth(const Parameter& parameter, std::optional<std::string>& auth) {
  auto decoded = read_xtext(parameter.value, kMostAuth);
  if (!decoded) return false;
  auth = *decoded == "<>" ? std::string() : *std::move(decoded);
  return true;
}

bool read_notify(const Parameter& parameter, Notify& notify) {
  std::string_view left = parameter.value;
  for (bool more = true; more;) {
    const auto comma = left.find(',');
    const auto word = left.substr(0, comma);
    more = comma != std::string_view::npos;
    if (more) left.remove_prefix(comma + 1);
    std::uint8_t bit = 0;
    if (same_word(word, "NEVER")) bit = Notify::kNever;
    if (same_word(word, "SUCCESS")) bit = Notify::kSuccess;
    if (same_word(word, "FAILURE")) bit = Notify::kFailure;
    if (same_word(word, "DELAY")) bit = Notify::kDelay;
    if (bit == 0) return false;
    notify.bits |= bit;
  }
  return !notify.never() || notify.bits == Notify::kNever;  // NEVER stands alone
}

bool atom(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return c > 32 && c < 127 && std::string_view("()<>@,;:\\\"[].=+").find(c) == std::string_view::npos;
  });
}

bool read_orcpt(const Parameter& parameter, std::string& type, std::string& address) {
  const auto semicolon = parameter.value.find(';');
  if (semicolon == std::string_view::npos || semicolon >= kMostOrcpt) return false;
  const auto kind = parameter.value.substr(0, semicolon);
  auto decoded = read_xtext(parameter.value.substr(semicolon + 1), kMostOrcpt - semicolon - 1);
  if (!atom(kind) || !decoded) return false;
  type = kind;
  address = *std::move(decoded);
  return true;
}

}  // namespace

std::expected<MailParameters, ParameterFault> MailParameters::parse(std::string_view text) {
  MailParameters result;
  Parameter one;
  while (take(text, one)) {
    const bool read = [&] {
      if (same_word(one.keyword, "SIZE")) return !result.size && read_size(one, result.size);
      if (same_word(one.keyword, "BODY")) {
        return result.body == BodyType::unspecified && read_body(one, result.body);
      }
      if (same_word(one.keyword, "SMTPUTF8")) {
        return !one.has_value && !std::exchange(result.smtputf8, true);
      }
      if (same_word(one.keyword, "RET")) {
        return result.ret == DsnReturn::unspecified && read_ret(one, result.ret);
      }
      if (same_word(one.keyword, "ENVID")) return result.envid.empty() && read_envid(one, result.envid);
      if (same_word(one.keyword, "AUTH")) return !result.auth && read_auth(one, result.auth);
      return false;
    }();
    if (read) continue;
    constexpr std::string_view kKnown[] = {"SIZE", "BODY", "SMTPUTF8", "RET", "ENVID", "AUTH"};
    const bool known = std::ranges::any_of(kKnown, [&](auto name) { return same_word(one.keyword, name); });
    return std::unexpected(
        one.fault(known ? ParameterFault::Kind::malformed : ParameterFault::Kind::unknown));
  }
  return result;
}

void MailParameters::append_to(std::string& out) const {
  if (size) {
    out += " SIZE=";
    out += std::to_string(*size);
  }
  if (body == BodyType::seven_bit) out += " BODY=7BIT";
  if (body == BodyType::eight_bit_mime) out += " BODY=8BITMIME";
  if (smtputf8) out += " SMTPUTF8";
  if (ret == DsnReturn::full) out += " RET=FULL";
  if (ret == DsnReturn::headers) out += " RET=HDRS";
  if (!envid.empty()) {
    out += " ENVID=";
    put_xtext(out, envid);
  }
  if (auth) {
    out += " AUTH=";
    if (auth->empty()) out += "<>";
    put_xtext(out, *auth);
  }
}

std::expected<RecipientParameters, ParameterFault> RecipientParameters::parse(std::string_view text) {
  RecipientParameters result;
  Parameter one;
  while (take(text, one)) {
    const bool notify = same_word(one.keyword, "NOTIFY");
    const bool orcpt = same_word(one.keyword, "ORCPT");
    if (notify && result.notify.unset() && read_notify(one, result.notify)) continue;
    if (orcpt && result.orcpt_type.empty() && read_orcpt(one, result.orcpt_type, result.orcpt)) continue;
    const bool known = notify || orcpt;
    return std::unexpected(
        one.fault(known ? ParameterFault::Kind::malformed : ParameterFault::Kind::unknown));
  }
  return result;
}

void RecipientParameters::append_to(std::string& out) const {
  if (!notify.unset()) {
    out += " NOTIFY=";
    const auto first = out.size();
    const auto add = [&](std::uint8_t bit, std::string_view word) {
      if ((notify.bits & bit) == 0) return;
      if (out.size() > first) out += ',';
      out += word;
    };
    add(Notify::kNever, "NEVER");
    add(Notify::kSuccess, "SUCCESS");
    add(Notify::kFailure, "FAILURE");
    add(Notify::kDelay, "DELAY");
  }
  if (!orcpt_type.empty()) {
    out += " ORCPT=";
    out += orcpt_type;
    out += ';';
    put_xtext(out, orcpt);
  }
}

}  // namespace hikyaku::mail
