#pragma once
#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "probe/wire.h"

namespace hikyaku::probe {

/// The time since a conversation began. The clock of everything here, handed in.
using Elapsed = std::function<std::chrono::microseconds()>;

/// One line of a server.
struct Line {
  enum class End : unsigned char {
    crlf,
    lf,       ///< a bare LF
    none,     ///< the stream ended in the midst of a line
    counted,  ///< no end, but as many octets as were asked for
  };
  std::string text;  ///< without its end; a bare CR and a NUL are in it as they came
  End end = End::crlf;
  std::size_t dropped = 0;  ///< octets beyond the limit, which are not in `text`
  bool has_nul = false;

  std::size_t end_octets() const { return end == End::crlf ? 2 : end == End::lf ? 1 : 0; }
  /// What is odd about the line, for a note; empty: nothing.
  std::string oddity() const;
};

/// Reads lines off a wire. Bounded: a line longer than `limit` is cut there and its rest counted; a line that
/// has not ended after kMostDropped is a failure, as is one that takes too long, however many octets keep
/// coming. Not thread-safe.
class LineReader {
 public:
  static constexpr std::size_t kMostDropped = std::size_t{64} << 20;
  enum class Got : unsigned char {
    line,
    closed,   ///< the stream ended; nothing is left
    silence,  ///< no whole line within the limit; what came is kept for the next call
  };

  LineReader(Wire& wire, Elapsed elapsed, std::size_t limit = 8192)
      : wire_(wire), elapsed_(std::move(elapsed)), limit_(limit) {}

  /// The next line, within `within` from now; no more than `most` octets of it, with its end.
  Result<Got> next(Line& into, std::chrono::milliseconds within, std::size_t most = std::string::npos);
  /// Octets, not a line: `size` of them, or as many as come before the end or `within`.
  Result<std::string> octets(std::size_t size, std::chrono::milliseconds within);
  /// Whether next() would give a line, or what is left before the end, without waiting.
  bool has_line() const;
  /// What was read and is not used yet; drop() forgets it, as must be done before a handshake.
  std::size_t left() const { return buffer_.size() - used_; }
  void drop();

 private:
  bool take(Line& into, std::size_t most);
  void take_rest(Line& into);
  void cut();
  Result<Wire::Heard> read_more(std::chrono::microseconds until);

  Wire& wire_;
  Elapsed elapsed_;
  std::size_t limit_;
  std::string buffer_;
  std::size_t used_ = 0, searched_ = 0;
  std::size_t dropped_ = 0;  // of the line that is being read
  std::string begun_;        // of that line, once it was cut
  bool closed_ = false;
};

}  // namespace hikyaku::probe
