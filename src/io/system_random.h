#pragma once
#include <sys/random.h>

#include <cstdlib>

#include "base/random.h"

namespace hikyaku::io {

/// The kernel's random octets.
class SystemRandom : public Random {
 public:
  void fill(std::span<unsigned char> octets) override {
    while (!octets.empty()) {
      const auto got = ::getrandom(octets.data(), octets.size(), 0);
      if (got < 0) std::abort();  // keys of unknown octets would be worse
      octets = octets.subspan(static_cast<std::size_t>(got));
    }
  }
};

}  // namespace hikyaku::io
