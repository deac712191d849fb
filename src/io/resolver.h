#pragma once
#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "io/worker_pool.h"

namespace hikyaku::io {

/// What the DNS, or the system, said to one question.
struct DnsReply {
  enum class Status : unsigned char {
    found,
    none,       ///< the name does not exist, or has no such record
    temporary,  ///< no answer, SERVFAIL, or a signature that does not fit
    malformed,  ///< the name is none that the DNS can be asked for
  };
  struct Record {
    std::uint16_t preference = 0;  ///< of mx
    std::string
        text;  ///< an address; a host name without the last dot, "." for the root; the strings of txt joined
  };
  Status status = Status::none;
  std::vector<Record> records;
  bool secure = false;  ///< validated by DNSSEC
};

/// Asks the DNS by libunbound, and the system's own host lookups on threads of its own. Answers are kept for
/// as long as they may be, an hour at most, and a bounded number of them. A coroutine is resumed on its own
/// executor. Thread-safe.
class Resolver {
 public:
  enum class Type : std::uint16_t { a = 1, ns = 2, ptr = 12, mx = 15, txt = 16, aaaa = 28 };
  struct Settings {
    std::string forward;  ///< a server instead of those of /etc/resolv.conf: "192.0.2.53", "192.0.2.53@5353"
    std::size_t threads = 8;                   ///< for the system's lookups
    std::chrono::milliseconds timeout{30000};  ///< for each question
    std::string trust_anchor_file{};           ///< for DNSSEC; empty: nothing is validated
    std::size_t kept = 10'000;                 ///< answers
  };
  explicit Resolver(const Settings& settings);
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  /// The records of `name`; aliases (CNAME) are followed.
  boost::asio::awaitable<DnsReply> query(std::string name, Type type);
  /// The addresses of a host by getaddrinfo (smtp_host_lookup = native); `type` is a or aaaa.
  boost::asio::awaitable<DnsReply> native_addresses(std::string host, Type type);
  /// The name that the reverse lookup of an address asks for: "7.2.0.192.in-addr.arpa". Empty when it is
  /// none.
  static std::string reverse_name(std::string_view address);
  /// Whether it may stand in Settings::forward.
  static bool is_server(std::string_view text);
  /// What is under way ends with Status::temporary, as does what comes later. For the end of the program.
  void stop();

 private:
  class Questions;
  class Kept;
  std::unique_ptr<Kept> kept_;
  std::unique_ptr<Questions> questions_;
  std::atomic<bool> stopped_ = false;
  WorkerPool pool_;
};

}  // namespace hikyaku::io
