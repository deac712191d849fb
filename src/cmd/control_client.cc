#include "cmd/control_client.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

namespace hikyaku::cmd {

Result<std::optional<HubRequest>> HubRequest::begin(const std::string& path, const nlohmann::json& request,
                                                    Row row) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return fail(Fault::permanent, "control socket: the path is too long: " + path);
  }
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  HubRequest made(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), path, std::move(row));
  if (::connect(made.descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    if (errno == ENOENT || errno == ECONNREFUSED) return std::optional<HubRequest>{};
    return fail(Fault::permanent, "connect to the hub at " + path + ": " + std::strerror(errno));
  }
  if (auto sent = made.send(request.dump() + "\n"); !sent) return std::unexpected(std::move(sent.error()));
  return std::optional<HubRequest>(std::move(made));
}

HubRequest::HubRequest(HubRequest&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      path_(std::move(other.path_)),
      row_(std::move(other.row_)),
      pending_(std::move(other.pending_)) {}

HubRequest::~HubRequest() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Result<void> HubRequest::send(std::string_view octets) {
  while (!octets.empty()) {
    pollfd one{descriptor_, POLLIN | POLLOUT, 0};
    if (::poll(&one, 1, -1) < 0 && errno != EINTR)
      return fail(Fault::temporary, "wait for the hub at " + path_ + ": " + std::strerror(errno));
    if ((one.revents & POLLIN) != 0) {
      const auto ended = receive(false);
      if (!ended) return std::unexpected(ended.error());
      if (*ended) return fail(Fault::temporary, "the hub at " + path_ + " ended before all was sent");
    }
    if ((one.revents & (POLLOUT | POLLERR | POLLHUP)) == 0) continue;
    const auto sent = ::send(descriptor_, octets.data(), octets.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) {
      octets.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno != EAGAIN && errno != EINTR) {
      // It said why before it closed the connection.
      const auto ended = finish();
      return ended ? fail(Fault::temporary, "the hub at " + path_ + " closed the connection")
                   : std::unexpected(ended.error());
    }
  }
  return {};
}

Result<int> HubRequest::finish() {
  for (;;) {
    const auto ended = receive(true);
    if (!ended) return std::unexpected(ended.error());
    if (*ended) return **ended;
  }
}

Result<std::optional<int>> HubRequest::receive(bool blocking) {
  std::array<char, 65536> room;
  const auto got = ::recv(descriptor_, room.data(), room.size(), blocking ? 0 : MSG_DONTWAIT);
  if (got < 0 && (errno == EINTR || (errno == EAGAIN && !blocking))) return std::optional<int>{};
  if (got <= 0) return fail(Fault::temporary, "the hub at " + path_ + " ended in the middle of its answer");
  pending_.append(room.data(), static_cast<std::size_t>(got));
  return take_lines();
}

Result<std::optional<int>> HubRequest::take_lines() {
  std::size_t begin = 0;
  for (auto end = pending_.find('\n'); end != std::string::npos; end = pending_.find('\n', begin)) {
    const auto line =
        nlohmann::json::parse(pending_.begin() + static_cast<std::ptrdiff_t>(begin),
                              pending_.begin() + static_cast<std::ptrdiff_t>(end), nullptr, false);
    begin = end + 1;
    if (line.is_discarded()) return fail(Fault::malformed, "the hub at " + path_ + " sent no JSON");
    if (line.contains("error"))
      return fail(line.value("fault", Fault::permanent), line["error"].get<std::string>());
    if (line.contains("exit")) return std::optional<int>{line["exit"].get<int>()};
    row_(line["row"]);
  }
  pending_.erase(0, begin);
  return std::optional<int>{};
}

Result<std::optional<int>> ask_hub(const std::string& path, const nlohmann::json& request,
                                   const std::function<void(const nlohmann::json&)>& row) {
  auto asked = HubRequest::begin(path, request, row);
  if (!asked) return std::unexpected(asked.error());
  if (!*asked) return std::optional<int>{};
  const auto ended = (*asked)->finish();
  if (!ended) return std::unexpected(ended.error());
  return std::optional<int>{*ended};
}

}  // namespace hikyaku::cmd
