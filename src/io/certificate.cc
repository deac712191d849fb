#include "io/certificate.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <cerrno>
#include <cstring>

#include "io/authority_folder.h"
#include "io/stable_file.h"

namespace hikyaku::io {
namespace {

struct Free {
  void operator()(X509* one) const { X509_free(one); }
  void operator()(EVP_PKEY* one) const { EVP_PKEY_free(one); }
  void operator()(BIO* one) const { BIO_free(one); }
  void operator()(STACK_OF(X509) * all) const { sk_X509_pop_free(all, X509_free); }
  void operator()(STACK_OF(X509_NAME) * all) const { sk_X509_NAME_pop_free(all, X509_NAME_free); }
};
using Certificate = std::unique_ptr<X509, Free>;
using Key = std::unique_ptr<EVP_PKEY, Free>;

/// One key or certificate of a PEM file, in the order of the file.
struct PemObject {
  std::string file;
  Key key;
  Certificate certificate;
};

/// A block of a PEM file, as OpenSSL hands it out.
struct PemBlock {
  char* name = nullptr;
  char* header = nullptr;
  unsigned char* data = nullptr;
  long size = 0;
  PemBlock() = default;
  PemBlock(const PemBlock&) = delete;
  PemBlock& operator=(const PemBlock&) = delete;
  ~PemBlock() {
    OPENSSL_free(name);
    OPENSSL_free(header);
    if (data != nullptr) OPENSSL_clear_free(data, static_cast<std::size_t>(size));
  }
};

std::unexpected<Error> bad(const std::string& file, const std::string& what) {
  return fail(Fault::permanent, "TLS file " + file + ": " + what);
}

Result<void> take_block(const PemBlock& block, const std::string& file, std::vector<PemObject>& objects) {
  const std::string_view name = block.name;
  const unsigned char* data = block.data;
  if (name == PEM_STRING_X509 || name == PEM_STRING_X509_OLD) {
    Certificate certificate(d2i_X509(nullptr, &data, block.size));
    if (!certificate) return bad(file, "a certificate that can't be read: " + openssl_reason());
    objects.push_back({file, nullptr, std::move(certificate)});
  } else if (name == PEM_STRING_PKCS8 || std::string_view(block.header).contains("ENCRYPTED")) {
    return bad(file, "the key is encrypted: nobody is there to type the pass phrase; store it without one");
  } else if (name.ends_with("PRIVATE KEY")) {
    Key key(d2i_AutoPrivateKey(nullptr, &data, block.size));
    if (!key) return bad(file, "a private key that can't be read: " + openssl_reason());
    objects.push_back({file, std::move(key), nullptr});
  }
  return {};  // parameters and whatever else people keep in such files
}

Result<std::vector<PemObject>> read_pem(const std::string& file) {
  errno = 0;
  const std::unique_ptr<BIO, Free> in(BIO_new_file(file.c_str(), "r"));
  if (!in) {
    const int code = errno;
    ERR_clear_error();
    return bad(file, code != 0 ? std::strerror(code) : "can't be opened");
  }
  std::vector<PemObject> objects;
  for (;;) {
    PemBlock block;
    if (PEM_read_bio(in.get(), &block.name, &block.header, &block.data, &block.size) != 1) {
      const auto code = ERR_peek_last_error();
      if (ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE) {
        ERR_clear_error();
        return objects;
      }
      return bad(file, "no PEM file: " + openssl_reason());
    }
    if (auto taken = take_block(block, file, objects); !taken)
      return std::unexpected(std::move(taken.error()));
  }
}

/// A key, its certificate, and those above it.
struct Identity {
  Key key;
  std::string key_file, certificate_file;
  std::vector<Certificate> chain;
};

Result<void> use_identity(SSL_CTX* context, Identity identity) {
  if (!identity.key) return bad(identity.certificate_file, "no private key belongs to the certificate");
  if (identity.chain.empty()) return bad(identity.key_file, "no certificate follows the private key");
  if (X509_check_private_key(identity.chain.front().get(), identity.key.get()) != 1) {
    ERR_clear_error();
    return bad(identity.key_file,
               "the private key does not belong to the certificate in " + identity.certificate_file);
  }
  const std::unique_ptr<STACK_OF(X509), Free> above(sk_X509_new_null());
  for (std::size_t i = 1; i < identity.chain.size(); ++i)
    sk_X509_push(above.get(), identity.chain[i].release());
  if (SSL_CTX_use_cert_and_key(context, identity.chain.front().get(), identity.key.get(), above.get(), 1) !=
      1) {
    return bad(identity.certificate_file, openssl_reason());
  }
  return {};
}

Result<void> use_chain_files(SSL_CTX* context, const std::vector<std::string>& files) {
  Identity identity;
  for (const auto& file : files) {
    auto objects = read_pem(file);
    if (!objects) return std::unexpected(std::move(objects.error()));
    if (objects->empty()) return bad(file, "there is neither a key nor a certificate in it");
    for (auto& object : *objects) {
      if (object.key) {
        if (identity.key) {
          if (auto used = use_identity(context, std::exchange(identity, {})); !used) return used;
        }
        identity.key = std::move(object.key);
        identity.key_file = file;
      } else if (!identity.key) {
        return bad(
            file,
            "a certificate stands before any key: in chain files each key comes first, then its certificate");
      } else {
        identity.chain.push_back(std::move(object.certificate));
        identity.certificate_file = file;
      }
    }
  }
  if (!identity.key) return {};
  return use_identity(context, std::move(identity));
}

Result<void> use_files(SSL_CTX* context, const TlsIdentity& files) {
  auto certificates = read_pem(files.certificate_file);
  if (!certificates) return std::unexpected(std::move(certificates.error()));
  const auto& key_file = files.key_file.empty() ? files.certificate_file : files.key_file;
  Identity identity;
  identity.certificate_file = files.certificate_file;
  identity.key_file = key_file;
  for (auto& object : *certificates) {
    if (object.certificate) identity.chain.push_back(std::move(object.certificate));
    if (object.key && key_file == files.certificate_file && !identity.key)
      identity.key = std::move(object.key);
  }
  if (identity.chain.empty()) return bad(files.certificate_file, "there is no certificate in it");
  if (key_file != files.certificate_file) {
    auto keys = read_pem(key_file);
    if (!keys) return std::unexpected(std::move(keys.error()));
    for (auto& object : *keys) {
      if (object.key && !identity.key) identity.key = std::move(object.key);
    }
  }
  if (!identity.key) return bad(key_file, "there is no private key in it");
  return use_identity(context, std::move(identity));
}

}  // namespace

Result<void> use_identities(SSL_CTX* context, const TlsParameters& parameters) {
  if (!parameters.chain_files.empty()) return use_chain_files(context, parameters.chain_files);
  for (const auto& files : parameters.identities) {
    if (auto used = use_files(context, files); !used) return used;
  }
  return {};
}

Result<void> use_trusted(SSL_CTX* context, const TlsParameters& parameters) {
  if (parameters.system_cas) use_authorities_of_machine(context);
  if (!parameters.ca_file.empty()) {
    if (SSL_CTX_load_verify_file(context, parameters.ca_file.c_str()) != 1) {
      return bad(parameters.ca_file, "no CA certificates to trust: " + openssl_reason());
    }
    SSL_CTX_set_client_CA_list(context, SSL_load_client_CA_file(parameters.ca_file.c_str()));
  }
  if (!parameters.ca_path.empty() && !use_authority_folder(context, parameters.ca_path)) {
    return bad(parameters.ca_path, openssl_reason());
  }
  ERR_clear_error();
  return {};
}

Result<void> use_terms(SSL_CTX* context, const TlsParameters& parameters) {
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  // Mail has its own marks of an end, so that a peer that closes without TLS's says nothing of interest.
  SSL_CTX_set_options(context,
                      SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_min_proto_version(context, parameters.versions.minimum);
  SSL_CTX_set_max_proto_version(context, parameters.versions.maximum);
  SSL_CTX_set_dh_auto(context, 1);
  if (!parameters.cipher_list.empty() &&
      SSL_CTX_set_cipher_list(context, parameters.cipher_list.c_str()) != 1) {
    return fail(Fault::permanent, "TLS cipher list \"" + parameters.cipher_list + "\": " + openssl_reason());
  }
  if (!parameters.groups.empty() && SSL_CTX_set1_groups_list(context, parameters.groups.c_str()) != 1) {
    return fail(Fault::permanent, "TLS curves \"" + parameters.groups + "\": " + openssl_reason());
  }
  return {};
}

std::string files_stamp(const TlsParameters& parameters) {
  std::string text;
  const auto add = [&text](const std::string& file) {
    if (file.empty()) return;
    const auto stamp = stamp_of(file);
    text += std::to_string(stamp.inode) + "/" + std::to_string(stamp.size) + "/" +
            std::to_string(stamp.changed.tv_sec) + "." + std::to_string(stamp.changed.tv_nsec) + ";";
  };
  for (const auto& file : parameters.chain_files) add(file);
  for (const auto& identity : parameters.identities) {
    add(identity.certificate_file);
    add(identity.key_file);
  }
  add(parameters.ca_file);
  return text;
}

std::string openssl_reason() {
  const char* data = nullptr;
  int flags = 0;
  const auto code = ERR_get_error_all(nullptr, nullptr, nullptr, &data, &flags);
  std::string text = "unknown reason";
  if (ERR_SYSTEM_ERROR(code)) {
    text = std::strerror(ERR_GET_REASON(code));
  } else if (const char* reason = ERR_reason_error_string(code)) {
    text = reason;
  }
  if (code != 0 && (flags & ERR_TXT_STRING) != 0 && data != nullptr && *data != '\0')
    text += std::string(" (") + data + ")";
  ERR_clear_error();
  return text;
}

std::string colon_hex(std::string_view octets) {
  static constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string text;
  for (const char c : octets) {
    const auto octet = static_cast<unsigned char>(c);
    if (!text.empty()) text += ':';
    text += kDigits[octet >> 4];
    text += kDigits[octet & 15];
  }
  return text;
}

std::vector<std::string> split_files(std::string_view text) {
  static constexpr std::string_view kBetween = ", \t\r\n";
  std::vector<std::string> files;
  for (;;) {
    const auto begin = text.find_first_not_of(kBetween);
    if (begin == std::string_view::npos) return files;
    text.remove_prefix(begin);
    const auto end = std::min(text.find_first_of(kBetween), text.size());
    files.emplace_back(text.substr(0, end));
    text.remove_prefix(end);
  }
}

}  // namespace hikyaku::io
