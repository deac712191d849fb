#pragma once
#include <algorithm>
#include <deque>
#include <string>
#include <utility>

#include "probe/secret_sink.h"

namespace hikyaku::probe {

/// Marks the secrets of a script wherever they stand in a record, and keeps the lines of the server until
/// they are looked at.
class ScriptSink final : public SecretSink {
 public:
  using SecretSink::SecretSink;

  /// The next line that is sent has a secret from there on.
  void hide_from(std::size_t octet) { hidden_from_ = octet; }

  void put(const Entry& entry) override {
    auto marked = entry;
    if (entry.kind == Entry::Kind::sent)
      marked.secret_from = std::min(marked.secret_from, std::exchange(hidden_from_, Entry::kNothing));
    mark(marked);
    if (marked.kind == Entry::Kind::received) received_.push_back(marked);
    hand_on(marked);
  }

  std::deque<Entry>& received() { return received_; }

 private:
  std::size_t hidden_from_ = Entry::kNothing;
  std::deque<Entry> received_;
};

}  // namespace hikyaku::probe
