#pragma once
#include <algorithm>
#include <string>
#include <vector>

#include "base/base64.h"
#include "probe/record.h"

namespace hikyaku::probe {

/// Marks secrets in what a server says, which may repeat them, and hands each entry on.
class SecretSink : public Sink {
 public:
  explicit SecretSink(Sink& inner) : inner_(inner) {}

  /// From here on; also its base64. One of less than 3 octets would be found in every line, and is not looked
  /// for.
  void hide(const std::string& secret) {
    if (secret.size() < 3) return;
    secrets_.push_back(secret);
    secrets_.push_back(base64_encode(secret));
  }
  /// `text`, not escaped, as it may be shown.
  std::string safe(const std::string& text, bool show_secrets) const {
    Entry entry{.kind = Entry::Kind::received, .text = text};
    mark(entry);
    return shown_text(entry, show_secrets);
  }
  void put(const Entry& entry) override {
    auto marked = entry;
    if (entry.kind == Entry::Kind::received) mark(marked);
    inner_.put(marked);
  }

 protected:
  void mark(Entry& entry) const {
    for (const auto& secret : secrets_) {
      entry.secret_from = std::min(entry.secret_from, entry.text.find(secret));
      entry.decoded_secret_from = std::min(entry.decoded_secret_from, entry.decoded.find(secret));
    }
    const bool hidden = entry.secret_from != Entry::kNothing;
    if (hidden && entry.has_decoded && entry.decoded_secret_from == Entry::kNothing)
      entry.decoded_secret_from = 0;
  }
  void hand_on(const Entry& entry) { inner_.put(entry); }

 private:
  Sink& inner_;
  std::vector<std::string> secrets_;
};

}  // namespace hikyaku::probe
