#pragma once
#include <cstddef>
#include <span>

namespace hikyaku::serve {

/// Where a read puts its octets, which are handed on before anything else is read: one for all connections of
/// a thread. On the heap: what is thread_local itself is taken off the stack of every thread, also of those
/// that libraries start with a small one.
std::span<char> read_room();

}  // namespace hikyaku::serve
