#include "io/probe_wire.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <csignal>
#include <functional>
#include <future>
#include <thread>

#include "io/loopback.h"
#include "io/test_certificates.h"

namespace hikyaku::io {
namespace {

using namespace std::chrono_literals;
using hikyaku::testing_support::TemporaryFolder;
using hikyaku::testing_support::TestCertificate;
using hikyaku::testing_support::write_file;
using probe::TlsWish;
using probe::Wire;

/// Both ends of a connection; what the server does runs on its own thread, with a blocking socket.
class Pair {
 public:
  explicit Pair(const std::function<void(int)>& server, std::chrono::milliseconds limit = 10s) {
    std::signal(SIGPIPE, SIG_IGN);
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()), 0);
    ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
    wire = probe_wire(ends[0], limit);
    thread_ = std::thread([server, end = ends[1]] {
      server(end);
      ::close(end);
    });
  }
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;
  ~Pair() {
    wire.reset();
    thread_.join();
  }
  std::unique_ptr<Wire> wire;

 private:
  std::thread thread_;
};

void say(int socket, std::string_view text) {
  ASSERT_EQ(::send(socket, text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
}

/// Reads until the peer closes.
void read_on(int socket) {
  std::array<char, 4096> room{};
  while (::recv(socket, room.data(), room.size(), 0) > 0) continue;
}

/// A server's half of a handshake with what `folder` has, then an echo until the client closes.
struct TlsEcho {
  std::string certificate, key;
  int maximum_version = 0;
  bool asks_for_certificate = false;
  std::string staple{};

  void operator()(int socket) const {
    const std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> context(SSL_CTX_new(TLS_server_method()),
                                                               SSL_CTX_free);
    SSL_CTX_set_security_level(context.get(), 0);
    SSL_CTX_set_min_proto_version(context.get(), TLS1_VERSION);
    SSL_CTX_set_max_proto_version(context.get(), maximum_version);
    SSL_CTX_use_certificate_chain_file(context.get(), certificate.c_str());
    SSL_CTX_use_PrivateKey_file(context.get(), key.c_str(), SSL_FILETYPE_PEM);
    if (asks_for_certificate)
      SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, [](int, X509_STORE_CTX*) { return 1; });
    if (!staple.empty()) {
      SSL_CTX_set_tlsext_status_cb(
          context.get(), +[](SSL* ssl, void* text) {
            const auto& octets = *static_cast<const std::string*>(text);
            auto* copy = static_cast<unsigned char*>(OPENSSL_memdup(octets.data(), octets.size()));
            SSL_set_tlsext_status_ocsp_resp(ssl, copy, static_cast<long>(octets.size()));
            return SSL_TLSEXT_ERR_OK;
          });
      SSL_CTX_set_tlsext_status_arg(context.get(), const_cast<std::string*>(&staple));
    }
    SSL_CTX_set_alpn_select_cb(
        context.get(),
        [](SSL*, const unsigned char** out, unsigned char* size, const unsigned char* in, unsigned, void*) {
          *out = in + 1;
          *size = in[0];
          return SSL_TLSEXT_ERR_OK;
        },
        nullptr);
    const std::unique_ptr<SSL, void (*)(SSL*)> ssl(SSL_new(context.get()), SSL_free);
    SSL_set_fd(ssl.get(), socket);
    if (SSL_accept(ssl.get()) != 1) return;
    std::array<char, 4096> room{};
    int size = 0;
    while ((size = SSL_read(ssl.get(), room.data(), room.size())) > 0)
      SSL_write(ssl.get(), room.data(), size);
    SSL_shutdown(ssl.get());
  }
};

struct Files {
  TemporaryFolder folder;
  TestCertificate authority{"Test CA"};
  TestCertificate server{"mx.example.com", authority};
  std::string ca = write_file(folder.file("ca.pem"), authority.certificate_pem());
  std::string certificate =
      write_file(folder.file("server.pem"), server.certificate_pem() + authority.certificate_pem());
  std::string key = write_file(folder.file("server.key"), server.key_pem());

  TlsEcho echo() const { return {certificate, key}; }
};

std::string heard(Wire& wire) {
  std::string text;
  const auto result = wire.receive(text, 10s);
  EXPECT_TRUE(result.has_value());
  return text;
}

TEST(ProbeWire, sends_and_receives_in_plain_text) {
  Pair pair([](int socket) {
    say(socket, "220 hello\r\n");
    std::array<char, 6> room{};
    ASSERT_EQ(::recv(socket, room.data(), room.size(), MSG_WAITALL), 6);
    say(socket, {room.data(), room.size()});
  });
  EXPECT_EQ(heard(*pair.wire), "220 hello\r\n");
  ASSERT_TRUE(pair.wire->send("NOOP\r\n"));
  EXPECT_EQ(heard(*pair.wire), "NOOP\r\n");
  std::string rest;
  EXPECT_EQ(pair.wire->receive(rest, 10s).value(), Wire::Heard::closed);
  EXPECT_FALSE(pair.wire->under_tls());
}

TEST(ProbeWire, tells_silence) {
  Pair pair(read_on);
  std::string text;
  EXPECT_EQ(pair.wire->receive(text, 1ms).value(), Wire::Heard::silence);
}

TEST(ProbeWire, tells_that_the_server_takes_nothing) {
  std::promise<void> done;
  Pair pair([&](int) { done.get_future().wait(); }, 10ms);
  const auto sent = pair.wire->send(std::string(std::size_t{16} << 20, 'x'));
  ASSERT_FALSE(sent.has_value());
  EXPECT_EQ(sent.error().text, "sending: the server took nothing for 10 ms");
  done.set_value();
}

TEST(ProbeWire, tells_what_a_handshake_agreed_on) {
  Files files;
  Pair pair(files.echo());
  std::size_t injected = 9;
  const auto report = pair.wire->start_tls(
      {.server_name = "mx.example.com", .protocols = {"smtp"}, .authorities_file = files.ca}, injected);
  ASSERT_TRUE(report.has_value()) << report.error().text;
  EXPECT_EQ(injected, 0U);
  EXPECT_EQ(report->protocol, "TLSv1.3");
  EXPECT_TRUE(report->cipher.starts_with("TLS_")) << report->cipher;
  EXPECT_GE(report->bits, 128);
  EXPECT_FALSE(report->group.empty());
  EXPECT_EQ(report->application_protocol, "smtp");
  ASSERT_EQ(report->chain.size(), 2U);
  EXPECT_EQ(report->chain[0].subject, "CN=mx.example.com");
  EXPECT_EQ(report->chain[0].issuer, "CN=Test CA");
  EXPECT_EQ(report->chain[0].names, (std::vector<std::string>{"mx.example.com", "127.0.0.1"}));
  EXPECT_EQ(report->chain[0].not_after - report->chain[0].not_before, 7200);
  EXPECT_FALSE(report->chain[0].der.empty());
  EXPECT_FALSE(report->chain[0].public_key_der.empty());
  EXPECT_EQ(report->chain[0].der_sha256.size(), 32U);
  EXPECT_EQ(report->chain[1].key_sha512.size(), 64U);
  EXPECT_TRUE(report->chain[0].signed_by_next);
  EXPECT_TRUE(report->chain[1].signed_by_next);
  EXPECT_FALSE(report->chain[0].is_authority);
  EXPECT_TRUE(report->chain[1].is_authority);
  EXPECT_TRUE(report->trusted) << report->trust_error;
  EXPECT_TRUE(report->name_matches);
  EXPECT_FALSE(report->client_certificate_asked);
  EXPECT_EQ(report->staple, probe::TlsReport::Staple::none);
  EXPECT_EQ(report->channel_exporter.size(), 32U);
  EXPECT_EQ(report->channel_unique, "");
  ASSERT_TRUE(pair.wire->send("EHLO a\r\n"));
  EXPECT_EQ(heard(*pair.wire), "EHLO a\r\n");
  pair.wire->end_output();
  std::string rest;
  EXPECT_EQ(pair.wire->receive(rest, 10s).value(), Wire::Heard::closed);
}

TEST(ProbeWire, takes_a_certificate_of_nobody_and_of_another_name_and_tells_so) {
  Files files;
  Pair pair(files.echo());
  std::size_t injected = 0;
  TemporaryFolder folder;
  const auto other = write_file(folder.file("other.pem"), TestCertificate("Other CA").certificate_pem());
  const auto report =
      pair.wire->start_tls({.server_name = "mail.example.com", .authorities_file = other}, injected);
  ASSERT_TRUE(report.has_value()) << report.error().text;
  EXPECT_FALSE(report->trusted);
  EXPECT_NE(report->trust_error, "");
  EXPECT_FALSE(report->name_matches);
}

TEST(ProbeWire, takes_no_common_name_for_the_name) {
  Files files;
  const TestCertificate nameless("mx.example.com");  // an authority's: it has no subjectAltName
  auto echo = files.echo();
  echo.certificate = write_file(files.folder.file("nameless.pem"), nameless.certificate_pem());
  echo.key = write_file(files.folder.file("nameless.key"), nameless.key_pem());
  Pair pair(echo);
  std::size_t injected = 0;
  const auto report =
      pair.wire->start_tls({.server_name = "mx.example.com", .authorities_file = echo.certificate}, injected);
  ASSERT_TRUE(report.has_value()) << report.error().text;
  EXPECT_EQ(report->chain[0].names, std::vector<std::string>{});
  EXPECT_FALSE(report->name_matches);
}

TEST(ProbeWire, has_the_name_of_an_address) {
  Files files;
  Pair pair(files.echo());
  std::size_t injected = 0;
  const auto report =
      pair.wire->start_tls({.server_name = "127.0.0.1", .authorities_file = files.ca}, injected);
  ASSERT_TRUE(report.has_value()) << report.error().text;
  EXPECT_TRUE(report->name_matches);
}

TEST(ProbeWire, speaks_tls_1_0_when_the_server_has_no_other) {
  Files files;
  auto echo = files.echo();
  echo.maximum_version = TLS1_VERSION;
  Pair pair(echo);
  std::size_t injected = 0;
  const auto report = pair.wire->start_tls({.server_name = "mx.example.com"}, injected);
  ASSERT_TRUE(report.has_value()) << report.error().text;
  EXPECT_EQ(report->protocol, "TLSv1");
  EXPECT_FALSE(report->channel_unique.empty());
  EXPECT_EQ(report->channel_exporter, "");
}

TEST(ProbeWire, cannot_agree_on_a_version) {
  Files files;
  auto echo = files.echo();
  echo.maximum_version = TLS1_2_VERSION;
  Pair pair(echo);
  std::size_t injected = 0;
  const auto report = pair.wire->start_tls({.minimum_version = TLS1_3_VERSION}, injected);
  ASSERT_FALSE(report.has_value());
  EXPECT_EQ(report.error().fault, Fault::permanent) << report.error().text;
  EXPECT_FALSE(pair.wire->under_tls());
}

TEST(ProbeWire, shows_its_certificate_to_a_server_that_asks) {
  Files files;
  auto echo = files.echo();
  echo.asks_for_certificate = true;
  Pair pair(echo);
  std::size_t injected = 0;
  const auto report = pair.wire->start_tls(
      {.certificate_file = files.certificate, .key_file = files.key, .authorities_file = files.ca}, injected);
  ASSERT_TRUE(report.has_value()) << report.error().text;
  EXPECT_TRUE(report->client_certificate_asked);
}

TEST(ProbeWire, names_a_file_that_is_not_there) {
  Pair pair(read_on);
  std::size_t injected = 0;
  const auto report = pair.wire->start_tls({.authorities_file = "/nowhere/ca.pem"}, injected);
  ASSERT_FALSE(report.has_value());
  EXPECT_EQ(report.error().fault, Fault::permanent);
  EXPECT_TRUE(report.error().text.contains("/nowhere/ca.pem")) << report.error().text;
}

TEST(ProbeWire, counts_and_drops_what_was_injected_before_the_handshake) {
  Files files;
  const auto echo = files.echo();
  std::promise<void> said;
  Pair pair([&](int socket) {
    say(socket, "220 go\r\n");
    std::array<char, 1> go{};
    ASSERT_EQ(::recv(socket, go.data(), 1, 0), 1);
    say(socket, "250 injected\r\n");
    said.set_value();
    echo(socket);
  });
  EXPECT_EQ(heard(*pair.wire), "220 go\r\n");
  ASSERT_TRUE(pair.wire->send("x"));
  said.get_future().wait();
  std::size_t injected = 0;
  const auto report = pair.wire->start_tls({.authorities_file = files.ca}, injected);
  ASSERT_TRUE(report.has_value()) << report.error().text;
  EXPECT_EQ(injected, 14U);
  ASSERT_TRUE(pair.wire->send("NOOP\r\n"));
  EXPECT_EQ(heard(*pair.wire), "NOOP\r\n");
}

TEST(ProbeWire, tells_what_a_server_says_that_goes_on_in_plain_text) {
  Pair pair([](int socket) {
    std::array<char, 5> hello{};
    ASSERT_EQ(::recv(socket, hello.data(), hello.size(), MSG_WAITALL), 5);
    say(socket, "554 \033[2Jno\r\n");
    read_on(socket);
  });
  std::size_t injected = 0;
  const auto report = pair.wire->start_tls({}, injected);
  ASSERT_FALSE(report.has_value());
  EXPECT_EQ(report.error().fault, Fault::permanent);
  EXPECT_EQ(report.error().text,
            "TLS handshake: the server does not speak TLS here, but says \"554 \\x1b[2Jno\\x0d\\x0a\"");
}

TEST(ProbeWire, does_not_wait_for_a_handshake_without_end) {
  Pair pair(
      [](int socket) {
        // The beginning of a message that never ends, an octet at a time.
        std::string_view begun("\x16\x03\x03\x40\x00\x02\x00\x3f\xfc", 9);
        for (const char c : begun) say(socket, {&c, 1});
        read_on(socket);
      },
      50ms);
  std::size_t injected = 0;
  const auto report = pair.wire->start_tls({}, injected);
  ASSERT_FALSE(report.has_value());
  EXPECT_EQ(report.error().text, "TLS handshake: not finished within 50 ms");
}

TEST(ProbeWire, tells_of_a_server_that_closes_in_the_handshake) {
  Pair pair([](int socket) {
    std::array<char, 5> hello{};
    ASSERT_EQ(::recv(socket, hello.data(), hello.size(), MSG_WAITALL), 5);
  });
  std::size_t injected = 0;
  const auto report = pair.wire->start_tls({}, injected);
  ASSERT_FALSE(report.has_value());
  EXPECT_EQ(report.error().fault, Fault::temporary) << report.error().text;
}

TEST(ProbeWire, tells_of_a_staple_that_is_none) {
  Files files;
  auto echo = files.echo();
  echo.staple = "junk";
  Pair pair(echo);
  std::size_t injected = 0;
  const auto report = pair.wire->start_tls({.authorities_file = files.ca}, injected);
  ASSERT_TRUE(report.has_value()) << report.error().text;
  EXPECT_EQ(report->staple, probe::TlsReport::Staple::unusable);
  EXPECT_EQ(report->staple_error, "it is no OCSP response");
}

/// A listening socket on the loopback, with its port.
struct Listener {
  int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  std::uint16_t port = 0;
  Listener() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(socket, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(socket, 5), 0);
    EXPECT_EQ(::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size), 0);
    port = ntohs(address.sin_port);
  }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  ~Listener() { ::close(socket); }
};

