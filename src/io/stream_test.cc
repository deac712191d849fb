#include "io/stream.h"

#include <gmock/gmock.h>

#include <boost/asio/use_awaitable.hpp>

#include "io/loopback.h"
#include "io/test_certificates.h"
#include "io/tls_client.h"
#include "io/tls_server.h"

namespace hikyaku::io {
namespace {

namespace asio = boost::asio;
using hikyaku::testing_support::Loopback;
using hikyaku::testing_support::TemporaryFolder;
using hikyaku::testing_support::TestCertificate;
using hikyaku::testing_support::write_file;
using testing::HasSubstr;

constexpr std::chrono::seconds kLong{30};

/// Reads to the end of the stream.
asio::awaitable<void> collect(Stream& stream, std::string& got) {
  std::array<char, 65536> room;
  stream.set_deadline(kLong, "the other end");
  for (;;) {
    const auto read = co_await stream.read_some(room);
    if (!read || *read == 0) break;
    got.append(room.data(), *read);
  }
}

asio::awaitable<void> send_and_close(Stream& stream, std::string octets, Result<void>& sent) {
  stream.set_deadline(kLong, "the other end");
  sent = co_await stream.write_all(octets);
  co_await stream.close();
}

TEST(Stream, CarriesMoreThanTheSocketsBuffers) {
  Loopback loop;
  auto [client, server] = loop.connected();
  const std::string octets(std::size_t{8} << 20, 'x');
  std::string got;
  Result<void> sent;
  loop.spawn(send_and_close(client, octets, sent));
  loop.spawn(collect(server, got));
  loop.run();
  EXPECT_TRUE(sent.has_value());
  EXPECT_EQ(got.size(), octets.size());
}

TEST(Stream, TellsBothAddresses) {
  Loopback loop;
  auto [client, server] = loop.connected();
  EXPECT_EQ(server.peer_address(), "127.0.0.1");
  EXPECT_EQ(server.peer_port(), client.local_port());
  EXPECT_EQ(server.local_port(), client.peer_port());
}

asio::awaitable<void> wait_for_input(Stream& stream, std::chrono::seconds limit, Result<void>& result) {
  stream.set_deadline(limit, "a command");
  result = co_await stream.wait_readable();
}

TEST(Stream, AWaitEndsAtItsDeadline) {
  Loopback loop;
  auto [client, server] = loop.connected();
  Result<void> result;
  loop.spawn(wait_for_input(server, std::chrono::seconds{0}, result));
  loop.run();
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().fault, Fault::temporary);
  EXPECT_EQ(result.error().text, "timed out after 0 s waiting for a command");
}

asio::awaitable<void> expire_idle(Loopback& loop) {
  loop.sweep().expire_idle();
  co_return;
}

TEST(Stream, AnIdleOneIsEndedForShuttingDown) {
  Loopback loop;
  auto [client, server] = loop.connected();
  Result<void> result;
  loop.spawn(wait_for_input(server, kLong, result));
  loop.spawn(expire_idle(loop));
  loop.run();
  EXPECT_FALSE(result.has_value());
}

/// Another connection of the same loop, over which something goes: whatever had happened before is noticed.
asio::awaitable<void> turn(Stream& one_end, Stream& other) {
  char octet = 0;
  for (int i = 0; i < 2; ++i) {
    static_cast<void>(one_end.write_now("x"));
    static_cast<void>(co_await other.read_some(std::span(&octet, 1)));
  }
}

asio::awaitable<void> read_in_turns(Loopback& loop, bool look_first, std::vector<std::string>& got) {
  auto [client, server] = loop.connected();
  auto [other_client, other_server] = loop.connected();
  std::array<char, 100> room;
  for (Stream* one : {&server, &other_server}) one->set_deadline(kLong, "the other end");
  for (const std::string_view said : {"one", "two", "three"}) {
    static_cast<void>(client.write_now(said));
    co_await turn(other_client, other_server);
    if (look_first) static_cast<void>(co_await server.wait_readable());
    const auto read = co_await server.read_some(room);
    got.emplace_back(room.data(), read.value_or(0));
  }
  client.abort();
  co_await turn(other_client, other_server);
  for (int i = 0; i < 2; ++i) {
    const auto read = co_await server.read_some(room);
    got.emplace_back(read ? std::to_string(*read) : read.error().text);
  }
}

TEST(Stream, WhatCameBetweenTwoReadsIsNotWaitedFor) {
  for (const bool look_first : {false, true}) {
    Loopback loop;
    std::vector<std::string> got;
    loop.spawn(read_in_turns(loop, look_first, got));
    loop.run();
    EXPECT_THAT(got, testing::ElementsAre("one", "two", "three", "0", "0"));
  }
}

asio::awaitable<void> refuse_connection(Loopback& loop, std::uint16_t port, std::string& text) {
  const auto made = co_await Stream::connect_tcp(loop.sweep(), "127.0.0.1", port, {}, kLong);
  text = made ? "connected" : made.error().text;
}

TEST(Stream, AClosedPortRefuses) {
  Loopback loop;
  std::uint16_t port = 0;
  {
    asio::ip::tcp::acceptor gone(loop.context(), {asio::ip::address_v4::loopback(), 0});
    port = gone.local_endpoint().port();
  }
  std::string text;
  loop.spawn(refuse_connection(loop, port, text));
  loop.run();
  EXPECT_EQ(text, "Connection refused");
}

/// What both ends know after a handshake and an exchange of lines.
struct Talk {
  Result<void> accepted, connected;
  TlsFacts server, client;
  std::string at_server, at_client;
};

asio::awaitable<void> serve(Stream& stream, TlsServer& tls, Talk& talk) {
  stream.set_deadline(kLong, "TLS handshake");
  talk.accepted = co_await stream.accept_tls(tls);
  if (!talk.accepted) {
    co_await stream.close();
    co_return;
  }
  talk.server = *stream.tls();
  const std::string greeting = "220 hello\r\n";
  (void)co_await stream.write_all(greeting);
  co_await collect(stream, talk.at_server);
  co_await stream.close();
}

asio::awaitable<void> call(Stream& stream, TlsClient& tls, TlsPeer peer, Talk& talk) {
  stream.set_deadline(kLong, "TLS handshake");
  talk.connected = co_await stream.connect_tls(tls, peer);
  if (talk.connected) {
    talk.client = *stream.tls();
    std::array<char, 100> room;
    const auto got = co_await stream.read_some(room);
    if (got) talk.at_client.assign(room.data(), *got);
    const std::string line = "QUIT\r\n";
    (void)co_await stream.write_all(line);
  }
  co_await stream.close();
}

class Tls : public testing::Test {
 protected:
  Tls() : ca_("Test CA"), mail_("mail.hub.test", ca_), other_("other.hub.test", ca_) {
    ca_file_ = write_file(folder_.file("ca.pem"), ca_.certificate_pem());
    mail_chain_ = write_file(folder_.file("mail.pem"), mail_.key_pem() + mail_.certificate_pem());
    other_chain_ = write_file(folder_.file("other.pem"), other_.key_pem() + other_.certificate_pem());
    server_.chain_files = {mail_chain_};
    client_.ca_file = ca_file_;
  }

