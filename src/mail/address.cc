#include "mail/address.h"

#include <cstdint>

#include "base/octet_set.h"
#include "mail/address_tokens.h"

namespace hikyaku::mail {
namespace {

std::unexpected<Error> malformed(std::string_view text, std::size_t at, std::string_view what) {
  std::string message = "mail address: ";
  message += what;
  message += " at octet " + std::to_string(at + 1) + " of " + std::to_string(text.size());
  return fail(Fault::malformed, std::move(message));
}

constexpr OctetSet kNotPlain = OctetSet("()<>@,;:\\\"[]\x7f").with_range(0, ' ');

bool plain(char c) { return !kNotPlain.has(c); }

/// Octets of the well-formed UTF-8 character at `at`, 0 when there is none (RFC 3629 s. 4).
std::size_t utf8_size(std::string_view text, std::size_t at) {
  const auto octet = [&](std::size_t i) -> unsigned {
    return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0U;
  };
  const auto tail = [&](std::size_t i, unsigned low = 0x80, unsigned high = 0xBF) {
    return octet(i) >= low && octet(i) <= high;
  };
  const auto lead = octet(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return tail(1) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    return tail(1, lead == 0xE0 ? 0xA0 : 0x80, lead == 0xED ? 0x9F : 0xBF) && tail(2) ? 3 : 0;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    return tail(1, lead == 0xF0 ? 0x90 : 0x80, lead == 0xF4 ? 0x8F : 0xBF) && tail(2) && tail(3) ? 4 : 0;
  }
  return 0;
}

}  // namespace

Result<Address> Address::parse(std::string_view external) {
  Address address;
  std::size_t at = 0;
  for (std::size_t i = 0; i < external.size();) {
    const auto size = utf8_size(external, i);
    if (size == 0) return malformed(external, i, "no UTF-8");
    const auto octet = static_cast<unsigned char>(external[i]);
    if (octet < 32 || octet == 127) return malformed(external, i, "control octet");
    i += size;
  }
  if (!external.empty() && external.front() == '"') {
    for (at = 1;; ++at) {
      if (at == external.size()) return malformed(external, at, "quote not closed");
      if (external[at] == '"') break;
      if (external[at] == '\\' && ++at == external.size()) return malformed(external, at, "quote not closed");
      address.local_ += external[at];
    }
    ++at;
  } else {
    while (at < external.size() && plain(external[at])) ++at;
    address.local_ = external.substr(0, at);
    if (at == 0 && !external.empty()) return malformed(external, 0, "no local part");
    const auto dots = address.local_.find("..");
    if (dots != std::string::npos) return malformed(external, dots, "two dots together");
    if (at > 0 && external.front() == '.') return malformed(external, 0, "dot at the beginning");
    if (at > 0 && external[at - 1] == '.')
      return malformed(external, at - 1, "dot at the end of the local part");
  }
  if (at == external.size()) return address;
  if (external[at] != '@') return malformed(external, at, "unexpected octet");
  address.has_domain_ = true;
  const auto domain = external.substr(++at);
  if (!domain.empty() && domain.front() == '[') {
    const auto close = domain.find(']');
    if (close == std::string_view::npos || close + 1 != domain.size()) {
      return malformed(external, at, "address literal not closed");
    }
    if (domain.find_first_of("[\\ ", 1) != std::string_view::npos) {
      return malformed(external, at + domain.find_first_of("[\\ ", 1),
                       "octet not allowed in an address literal");
    }
  } else {
    for (std::size_t i = 0; i < domain.size(); ++i) {
      if (!plain(domain[i])) return malformed(external, at + i, "octet not allowed in a domain");
    }
  }
  address.domain_ = domain;
  return address;
}

Result<Address> Address::from_internal(std::string_view internal) {
  const auto bad = internal.find_first_of(std::string_view("\0\r\n", 3));
  if (bad != std::string_view::npos) return malformed(internal, bad, "NUL, CR or LF");
  Address address;
  const auto at = internal.rfind('@');
  address.local_ = internal.substr(0, at);
  if (at != std::string_view::npos) {
    address.has_domain_ = true;
    address.domain_ = internal.substr(at + 1);
  }
  return address;
}

std::string Address::internal() const {
  if (!has_domain_) return local_;
  std::string out;
  out.reserve(local_.size() + 1 + domain_.size());
  out += local_;
  out += '@';
  out += domain_;
  return out;
}

std::string Address::text() const {
  if (null()) return {};
  auto out = quote_bare_local_part(local_);
  if (has_domain_) {
    out += '@';
    out += domain_;
  }
  return out;
}

}  // namespace hikyaku::mail
