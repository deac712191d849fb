#include "io/host_lookup.h"

#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <charconv>
#include <cstring>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "io/thread_confinement.h"
#include "io/worker_pool.h"

namespace hikyaku::io {

namespace asio = boost::asio;

namespace {

constexpr auto kQuiet = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kMostAddresses = 8;
constexpr std::size_t kThreads = 32;             // they wait: idle but for that
constexpr std::chrono::milliseconds kLook{500};  // how soon the end of the program is noticed

struct FreeAddresses {
  void operator()(addrinfo* all) const { ::freeaddrinfo(all); }
};

WorkerPool& look_up_threads() {
  // For ever: nothing ends a getaddrinfo() that waits. And a thread inherits the confinement of the one that
  // makes it.
  static auto& pool = *by_opener([] { return new WorkerPool(kThreads); });
  return pool;
}

/// What the two threads of a look-up share.
struct LookUp {
  std::mutex mutex;
  std::optional<HostAddresses> found;
  std::function<void()> wake;           // null: nobody waits any more
  asio::steady_timer* timer = nullptr;  // on the thread of who waits alone
};

/// Whichever way the coroutine ends: nobody waits.
struct Leaving {
  explicit Leaving(std::shared_ptr<LookUp> what) : look_up(std::move(what)) {}
  Leaving(const Leaving&) = delete;
  Leaving& operator=(const Leaving&) = delete;
  ~Leaving() {
    look_up->timer = nullptr;
    const std::lock_guard lock(look_up->mutex);
    look_up->wake = nullptr;
  }
  std::shared_ptr<LookUp> look_up;
};

void carry_out(LookUp& look_up, const std::function<HostAddresses()>& find) {
  {
    const std::lock_guard lock(look_up.mutex);
    if (!look_up.wake) return;
  }
  auto found = find();
  const std::lock_guard lock(look_up.mutex);
  look_up.found = std::move(found);
  if (look_up.wake) look_up.wake();
}

}  // namespace

HostAddresses host_addresses(const std::string& host, const std::string& service) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* raw = nullptr;
  const int error = ::getaddrinfo(host.c_str(), service.c_str(), &hints, &raw);
  const std::unique_ptr<addrinfo, FreeAddresses> found(error == 0 ? raw : nullptr);
  const auto what = "the address of " + host + ", port " + service + ": ";
  if (error != 0) return fail(Fault::temporary, what + ::gai_strerror(error));
  std::vector<HostAddress> addresses;
  for (const auto* one = found.get(); one != nullptr && addresses.size() < kMostAddresses;
       one = one->ai_next) {
    std::array<char, NI_MAXHOST> name{};
    std::array<char, NI_MAXSERV> port{};
    if (::getnameinfo(one->ai_addr, one->ai_addrlen, name.data(), name.size(), port.data(), port.size(),
                      NI_NUMERICHOST | NI_NUMERICSERV) != 0)
      continue;
    HostAddress address{name.data(), 0};
    std::from_chars(port.data(), port.data() + std::strlen(port.data()), address.port);
    addresses.push_back(std::move(address));
  }
  if (addresses.empty()) return fail(Fault::temporary, what + "it has none");
  return addresses;
}

asio::awaitable<HostAddresses> look_up_host(const DeadlineSweep& sweep, std::function<HostAddresses()> find,
                                            std::chrono::seconds limit) {
  const auto executor = co_await asio::this_coro::executor;
  asio::steady_timer timer(executor);
  const Leaving leaving(std::make_shared<LookUp>());
  const auto& shared = leaving.look_up;
  shared->timer = &timer;
  // Called under the lock while we wait, so that the executor is still there.
  shared->wake = [executor, weak = std::weak_ptr(shared)] {
    asio::post(executor, [weak] {
      if (const auto look_up = weak.lock(); look_up && look_up->timer != nullptr) look_up->timer->cancel();
    });
  };
  look_up_threads().post([shared, find = std::move(find)] { carry_out(*shared, find); });
  const auto deadline = std::chrono::steady_clock::now() + limit;
  for (;;) {
    timer.expires_at(std::min(std::chrono::steady_clock::now() + kLook, deadline));
    co_await timer.async_wait(kQuiet);
    const std::lock_guard lock(shared->mutex);
    if (shared->found) co_return *std::move(shared->found);
    if (sweep.ending()) co_return fail(Fault::temporary, "the program ends");
    if (std::chrono::steady_clock::now() >= deadline) break;
  }
  co_return fail(Fault::temporary,
                 "the resolver has not answered within " + std::to_string(limit.count()) + " s");
}

}  // namespace hikyaku::io
