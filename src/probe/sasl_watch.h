#pragma once
#include <cstddef>
#include <string>
#include <string_view>

#include "probe/record.h"

namespace hikyaku::probe {

/// Follows the messages of a SASL exchange in base64, whoever computes them: decodes each beside its line and
/// marks what must not be shown. What it can't tell is taken for a secret. Pure.
class SaslWatch {
 public:
  void begin(std::string_view mechanism);
  void end() { active_ = false; }
  bool active() const { return active_; }
  /// The client's next message is a password alone.
  bool next_is_secret() const { return active_ && mechanism_ == "LOGIN" && !asked_for_name_; }

  /// A client's message: the octets of entry.text from `from` on, but for `behind` at the end (a quote).
  void mark_answer(Entry& entry, std::size_t from, std::size_t behind = 0);
  /// A server's challenge, likewise.
  void mark_challenge(Entry& entry, std::size_t from, std::size_t behind = 0);

 private:
  std::string mechanism_;  // upper case
  bool active_ = false;
  bool asked_for_name_ = false;
};

/// Decodes the base64 of entry.text from `from` on into entry.decoded, if it is some.
void decode_beside(Entry& entry, std::size_t from, std::size_t behind = 0);

}  // namespace hikyaku::probe
