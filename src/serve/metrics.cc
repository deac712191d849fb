#include "serve/metrics.h"

#include <prometheus/collectable.h>
#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>

#include <mutex>
#include <vector>

#include "serve/metrics_page.h"

namespace hikyaku::serve {
namespace {

using prometheus::BuildCounter;
using prometheus::BuildGauge;

/// Values that belong to others and are asked for when the page is read.
class Asked : public prometheus::Collectable {
 public:
  void add(const std::string& name, const std::string& help, const std::string& label,
           std::function<Metrics::Values()> values) {
    const std::lock_guard lock(mutex_);
    gauges_.push_back({name, help, label, std::move(values)});
  }
  std::vector<prometheus::MetricFamily> Collect() const override {
    const std::lock_guard lock(mutex_);
    std::vector<prometheus::MetricFamily> families;
    for (const auto& gauge : gauges_) {
      std::vector<prometheus::ClientMetric> metrics;
      for (const auto& [of, value] : gauge.values()) {
        auto& metric = metrics.emplace_back();
        if (!gauge.label.empty()) metric.label.push_back({gauge.label, of});
        metric.gauge.value = value;
      }
      families.push_back({gauge.name, gauge.help, prometheus::MetricType::Gauge, std::move(metrics)});
    }
    return families;
  }

 private:
  struct Gauge {
    std::string name, help, label;
    std::function<Metrics::Values()> values;
  };
  mutable std::mutex mutex_;
  std::vector<Gauge> gauges_;
};

}  // namespace

struct Metrics::State {
  std::shared_ptr<prometheus::Registry> registry = std::make_shared<prometheus::Registry>();
  std::shared_ptr<Asked> asked = std::make_shared<Asked>();
  std::unique_ptr<prometheus::Exposer> exposer;

  prometheus::Counter& counter(const char* name, const char* help, const prometheus::Labels& labels = {}) {
    return BuildCounter().Name(name).Help(help).Register(*registry).Add(labels);
  }

  prometheus::Counter& connections = counter("hikyaku_connections_total", "SMTP connections taken");
  prometheus::Gauge& open = BuildGauge()
                                .Name("hikyaku_connections_open")
                                .Help("SMTP connections that are open")
                                .Register(*registry)
                                .Add({});
  prometheus::Counter& accepted = counter("hikyaku_messages_accepted_total", "messages answered with 250");
  prometheus::Counter& octets =
      counter("hikyaku_message_octets_accepted_total", "octets of messages answered with 250");
  prometheus::Counter& rejected = counter("hikyaku_rejected_total", "recipients and messages refused");
  prometheus::Family<prometheus::Counter>& auth_family = BuildCounter()
                                                             .Name("hikyaku_authentications_total")
                                                             .Help("SASL exchanges that ended")
                                                             .Register(*registry);
  prometheus::Counter& auth_ok = auth_family.Add({{"result", "success"}});
  prometheus::Counter& auth_bad = auth_family.Add({{"result", "failure"}});
  prometheus::Family<prometheus::Counter>& delivery_family = BuildCounter()
                                                                 .Name("hikyaku_deliveries_total")
                                                                 .Help("tries to deliver to a recipient")
                                                                 .Register(*registry);
  prometheus::Counter& delivered = delivery_family.Add({{"result", "delivered"}});
  prometheus::Counter& deferred = delivery_family.Add({{"result", "deferred"}});
  prometheus::Counter& bounced = delivery_family.Add({{"result", "bounced"}});
};

Metrics::Metrics() : state_(std::make_unique<State>()) {}
Metrics::~Metrics() = default;

Result<void> Metrics::listen(const std::string& address) {
  try {
    state_->exposer = serve_metrics(address);
    state_->exposer->RegisterCollectable(state_->registry);
    state_->exposer->RegisterCollectable(state_->asked);
  } catch (const std::exception& error) {
    return fail(Fault::permanent, "hikyaku_http_listen " + address + ": " + error.what());
  }
  return {};
}

void Metrics::connection_opened() {
  state_->connections.Increment();
  state_->open.Increment();
}
void Metrics::connection_closed() { state_->open.Decrement(); }
void Metrics::accepted(std::uint64_t octets) {
  state_->accepted.Increment();
  state_->octets.Increment(static_cast<double>(octets));
}
void Metrics::rejected() { state_->rejected.Increment(); }
void Metrics::authentication(bool succeeded) { (succeeded ? state_->auth_ok : state_->auth_bad).Increment(); }
void Metrics::delivery(DeliveryResult::Kind kind) {
  switch (kind) {
    case DeliveryResult::Kind::delivered:
      return state_->delivered.Increment();
    case DeliveryResult::Kind::deferred:
      return state_->deferred.Increment();
    case DeliveryResult::Kind::bounced:
      return state_->bounced.Increment();
  }
}
void Metrics::gauge(const std::string& name, const std::string& help, std::function<double()> value) {
  gauge(name, help, {}, [value = std::move(value)] { return Values{{{}, value()}}; });
}
void Metrics::gauge(const std::string& name, const std::string& help, const std::string& label,
                    std::function<Values()> values) {
  state_->asked->add(name, help, label, std::move(values));
}

}  // namespace hikyaku::serve
