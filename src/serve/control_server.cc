#include "serve/control_server.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <nlohmann/json.hpp>

namespace hikyaku::serve {
namespace {

namespace asio = boost::asio;
using nlohmann::json;

constexpr std::size_t kMaxRequest = std::size_t{1} << 20;
constexpr int kPatience = 10'000;  // milliseconds that a client may let us wait

std::string line_of(const json& value) {
  // Octets that are no UTF-8 came from outside and must not stop an answer.
  return value.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

/// One conversation, on the pool: blocking, with a limit.
void answer(int descriptor, Administration& administration) {
  const auto wait = [descriptor](short events) {
    pollfd one{descriptor, events, 0};
    return ::poll(&one, 1, kPatience) > 0;
  };
  const auto send_line = [&](const json& value) {
    const auto text = line_of(value);
    std::string_view rest = text;
    while (!rest.empty()) {
      if (!wait(POLLOUT)) return false;
      const auto sent = ::send(descriptor, rest.data(), rest.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent <= 0) return false;
      rest.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  };
  std::string request;
  std::array<char, 4096> room;
  while (request.find('\n') == std::string::npos) {
    if (request.size() > kMaxRequest || !wait(POLLIN)) return;
    const auto got = ::recv(descriptor, room.data(), room.size(), MSG_DONTWAIT);
    if (got <= 0) return;
    request.append(room.data(), static_cast<std::size_t>(got));
  }
  const auto parsed = json::parse(request, nullptr, false);
  if (parsed.is_discarded() || !parsed.is_object()) {
    send_line({{"error", "a request is one line of JSON"}});
    return;
  }
  try {
    const auto result = administration.answer(parsed, [&](const json& row) {
      return send_line({{"row", row}});
    });
    if (result) {
      send_line({{"exit", *result}});
    } else {
      send_line({{"error", result.error().text}, {"fault", result.error().fault}});
    }
  } catch (const json::exception& error) {  // a field of the wrong type
    send_line({{"error", std::string("bad request: ") + error.what()}});
  }
}

}  // namespace

Result<std::unique_ptr<ControlServer>> ControlServer::open(asio::io_context& context, const std::string& path,
                                                           Services& services,
                                                           Administration& administration) {
  auto server = std::unique_ptr<ControlServer>(new ControlServer(context, path, services, administration));
  ::unlink(path.c_str());
  boost::system::error_code error;
  const auto old_mask = ::umask(0077);
  try {
    const asio::local::stream_protocol::endpoint endpoint(path);
    server->acceptor_.open(endpoint.protocol());
    server->acceptor_.bind(endpoint);
    server->acceptor_.listen();
  } catch (const boost::system::system_error& failure) {
    error = failure.code();
  }
  ::umask(old_mask);
  if (error) return fail(Fault::permanent, "control socket " + path + ": " + error.message());
  return server;
}

ControlServer::~ControlServer() { ::unlink(path_.c_str()); }

void ControlServer::start() { asio::co_spawn(acceptor_.get_executor(), accept(), asio::detached); }

void ControlServer::stop() {
  boost::system::error_code ignored;
  acceptor_.close(ignored);
}

asio::awaitable<void> ControlServer::accept() {
  for (;;) {
    auto [error, socket] = co_await acceptor_.async_accept(asio::as_tuple(asio::use_awaitable));
    if (error == asio::error::operation_aborted || error == asio::error::bad_descriptor) co_return;
    if (error) continue;
    const int descriptor = socket.release();
    services_.pool.post([this, descriptor] {
      answer(descriptor, administration_);
      ::close(descriptor);
    });
  }
}

}  // namespace hikyaku::serve
