#pragma once
// For tests only: keys and certificates, made when they are wanted.
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>

namespace hikyaku::testing_support {

/// A key (P-256) and a certificate for it, by its own signature or an issuer's.
class TestCertificate {
 public:
  /// A CA.
  explicit TestCertificate(const std::string& name) : TestCertificate(name, nullptr) {}
  /// A server's or client's; `name` is its common name and its one DNS name.
  TestCertificate(const std::string& name, const TestCertificate& issuer) : TestCertificate(name, &issuer) {}

  std::string key_pem() const {
    return pem([this](BIO* out) {
      return PEM_write_bio_PrivateKey(out, key_.get(), nullptr, nullptr, 0, nullptr, nullptr);
    });
  }
  std::string encrypted_key_pem() const {
    return pem([this](BIO* out) {
      return PEM_write_bio_PKCS8PrivateKey(out, key_.get(), EVP_aes_128_cbc(), "secret", 6, nullptr, nullptr);
    });
  }
  std::string certificate_pem() const {
    return pem([this](BIO* out) { return PEM_write_bio_X509(out, certificate_.get()); });
  }

 private:
  struct Free {
    void operator()(EVP_PKEY* one) const { EVP_PKEY_free(one); }
    void operator()(X509* one) const { X509_free(one); }
    void operator()(X509_EXTENSION* one) const { X509_EXTENSION_free(one); }
    void operator()(BIO* one) const { BIO_free(one); }
  };

  TestCertificate(const std::string& name, const TestCertificate* issuer)
      : key_(EVP_EC_gen("P-256")), certificate_(X509_new()) {
    auto* made = certificate_.get();
    X509_set_version(made, X509_VERSION_3);
    static long serial = 1;
    ASN1_INTEGER_set(X509_get_serialNumber(made), serial++);
    X509_gmtime_adj(X509_getm_notBefore(made), -3600);
    X509_gmtime_adj(X509_getm_notAfter(made), 3600);
    X509_set_pubkey(made, key_.get());
    X509_NAME_add_entry_by_txt(X509_get_subject_name(made), "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
    X509_set_issuer_name(made, X509_get_subject_name(issuer == nullptr ? made : issuer->certificate_.get()));
    extend(NID_basic_constraints, issuer == nullptr ? "critical,CA:TRUE" : "CA:FALSE");
    if (issuer != nullptr) extend(NID_subject_alt_name, "DNS:" + name + ",IP:127.0.0.1");
    if (X509_sign(made, issuer == nullptr ? key_.get() : issuer->key_.get(), EVP_sha256()) == 0) std::abort();
  }

  void extend(int kind, const std::string& value) {
    const std::unique_ptr<X509_EXTENSION, Free> extension(
        X509V3_EXT_conf_nid(nullptr, nullptr, kind, value.c_str()));
    if (!extension || X509_add_ext(certificate_.get(), extension.get(), -1) != 1) std::abort();
  }

  template <class Write>
  static std::string pem(const Write& write) {
    const std::unique_ptr<BIO, Free> out(BIO_new(BIO_s_mem()));
    if (write(out.get()) != 1) std::abort();
    char* text = nullptr;
    const auto size = BIO_get_mem_data(out.get(), &text);
    return {text, static_cast<std::size_t>(size)};
  }

  std::unique_ptr<EVP_PKEY, Free> key_;
  std::unique_ptr<X509, Free> certificate_;
};

/// Writes a file and returns its name.
inline std::string write_file(const std::string& name, const std::string& text) {
  std::ofstream(name, std::ios::binary) << text;
  return name;
}

}  // namespace hikyaku::testing_support
