#pragma once
#include <algorithm>
#include <deque>
#include <string>
#include <vector>

#include "base/base64.h"
#include "probe/record.h"

namespace hikyaku::probe {

/// Marks the secrets of a script wherever they stand in a record, and keeps the lines of the server until
/// they are looked at.
class ScriptSink final : public Sink {
 public:
  explicit ScriptSink(Sink& inner) : inner_(inner) {}

  void hide(const std::string& secret) {
    // A letter or two would be found in every line.
    if (secret.size() < 3) return;
    secrets_.push_back(secret);
    secrets_.push_back(base64_encode(secret));
  }
  /// The next line that is sent has a secret from there on.
  void hide_from(std::size_t octet) { hidden_from_ = octet; }

  void put(const Entry& entry) override {
    auto marked = entry;
    if (entry.kind == Entry::Kind::sent)
      marked.secret_from = std::min(marked.secret_from, std::exchange(hidden_from_, Entry::kNothing));
    for (const auto& secret : secrets_) {
      marked.secret_from = std::min(marked.secret_from, marked.text.find(secret));
      marked.decoded_secret_from = std::min(marked.decoded_secret_from, marked.decoded.find(secret));
    }
    if (marked.secret_from != Entry::kNothing && marked.has_decoded &&
        marked.decoded_secret_from == Entry::kNothing)
      marked.decoded_secret_from = 0;
    if (marked.kind == Entry::Kind::received) received_.push_back(marked);
    if (marked.kind == Entry::Kind::failure) last_failure_ = marked.text;
    inner_.put(marked);
  }

  std::deque<Entry>& received() { return received_; }
  const std::string& last_failure() const { return last_failure_; }

 private:
  Sink& inner_;
  std::vector<std::string> secrets_;
  std::size_t hidden_from_ = Entry::kNothing;
  std::deque<Entry> received_;
  std::string last_failure_;
};

}  // namespace hikyaku::probe
