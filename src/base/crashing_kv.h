#pragma once
// For tests only: a Kv and a Blob whose machine can lose its power at any step.
#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/blob.h"
#include "base/kv.h"

namespace hikyaku::testing_support {

/// Counts the steps of a run and ends the power at one of them: from there on everything fails, and what was
/// not synced is gone at restart().
class Power {
 public:
  /// The step with this number (from 1) fails; 0: none does.
  explicit Power(std::size_t fails_at = 0) : fails_at_(fails_at) {}
  bool step() {
    ++steps_;
    if (steps_ == fails_at_) on_ = false;
    return on_;
  }
  bool on() const { return on_; }
  std::size_t steps() const { return steps_; }
  void restart() {
    on_ = true;
    fails_at_ = 0;
  }

 private:
  std::size_t fails_at_;
  std::size_t steps_ = 0;
  bool on_ = true;
};

/// Keeps what is written and what is synced apart. Each commit is two steps, before and after its effect, so
/// that a commit whose answer never came is tried too. How much of what was written but not synced survives
/// is chosen at restart(): a prefix, as RocksDB's log gives.
class CrashingKv : public Kv {
 public:
  CrashingKv(Power& power, std::size_t spaces) : power_(power), durable_(spaces), current_(spaces) {}

  void restart(std::size_t surviving_unsynced = 0) {
    for (std::size_t i = 0; i < std::min(surviving_unsynced, unsynced_.size()); ++i)
      apply(durable_, unsynced_[i]);
    unsynced_.clear();
    current_ = durable_;
  }
  std::size_t unsynced() const { return unsynced_.size(); }
  /// For damage by hand.
  std::map<std::string, std::string>& rows(Space space) { return current_[space]; }
  /// What others do right after a scan has read its rows.
  std::function<void()> after_scan;

  Result<std::optional<std::string>> get(Space space, std::string_view key) const override {
    if (!power_.on()) return dead();
    const auto& rows = current_.at(space);
    const auto at = rows.find(std::string(key));
    return at == rows.end() ? std::optional<std::string>{} : std::optional(at->second);
  }
  Result<std::vector<std::optional<std::string>>> multi_get(
      Space space, const std::vector<std::string>& keys) const override {
    std::vector<std::optional<std::string>> all;
    for (const auto& key : keys) {
      auto value = get(space, key);
      if (!value) return std::unexpected(value.error());
      all.push_back(std::move(*value));
    }
    return all;
  }
  Result<std::vector<Row>> scan(Space space, std::string_view from, std::string_view to,
                                std::size_t limit) const override {
    if (!power_.on()) return dead();
    std::vector<Row> found;
    const auto& rows = current_.at(space);
    for (auto at = rows.lower_bound(std::string(from)); at != rows.end() && found.size() < limit; ++at) {
      if (!to.empty() && at->first >= to) break;
      found.emplace_back(*at);
    }
    if (after_scan) after_scan();
    return found;
  }
  Result<void> commit(Batch batch, Durability durability) override {
    if (!power_.step()) return dead();
    for (const auto& condition : batch.preconditions) {
      const auto value = get(condition.space, condition.key);
      if (*value != condition.value) return fail(Fault::not_found, "precondition");
    }
    apply(current_, batch.writes);
    unsynced_.push_back(std::move(batch.writes));
    if (durability == Durability::synced) {
      for (const auto& writes : unsynced_) apply(durable_, writes);
      unsynced_.clear();
    }
    if (!power_.step()) return dead();
    return {};
  }

 private:
  using Spaces = std::vector<std::map<std::string, std::string>>;
  static std::unexpected<Error> dead() { return fail(Fault::temporary, "no power"); }
  static void apply(Spaces& spaces, const std::vector<Write>& writes) {
    for (const auto& write : writes) {
      if (write.value) {
        spaces.at(write.space)[write.key] = *write.value;
      } else {
        spaces.at(write.space).erase(write.key);
      }
    }
  }
  Power& power_;
  Spaces durable_, current_;
  std::vector<std::vector<Write>> unsynced_;
};

/// A finished blob is durable at once; an unfinished one is gone at once; a removal is one step.
class CrashingBlob : public Blob {
 public:
  explicit CrashingBlob(Power& power) : power_(power) {}

  Result<std::unique_ptr<Writer>> put(std::string_view name) override {
    return std::unique_ptr<Writer>(new Growing(*this, std::string(name)));
  }
  Result<std::string> get(std::string_view name, std::uint64_t offset, std::size_t length) const override {
    const auto at = blobs_.find(name);
    if (at == blobs_.end()) return fail(Fault::not_found, "no blob " + std::string(name));
    return offset < at->second.size() ? at->second.substr(offset, length) : std::string();
  }
  Result<void> remove(std::string_view name) override {
    if (!power_.step()) return fail(Fault::temporary, "no power");
    if (const auto at = blobs_.find(name); at != blobs_.end()) blobs_.erase(at);
    return {};
  }
  Result<std::vector<std::string>> names() const override {
    std::vector<std::string> all;
    for (const auto& [name, octets] : blobs_) all.push_back(name);
    return all;
  }

 private:
  class Growing : public Writer {
   public:
    Growing(CrashingBlob& blob, std::string name) : blob_(blob), name_(std::move(name)) {}
    Result<void> write(std::string_view octets) override {
      octets_ += octets;
      return {};
    }
    Result<std::string> read_back(std::uint64_t offset, std::size_t length) const override {
      return offset < octets_.size() ? octets_.substr(offset, length) : std::string();
    }
    Result<void> finish() override {
      if (!blob_.power_.step()) return fail(Fault::temporary, "no power");
      blob_.blobs_[name_] = octets_;
      if (!blob_.power_.step()) return fail(Fault::temporary, "no power");
      return {};
    }

   private:
    CrashingBlob& blob_;
    std::string name_, octets_;
  };
  Power& power_;
  std::map<std::string, std::string, std::less<>> blobs_;
};

}  // namespace hikyaku::testing_support
