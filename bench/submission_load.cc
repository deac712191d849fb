// submission_load HOST PORT THREADS COUNT SIZE USER SECRET: hands in COUNT messages of SIZE octets, each in a
// session of its own: EHLO, STARTTLS (full handshake), EHLO, AUTH PLAIN, MAIL, RCPT, DATA, QUIT.
// Prints one JSON object: messages a second, failures, and how long a session took.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

struct Load {
  sockaddr_in server{};
  std::string token, message;
  SSL_CTX* tls = nullptr;
};

class Session {
 public:
  explicit Session(const Load& load) : load_(load), socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    const int on = 1;
    ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session() {
    tls_.reset();
    ::close(socket_);
  }

  bool hand_in() {
    return connect() && code() == 220 && say("EHLO client.example\r\n", 250) && say("STARTTLS\r\n", 220) &&
           secure() && say("EHLO client.example\r\n", 250) &&
           say("AUTH PLAIN " + load_.token + "\r\n", 235) && say("MAIL FROM:<alice@example.net>\r\n", 250) &&
           say("RCPT TO:<bob@example.org>\r\n", 250) && say("DATA\r\n", 354) && say(load_.message, 250) &&
           say("QUIT\r\n", 221);
  }

 private:
  bool connect() {
    return ::connect(socket_, reinterpret_cast<const sockaddr*>(&load_.server), sizeof load_.server) == 0;
  }

  bool secure() {
    tls_.reset(SSL_new(load_.tls));
    SSL_set_fd(tls_.get(), socket_);
    return SSL_connect(tls_.get()) == 1;
  }

  bool say(const std::string& text, int want) {
    std::size_t sent = 0;
    while (sent < text.size()) {
      const auto left = text.size() - sent;
      const auto n = tls_ ? SSL_write(tls_.get(), text.data() + sent, static_cast<int>(left))
                          : static_cast<int>(::write(socket_, text.data() + sent, left));
      if (n <= 0) return false;
      sent += static_cast<std::size_t>(n);
    }
    return code() == want;
  }

  /// The code of the next whole reply; -1 when there is none.
  int code() {
    for (;;) {
      const auto end = input_.find('\n');
      if (end != std::string::npos) {
        const auto line = input_.substr(0, end);
        input_.erase(0, end + 1);
        if (line.size() < 4 || line[3] != '-') return std::atoi(line.c_str());
        continue;
      }
      char room[4096];
      const auto n = tls_ ? SSL_read(tls_.get(), room, sizeof room)
                          : static_cast<int>(::read(socket_, room, sizeof room));
      if (n <= 0) return -1;
      input_.append(room, static_cast<std::size_t>(n));
    }
  }

  struct FreeTls {
    void operator()(SSL* tls) const { SSL_free(tls); }
  };
  const Load& load_;
  int socket_;
  std::unique_ptr<SSL, FreeTls> tls_;
  std::string input_;
};

std::string base64(const std::string& text) {
  std::string out(4 * (text.size() / 3 + 1) + 1, '\0');
  const auto length =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                      reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  out.resize(static_cast<std::size_t>(length));
  return out;
}

std::string message(std::size_t size) {
  std::string text =
      "From: alice@example.net\r\nTo: bob@example.org\r\nSubject: load\r\nMessage-Id: "
      "<load@client.example>\r\n"
      "Date: Tue, 24 Nov 2026 23:48:20 +0000\r\n\r\n";
  while (text.size() < size) text += std::string(std::min<std::size_t>(76, size - text.size()), 'X') + "\r\n";
  return text + ".\r\n";
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 8) {
    std::fputs("usage: submission_load HOST PORT THREADS COUNT SIZE USER SECRET\n", stderr);
    return 64;
  }
  Load load;
  load.server.sin_family = AF_INET;
  load.server.sin_port = htons(static_cast<std::uint16_t>(std::atoi(argv[2])));
  if (::inet_pton(AF_INET, argv[1], &load.server.sin_addr) != 1) return 64;
  const auto threads = static_cast<std::size_t>(std::atoi(argv[3]));
  const auto count = static_cast<std::size_t>(std::atoi(argv[4]));
  load.message = message(static_cast<std::size_t>(std::atoi(argv[5])));
  load.token = base64(std::string(1, '\0') + argv[6] + std::string(1, '\0') + argv[7]);
  load.tls = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_session_cache_mode(load.tls, SSL_SESS_CACHE_OFF);

  std::atomic<std::size_t> next{0}, failures{0};
  std::vector<double> took(count);
  const auto work = [&] {
    for (auto i = next++; i < count; i = next++) {
      const auto began = Clock::now();
      if (!Session(load).hand_in()) ++failures;
      took[i] = std::chrono::duration<double, std::milli>(Clock::now() - began).count();
    }
  };
  const auto began = Clock::now();
  std::vector<std::thread> crew;
  for (std::size_t i = 0; i < threads; ++i) crew.emplace_back(work);
  for (auto& one : crew) one.join();
  const auto seconds = std::chrono::duration<double>(Clock::now() - began).count();
  std::sort(took.begin(), took.end());
  std::printf(
      "{\"count\": %zu, \"failures\": %zu, \"seconds\": %.3f, \"rate\": %.1f, \"p50_ms\": %.2f, \"p99_ms\": "
      "%.2f}\n",
      count, failures.load(), seconds, static_cast<double>(count) / seconds, took[count / 2],
      took[count * 99 / 100]);
  SSL_CTX_free(load.tls);
  return failures == 0 ? 0 : 1;
}