  Talk talk(TlsServer& server, TlsClient& client, const TlsPeer& peer) {
    Loopback loop;
    auto [calls, serves] = loop.connected();
    Talk result;
    loop.spawn(serve(serves, server, result));
    loop.spawn(call(calls, client, peer, result));
    loop.run();
    return result;
  }
  Talk talk(const TlsPeer& peer) {
    return talk(*TlsServer::make(server_).value(), *TlsClient::make(client_).value(), peer);
  }

  TemporaryFolder folder_;
  TestCertificate ca_, mail_, other_;
  std::string ca_file_, mail_chain_, other_chain_;
  TlsServerParameters server_;
  TlsParameters client_;
};

TEST_F(Tls, AHandshakeTellsWhatItAgreedOn) {
  const auto done = talk({.names = {"mail.hub.test"}});
  ASSERT_TRUE(done.accepted.has_value()) << done.accepted.error().text;
  ASSERT_TRUE(done.connected.has_value()) << done.connected.error().text;
  EXPECT_EQ(done.at_client, "220 hello\r\n");
  EXPECT_EQ(done.at_server, "QUIT\r\n");
  EXPECT_EQ(done.server.protocol, "TLSv1.3");
  EXPECT_THAT(done.server.cipher, HasSubstr("AES"));
  EXPECT_GE(done.server.bits, 128);
  EXPECT_EQ(done.client.peer_name, "mail.hub.test");
  EXPECT_EQ(done.client.peer_issuer, "Test CA");
  EXPECT_TRUE(done.client.verified);
  EXPECT_TRUE(done.client.matched);
  EXPECT_EQ(done.client.peer_fingerprint.size(), 95U);
}

TEST_F(Tls, AnUntrustedServerIsGoodEnoughWhereNothingIsVerified) {
  client_.ca_file.clear();
  const auto done = talk({.names = {"mail.hub.test"}});
  ASSERT_TRUE(done.connected.has_value());
  EXPECT_FALSE(done.client.verified);
  EXPECT_FALSE(done.client.matched);
  EXPECT_NE(done.client.verify_error, "");
}

TEST_F(Tls, AnUntrustedServerIsRefusedWhereItIsVerified) {
  client_.ca_file.clear();
  const auto done = talk({.verify = true, .names = {"mail.hub.test"}});
  ASSERT_FALSE(done.connected.has_value());
  EXPECT_EQ(done.connected.error().fault, Fault::temporary);
  EXPECT_THAT(done.connected.error().text, HasSubstr("certificate verify failed"));
  EXPECT_THAT(done.connected.error().text, HasSubstr("unable to get local issuer certificate"));
}

TEST_F(Tls, ATrustedServerOfAnotherNameIsRefused) {
  const auto done = talk({.verify = true, .names = {"mx.example.com", ".example.com"}});
  ASSERT_FALSE(done.connected.has_value());
  EXPECT_EQ(done.connected.error().text,
            "the server's certificate is for \"mail.hub.test\", none of: mx.example.com, .example.com");
}

TEST_F(Tls, ADotStandsForAnyNameBelow) {
  EXPECT_TRUE(talk({.verify = true, .names = {".hub.test"}}).connected.has_value());
  EXPECT_FALSE(talk({.verify = true, .names = {"hub.test"}}).connected.has_value());
}

TEST_F(Tls, ASessionIsResumedUnderItsKey) {
  for (const int version : {0x0303, 0x0304}) {
    const auto server = TlsServer::make(server_).value();
    const auto client = TlsClient::make(client_).value();
    const TlsPeer peer{
        .session_key = "mail", .verify = true, .names = {"mail.hub.test"}, .maximum_version = version};
    EXPECT_FALSE(talk(*server, *client, peer).client.resumed);
    const auto again = talk(*server, *client, peer);
    EXPECT_TRUE(again.client.resumed) << version;
    EXPECT_TRUE(again.connected.has_value());
    const TlsPeer stranger{.session_key = "other", .maximum_version = version};
    EXPECT_FALSE(talk(*server, *client, stranger).client.resumed);
  }
}

TEST_F(Tls, ASessionThatWasNotVerifiedDoesNotPassForOneThatIs) {
  client_.ca_file.clear();
  const auto server = TlsServer::make(server_).value();
  const auto client = TlsClient::make(client_).value();
  EXPECT_TRUE(talk(*server, *client, {.session_key = "mail"}).connected.has_value());
  const auto again =
      talk(*server, *client, {.session_key = "mail", .verify = true, .names = {"mail.hub.test"}});
  EXPECT_FALSE(again.connected.has_value());
}

TEST_F(Tls, TheNameThatAClientAsksForChoosesTheCertificate) {
  server_.chain_files_for = [this](std::string_view name) -> Result<std::optional<std::string>> {
    if (name == "broken.hub.test") return folder_.file("missing.pem");
    if (name == "other.hub.test") return other_chain_;
    return std::nullopt;
  };
  EXPECT_EQ(talk({.server_name = "other.hub.test"}).client.peer_name, "other.hub.test");
  EXPECT_EQ(talk({.server_name = "unknown.hub.test"}).client.peer_name, "mail.hub.test");
  const auto broken = talk({.server_name = "broken.hub.test"});
  ASSERT_FALSE(broken.accepted.has_value());
  EXPECT_THAT(broken.accepted.error().text, HasSubstr("missing.pem: No such file or directory"));
}

TEST_F(Tls, AClientsCertificateIsNoted) {
  client_.chain_files = {other_chain_};
  server_.ask_client_certificate = true;
  const auto unknown = talk({});
  EXPECT_EQ(unknown.server.peer_name, "other.hub.test");
  EXPECT_FALSE(unknown.server.verified);
  server_.ca_file = ca_file_;
  const auto known = talk({});
  EXPECT_TRUE(known.server.verified);
  EXPECT_EQ(known.server.peer_public_key_fingerprint.size(), 95U);
}

TEST_F(Tls, AClientWithoutACertificateIsRefusedWhereOneIsRequired) {
  server_.ca_file = ca_file_;
  server_.require_client_certificate = true;
  EXPECT_FALSE(talk({.maximum_version = 0x0303}).accepted.has_value());
}

TEST_F(Tls, VersionsHaveToMeet) {
  server_.versions.minimum = 0x0304;
  EXPECT_FALSE(talk({.maximum_version = 0x0303}).connected.has_value());
  EXPECT_EQ(talk({}).client.protocol, "TLSv1.3");
}

TEST_F(Tls, CertificatesAreReadAgainWhenTheyChange) {
  const auto server = TlsServer::make(server_).value();
  const auto client = TlsClient::make(client_).value();
  EXPECT_FALSE(server->refresh().value());
  write_file(mail_chain_, "nonsense");
  const auto bad = server->refresh();
  ASSERT_FALSE(bad.has_value());
  EXPECT_THAT(bad.error().text, HasSubstr(mail_chain_));
  EXPECT_EQ(talk(*server, *client, {}).client.peer_name, "mail.hub.test") << "the old one stays";
  write_file(mail_chain_, other_.key_pem() + other_.certificate_pem() + ca_.certificate_pem());
  EXPECT_TRUE(server->refresh().value());
  EXPECT_EQ(talk(*server, *client, {}).client.peer_name, "other.hub.test");
}

TEST_F(Tls, GarbageInsteadOfAHandshakeIsAnError) {
  Loopback loop;
  auto [client, server] = loop.connected();
  const auto tls = TlsServer::make(server_).value();
  Talk result;
  Result<void> sent;
  loop.spawn(serve(server, *tls, result));
  loop.spawn(send_and_close(client, "EHLO injected\r\n", sent));
  loop.run();
  ASSERT_FALSE(result.accepted.has_value());
  EXPECT_THAT(result.accepted.error().text, HasSubstr("TLS handshake"));
}

struct FileFault {
  const char* name;
  std::vector<std::string> chain_files;
  std::vector<TlsIdentity> identities;
  const char* told;
};

TEST_F(Tls, AFaultInAFileIsToldWithItsName) {
  write_file(folder_.file("encrypted.pem"), mail_.encrypted_key_pem() + mail_.certificate_pem());
  write_file(folder_.file("certificate.pem"), mail_.certificate_pem());
  write_file(folder_.file("key.pem"), mail_.key_pem());
  write_file(folder_.file("foreign.pem"), other_.key_pem());
  write_file(folder_.file("empty.pem"), "");
  const auto file = [this](const char* name) { return folder_.file(name); };
  const FileFault faults[] = {
      {"no such file", {file("none.pem")}, {}, "none.pem: No such file or directory"},
      {"nothing in it", {file("empty.pem")}, {}, "empty.pem: there is neither a key nor a certificate"},
      {"encrypted key", {file("encrypted.pem")}, {}, "encrypted.pem: the key is encrypted"},
      {"certificate before its key",
       {file("certificate.pem")},
       {},
       "certificate.pem: a certificate stands before any key"},
      {"key without certificate", {file("key.pem")}, {}, "key.pem: no certificate follows"},
      {"key of another",
       {},
       {{file("certificate.pem"), file("foreign.pem")}},
       "foreign.pem: the private key does not belong"},
      {"no key in the certificate's file",
       {},
       {{file("certificate.pem"), ""}},
       "certificate.pem: there is no private key"},
      {"no certificate", {}, {{file("key.pem"), ""}}, "key.pem: there is no certificate"},
  };
  for (const auto& fault : faults) {
    server_.chain_files = fault.chain_files;
    server_.identities = fault.identities;
    const auto made = TlsServer::make(server_);
    ASSERT_FALSE(made.has_value()) << fault.name;
    EXPECT_THAT(made.error().text, HasSubstr(fault.told)) << fault.name;
  }
  server_.chain_files.clear();
  server_.identities = {{file("certificate.pem"), file("key.pem")}};
  EXPECT_EQ(talk({}).client.peer_name, "mail.hub.test");
  server_.identities.clear();
  server_.chain_files = {file("key.pem"), file("certificate.pem")};
  EXPECT_EQ(talk({}).client.peer_name, "mail.hub.test") << "a chain may be spread over files";
}

TEST_F(Tls, AListOfCiphersThatIsNoneIsToldAtOnce) {
  server_.cipher_list = "NO-SUCH-CIPHER";
  const auto made = TlsServer::make(server_);
  ASSERT_FALSE(made.has_value());
  EXPECT_THAT(made.error().text, HasSubstr("\"NO-SUCH-CIPHER\": no cipher match"));
}

}  // namespace
}  // namespace hikyaku::io
