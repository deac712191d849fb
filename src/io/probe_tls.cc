#include "io/probe_tls.h"

#include <openssl/ocsp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>

#include "io/certificate.h"

namespace hikyaku::io {
namespace {

using probe::TlsCertificate;
using probe::TlsReport;
using probe::TlsWish;

constexpr int kTrustedBits = 2;        // OpenSSL's level for a chain that may be trusted: 112 bits
constexpr long kClockTolerance = 300;  // seconds that an OCSP responder's clock may be ahead
constexpr std::size_t kExporterSize = 32;

template <auto Free>
struct Freed {
  template <class T>
  void operator()(T* one) const {
    Free(one);
  }
};
using Bio = std::unique_ptr<BIO, Freed<BIO_free>>;
using OcspResponse = std::unique_ptr<OCSP_RESPONSE, Freed<OCSP_RESPONSE_free>>;
using OcspBasic = std::unique_ptr<OCSP_BASICRESP, Freed<OCSP_BASICRESP_free>>;
using OcspId = std::unique_ptr<OCSP_CERTID, Freed<OCSP_CERTID_free>>;
using Names = std::unique_ptr<GENERAL_NAMES, Freed<GENERAL_NAMES_free>>;

int note_and_go_on(int, X509_STORE_CTX*) { return 1; }

int note_request(SSL*, void* asked) {
  *static_cast<bool*>(asked) = true;
  return 1;
}

/// Keeps the first octets that come: OpenSSL does not tell what it could not read.
long note_octets(BIO* bio, int what, const char* octets, std::size_t, int, long, int result,
                 std::size_t* size) {
  static constexpr std::size_t kKept = 64;
  auto& kept = *reinterpret_cast<std::string*>(BIO_get_callback_arg(bio));
  if (what == (BIO_CB_READ | BIO_CB_RETURN) && result > 0 && size != nullptr && kept.size() < kKept)
    kept.append(octets, std::min(*size, kKept - kept.size()));
  return result;
}

std::unexpected<Error> unusable(const std::string& what) {
  return fail(Fault::permanent, "TLS: " + what + " can't be used: " + openssl_reason());
}

Result<void> use_files(SSL_CTX* context, const TlsWish& wish) {
  if (wish.authorities_file.empty()) {
    SSL_CTX_set_default_verify_paths(context);
  } else if (SSL_CTX_load_verify_file(context, wish.authorities_file.c_str()) != 1) {
    return unusable("the authorities in " + wish.authorities_file);
  }
  if (wish.certificate_file.empty()) return {};
  if (SSL_CTX_use_certificate_chain_file(context, wish.certificate_file.c_str()) != 1)
    return unusable("the certificate in " + wish.certificate_file);
  const auto& key = wish.key_file.empty() ? wish.certificate_file : wish.key_file;
  if (SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM) != 1)
    return unusable("the key in " + key);
  return {};
}

Result<void> use_terms(SSL* ssl, const TlsWish& wish) {
  if (SSL_set_min_proto_version(ssl, wish.minimum_version) != 1 ||
      SSL_set_max_proto_version(ssl, wish.maximum_version) != 1)
    return unusable("these versions");
  if (!wish.cipher_list.empty() && SSL_set_cipher_list(ssl, wish.cipher_list.c_str()) != 1)
    return unusable("the list of ciphers \"" + wish.cipher_list + "\"");
  std::string protocols;
  for (const auto& name : wish.protocols) {
    if (name.empty() || name.size() > 255)
      return fail(Fault::permanent, "TLS: the name of an ALPN protocol has 1 to 255 octets");
    protocols += static_cast<char>(name.size());
    protocols += name;
  }
  // 0 is success here, alone of all.
  if (!protocols.empty() && SSL_set_alpn_protos(ssl, reinterpret_cast<const unsigned char*>(protocols.data()),
                                                static_cast<unsigned>(protocols.size())) != 0)
    return unusable("the list of ALPN protocols");
  return {};
}

/// An address is never sent as SNI (RFC 6066 s. 3).
bool is_address(const std::string& name) {
  ASN1_OCTET_STRING* address = a2i_IPADDRESS(name.c_str());
  ASN1_OCTET_STRING_free(address);
  return address != nullptr;
}

std::string name_text(const X509_NAME* name) {
  const Bio out(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(out.get(), name, 0, XN_FLAG_SEP_CPLUS_SPC | XN_FLAG_FN_SN | ASN1_STRFLGS_UTF8_CONVERT);
  char* text = nullptr;
  const auto size = BIO_get_mem_data(out.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

std::string address_text(const ASN1_OCTET_STRING* address) {
  const auto* octets = ASN1_STRING_get0_data(address);
  std::string out;
  if (ASN1_STRING_length(address) == 4) {
    for (int i = 0; i < 4; ++i) out += (i == 0 ? "" : ".") + std::to_string(octets[i]);
  } else if (ASN1_STRING_length(address) == 16) {
    for (int i = 0; i < 16; i += 2) {
      std::array<char, 8> group{};
      std::snprintf(group.data(), group.size(), "%s%x", i == 0 ? "" : ":", octets[i] * 256 + octets[i + 1]);
      out += group.data();
    }
  }
  return out;
}

std::vector<std::string> names_of(const X509* certificate) {
  std::vector<std::string> out;
  const Names names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    int kind = 0;
    const auto* value = static_cast<const ASN1_STRING*>(
        GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names.get(), i), &kind));
    if (kind == GEN_DNS) {
      out.emplace_back(reinterpret_cast<const char*>(ASN1_STRING_get0_data(value)),
                       static_cast<std::size_t>(ASN1_STRING_length(value)));
    } else if (kind == GEN_IPADD) {
      out.push_back(address_text(value));
    }
  }
  return out;
}

std::int64_t seconds_of(const ASN1_TIME* time) {
  int days = 0;
  int seconds = 0;
  const std::unique_ptr<ASN1_TIME, Freed<ASN1_TIME_free>> epoch(ASN1_TIME_set(nullptr, 0));
  if (ASN1_TIME_diff(&days, &seconds, epoch.get(), time) != 1) return 0;
  return std::int64_t{days} * 86400 + seconds;
}

std::string digest(std::string_view octets, const EVP_MD* kind) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
  unsigned size = 0;
  if (EVP_Digest(octets.data(), octets.size(), out.data(), &size, kind, nullptr) != 1) return {};
  return {reinterpret_cast<const char*>(out.data()), size};
}