TEST(ConnectProbe, connects_over_tcp_from_an_address) {
  const Listener listener;
  auto made = connect_probe({.host = "127.0.0.1", .port = listener.port, .local_address = "127.0.0.2"});
  ASSERT_TRUE(made.has_value()) << made.error().text;
  EXPECT_EQ(made->peer, "127.0.0.1:" + std::to_string(listener.port));
  EXPECT_TRUE(made->local.starts_with("127.0.0.2:")) << made->local;
}

TEST(ConnectProbe, tells_that_nobody_listens) {
  std::uint16_t port = 0;
  { port = Listener().port; }
  const auto made = connect_probe({.host = "127.0.0.1", .port = port});
  ASSERT_FALSE(made.has_value());
  EXPECT_EQ(made.error().fault, Fault::temporary);
  EXPECT_EQ(made.error().text,
            "connecting to 127.0.0.1: 127.0.0.1:" + std::to_string(port) + ": Connection refused");
}

TEST(ConnectProbe, tells_that_an_address_is_of_the_other_family) {
  const auto made = connect_probe({.host = "127.0.0.1", .port = 25, .family = ProbeTarget::Family::ipv6});
  ASSERT_FALSE(made.has_value());
  EXPECT_EQ(made.error().fault, Fault::not_found) << made.error().text;
}

TEST(ConnectProbe, connects_to_a_unix_socket) {
  const TemporaryFolder folder;
  const auto path = folder.file("lmtp");
  const int listener = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(::listen(listener, 1), 0);
  auto made = connect_probe({.unix_path = path});
  ASSERT_TRUE(made.has_value()) << made.error().text;
  EXPECT_EQ(made->peer, path);
  ::close(listener);
}

TEST(ConnectProbe, tells_that_there_is_no_such_path) {
  const auto made = connect_probe({.unix_path = "/nowhere/lmtp"});
  ASSERT_FALSE(made.has_value());
  EXPECT_EQ(made.error().fault, Fault::not_found);
}

}  // namespace
}  // namespace hikyaku::io
