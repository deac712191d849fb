#include "io/authority_folder.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include <cstdlib>

#include "io/thread_confinement.h"

namespace hikyaku::io {
namespace {

int find_in_folder(X509_LOOKUP* lookup, X509_LOOKUP_TYPE type, const X509_NAME* name, X509_OBJECT* found) {
  return by_opener([&] {
    // What is not found leaves an error behind, on a thread whose next work is another's.
    ERR_set_mark();
    const int got = X509_LOOKUP_meth_get_get_by_subject(X509_LOOKUP_hash_dir())(lookup, type, name, found);
    ERR_pop_to_mark();
    return got;
  });
}

/// OpenSSL's own, but for the thread that reads.
X509_LOOKUP_METHOD* method() {
  static X509_LOOKUP_METHOD* const made = [] {
    auto* below = X509_LOOKUP_hash_dir();
    auto* method = X509_LOOKUP_meth_new("authorities in a folder");
    X509_LOOKUP_meth_set_new_item(method, X509_LOOKUP_meth_get_new_item(below));
    X509_LOOKUP_meth_set_free(method, X509_LOOKUP_meth_get_free(below));
    X509_LOOKUP_meth_set_ctrl(method, X509_LOOKUP_meth_get_ctrl(below));
    X509_LOOKUP_meth_set_get_by_subject(method, find_in_folder);
    return method;
  }();
  return made;
}

}  // namespace

bool use_authority_folder(SSL_CTX* context, const std::string& folder) {
  auto* lookup = X509_STORE_add_lookup(SSL_CTX_get_cert_store(context), method());
  return lookup != nullptr && X509_LOOKUP_add_dir(lookup, folder.c_str(), X509_FILETYPE_PEM) == 1;
}

void use_authorities_of_machine(SSL_CTX* context) {
  SSL_CTX_set_default_verify_file(context);
  const char* folder = ::secure_getenv(X509_get_default_cert_dir_env());
  use_authority_folder(context, folder != nullptr ? folder : X509_get_default_cert_dir());
}

}  // namespace hikyaku::io
