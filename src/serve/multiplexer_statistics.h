#pragma once
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/result.h"
#include "serve/multiplexer_configuration.h"
#include "serve/multiplexer_services.h"

namespace hikyaku::serve {

/// What a multiplexer has done since it started, and does now.
struct MultiplexerStatistics {
  std::uint64_t sessions = 0, going_on = 0, messages = 0, verdicts_dropped = 0;
  std::vector<FilterHealth::Snapshot> filters;
};
MultiplexerStatistics statistics(const MultiplexerServices& services,
                                 const MultiplexerConfiguration& configuration);

/// Answers {"command": "milters.stats"}: a row of all, and one for each filter. Gives the exit code. Fails
/// with Fault::malformed.
Result<int> answer_statistics(const nlohmann::json& request, const MultiplexerServices& services,
                              const MultiplexerConfiguration& configuration,
                              const std::function<bool(const nlohmann::json&)>& row);

/// The same for Prometheus, at /metrics.
class MultiplexerMetrics {
 public:
  explicit MultiplexerMetrics(std::function<MultiplexerStatistics()> ask);
  ~MultiplexerMetrics();
  /// "127.0.0.1:9155". Fails with Fault::permanent.
  Result<void> listen(const std::string& address);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace hikyaku::serve
