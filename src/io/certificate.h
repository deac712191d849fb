#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/tls_parameters.h"

struct ssl_ctx_st;

namespace hikyaku::io {

/// Puts the keys and certificate chains that `parameters` name into a context, and the CAs to trust. Errors
/// name the file and say what is wrong with it: unreadable, no key or certificate in it, an encrypted key, a
/// key that belongs to another certificate. Fault::permanent. Blocking.
Result<void> use_identities(ssl_ctx_st* context, const TlsParameters& parameters);
Result<void> use_trusted(ssl_ctx_st* context, const TlsParameters& parameters);
/// Versions, ciphers and groups, and what all our contexts have in common: buffers given back while idle, no
/// compression, no renegotiation.
Result<void> use_terms(ssl_ctx_st* context, const TlsParameters& parameters);

/// Text that changes when one of the files that `parameters` name does.
std::string files_stamp(const TlsParameters& parameters);

/// What OpenSSL has to say of the failure just now, its first cause, for a log; empties its list of errors.
std::string openssl_reason();
/// "AB:CD:…"
std::string colon_hex(std::string_view octets);

/// The words of a list that are separated by commas or blanks.
std::vector<std::string> split_files(std::string_view text);

}  // namespace hikyaku::io
