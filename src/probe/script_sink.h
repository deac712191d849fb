#pragma once
#include <algorithm>
#include <deque>
#include <string>
#include <utility>

#include "probe/secret_sink.h"

namespace hikyaku::probe {

/// Marks the secrets of a script wherever they stand in a record, and keeps the lines of the server until
/// they are looked at: at most kMostLines of them and kMostOctets, which a server decides on; more is
/// dropped, and told by overflowed().
class ScriptSink final : public SecretSink {
 public:
  static constexpr std::size_t kMostLines = 10'000, kMostOctets = std::size_t{1} << 20;

  using SecretSink::SecretSink;

  /// The next line that is sent has a secret from there on.
  void hide_from(std::size_t octet) { hidden_from_ = octet; }

  void put(const Entry& entry) override {
    auto marked = entry;
    if (entry.kind == Entry::Kind::sent)
      marked.secret_from = std::min(marked.secret_from, std::exchange(hidden_from_, Entry::kNothing));
    mark(marked);
    if (marked.kind == Entry::Kind::received) keep(marked);
    hand_on(marked);
  }

  /// What came since the last time.
  std::deque<Entry> take() {
    octets_ = 0;
    overflowed_ = false;
    return std::exchange(received_, {});
  }
  bool overflowed() const { return overflowed_; }

 private:
  void keep(const Entry& entry) {
    overflowed_ = overflowed_ || received_.size() >= kMostLines || octets_ + entry.text.size() > kMostOctets;
    if (overflowed_) return;
    octets_ += entry.text.size();
    received_.push_back(entry);
  }

  std::size_t hidden_from_ = Entry::kNothing;
  std::deque<Entry> received_;
  std::size_t octets_ = 0;
  bool overflowed_ = false;
};

}  // namespace hikyaku::probe
