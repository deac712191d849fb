#include "serve/greylist_peer_security.h"

#include <sys/stat.h>

#include <algorithm>
#include <utility>
#include <variant>

#include "io/stable_file.h"
#include "serve/read_room.h"

namespace hikyaku::serve {

namespace asio = boost::asio;
using greylist::PeerSecurity;

namespace {

constexpr int kTls13 = 0x0304;  // both ends are ours

void use(const GreylistPeerSecurity::Settings& settings, TlsParameters& parameters) {
  parameters.identities = {{settings.certificate_file, settings.key_file}};
  parameters.ca_file = settings.ca_file;
  parameters.versions.minimum = kTls13;
}

Result<std::unique_ptr<io::TlsClient>> make_client(const GreylistPeerSecurity::Settings& settings) {
  TlsParameters parameters;
  use(settings, parameters);
  return io::TlsClient::make(std::move(parameters));
}

/// The file's text without the end of its line. What anybody may read is no secret.
Result<std::string> read_secret(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0 && (status.st_mode & S_IRWXO) != 0)
    return fail(Fault::permanent, "the secret of the peers: everybody may read " + path + " (chmod o= it)");
  auto file = io::read_stable_file(path);
  if (!file) return fail(Fault::permanent, "the secret of the peers: " + file.error().text);
  auto& text = file->text;
  while (text.ends_with('\n') || text.ends_with('\r')) text.pop_back();
  if (text.size() < PeerSecurity::kSecret)
    return fail(Fault::permanent, "the secret of the peers, " + path + ", is shorter than " +
                                      std::to_string(PeerSecurity::kSecret) +
                                      " octets: openssl rand -base64 32 makes a good one");
  return std::move(text);
}

}  // namespace

Result<std::unique_ptr<GreylistPeerSecurity>> GreylistPeerSecurity::make(Settings settings,
                                                                         io::WorkerPool& pool,
                                                                         Random& random) {
  std::unique_ptr<GreylistPeerSecurity> made(new GreylistPeerSecurity(std::move(settings), pool, random));
  const auto& given = made->settings_;
  auto secret = read_secret(given.secret_file);
  if (!secret) return std::unexpected(std::move(secret.error()));
  made->secret_ = std::move(*secret);
  TlsServerParameters parameters;
  use(given, parameters);
  parameters.require_client_certificate = true;
  parameters.session_tickets = false;
  auto server = io::TlsServer::make(std::move(parameters));
  if (!server) return std::unexpected(std::move(server.error()));
  made->server_ = std::move(*server);
  if (const auto client = make_client(given); !client) return std::unexpected(client.error());
  return made;
}

bool GreylistPeerSecurity::secures(const std::string& host) const {
  return std::ranges::find(settings_.plain, host) == settings_.plain.end();
}

PeerSecurity::Keys GreylistPeerSecurity::keys() {
  std::string nonce(PeerSecurity::kNonce, '\0');
  random_.fill({reinterpret_cast<unsigned char*>(nonce.data()), nonce.size()});
  return {secret_, std::move(nonce)};
}

asio::awaitable<Result<std::shared_ptr<io::TlsClient>>> GreylistPeerSecurity::client() {
  auto make_it = [this] { return make_client(settings_); };
  auto made = co_await pool_.run(std::move(make_it));
  if (!made) co_return std::unexpected(std::move(made.error()));
  co_return std::shared_ptr<io::TlsClient>(std::move(*made));
}

asio::awaitable<Result<std::string>> GreylistPeerSecurity::call(io::Stream& stream, io::TlsClient& client,
                                                                std::chrono::seconds limit) {
  stream.set_deadline(limit, "the peer");
  greylist::PeerSecurityCaller end(keys(), hash_);
  co_return co_await talk(stream, end, &client);
}

asio::awaitable<Result<std::string>> GreylistPeerSecurity::answer(io::Stream& stream,
                                                                  std::chrono::seconds limit) {
  stream.set_deadline(limit, "the peer");
  greylist::PeerSecurityListener end(keys(), hash_);
  co_return co_await talk(stream, end, nullptr);
}

asio::awaitable<Result<std::string>> GreylistPeerSecurity::talk(io::Stream& stream, PeerSecurity& end,
                                                                io::TlsClient* client) {
  for (;;) {
    auto event = end.next();
    if (const auto output = end.take_output(); !output.empty()) {
      const auto written = co_await stream.write_all(output);
      if (!written) co_return std::unexpected(written.error());
    }
    if (const auto* failure = std::get_if<PeerSecurity::Failed>(&event))
      co_return std::unexpected(failure->error);
    if (std::holds_alternative<PeerSecurity::Proven>(event)) co_return end.take_rest();
    if (std::holds_alternative<PeerSecurity::StartTls>(event)) {
      const auto secure = co_await shake_hands(stream, client);
      if (!secure) co_return std::unexpected(secure.error());
      end.secured(stream.channel_binding());
      continue;
    }
    const auto room = read_room();
    const auto got = co_await stream.read_some(room);
    if (!got) co_return std::unexpected(got.error());
    if (*got == 0) {
      end.finish();
    } else {
      end.feed(std::string_view(room.data(), *got));
    }
  }
}

asio::awaitable<Result<void>> GreylistPeerSecurity::shake_hands(io::Stream& stream, io::TlsClient* client) {
  Result<void> done;
  if (client != nullptr) {
    // Whose certificate it is does not matter, as long as it is trusted: the proof tells who is a peer.
    const io::TlsPeer peer{.server_name = {},
                           .session_key = {},
                           .verify = false,
                           .names = {},
                           .minimum_version = kTls13,
                           .maximum_version = 0,
                           .cipher_list = {}};
    done = co_await stream.connect_tls(*client, peer);
  } else {
    auto look = [this] { return server_->refresh(); };
    const auto refreshed = co_await pool_.run(std::move(look));
    if (!refreshed) co_return std::unexpected(refreshed.error());
    done = co_await stream.accept_tls(*server_);
  }
  if (!done) co_return done;
  const auto& facts = *stream.tls();
  if (facts.verified) co_return done;
  co_return std::unexpected(
      Error{Fault::permanent, "its certificate is not trusted: " +
                                  (facts.verify_error.empty() ? "there is none" : facts.verify_error)});
}

}  // namespace hikyaku::serve
