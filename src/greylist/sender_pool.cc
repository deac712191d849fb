#include "greylist/sender_pool.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <vector>

#include "table/fold.h"

namespace hikyaku::greylist {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Decimal numbers of the name, without their leading zeros; "192-000-002-7" has 192, 0, 2 and 7.
std::vector<unsigned> numbers(std::string_view name) {
  std::vector<unsigned> found;
  for (std::size_t at = 0; at < name.size();) {
    if (!is_digit(name[at])) {
      ++at;
      continue;
    }
    const auto end = std::min(name.find_first_not_of("0123456789", at), name.size());
    unsigned value = 0;
    const auto read = std::from_chars(name.data() + at, name.data() + end, value);
    if (read.ec == std::errc()) found.push_back(value);
    at = end;
  }
  return found;
}

/// The name in lower case without what stands between the digits of an address in it.
std::string joined(std::string_view name) {
  std::string out;
  for (const char c : name)
    if (c != '-' && c != '.' && c != '_') out += c;
  return table::ascii_lower(out);
}

std::string hexadecimal(const std::uint8_t* octets, std::size_t count) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) {
    std::array<char, 3> digits{};
    std::snprintf(digits.data(), digits.size(), "%02x", octets[i]);
    out += digits.data();
  }
  return out;
}

}  // namespace

bool names_its_address(std::string_view name, const table::Ip& address) {
  const auto& octets = address.octets();
  if (address.family() == table::Ip::Family::v6)
    return joined(name).find(hexadecimal(octets.data() + 12, 4)) != std::string::npos;
  if (joined(name).find(hexadecimal(octets.data(), 4)) != std::string::npos) return true;
  // The last two octets, in whichever order, as numbers of the name; one alone may be a machine's number.
  auto found = numbers(name);
  for (const auto octet : {octets[3], octets[2]}) {
    const auto at = std::ranges::find(found, octet);
    if (at == found.end()) return false;
    found.erase(at);
  }
  return true;
}

std::string sender_pool(const Facts& facts, const std::optional<SpfResult>& spf) {
  if (!facts.client) return {};
  const auto sender = without_brackets(facts.sender);
  const auto at = sender.rfind('@');
  if (spf && spf->status == SpfStatus::pass && at != std::string_view::npos && at + 1 < sender.size())
    return "spf:" + table::ascii_lower(sender.substr(at + 1));
  const bool named = !facts.client_name.empty() && facts.client_name.front() != '[';
  if (named && names_its_address(facts.client_name, *facts.client)) return {};
  if (named && !facts.provider_domain.empty()) return "dns:" + table::ascii_lower(facts.provider_domain);
  if (facts.autonomous_system) return "asn:" + std::to_string(*facts.autonomous_system);
  return {};
}

}  // namespace hikyaku::greylist
