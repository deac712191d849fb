#include "serve/multiplexer_statistics.h"

#include <prometheus/client_metric.h>
#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>
#include <prometheus/metric_type.h>
#include <sysexits.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "serve/metrics_page.h"

namespace hikyaku::serve {
namespace {

using nlohmann::json;
using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

double seconds(std::chrono::microseconds time) { return static_cast<double>(time.count()) / 1e6; }
double milliseconds(std::chrono::microseconds time) { return static_cast<double>(time.count()) / 1e3; }

json row_of(const FilterHealth::Snapshot& filter) {
  json row{
      {"filter", filter.name},         {"connections", filter.connections}, {"took_part", filter.took_part},
      {"ruled_out", filter.ruled_out}, {"failures", filter.failures},       {"no_budget", filter.no_budget},
      {"kept_away", filter.kept_away}, {"starts", filter.starts},           {"ends", filter.ends}};
  for (const auto& address : filter.addresses)
    row["addresses"].push_back({{"address", address.text},
                                {"breaker", milter::text(address.breaker)},
                                {"openings", address.openings}});
  for (std::size_t i = 0; i < FilterHealth::kWaits; ++i) {
    const auto& histogram = filter.waits[i];
    auto& wait = row["waits"][std::string(text(static_cast<FilterHealth::Wait>(i)))];
    wait = {{"count", histogram.count()},
            {"milliseconds", milliseconds(histogram.sum())},
            {"p50", milliseconds(histogram.quantile(0.5))},
            {"p90", milliseconds(histogram.quantile(0.9))},
            {"p99", milliseconds(histogram.quantile(0.99))},
            {"buckets", histogram.buckets()}};
  }
  return row;
}

ClientMetric labelled(const std::string& filter) {
  ClientMetric metric;
  metric.label.push_back({"filter", filter});
  return metric;
}

/// Asked when the page is read.
class Asked : public prometheus::Collectable {
 public:
  explicit Asked(std::function<MultiplexerStatistics()> ask) : ask_(std::move(ask)) {}

