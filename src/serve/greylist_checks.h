#pragma once
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "greylist/configuration.h"
#include "greylist/evaluation.h"
#include "io/ldap_directory.h"
#include "io/url_fetcher.h"
#include "io/worker_pool.h"

namespace hikyaku::serve {

/// Asks what rules want to know by `urlcheck` and `ldapcheck`, on threads of its own. Thread-safe.
class GreylistChecks {
 public:
  /// A check is waited for so long; an MTA waits for the decision.
  static constexpr std::chrono::seconds kPatience{10};

  /// `warn` is told what got no answer, and what of an answer can't be read; escaped. From any thread.
  explicit GreylistChecks(std::function<void(const std::string&)> warn);
  ~GreylistChecks();

  /// What comes of a check by `until`; all must live until then.
  boost::asio::awaitable<greylist::CheckAnswer> ask(const greylist::Configuration& configuration,
                                                    greylist::Stage stage, const greylist::Facts& facts,
                                                    const greylist::CheckQuestion& question,
                                                    std::chrono::steady_clock::time_point until);
  /// What is under way gets no answer. For the end of the program.
  void stop();

 private:
  using Time = std::chrono::steady_clock::time_point;
  boost::asio::awaitable<Result<greylist::CheckAnswer>> ask_url(
      const greylist::UrlcheckDefinition& definition, greylist::Stage stage, const greylist::Facts& facts,
      const std::string& url, Time until);
  boost::asio::awaitable<Result<greylist::CheckAnswer>> ask_directory(
      const greylist::Configuration& configuration, const greylist::LdapcheckDefinition& definition,
      const std::string& url, Time until);
  std::shared_ptr<io::LdapDirectory> directory(const greylist::LdapSettings& settings);

  std::function<void(const std::string&)> warn_;
  io::UrlFetcher urls_;
  std::mutex mutex_;
  greylist::LdapSettings directory_settings_;     // under the mutex
  std::shared_ptr<io::LdapDirectory> directory_;  // under it
  io::WorkerPool searches_;
};

}  // namespace hikyaku::serve
