#include "config/server_processes.h"

#include <algorithm>
#include <cstdint>

namespace hikyaku::config {

Setting<std::size_t> server_processes(const Main& main, const Master& master) {
  Setting<std::size_t> most;
  for (const auto& service : master.services()) {
    if (service.role != Service::Role::smtp_server) continue;
    if (service.kind != Service::Kind::inet && service.kind != Service::Kind::pass) continue;
    // master reads default_process_limit from main.cf: -o says nothing to it.
    const auto limit = service.maxproc.value_or(main.integer("default_process_limit"));
    if (limit <= 0) return {};
    if (static_cast<std::size_t>(limit) <= *most) continue;
    most = {static_cast<std::size_t>(limit),
            service.maxproc ? service.origin : main.origin("default_process_limit")};
  }
  return most;
}

}  // namespace hikyaku::config
