#include "io/tls_client.h"

#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <list>
#include <mutex>
#include <unordered_map>

#include "io/certificate.h"

namespace hikyaku::io {
namespace {

constexpr int kVerifyDepth = 9;

int note_and_go_on(int, X509_STORE_CTX*) { return 1; }

/// Owned by the SSL: under which key its sessions are kept.
int session_key_index() {
  static const int index = SSL_get_ex_new_index(
      0, nullptr, nullptr, nullptr,
      [](void*, void* data, CRYPTO_EX_DATA*, int, long, void*) { delete static_cast<std::string*>(data); });
  return index;
}

struct SessionFree {
  void operator()(SSL_SESSION* session) const { SSL_SESSION_free(session); }
};
using Session = std::unique_ptr<SSL_SESSION, SessionFree>;

bool has_name(X509* certificate, const std::string& name) {
  // A leading dot is OpenSSL's own form of "any name below".
  return X509_check_host(certificate, name.c_str(), name.size(), X509_CHECK_FLAG_MULTI_LABEL_WILDCARDS,
                         nullptr) == 1 ||
         X509_check_ip_asc(certificate, name.c_str(), 0) == 1;
}

}  // namespace

struct TlsClient::State {
  struct Kept {
    std::string key;
    Session session;
  };
  SSL_CTX* context = nullptr;
  std::mutex mutex;
  std::list<Kept> sessions;  // the one kept last in front
  std::unordered_map<std::string, std::list<Kept>::iterator> by_key;

  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { SSL_CTX_free(context); }

  /// Called by OpenSSL for each new session. 1: the reference is ours now.
  static int keep_session(SSL* ssl, SSL_SESSION* session) {
    auto* self = static_cast<State*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
    const auto* key = static_cast<std::string*>(SSL_get_ex_data(ssl, session_key_index()));
    if (key == nullptr || key->empty()) return 0;
    self->keep(*key, Session(session));
    return 1;
  }

  void keep(const std::string& key, Session session) {
    const std::lock_guard lock(mutex);
    if (const auto found = by_key.find(key); found != by_key.end()) {
      found->second->session = std::move(session);
      sessions.splice(sessions.begin(), sessions, found->second);
      return;
    }
    sessions.push_front({key, std::move(session)});
    by_key.emplace(key, sessions.begin());
    if (sessions.size() <= kMostSessions) return;
    by_key.erase(sessions.back().key);
    sessions.pop_back();
  }

  void resume(SSL* ssl, const std::string& key) {
    const std::lock_guard lock(mutex);
    if (const auto found = by_key.find(key); found != by_key.end())
      SSL_set_session(ssl, found->second->session.get());
  }
};

TlsClient::TlsClient(std::unique_ptr<State> state) : state_(std::move(state)) {}
TlsClient::~TlsClient() = default;

Result<std::unique_ptr<TlsClient>> TlsClient::make(TlsParameters parameters) {
  auto state = std::make_unique<State>();
  state->context = SSL_CTX_new(TLS_client_method());
  auto* raw = state->context;
  if (raw == nullptr) return fail(Fault::temporary, "TLS: " + openssl_reason());
  if (auto used = use_terms(raw, parameters); !used) return std::unexpected(std::move(used.error()));
  if (auto used = use_trusted(raw, parameters); !used) return std::unexpected(std::move(used.error()));
  if (auto used = use_identities(raw, parameters); !used) return std::unexpected(std::move(used.error()));
  SSL_CTX_set_verify_depth(raw, kVerifyDepth);
  SSL_CTX_set_app_data(raw, state.get());
  SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(raw, State::keep_session);
  return std::unique_ptr<TlsClient>(new TlsClient(std::move(state)));
}

Result<SSL*> TlsClient::begin(int descriptor, const TlsPeer& peer) {
  SSL* ssl = SSL_new(state_->context);
  if (ssl == nullptr) return fail(Fault::temporary, "TLS: " + openssl_reason());
  SSL_set_fd(ssl, descriptor);
  SSL_set_min_proto_version(ssl, peer.minimum_version);
  SSL_set_max_proto_version(ssl, peer.maximum_version);
  if (!peer.cipher_list.empty() && SSL_set_cipher_list(ssl, peer.cipher_list.c_str()) != 1) {
    SSL_free(ssl);
    return fail(Fault::permanent, "TLS cipher list \"" + peer.cipher_list + "\": " + openssl_reason());
  }
  if (!peer.server_name.empty()) SSL_set_tlsext_host_name(ssl, peer.server_name.c_str());
  // Without a duty to verify the chain is looked at all the same, for the log, and nothing comes of it.
  SSL_set_verify(ssl, SSL_VERIFY_PEER, peer.verify ? nullptr : note_and_go_on);
  SSL_set_ex_data(ssl, session_key_index(), new std::string(peer.session_key));
  if (!peer.session_key.empty()) state_->resume(ssl, peer.session_key);
  return ssl;
}

Result<void> TlsClient::finish(SSL* ssl, const TlsPeer& peer, TlsFacts& facts) {
  X509* certificate = SSL_get0_peer_certificate(ssl);
  facts.matched =
      certificate != nullptr && facts.verified &&
      std::ranges::any_of(peer.names, [&](const std::string& name) { return has_name(certificate, name); });
  if (!peer.verify || facts.matched) return {};
  // A resumed session keeps the verdict that it was made with, so the handshake itself does not tell.
  if (!facts.verified)
    return fail(Fault::temporary, "the server's certificate is not trusted: " + facts.verify_error);
  std::string wanted;
  for (const auto& name : peer.names) wanted += (wanted.empty() ? "" : ", ") + name;
  return fail(Fault::temporary,
              "the server's certificate is for \"" + facts.peer_name + "\", none of: " + wanted);
}

std::size_t TlsClient::sessions() const {
  const std::lock_guard lock(state_->mutex);
  return state_->sessions.size();
}

}  // namespace hikyaku::io
