#pragma once
#include <openssl/ssl.h>

#include <string>

namespace hikyaku::io {

/// Has `context` trust the authorities in a folder, each in a file that is called by the hash of its name, as
/// openssl-rehash(1) does it. A file is read when its authority is wanted, by the opener where the thread is
/// confined.
bool use_authority_folder(SSL_CTX* context, const std::string& folder);

/// The authorities of the machine: OpenSSL's default file and folder, or those of SSL_CERT_FILE and
/// SSL_CERT_DIR.
void use_authorities_of_machine(SSL_CTX* context);

}  // namespace hikyaku::io
