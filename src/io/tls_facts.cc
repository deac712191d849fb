#include "io/tls_facts.h"

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <array>

#include "io/certificate.h"

namespace hikyaku::io {
namespace {

std::string common_name(const X509_NAME* name) {
  const int index = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
  if (index < 0) return {};
  unsigned char* text = nullptr;
  const int size = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, index)));
  if (size < 0) return {};
  std::string result(reinterpret_cast<const char*>(text), static_cast<std::size_t>(size));
  OPENSSL_free(text);
  return result;
}

using DigestOf = int (*)(const X509*, const EVP_MD*, unsigned char*, unsigned*);

std::string fingerprint(const X509* certificate, DigestOf digest_of) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  if (digest_of(certificate, EVP_sha256(), digest.data(), &size) != 1) return {};
  return colon_hex({reinterpret_cast<const char*>(digest.data()), size});
}

}  // namespace

TlsFacts tls_facts(SSL* ssl) {
  TlsFacts facts;
  facts.protocol = SSL_get_version(ssl);
  if (const auto* cipher = SSL_get_current_cipher(ssl)) {
    facts.cipher = SSL_CIPHER_get_name(cipher);
    facts.bits = SSL_CIPHER_get_bits(cipher, nullptr);
  }
  facts.resumed = SSL_session_reused(ssl) == 1;
  if (const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name)) facts.sni = name;
  const X509* peer = SSL_get0_peer_certificate(ssl);
  if (peer == nullptr) return facts;
  facts.peer_name = common_name(X509_get_subject_name(peer));
  facts.peer_issuer = common_name(X509_get_issuer_name(peer));
  facts.peer_fingerprint = fingerprint(peer, X509_digest);
  facts.peer_public_key_fingerprint = fingerprint(peer, X509_pubkey_digest);
  const auto verdict = SSL_get_verify_result(ssl);
  facts.verified = verdict == X509_V_OK;
  if (!facts.verified) facts.verify_error = X509_verify_cert_error_string(verdict);
  return facts;
}

}  // namespace hikyaku::io
