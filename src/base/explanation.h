#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/origin.h"
#include "base/result.h"

namespace hikyaku {

/// The lookup keys that a decision tried, in order. Keys hold no NUL octet.
class KeyTrail {
 public:
  void add(std::string_view key) {
    if (joined_.empty()) {
      joined_.reserve(kUsual);
    } else {
      joined_ += '\0';
    }
    joined_ += key;
  }
  std::string_view joined() const { return joined_; }
  void clear() { joined_.clear(); }

 private:
  static constexpr std::size_t kUsual = 120;
  std::string joined_;  // keys separated by NUL
};

/// Why the hub did what it did with one message: one entry for each rule that was looked at, in order, also
/// for those that did not apply. Kept with the queue entry; `hikyaku why`, `hikyaku explain`, the log and
/// the admin page print the same entries. Entries are kept in their stored form, so that appending one costs
/// no more than copying its bytes. Not thread-safe.
class Explanation {
 public:
  /// What a step hands in. All views are copied.
  struct Step {
    std::string_view step;  ///< "rewrite.sender_canonical": a literal, listed in docs/steps.md
    std::string_view
        rule;       ///< the setting or rule in its own words: "permit_mynetworks", "@a.example -> @b.example"
    Origin origin;  ///< where that rule stands
    std::string_view keys;     ///< KeyTrail::joined() of what was looked up
    std::string_view failed;   ///< the first condition that did not hold; empty when the rule applied
    std::string_view operand;  ///< what that condition was tried on: "192.0.2.7", "remote client"
    std::string_view outcome;  ///< what came of it: "x@a -> y@b", "passed on", "relay 451 4.3.0"
  };
  /// An entry as it is read back.
  struct Entry {
    std::string step, rule;
    Origin origin;
    std::vector<std::string> keys;
    std::string failed, operand, outcome;
    bool operator==(const Entry&) const = default;
  };

  void add(const Step& step);
  bool empty() const { return bytes_.empty(); }

  /// The stored form: each entry as seven length-prefixed fields.
  const std::string& bytes() const { return bytes_; }
  void append(std::string_view stored) { bytes_ += stored; }
  /// Reads a stored form. Fails with Fault::corrupt where it is cut or malformed.
  static Result<std::vector<Entry>> decode(std::string_view stored);
  /// The entries added so far.
  std::vector<Entry> entries() const;

 private:
  std::string bytes_;
};

}  // namespace hikyaku
