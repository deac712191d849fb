#include "serve/metrics_page.h"

#include <CivetServer.h>

#include "io/thread_confinement.h"

namespace hikyaku::serve {

std::unique_ptr<prometheus::Exposer> serve_metrics(const std::string& address) {
  CivetCallbacks callbacks;
  // At the beginning of each of its threads; the socket that listens is open by then.
  callbacks.init_thread = [](const mg_context*, int) -> void* {
    (void)io::confine_thread();
    return nullptr;
  };
  return std::make_unique<prometheus::Exposer>(address, 1, &callbacks);
}

}  // namespace hikyaku::serve
