#pragma once
#include <optional>
#include <semaphore>
#include <type_traits>
#include <utility>

#include "io/worker_pool.h"

// A thread that reads what comes from outside opens nothing: no file, no socket, and it starts no program.
// What it needs open is opened by other threads, which read nothing from outside.
namespace hikyaku::io {

/// Confines the calling thread, and those that it makes from then on, for good: open(2) and its kind,
/// socket(2) and execve(2) fail with EPERM (seccomp); what is open stays so. Sets no_new_privs for the
/// thread. false: the kernel has no seccomp, and nothing is in force.
bool confine_thread();

/// What confine_thread() has done to the calling thread.
bool thread_is_confined();

/// The threads that open for those that are confined. They are there once a thread was confined.
WorkerPool& opener();
/// A Unix socket that is not connected to anything, of a few that the opener keeps in stock for confined
/// threads; -1: none is there now, or this thread is not confined. The caller closes it. A socket that could
/// reach the network is not kept so.
int take_unix_socket();
/// More of them, for what may wait long: tables whose servers are asked.
WorkerPool& asker();
/// Confined threads, for what those that are not have to read from outside.
WorkerPool& reader();

/// Runs `work` on the pool and waits for it. It must not throw.
template <class Work>
std::invoke_result_t<Work&> run_there(WorkerPool& pool, Work work) {
  std::optional<std::invoke_result_t<Work&>> result;
  std::binary_semaphore done{0};
  pool.post([&] {
    result.emplace(work());
    done.release();
  });
  done.acquire();
  return *std::move(result);
}

/// Runs `work` where files and sockets can be opened, and waits for it: here, where this thread is not
/// confined. For what is rare and short, such as the certificate of a name. `work` must not throw.
template <class Work>
std::invoke_result_t<Work&> by_opener(Work work) {
  return thread_is_confined() ? run_there(opener(), std::move(work)) : work();
}

/// The same for what may wait long.
template <class Work>
std::invoke_result_t<Work&> by_asker(Work work) {
  return thread_is_confined() ? run_there(asker(), std::move(work)) : work();
}

/// Runs `work`, which reads what comes from outside, where nothing can be opened, and waits for it: here,
/// where this thread is confined. `work` must not throw.
template <class Work>
std::invoke_result_t<Work&> by_reader(Work work) {
  return thread_is_confined() ? work() : run_there(reader(), std::move(work));
}

}  // namespace hikyaku::io
