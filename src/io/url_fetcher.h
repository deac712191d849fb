#pragma once
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

#include "base/result.h"

namespace hikyaku::io {

/// What is asked: by GET, or with a body by POST.
struct UrlRequest {
  std::string url;  ///< http, https, ldap or ldaps
  std::string content_type, body;
  bool posts() const { return !content_type.empty(); }
};

/// Fetches what URLs answer, by libcurl on one thread of its own. Requests are made in lanes, each with a
/// number that may be under way at a time; what is beyond waits in line, and its time runs. GET follows
/// redirections to http and https; POST, which would send a message on to somewhere else, follows none.
/// Proxies are those of the environment (http_proxy and its kind). Thread-safe.
class UrlFetcher {
 public:
  static constexpr std::size_t kAnswerLimit = std::size_t{64} << 10;  ///< octets; more is a failure
  static constexpr long kRedirections = 5;
  static constexpr std::size_t kWaitingLimit = 10'000;  ///< requests of a lane

  UrlFetcher();
  ~UrlFetcher();
  UrlFetcher(const UrlFetcher&) = delete;
  UrlFetcher& operator=(const UrlFetcher&) = delete;

  /// The body of the answer. Fault::temporary: none by then, another status than 2xx, or a body beyond the
  /// limit; the text says which. The caller is resumed on its own executor.
  boost::asio::awaitable<Result<std::string>> fetch(UrlRequest request, std::string lane, std::size_t most,
                                                    std::chrono::steady_clock::time_point until);
  /// What is under way fails, as does what comes later. For the end of the program.
  void stop();

 private:
  class Work;
  std::unique_ptr<Work> work_;
};

}  // namespace hikyaku::io
