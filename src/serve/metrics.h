#pragma once
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "serve/delivery_result.h"

namespace hikyaku::serve {

/// What is counted for Prometheus. Counting is an atomic addition. Thread-safe.
class Metrics {
 public:
  Metrics();
  ~Metrics();

  /// Serves GET /metrics on "127.0.0.1:9154".
  Result<void> listen(const std::string& address);

  void connection_opened();
  void connection_closed();
  void accepted(std::uint64_t octets);
  void rejected();
  void authentication(bool succeeded);
  void delivery(DeliveryResult::Kind kind);
  /// A gauge that is asked for when the page is read.
  void gauge(const std::string& name, const std::string& help, std::function<double()> value);
  /// The same of several things, each with its own value of `label`.
  using Values = std::vector<std::pair<std::string, double>>;
  void gauge(const std::string& name, const std::string& help, const std::string& label,
             std::function<Values()> values);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace hikyaku::serve
