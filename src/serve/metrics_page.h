#pragma once
#include <prometheus/exposer.h>

#include <memory>
#include <string>

namespace hikyaku::serve {

/// Serves GET /metrics on `address`, by threads that open nothing (io/thread_confinement.h). Throws as the
/// library does, when it can't listen.
std::unique_ptr<prometheus::Exposer> serve_metrics(const std::string& address);

}  // namespace hikyaku::serve
