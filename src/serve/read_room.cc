#include "serve/read_room.h"

#include <vector>

namespace hikyaku::serve {

std::span<char> read_room() {
  constexpr std::size_t kOctets = 64 * 1024;
  thread_local std::vector<char> room(kOctets);
  return room;
}

}  // namespace hikyaku::serve
