#pragma once
#include <boost/asio/awaitable.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <type_traits>
#include <utility>

#include "io/worker_pool.h"

namespace hikyaku::serve {

/// Runs `work`, which looks things up in tables: at once when `pool` is null, because no table has to ask a
/// server, or else on the pool, so that a server that is slow holds up nobody else's mail on this thread.
/// Resumes on the caller's executor. See Services::lookups_for().
template <class Work>
boost::asio::awaitable<std::invoke_result_t<Work&>> run_lookup(io::WorkerPool* pool, Work work) {
  if (pool == nullptr) co_return work();
  co_return co_await pool->run(std::move(work));
}

}  // namespace hikyaku::serve
