#include "io/dns_exchange.h"

#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <span>

#include "base/escape.h"
#include "io/blocking_socket.h"

namespace hikyaku::io {
namespace {

using Time = std::chrono::steady_clock::time_point;

constexpr std::size_t kLongestDatagram = 512;  // RFC 1035 s. 2.3.4
constexpr std::size_t kHeader = 12;
constexpr int kAttempts = 2;
constexpr std::chrono::seconds kAttempt{2};

struct FreeAddresses {
  void operator()(addrinfo* list) const { freeaddrinfo(list); }
};

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int number() const { return number_; }

 private:
  int number_;
};

std::unexpected<Error> failed(const DnsServer& server, const std::string& what) {
  return fail(Fault::temporary, escaped(server.text()) + ": " + what);
}

bool is_answer_to(std::string_view answer, std::string_view message) {
  return answer.size() >= kHeader && answer.substr(0, 2) == message.substr(0, 2);
}
bool is_cut_off(std::string_view answer) { return (static_cast<unsigned char>(answer[2]) & 2U) != 0; }

/// What comes by then over a connected socket; nothing of it: "".
Result<std::string> wait_for_answer(int socket, const std::string& message, Time until) {
  std::array<char, 65535> room{};
  for (;;) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now()).count();
    if (left <= 0) return std::string();
    pollfd waiting{socket, POLLIN, 0};
    const int ready = ::poll(&waiting, 1, static_cast<int>(left));
    if (ready < 0 && errno != EINTR) return fail(Fault::temporary, std::strerror(errno));
    if (ready <= 0) continue;
    const auto got = ::recv(socket, room.data(), room.size(), 0);
    if (got < 0) return fail(Fault::temporary, std::strerror(errno));
    const std::string_view answer(room.data(), static_cast<std::size_t>(got));
    if (is_answer_to(answer, message)) return std::string(answer);
  }
}

Result<std::string> over_udp(const DnsServer& server, const std::string& message, Time until) {
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_DGRAM;
  addrinfo* raw = nullptr;
  if (const int code = ::getaddrinfo(server.host.c_str(), std::to_string(server.port).c_str(), &wanted, &raw);
      code != 0)
    return failed(server, ::gai_strerror(code));
  const std::unique_ptr<addrinfo, FreeAddresses> addresses(raw);
  std::string trouble = "no answer";
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    for (const auto* one = raw; one != nullptr; one = one->ai_next) {
      const auto now = std::chrono::steady_clock::now();
      if (now >= until) return failed(server, trouble);
      const Descriptor socket(::socket(one->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
      // Connected, it takes datagrams of that address alone, and hears of a port that is closed.
      if (socket.number() < 0 || ::connect(socket.number(), one->ai_addr, one->ai_addrlen) != 0 ||
          ::send(socket.number(), message.data(), message.size(), 0) < 0) {
        trouble = std::strerror(errno);
        continue;
      }
      auto answer = wait_for_answer(socket.number(), message, std::min(until, now + kAttempt));
      if (!answer) {
        trouble = answer.error().text;
      } else if (!answer->empty()) {
        return std::move(*answer);
      }
    }
  }
  return failed(server, trouble);
}

Result<std::string> read_exactly(BlockingSocket& socket, std::size_t size, Time until) {
  std::string octets(size, '\0');
  for (std::size_t have = 0; have < size;) {
    auto got = socket.read_some(std::span(octets).subspan(have), until);
    if (!got) return std::unexpected(std::move(got.error()));
    if (*got == 0) return fail(Fault::temporary, "the server closed the connection");
    have += *got;
  }
  return octets;
}

Result<std::string> over_tcp(const DnsServer& server, const std::string& message, Time until) {
  auto socket = BlockingSocket::connect("inet:[" + server.host + "]:" + std::to_string(server.port), until);
  if (!socket) return failed(server, socket.error().text);
  const auto size = static_cast<std::uint16_t>(message.size());
  const std::string framed = {static_cast<char>(size >> 8U), static_cast<char>(size & 255U)};
  if (auto written = socket->write_all(framed + message, until); !written)
    return failed(server, written.error().text);
  const auto head = read_exactly(*socket, 2, until);
  if (!head) return failed(server, head.error().text);
  const auto length = static_cast<std::size_t>(static_cast<unsigned char>((*head)[0])) << 8U |
                      static_cast<unsigned char>((*head)[1]);
  auto answer = read_exactly(*socket, length, until);
  if (!answer) return failed(server, answer.error().text);
  if (!is_answer_to(*answer, message)) return failed(server, "an answer to something else");
  return answer;
}

}  // namespace

Result<std::string> dns_exchange(const DnsServer& server, const std::string& message, Time until) {
  if (message.size() > 65535) return fail(Fault::malformed, "a message for the DNS is too long");
  if (message.size() <= kLongestDatagram) {
    auto answer = over_udp(server, message, until);
    if (!answer || !is_cut_off(*answer)) return answer;
  }
  return over_tcp(server, message, until);
}

std::vector<DnsServer> name_servers(std::string_view resolv_conf) {
  constexpr std::string_view kWord = "nameserver", kBlanks = " \t";
  std::vector<DnsServer> servers;
  while (!resolv_conf.empty()) {
    const auto end = resolv_conf.find('\n');
    auto line = resolv_conf.substr(0, end);
    resolv_conf.remove_prefix(end == std::string_view::npos ? resolv_conf.size() : end + 1);
    if (!line.starts_with(kWord)) continue;
    line.remove_prefix(kWord.size());
    const auto begin = line.find_first_not_of(kBlanks);
    if (begin == 0 || begin == std::string_view::npos) continue;
    line.remove_prefix(begin);
    if (auto server = DnsServer::parse(line.substr(0, line.find_first_of(" \t\r%"))))
      servers.push_back(std::move(*server));
  }
  return servers;
}

}  // namespace hikyaku::io
