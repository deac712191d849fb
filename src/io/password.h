#pragma once
#include <string>
#include <string_view>

#include "base/result.h"

namespace hikyaku::io {

/// What a server needs to know to check a SCRAM-SHA-256 login (RFC 5802 s. 3, RFC 7677). Salt and keys are
/// octets.
struct ScramVerifier {
  std::string salt;
  unsigned iterations = 0;
  std::string stored_key, server_key;
  bool operator==(const ScramVerifier&) const = default;
};

constexpr unsigned kScramIterations = 4096;  ///< of new verifiers: RFC 7677 s. 4 asks for no fewer
constexpr std::size_t kMostPassword = 255;   ///< octets, as in an AUTH PLAIN message

/// The password in the form that both sides of a login compare (SASLprep, RFC 4013; RFC 4616 s. 2). Fails
/// with Fault::malformed when it is empty, too long, not UTF-8, or holds control characters; the error does
/// not show it.
Result<std::string> prepare_password(std::string_view password);

/// A fresh yescrypt hash ("$y$…", crypt(5)) of a prepared password, at crypt(3)'s own cost and salt.
/// Blocking: tens of milliseconds and 16 MiB of memory. Fails with Fault::permanent where crypt(3) has no
/// yescrypt.
Result<std::string> hash_password(const std::string& prepared);

/// Whether `prepared` is the password of `hash`, of any form that crypt(3) knows. As long for a wrong
/// password as for a right one. Blocking.
bool password_matches(const std::string& prepared, const std::string& hash);

/// A verifier of a prepared password with a fresh salt. Blocking: a millisecond. Fails with Fault::temporary.
Result<ScramVerifier> make_scram_verifier(const std::string& prepared);
/// The same with a given salt. Pure.
ScramVerifier scram_verifier(const std::string& prepared, std::string salt, unsigned iterations);

/// "4096:salt:stored-key:server-key" in base64; parses back to the same verifier.
std::string text(const ScramVerifier& verifier);
/// Fails with Fault::malformed. Limits: 1 to 10,000,000 iterations, 1 to 64 octets of salt. Pure.
Result<ScramVerifier> parse_scram_verifier(std::string_view text);

/// Overwrites a secret, so that it does not stay behind in memory that is free again.
void wipe(std::string& secret);

}  // namespace hikyaku::io
