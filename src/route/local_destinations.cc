#include "route/local_destinations.h"

#include <algorithm>

#include "table/fold.h"

namespace hikyaku::route {
namespace {

/// The address of "[192.0.2.1]" or "[IPv6:2001:db8::1]" (RFC 5321 s. 4.1.3).
std::optional<table::Ip> literal_address(std::string_view domain) {
  if (domain.size() < 2 || domain.front() != '[' || domain.back() != ']') return std::nullopt;
  auto literal = domain.substr(1, domain.size() - 2);
  constexpr std::string_view kTag = "ipv6:";
  if (table::equal_ascii_nocase(literal.substr(0, kTag.size()), kTag)) literal.remove_prefix(kTag.size());
  return table::Ip::parse(literal);
}

}  // namespace

bool LocalDestinations::is_own(const table::Ip& address) const {
  return std::find(addresses_.begin(), addresses_.end(), address) != addresses_.end();
}

Result<LocalDestinations::Match> LocalDestinations::match(std::string_view domain) const {
  if (domain.size() > 1 && domain.ends_with('.')) domain.remove_suffix(1);
  auto listed = mydestination_.match(domain, nullptr);
  if (!listed) return fail(Fault::temporary, "mydestination: " + listed.error().text);
  if (listed->has_value()) return Match{true, (*listed)->element, (*listed)->origin};
  const auto address = literal_address(domain);
  return Match{address && is_own(*address), {}, {}};
}

Result<bool> LocalDestinations::is_local(std::string_view domain) const {
  if (table::equal_ascii_nocase(domain, myorigin_)) return true;
  const auto matched = match(domain);
  if (!matched) return std::unexpected(matched.error());
  return matched->is_local;
}

}  // namespace hikyaku::route
