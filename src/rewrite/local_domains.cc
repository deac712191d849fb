#include "rewrite/local_domains.h"

#include <algorithm>

#include "mail/header.h"

namespace hikyaku::rewrite {

Result<bool> OwnDomains::is_local(std::string_view domain) const {
  if (mail::same_header_name(domain, myorigin_)) return true;
  if (domain.starts_with('[') && domain.ends_with(']')) {
    auto literal = domain.substr(1, domain.size() - 2);
    constexpr std::string_view kTag = "IPv6:";  // RFC 5321 s. 4.1.3
    if (literal.size() > kTag.size() && mail::same_header_name(literal.substr(0, kTag.size()), kTag)) {
      literal.remove_prefix(kTag.size());
    }
    const auto ip = table::Ip::parse(literal);
    return ip && std::find(addresses_.begin(), addresses_.end(), *ip) != addresses_.end();
  }
  if (domain.ends_with('.')) domain.remove_suffix(1);
  const auto match = mydestination_.match(domain, nullptr);
  if (!match) return std::unexpected(match.error());
  return match->has_value();
}

}  // namespace hikyaku::rewrite
