#include "serve/control_server.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <utility>

namespace hikyaku::serve {
namespace {

namespace asio = boost::asio;
using nlohmann::json;

constexpr std::size_t kMaxRequest = std::size_t{1} << 20;
constexpr int kPatience = 10'000;       // milliseconds that a client may let us wait
constexpr int kBodyPatience = 120'000;  // the same, for the next octets of a body: it reads files for them

std::string line_of(const json& value) {
  // Octets that are no UTF-8 came from outside and must not stop an answer.
  return value.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

/// A signal, as that to reload, ends no wait.
bool ready(std::span<pollfd> descriptors, int patience) {
  int count = 0;
  do {
    count = ::poll(descriptors.data(), descriptors.size(), patience);
  } while (count < 0 && errno == EINTR);
  return count > 0;
}

/// One conversation, on a pool: blocking, with limits. Owns the descriptor.
class Conversation {
 public:
  Conversation(int descriptor, int stopping) : descriptor_(descriptor), stopping_(stopping) {}
  Conversation(Conversation&& other) noexcept
      : descriptor_(std::exchange(other.descriptor_, -1)),
        stopping_(other.stopping_),
        received_(std::move(other.received_)) {}
  Conversation& operator=(Conversation&&) = delete;
  ~Conversation() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }

  /// nullopt: there was none, which has been told.
  std::optional<json> request() {
    std::array<char, 4096> room;
    auto end = received_.find('\n');
    for (; end == std::string::npos; end = received_.find('\n')) {
      if (received_.size() > kMaxRequest || !wait(POLLIN)) return std::nullopt;
      const auto got = ::recv(descriptor_, room.data(), room.size(), MSG_DONTWAIT);
      if (got <= 0) return std::nullopt;
      received_.append(room.data(), static_cast<std::size_t>(got));
    }
    auto parsed =
        json::parse(received_.begin(), received_.begin() + static_cast<std::ptrdiff_t>(end), nullptr, false);
    received_.erase(0, end + 1);
    if (!parsed.is_discarded() && parsed.is_object()) return parsed;
    send_line({{"error", "a request is one line of JSON"}});
    return std::nullopt;
  }

  void answer(const ControlServer::Answer& answer, const json& request) {
    try {
      const auto result = answer(
          request,
          [this](const json& row) {
            return send_line({{"row", row}});
          },
          [this](std::span<char> room) { return body(room); });
      if (result) {
        send_line({{"exit", *result}});
      } else {
        send_line({{"error", result.error().text}, {"fault", result.error().fault}});
      }
    } catch (const json::exception& error) {  // a field of the wrong type
      send_line({{"error", std::string("bad request: ") + error.what()}});
    }
  }

 private:
  bool wait(short events) const {
    std::array<pollfd, 1> one{pollfd{descriptor_, events, 0}};
    return ready(one, kPatience);
  }

  bool send_line(const json& value) const {
    const auto text = line_of(value);
    std::string_view rest = text;
    while (!rest.empty()) {
      if (!wait(POLLOUT)) return false;
      const auto sent = ::send(descriptor_, rest.data(), rest.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent <= 0) return false;
      rest.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  /// As RequestBody has it.
  Result<std::size_t> body(std::span<char> room) {
    if (!received_.empty()) {
      const auto size = received_.copy(room.data(), room.size());
      received_.erase(0, size);
      return size;
    }
    std::array<pollfd, 2> both{pollfd{descriptor_, POLLIN, 0}, pollfd{stopping_, POLLIN, 0}};
    const bool came = ready(both, kBodyPatience);
    if (both[1].revents != 0) return fail(Fault::temporary, "the hub stops");
    if (!came) return fail(Fault::temporary, "nothing came for too long");
    const auto got = ::recv(descriptor_, room.data(), room.size(), MSG_DONTWAIT);
    return got > 0 ? static_cast<std::size_t>(got) : 0;
  }

  int descriptor_;
  int stopping_;
  std::string received_;  // and not used yet
};

}  // namespace

ControlServer::ControlServer(asio::io_context& context, std::string path, io::WorkerPool& pool,
                             io::WorkerPool& waiting, Answer answer)
    : acceptor_(context),
      path_(std::move(path)),
      pool_(pool),
      waiting_(waiting),
      answer_(std::move(answer)),
      stopping_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

Result<std::unique_ptr<ControlServer>> ControlServer::open(asio::io_context& context, const std::string& path,
                                                           io::WorkerPool& pool, io::WorkerPool& waiting,
                                                           Answer answer) {
  auto server =
      std::unique_ptr<ControlServer>(new ControlServer(context, path, pool, waiting, std::move(answer)));
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

std::unique_ptr<ControlServer> ControlServer::take(asio::io_context& context, int descriptor,
                                                   const std::string& path, bool remove, io::WorkerPool& pool,
                                                   io::WorkerPool& waiting, Answer answer) {
  auto server =
      std::unique_ptr<ControlServer>(new ControlServer(context, path, pool, waiting, std::move(answer)));
  server->acceptor_.assign(asio::local::stream_protocol(), descriptor);
  server->remove_ = remove;
  return server;
}

ControlServer::~ControlServer() {
  if (remove_) ::unlink(path_.c_str());
  ::close(stopping_);
}

void ControlServer::start() { asio::co_spawn(acceptor_.get_executor(), accept(), asio::detached); }

void ControlServer::stop() {
  boost::system::error_code ignored;
  acceptor_.close(ignored);
  (void)::eventfd_write(stopping_, 1);
}

void ControlServer::converse(int descriptor) {
  Conversation conversation(descriptor, stopping_);
  auto request = conversation.request();
  if (!request) return;
  const auto command = request->value("command", json());
  const bool is_long = command == "store.import" || command == "store.move" || command == "store.salvage";
  if (!is_long) return conversation.answer(answer_, *request);
  // It may take hours: not where mail is delivered.
  waiting_.post([this, conversation = std::move(conversation), request = std::move(*request)]() mutable {
    conversation.answer(answer_, request);
  });
}

asio::awaitable<void> ControlServer::accept() {
  for (;;) {
    auto [error, socket] = co_await acceptor_.async_accept(asio::as_tuple(asio::use_awaitable));
    if (error == asio::error::operation_aborted || error == asio::error::bad_descriptor) co_return;
    if (error) continue;
    const int descriptor = socket.release();
    pool_.post([this, descriptor] { converse(descriptor); });
  }
}

}  // namespace hikyaku::serve
