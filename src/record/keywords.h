#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "record/frame.h"

namespace hikyaku::record {

/// The keywords of a message: flags that people and their programs name (RFC 9051 s. 2.3.2). Each is an atom
/// of at most kLongest octets; their case does not count, and the first spelling stays. At most kMost.
class Keywords {
 public:
  static constexpr std::size_t kMost = 64;
  static constexpr std::size_t kLongest = 255;

  /// Fault::malformed: it is no atom, or too long, or there is one too many. Adding one that is there does
  /// nothing.
  Result<void> add(std::string_view word);
  void remove(std::string_view word);
  bool contains(std::string_view word) const;
  bool empty() const { return words_.empty(); }
  /// In ascending order, without regard to case.
  const std::vector<std::string>& words() const { return words_; }
  bool operator==(const Keywords&) const = default;

  /// Stored as their count and each as a number: that of a word that many mails have, or 0 and its text.
  void write(FrameWriter& out) const;
  /// Empty when they are not as write() makes them: `in` has failed then, or the words are out of order.
  static std::optional<Keywords> read(FrameReader& in);

 private:
  std::vector<std::string> words_;
};

}  // namespace hikyaku::record
