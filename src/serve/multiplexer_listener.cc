#include "serve/multiplexer_listener.h"

#include <grp.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

namespace hikyaku::serve {

namespace asio = boost::asio;

namespace {

constexpr auto kQuiet = asio::as_tuple(asio::use_awaitable);
constexpr int kBacklog = 1024;
constexpr std::chrono::milliseconds kPause{100};  // while no connection can be taken
using Family = config::ConnectionSpec::Family;

Error cannot(const config::ConnectionSpec& spec, const std::string& why) {
  return {Fault::permanent, "listen on " + spec.text() + ": " + why};
}
Error cannot(const config::ConnectionSpec& spec) { return cannot(spec, std::strerror(errno)); }

/// Closes it unless it is released.
class Opened {
 public:
  explicit Opened(int descriptor) : descriptor_(descriptor) {}
  Opened(const Opened&) = delete;
  Opened& operator=(const Opened&) = delete;
  ~Opened() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  int get() const { return descriptor_; }
  int release() { return std::exchange(descriptor_, -1); }

 private:
  int descriptor_;
};

bool somebody_listens(const sockaddr_un& address) {
  const Opened probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return true;
  return errno == EAGAIN;
}

Result<void> give(const config::ListenerSettings& settings, const std::string& path,
                  const std::optional<MultiplexerListener::Owner>& owner) {
  auto user = static_cast<uid_t>(-1);
  auto group = static_cast<gid_t>(-1);
  if (owner) user = owner->user, group = owner->group;
  if (const auto& name = *settings.unix_socket_group; !name.empty()) {
    const auto* entry = ::getgrnam(name.c_str());
    if (entry == nullptr)
      return std::unexpected(cannot(**settings.connection, "there is no group '" + name + "'"));
    group = entry->gr_gid;
  }
  if (::chown(path.c_str(), user, group) != 0)
    return std::unexpected(cannot(
        **settings.connection,
        "give it to " + std::to_string(user) + ":" + std::to_string(group) + ": " + std::strerror(errno)));
  return {};
}

}  // namespace

Result<int> MultiplexerListener::open_unix(const config::ListenerSettings& settings,
                                           std::optional<Owner> owner) {
  const auto& spec = **settings.connection;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (spec.path.size() >= sizeof address.sun_path)
    return std::unexpected(cannot(spec, "the path is too long"));
  spec.path.copy(address.sun_path, sizeof address.sun_path - 1);
  struct stat status {};
  if (*settings.remove_unix_socket_on_create && ::lstat(spec.path.c_str(), &status) == 0) {
    if (!S_ISSOCK(status.st_mode)) return std::unexpected(cannot(spec, "there is a file that is no socket"));
    if (somebody_listens(address)) return std::unexpected(cannot(spec, "another process listens there"));
    ::unlink(spec.path.c_str());
  }
  Opened opened(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (opened.get() < 0) return std::unexpected(cannot(spec));
  // Nobody may connect before its mode is right.
  const auto old_mask = ::umask(0177);
  const bool bound = ::bind(opened.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  ::umask(old_mask);
  if (!bound) return std::unexpected(cannot(spec));
  if (auto given = give(settings, spec.path, owner); !given) return std::unexpected(std::move(given.error()));
  if (::chmod(spec.path.c_str(), static_cast<mode_t>(*settings.unix_socket_mode)) != 0)
    return std::unexpected(cannot(spec));
  if (::listen(opened.get(), kBacklog) != 0) return std::unexpected(cannot(spec));
  return opened.release();
}

namespace {

Result<int> open_tcp(const config::ConnectionSpec& spec) {
  addrinfo hints{};
  hints.ai_family = spec.family == Family::inet6 ? AF_INET6 : AF_INET;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* raw = nullptr;
  const auto port = std::to_string(spec.port);
  const int error =
      ::getaddrinfo(spec.host.empty() ? nullptr : spec.host.c_str(), port.c_str(), &hints, &raw);
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> found(error == 0 ? raw : nullptr,
                                                                   ::freeaddrinfo);
  if (!found) return std::unexpected(cannot(spec, ::gai_strerror(error)));
  Opened opened(::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int on = 1;
  const auto option = [&](int level, int name) {
    return ::setsockopt(opened.get(), level, name, &on, sizeof on) == 0;
  };
  if (opened.get() < 0 || !option(SOL_SOCKET, SO_REUSEADDR) ||
      (found->ai_family == AF_INET6 && !option(IPPROTO_IPV6, IPV6_V6ONLY)) ||
      ::bind(opened.get(), found->ai_addr, found->ai_addrlen) != 0 || ::listen(opened.get(), kBacklog) != 0)
    return std::unexpected(cannot(spec));
  return opened.release();
}

}  // namespace

Result<std::unique_ptr<MultiplexerListener>> MultiplexerListener::open(
    const config::ListenerSettings& settings, std::optional<Owner> owner) {
  const auto& spec = **settings.connection;
  const auto descriptor = spec.family == Family::local ? open_unix(settings, owner) : open_tcp(spec);
  if (!descriptor) return std::unexpected(descriptor.error());
  return std::unique_ptr<MultiplexerListener>(new MultiplexerListener(*descriptor, settings));
}

MultiplexerListener::MultiplexerListener(int descriptor, const config::ListenerSettings& settings)
    : spec_(**settings.connection),
      remove_(*settings.remove_unix_socket_on_close),
      descriptor_(descriptor),
      family_(spec_.family == Family::local   ? AF_UNIX
              : spec_.family == Family::inet6 ? AF_INET6
                                              : AF_INET) {
  struct stat status {};
  if (family_ == AF_UNIX && ::stat(spec_.path.c_str(), &status) == 0) inode_ = status.st_ino;
}

MultiplexerListener::~MultiplexerListener() { leave(); }

void MultiplexerListener::leave() {
  if (descriptor_ < 0) return;
  ::close(std::exchange(descriptor_, -1));
  struct stat status {};
  if (family_ == AF_UNIX && remove_ && ::stat(spec_.path.c_str(), &status) == 0 && status.st_ino == inode_)
    ::unlink(spec_.path.c_str());
}

void MultiplexerListener::start(asio::io_context& context, Accepted accepted, std::function<bool()> full) {
  auto descriptor = std::make_shared<Descriptor>(context, ::dup(descriptor_));
  doors_.push_back({&context, descriptor, accepted});
  asio::co_spawn(context, accept(std::move(descriptor), family_, std::move(accepted), std::move(full)),
                 asio::detached);
}

void MultiplexerListener::close(Waiting waiting) {
  leave();
  for (auto& door : doors_)
    asio::post(*door.context, [door, waiting, family = family_] {
      // Who is in the kernel's queue already would be thrown out of it.
      while (waiting == Waiting::taken) {
        const int connection = ::accept4(door.descriptor->native_handle(), nullptr, nullptr, SOCK_CLOEXEC);
        if (connection < 0) break;
        door.accepted(
            io::Stream::Socket(*door.context, asio::generic::stream_protocol(family, 0), connection));
      }
      boost::system::error_code ignored;
      door.descriptor->close(ignored);
    });
  doors_.clear();
}

asio::awaitable<void> MultiplexerListener::accept(std::shared_ptr<Descriptor> descriptor, int family,
                                                  Accepted accepted, std::function<bool()> full) {
  const auto executor = co_await asio::this_coro::executor;
  asio::steady_timer pause(executor);
  while (descriptor->is_open()) {
    const auto [error] = co_await descriptor->async_wait(Descriptor::wait_read, kQuiet);
    if (error) co_return;
    bool crowded = full();
    while (!crowded) {
      const int connection = ::accept4(descriptor->native_handle(), nullptr, nullptr, SOCK_CLOEXEC);
      if (connection >= 0) {
        accepted(io::Stream::Socket(executor, asio::generic::stream_protocol(family, 0), connection));
        crowded = full();
        continue;
      }
      // Too many open files: what there is must end first.
      if (errno != EINTR && errno != ECONNABORTED) {
        crowded = errno != EAGAIN && errno != EWOULDBLOCK;
        break;
      }
    }
    if (!crowded) continue;
    pause.expires_after(kPause);
    co_await pause.async_wait(kQuiet);
    if (!descriptor->is_open()) co_return;
  }
}

}  // namespace hikyaku::serve
