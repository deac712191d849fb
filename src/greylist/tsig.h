#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hikyaku::greylist {

/// Signs messages of the DNS with a key that both ends have (TSIG, RFC 8945). Pure.
class Tsig {
 public:
  /// A message authentication code (RFC 2104): `hash` is "MD5", "SHA1", "SHA224", "SHA256", "SHA384" or
  /// "SHA512". nullopt: it can't be had.
  using Hmac = std::function<std::optional<std::string>(std::string_view hash, std::string_view key,
                                                        std::string_view text)>;
  static constexpr std::uint16_t kFudge = 300;  ///< seconds that clocks may differ by

  /// `algorithm` is "hmac-md5", "hmac-sha256" and so on, or a name that ends with a dot in its place;
  /// `secret` is in base64. Fault::malformed says which is bad.
  static Result<Tsig> parse(std::string_view key_name, std::string_view algorithm, std::string_view secret);

  struct Signed {
    std::string message, mac;
  };
  /// The message with a signature behind it; `seconds` since 1970. Fault::permanent: the code can't be had.
  Result<Signed> sign(std::string message, std::uint64_t seconds, const Hmac& hmac) const;
  /// Whether an answer is signed by who has the key, for the request of that code. Fault::temporary: it is
  /// not, or the server did not take the request's signature, which is told.
  Result<void> verify(std::string_view answer, std::string_view request_mac, std::uint64_t seconds,
                      const Hmac& hmac) const;

 private:
  Tsig(std::string name_wire, std::string algorithm_wire, std::string hash, std::string key)
      : name_(std::move(name_wire)),
        algorithm_(std::move(algorithm_wire)),
        hash_(std::move(hash)),
        key_(std::move(key)) {}
  std::string variables(std::uint64_t seconds, std::uint16_t fudge, std::uint16_t error,
                        std::string_view other) const;

  std::string name_, algorithm_;  // in wire form, lower case
  std::string hash_, key_;
};

}  // namespace hikyaku::greylist
