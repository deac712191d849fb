#pragma once
#include <chrono>
#include <string>

namespace hikyaku {

/// What a database should know about one space of a Kv when it opens it.
struct KvSpace {
  std::string name;
  /// Values are large, each key is written once and removed at most once, and never written again.
  bool write_once = false;
  /// Rows may vanish this long after they were written, and not before; zero: they stay.
  std::chrono::seconds lifetime{0};
};

}  // namespace hikyaku