/// `issuer` is the next of the chain.
TlsCertificate described(X509* certificate, X509* issuer) {
  TlsCertificate out;
  out.subject = name_text(X509_get_subject_name(certificate));
  out.issuer = name_text(X509_get_issuer_name(certificate));
  out.names = names_of(certificate);
  out.not_before = seconds_of(X509_get0_notBefore(certificate));
  out.not_after = seconds_of(X509_get0_notAfter(certificate));
  const auto der = [](const auto* one, auto encode) {
    unsigned char* octets = nullptr;
    const int size = encode(one, &octets);
    std::string text;
    if (size > 0) text.assign(reinterpret_cast<const char*>(octets), static_cast<std::size_t>(size));
    OPENSSL_free(octets);
    return text;
  };
  out.der = der(certificate, i2d_X509);
  out.public_key_der = der(X509_get_X509_PUBKEY(certificate), i2d_X509_PUBKEY);
  out.der_sha256 = digest(out.der, EVP_sha256());
  out.der_sha512 = digest(out.der, EVP_sha512());
  out.key_sha256 = digest(out.public_key_der, EVP_sha256());
  out.key_sha512 = digest(out.public_key_der, EVP_sha512());
  out.is_authority = X509_check_ca(certificate) != 0;
  out.signed_by_next = X509_verify(certificate, X509_get0_pubkey(issuer)) == 1;
  return out;
}

