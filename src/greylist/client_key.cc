#include "greylist/client_key.h"

#include <algorithm>

#include "base/escape.h"

namespace hikyaku::greylist {

ClientKey ClientKey::of_address(const table::Ip& address, MatchPrefixes prefixes) {
  ClientKey key;
  key.address_ = address.text();
  const unsigned prefix = address.family() == table::Ip::Family::v4 ? prefixes.v4 : prefixes.v6;
  if (prefix >= address.bits()) {
    key.network_ = key.address_;
  } else {
    key.network_ = address.masked(prefix).text() + '/' + std::to_string(prefix);
  }
  return key;
}

Result<ClientKey> ClientKey::of_address(std::string_view address, MatchPrefixes prefixes) {
  const auto ip = table::Ip::parse(address);
  if (!ip) return fail(Fault::malformed, "a client's address: " + escaped(address) + " is none");
  return of_address(*ip, prefixes);
}

Result<ClientKey> ClientKey::of_pool(std::string_view pool, std::string_view address) {
  const bool graphic = std::all_of(pool.begin(), pool.end(), [](char c) { return c > ' ' && c < 0x7f; });
  if (pool.empty() || pool.size() > kPoolLength || !graphic) {
    return fail(Fault::malformed, "a pool of senders: " + escaped(pool.substr(0, kPoolLength)) +
                                      " is no name of 1 to 255 graphic characters");
  }
  auto key = of_address(address, {});
  if (key) key->pool_ = pool;
  return key;
}

}  // namespace hikyaku::greylist
