#include "cmd/control_client.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

namespace hikyaku::cmd {
namespace {

class Socket {
 public:
  Socket() : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {}
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket() {
    if (fd_ >= 0) ::close(fd_);
  }
  int fd() const { return fd_; }

 private:
  int fd_;
};

bool send_all(int fd, std::string_view octets) {
  while (!octets.empty()) {
    const auto sent = ::send(fd, octets.data(), octets.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    octets.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

}  // namespace

Result<std::optional<int>> ask_hub(const std::string& path, const nlohmann::json& request,
                                   const std::function<void(const nlohmann::json&)>& row) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return fail(Fault::permanent, "control socket: the path is too long: " + path);
  }
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  const Socket socket;
  if (::connect(socket.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    if (errno == ENOENT || errno == ECONNREFUSED) return std::optional<int>{};
    return fail(Fault::permanent, "connect to the hub at " + path + ": " + std::strerror(errno));
  }
  if (!send_all(socket.fd(), request.dump() + "\n")) {
    return fail(Fault::temporary, "the hub at " + path + " closed the connection");
  }
  std::string pending;
  std::array<char, 65536> room;
  for (;;) {
    const auto got = ::recv(socket.fd(), room.data(), room.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return fail(Fault::temporary, "the hub at " + path + " ended in the middle of its answer");
    pending.append(room.data(), static_cast<std::size_t>(got));
    std::size_t begin = 0;
    for (auto end = pending.find('\n'); end != std::string::npos; end = pending.find('\n', begin)) {
      const auto line =
          nlohmann::json::parse(pending.begin() + static_cast<std::ptrdiff_t>(begin),
                                pending.begin() + static_cast<std::ptrdiff_t>(end), nullptr, false);
      begin = end + 1;
      if (line.is_discarded()) return fail(Fault::malformed, "the hub at " + path + " sent no JSON");
      if (line.contains("error"))
        return fail(line.value("fault", Fault::permanent), line["error"].get<std::string>());
      if (line.contains("exit")) return std::optional<int>{line["exit"].get<int>()};
      row(line["row"]);
    }
    pending.erase(0, begin);
  }
}

}  // namespace hikyaku::cmd
