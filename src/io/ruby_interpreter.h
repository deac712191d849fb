#pragma once
#include <chrono>
#include <cstddef>
#include <string_view>

namespace hikyaku::io {

/// The interpreter's own process: reads calls from `socket` and answers them until the other end closes it;
/// never returns. To be called right behind fork(): it gives up every descriptor but `socket`, then, before
/// any Ruby runs, the system calls for all but memory, its timer and `socket`.
///
/// `memory`: octets that Ruby may use. See ruby_process.h for the rest.
[[noreturn]] void run_ruby_interpreter(int socket, std::size_t memory, std::chrono::milliseconds start_time);

}  // namespace hikyaku::io