/// The answer about `leaf` in a response that has been read, or why there is none that counts.
TlsReport::Staple staple_status(OCSP_BASICRESP* basic, X509* leaf, X509* issuer, std::string& error) {
  const OcspId id(OCSP_cert_to_id(nullptr, leaf, issuer));
  int status = 0;
  int reason = 0;
  ASN1_GENERALIZEDTIME* revoked = nullptr;
  ASN1_GENERALIZEDTIME* from = nullptr;
  ASN1_GENERALIZEDTIME* until = nullptr;
  if (!id || OCSP_resp_find_status(basic, id.get(), &status, &reason, &revoked, &from, &until) != 1) {
    error = "it is about another certificate";
    return TlsReport::Staple::unusable;
  }
  if (OCSP_check_validity(from, until, kClockTolerance, -1) != 1) {
    error = "its time is over, or has not come";
    return TlsReport::Staple::unusable;
  }
  if (status == V_OCSP_CERTSTATUS_GOOD) return TlsReport::Staple::good;
  return status == V_OCSP_CERTSTATUS_REVOKED ? TlsReport::Staple::revoked : TlsReport::Staple::unknown;
}

void report_staple(SSL* ssl, TlsReport& report) {
  const unsigned char* octets = nullptr;
  const long size = SSL_get_tlsext_status_ocsp_resp(ssl, &octets);
  if (octets == nullptr || size <= 0) return;
  report.staple = TlsReport::Staple::unusable;
  const OcspResponse response(d2i_OCSP_RESPONSE(nullptr, &octets, size));
  if (!response) {
    report.staple_error = "it is no OCSP response";
    return;
  }
  if (const int status = OCSP_response_status(response.get()); status != OCSP_RESPONSE_STATUS_SUCCESSFUL) {
    report.staple_error = std::string("the responder said: ") + OCSP_response_status_str(status);
    return;
  }
  const OcspBasic basic(OCSP_response_get1_basic(response.get()));
  auto* chain = SSL_get0_verified_chain(ssl);
  if (chain == nullptr) chain = SSL_get_peer_cert_chain(ssl);
  if (!basic || chain == nullptr || sk_X509_num(chain) < 2) {
    report.staple_error = "whose issuer is not known it can't be checked against";
    return;
  }
  if (OCSP_basic_verify(basic.get(), chain, SSL_CTX_get_cert_store(SSL_get_SSL_CTX(ssl)), 0) != 1) {
    report.staple_error = "its signature does not count: " + openssl_reason();
    return;
  }
  report.staple =
      staple_status(basic.get(), sk_X509_value(chain, 0), sk_X509_value(chain, 1), report.staple_error);
}

void report_chain(SSL* ssl, const TlsWish& wish, TlsReport& report) {
  const auto* chain = SSL_get_peer_cert_chain(ssl);
  const int size = chain == nullptr ? 0 : sk_X509_num(chain);
  for (int i = 0; i < size; ++i)
    report.chain.push_back(
        described(sk_X509_value(chain, i), sk_X509_value(chain, std::min(i + 1, size - 1))));
  X509* leaf = SSL_get0_peer_certificate(ssl);
  const auto verdict = SSL_get_verify_result(ssl);
  report.trusted = leaf != nullptr && verdict == X509_V_OK;
  if (leaf == nullptr) {
    report.trust_error = "the server showed no certificate";
  } else if (!report.trusted) {
    report.trust_error = X509_verify_cert_error_string(verdict);
  }
  if (leaf == nullptr || wish.server_name.empty()) return;
  // The common name counts for nothing (RFC 9525 s. 2).
  constexpr unsigned kHow = X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT;
  report.name_matches =
      is_address(wish.server_name)
          ? X509_check_ip_asc(leaf, wish.server_name.c_str(), 0) == 1
          : X509_check_host(leaf, wish.server_name.data(), wish.server_name.size(), kHow, nullptr) == 1;
}

