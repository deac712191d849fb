#pragma once
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

namespace hikyaku::io {

/// Connections that nobody uses now, for the next who needs one. At most kMost are kept. Thread-safe.
template <class Connection>
class IdleConnections {
 public:
  static constexpr std::size_t kMost = 16;

  std::optional<Connection> take() {
    const std::scoped_lock lock(mutex_);
    if (idle_.empty()) return std::nullopt;
    std::optional<Connection> one(std::move(idle_.back()));
    idle_.pop_back();
    return one;
  }
  void put(Connection one) {
    const std::scoped_lock lock(mutex_);
    if (idle_.size() < kMost) idle_.push_back(std::move(one));
  }

 private:
  std::mutex mutex_;
  std::vector<Connection> idle_;
};

}  // namespace hikyaku::io
