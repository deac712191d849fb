#include "serve/services.h"

#include "serve/running.h"

namespace hikyaku::serve {

io::WorkerPool* Services::lookups_for(const Running& running) const {
  return running.tables_ask_others ? &lookups : nullptr;
}

}  // namespace hikyaku::serve
