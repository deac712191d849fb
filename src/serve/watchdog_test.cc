#include "serve/watchdog.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdlib>
#include <filesystem>
#include <string>

namespace hikyaku::serve {
namespace {

namespace asio = boost::asio;

/// Hears what is told to systemd.
class Systemd {
 public:
  Systemd() {
    const auto name = std::filesystem::temp_directory_path() / ("watchdog." + std::to_string(::getpid()));
    address_.sun_family = AF_UNIX;
    name.string().copy(address_.sun_path, sizeof address_.sun_path - 1);
    ::unlink(address_.sun_path);
    EXPECT_EQ(::bind(socket_, reinterpret_cast<const sockaddr*>(&address_), sizeof address_), 0);
    ::setenv("NOTIFY_SOCKET", address_.sun_path, 1);
    ::setenv("WATCHDOG_USEC", "2000", 1);
  }
  ~Systemd() {
    ::unsetenv("NOTIFY_SOCKET");
    ::unsetenv("WATCHDOG_USEC");
    ::close(socket_);
    ::unlink(address_.sun_path);
  }
  Systemd(const Systemd&) = delete;
  Systemd& operator=(const Systemd&) = delete;

  /// How many words have come since the last call, all of them the watchdog's.
  int words() const {
    int count = 0;
    std::array<char, 64> word{};
    for (ssize_t size = 0; (size = ::recv(socket_, word.data(), word.size(), MSG_DONTWAIT)) > 0; ++count)
      EXPECT_EQ(std::string(word.data(), static_cast<std::size_t>(size)), "WATCHDOG=1");
    return count;
  }

 private:
  int socket_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_un address_{};
};

TEST(Watchdog, IsToldNothingMoreWhileAThreadHangs) {
  const Systemd systemd;
  asio::io_context main, one, other;
  asio::co_spawn(main, keep_watchdog({one.get_executor(), other.get_executor()}), asio::detached);
  // Each run is many times the half period.
  constexpr std::chrono::milliseconds kMany{30};
  main.run_for(kMany);
  EXPECT_EQ(systemd.words(), 1);
  one.poll();
  main.run_for(kMany);
  EXPECT_EQ(systemd.words(), 0);
  other.poll();
  main.run_for(kMany);
  EXPECT_EQ(systemd.words(), 1);
}

TEST(Watchdog, IsToldAgainAndAgainWhileAllIsWell) {
  const Systemd systemd;
  asio::io_context main;
  asio::co_spawn(main, keep_watchdog({main.get_executor()}), asio::detached);
  int words = 0;
  while (words < 5) {
    main.run_one();
    words += systemd.words();
  }
}

TEST(Watchdog, EndsWhereNobodyWatches) {
  asio::io_context main;
  asio::co_spawn(main, keep_watchdog({main.get_executor()}), asio::detached);
  EXPECT_GT(main.run(), 0U);  // it comes to its end
}

}  // namespace
}  // namespace hikyaku::serve