  std::vector<MetricFamily> Collect() const override {
    const auto all = ask_();
    std::vector<MetricFamily> families;
    const auto one = [&families](const char* name, const char* help, MetricType type, double value) {
      ClientMetric metric;
      (type == MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
      families.push_back({name, help, type, {metric}});
    };
    one("hikyaku_milters_sessions_total", "connections of MTAs", MetricType::Counter,
        static_cast<double>(all.sessions));
    one("hikyaku_milters_sessions", "connections of MTAs that are open", MetricType::Gauge,
        static_cast<double>(all.going_on));
    one("hikyaku_milters_messages_total", "messages", MetricType::Counter, static_cast<double>(all.messages));
    const auto each = [&](const char* name, const char* help, MetricType type, auto value) {
      MetricFamily family{name, help, type, {}};
      for (const auto& filter : all.filters) {
        auto metric = labelled(filter.name);
        (type == MetricType::Counter ? metric.counter.value : metric.gauge.value) =
            static_cast<double>(filter.*value);
        family.metric.push_back(std::move(metric));
      }
      families.push_back(std::move(family));
    };
    using Snapshot = FilterHealth::Snapshot;
    each("hikyaku_milters_filter_connections", "connections to the filter", MetricType::Gauge,
         &Snapshot::connections);
    each("hikyaku_milters_filter_messages_total", "messages and connections that it judged",
         MetricType::Counter, &Snapshot::took_part);
    each("hikyaku_milters_filter_ruled_out_total", "those that a condition kept from it", MetricType::Counter,
         &Snapshot::ruled_out);
    each("hikyaku_milters_filter_failures_total", "those at which it failed", MetricType::Counter,
         &Snapshot::failures);
    each("hikyaku_milters_filter_over_budget_total", "connections that its budget did not allow",
         MetricType::Counter, &Snapshot::no_budget);
    each("hikyaku_milters_filter_kept_away_total", "connections that its circuit breaker did not allow",
         MetricType::Counter, &Snapshot::kept_away);
    each("hikyaku_milters_filter_starts_total", "starts of its command", MetricType::Counter,
         &Snapshot::starts);
    each("hikyaku_milters_filter_ends_total", "ends of what its command started", MetricType::Counter,
         &Snapshot::ends);
    families.push_back(breakers(all));
    families.push_back(waits(all));
    return families;
  }

 private:
  static MetricFamily breakers(const MultiplexerStatistics& all) {
    MetricFamily family{"hikyaku_milters_breaker", "0: closed, 1: half open, 2: open", MetricType::Gauge, {}};
    for (const auto& filter : all.filters) {
      for (const auto& address : filter.addresses) {
        auto metric = labelled(filter.name);
        metric.label.push_back({"address", address.text});
        metric.gauge.value = address.breaker == milter::CircuitBreaker::State::open        ? 2
                             : address.breaker == milter::CircuitBreaker::State::half_open ? 1
                                                                                           : 0;
        family.metric.push_back(std::move(metric));
      }
    }
    return family;
  }

  static MetricFamily waits(const MultiplexerStatistics& all) {
    MetricFamily family{"hikyaku_milters_filter_wait_seconds",
                        "how long a message waited for the filter",
                        MetricType::Histogram,
                        {}};
    for (const auto& filter : all.filters) {
      for (std::size_t i = 0; i < FilterHealth::kWaits; ++i) {
        auto metric = labelled(filter.name);
        metric.label.push_back({"stage", std::string(text(static_cast<FilterHealth::Wait>(i)))});
        const auto& histogram = filter.waits[i];
        metric.histogram.sample_count = histogram.count();
        metric.histogram.sample_sum = seconds(histogram.sum());
        std::uint64_t sum = 0;
        for (std::size_t bucket = 0; bucket < histogram.buckets().size(); ++bucket) {
          sum += histogram.buckets()[bucket];
          const auto bound = bucket < milter::LatencyHistogram::kBounds.size()
                                 ? seconds(milter::LatencyHistogram::kBounds[bucket])
                                 : std::numeric_limits<double>::infinity();
          metric.histogram.bucket.push_back({sum, bound});
        }
        family.metric.push_back(std::move(metric));
      }
    }
    return family;
  }

  std::function<MultiplexerStatistics()> ask_;
};

}  // namespace

MultiplexerStatistics statistics(const MultiplexerServices& services,
                                 const MultiplexerConfiguration& configuration) {
  MultiplexerStatistics all;
  // In this order, so that what goes on is never less than none.
  const std::uint64_t ended = services.ended;
  all.sessions = services.begun;
  all.going_on = all.sessions - ended;
  all.messages = services.messages;
  if (services.verdicts != nullptr) all.verdicts_dropped = services.verdicts->dropped();
  const auto now = std::chrono::steady_clock::now();
  for (const auto& child : configuration.children) {
    auto& filter = all.filters.emplace_back(child.health->snapshot(now));
    if (!child.process) continue;
    const auto counts = child.process->counts();
    filter.starts = counts.starts;
    filter.ends = counts.ends;
  }
  return all;
}

Result<int> answer_statistics(const json& request, const MultiplexerServices& services,
                              const MultiplexerConfiguration& configuration,
                              const std::function<bool(const json&)>& row) {
  if (request.value("command", std::string()) != "milters.stats")
    return fail(Fault::malformed, "the multiplexer answers milters.stats alone");
  const auto all = statistics(services, configuration);
  row({{"sessions", all.sessions},
       {"going_on", all.going_on},
       {"messages", all.messages},
       {"verdicts_dropped", all.verdicts_dropped}});
  for (const auto& filter : all.filters)
    if (!row(row_of(filter))) break;
  return EX_OK;
}

struct MultiplexerMetrics::State {
  std::shared_ptr<Asked> asked;
  std::unique_ptr<prometheus::Exposer> exposer;
};

MultiplexerMetrics::MultiplexerMetrics(std::function<MultiplexerStatistics()> ask)
    : state_(std::make_unique<State>()) {
  state_->asked = std::make_shared<Asked>(std::move(ask));
}
MultiplexerMetrics::~MultiplexerMetrics() = default;

Result<void> MultiplexerMetrics::listen(const std::string& address) {
  try {
    state_->exposer = serve_metrics(address);
    state_->exposer->RegisterCollectable(state_->asked);
  } catch (const std::exception& error) {
    return fail(Fault::permanent, "serve metrics on " + address + ": " + error.what());
  }
  return {};
}

}  // namespace hikyaku::serve