void report_bindings(SSL* ssl, TlsReport& report) {
  if (SSL_version(ssl) < TLS1_3_VERSION) {
    std::array<char, EVP_MAX_MD_SIZE> finished{};
    const auto size = SSL_get_finished(ssl, finished.data(), finished.size());
    if (SSL_session_reused(ssl) == 0) report.channel_unique.assign(finished.data(), size);
    return;
  }
  static constexpr std::string_view kLabel = "EXPORTER-Channel-Binding";  // RFC 9266 s. 4.1
  std::array<unsigned char, kExporterSize> key{};
  if (SSL_export_keying_material(ssl, key.data(), key.size(), kLabel.data(), kLabel.size(), nullptr, 0, 0) ==
      1)
    report.channel_exporter.assign(reinterpret_cast<const char*>(key.data()), key.size());
}

}  // namespace

void SslContextFree::operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
void SslFree::operator()(SSL* ssl) const { SSL_free(ssl); }

Result<std::unique_ptr<ProbeTls>> ProbeTls::begin(int descriptor, const TlsWish& wish) {
  auto made = std::make_unique<ProbeTls>();
  made->context.reset(SSL_CTX_new(TLS_client_method()));
  if (!made->context) return fail(Fault::temporary, "TLS: " + openssl_reason());
  auto* context = made->context.get();
  // Whatever the server can do is spoken, so that it can be told.
  SSL_CTX_set_security_level(context, 0);
  SSL_CTX_set_options(context, SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_LEGACY_SERVER_CONNECT);
  if (auto used = use_files(context, wish); !used) return std::unexpected(std::move(used.error()));
  made->ssl.reset(SSL_new(context));
  auto* ssl = made->ssl.get();
  if (ssl == nullptr) return fail(Fault::temporary, "TLS: " + openssl_reason());
  if (auto used = use_terms(ssl, wish); !used) return std::unexpected(std::move(used.error()));
  X509_VERIFY_PARAM_set_auth_level(SSL_get0_param(ssl), kTrustedBits);
  SSL_set_verify(ssl, SSL_VERIFY_PEER, note_and_go_on);
  SSL_set_tlsext_status_type(ssl, TLSEXT_STATUSTYPE_ocsp);
  SSL_set_cert_cb(ssl, note_request, &made->certificate_asked);
  SSL_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  if (!wish.server_name.empty() && !is_address(wish.server_name) &&
      SSL_set_tlsext_host_name(ssl, wish.server_name.c_str()) != 1)
    return unusable("the name \"" + wish.server_name + "\"");
  if (SSL_set_fd(ssl, descriptor) != 1) return fail(Fault::temporary, "TLS: " + openssl_reason());
  BIO_set_callback_ex(SSL_get_rbio(ssl), note_octets);
  BIO_set_callback_arg(SSL_get_rbio(ssl), reinterpret_cast<char*>(&made->first_octets));
  SSL_set_connect_state(ssl);
  return made;
}

TlsReport ProbeTls::report(const TlsWish& wish) const {
  auto* raw = ssl.get();
  TlsReport out;
  out.protocol = SSL_get_version(raw);
  if (const auto* cipher = SSL_get_current_cipher(raw)) {
    out.cipher = SSL_CIPHER_get_name(cipher);
    out.bits = SSL_CIPHER_get_bits(cipher, nullptr);
  }
  if (const int group = static_cast<int>(SSL_get_negotiated_group(raw)); group != 0) {
    const char* name = SSL_group_to_name(raw, group);
    if (name != nullptr) out.group = name;
  }
  const unsigned char* protocol = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(raw, &protocol, &size);
  if (size > 0) out.application_protocol.assign(reinterpret_cast<const char*>(protocol), size);
  report_chain(raw, wish, out);
  out.client_certificate_asked = certificate_asked;
  report_staple(raw, out);
  report_bindings(raw, out);
  return out;
}

}  // namespace hikyaku::io
