#include "io/tls_server.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <map>
#include <mutex>

#include "io/certificate.h"
#include "io/thread_confinement.h"

namespace hikyaku::io {
namespace {

constexpr int kVerifyDepth = 9;

struct ContextFree {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
using Context = std::shared_ptr<SSL_CTX>;

/// Goes on after a fault, which stays readable by SSL_get_verify_result().
int note_and_go_on(int, X509_STORE_CTX*) { return 1; }

Result<Context> make_context(const TlsServerParameters& parameters, const TlsParameters& identities) {
  Context context(SSL_CTX_new(TLS_server_method()), ContextFree{});
  if (!context) return fail(Fault::temporary, "TLS: " + openssl_reason());
  auto* raw = context.get();
  if (auto used = use_terms(raw, parameters); !used) return std::unexpected(std::move(used.error()));
  if (auto used = use_trusted(raw, parameters); !used) return std::unexpected(std::move(used.error()));
  if (auto used = use_identities(raw, identities); !used) return std::unexpected(std::move(used.error()));
  if (parameters.prefer_server_ciphers) SSL_CTX_set_options(raw, SSL_OP_CIPHER_SERVER_PREFERENCE);
  // A session is in its ticket, at the client: nothing is kept here. One ticket is enough, each costs an AES
  // and a MAC.
  SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_timeout(raw, static_cast<long>(parameters.session_lifetime.count()));
  SSL_CTX_set_num_tickets(raw, parameters.session_tickets ? 1 : 0);
  if (!parameters.session_tickets) SSL_CTX_set_options(raw, SSL_OP_NO_TICKET);
  static constexpr std::string_view kSessions = "hikyaku";
  SSL_CTX_set_session_id_context(raw, reinterpret_cast<const unsigned char*>(kSessions.data()),
                                 kSessions.size());
  SSL_CTX_set_verify_depth(raw, kVerifyDepth);
  if (parameters.require_client_certificate) {
    SSL_CTX_set_verify(raw, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  } else if (parameters.ask_client_certificate) {
    // A certificate that is not trusted is no reason to refuse the talk: what it opens, the access rules
    // decide.
    SSL_CTX_set_verify(raw, SSL_VERIFY_PEER, note_and_go_on);
  }
  return context;
}

}  // namespace

struct TlsServer::State {
  TlsServerParameters parameters;
  std::mutex mutex;
  Context context;
  std::string stamp;
  struct Named {
    Context context;
    TlsParameters files;
    std::string stamp;
  };
  std::map<std::string, Named, std::less<>>
      named;  // by the list of files, so that clients can't make it grow

  Result<Context> make() {
    auto made = make_context(parameters, parameters);
    if (made && parameters.chain_files_for) {
      SSL_CTX_set_tlsext_servername_callback(made->get(), choose_certificate);
      SSL_CTX_set_tlsext_servername_arg(made->get(), this);
    }
    return made;
  }

  /// Gives the connection the certificate of the name that the client asks for, if there is one of its own.
  static int choose_certificate(SSL* ssl, int* alert, void* self) {
    const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    if (name == nullptr) return SSL_TLSEXT_ERR_NOACK;
    auto context = static_cast<State*>(self)->context_for(name);
    if (context && *context) SSL_set_SSL_CTX(ssl, context->get());
    if (context) return SSL_TLSEXT_ERR_OK;
    ERR_raise_data(ERR_LIB_USER, ERR_R_OPERATION_FAIL, "%s", context.error().text.c_str());
    *alert = SSL_AD_INTERNAL_ERROR;
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }

  /// Null: the name has none of its own.
  Result<Context> context_for(std::string_view name) {
    const auto files = parameters.chain_files_for(name);
    if (!files) return std::unexpected(files.error());
    if (!*files) return Context{};
    {
      const std::lock_guard lock(mutex);
      if (const auto found = named.find(**files); found != named.end()) return found->second.context;
    }
    auto made = by_opener([&] { return read_named(**files); });
    if (!made) return std::unexpected(std::move(made.error()));
    const std::lock_guard lock(mutex);
    return named.insert_or_assign(**files, *std::move(made)).first->second.context;
  }

  Result<Named> read_named(const std::string& files) const {
    Named made;
    made.files.chain_files = split_files(files);
    made.stamp = files_stamp(made.files);
    auto context_made = make_context(parameters, made.files);
    if (!context_made) return std::unexpected(std::move(context_made.error()));
    made.context = *std::move(context_made);
    return made;
  }
};

TlsServer::TlsServer(std::unique_ptr<State> state) : state_(std::move(state)) {}
TlsServer::~TlsServer() = default;

Result<std::unique_ptr<TlsServer>> TlsServer::make(TlsServerParameters parameters) {
  auto state = std::make_unique<State>();
  state->parameters = std::move(parameters);
  state->stamp = files_stamp(state->parameters);
  auto context = state->make();
  if (!context) return std::unexpected(std::move(context.error()));
  state->context = std::move(*context);
  return std::unique_ptr<TlsServer>(new TlsServer(std::move(state)));
}

SSL* TlsServer::begin(int descriptor) {
  Context context;
  {
    const std::lock_guard lock(state_->mutex);
    context = state_->context;
  }
  SSL* ssl = SSL_new(context.get());  // holds the context too
  if (ssl != nullptr) SSL_set_fd(ssl, descriptor);
  return ssl;
}

Result<bool> TlsServer::refresh() {
  auto stamp = files_stamp(state_->parameters);
  bool changed = false;
  {
    const std::lock_guard lock(state_->mutex);
    // Read again when a name is asked for the next time; what is bad then is bad for that name alone.
    changed = std::erase_if(state_->named, [](const auto& one) {
                return files_stamp(one.second.files) != one.second.stamp;
              }) != 0;
    if (stamp == state_->stamp) return changed;
    state_->stamp = std::move(stamp);
  }
  auto context = state_->make();
  if (!context) return std::unexpected(std::move(context.error()));
  const std::lock_guard lock(state_->mutex);
  state_->context = std::move(*context);
  return true;
}

}  // namespace hikyaku::io
