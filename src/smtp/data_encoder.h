#pragma once
#include <algorithm>
#include <cstddef>
#include <string_view>

#include "smtp/octet_scan.h"

namespace hikyaku::smtp {

/// Writes a message as the content of DATA (RFC 5321 s. 4.5.2): dots at the start of lines doubled, and the
/// end marked by CR LF "." CR LF. Streaming: the message may come in any cuts. Hands out views into the input
/// for all that needs no change, which is nearly everything; scans 16 octets at a time.
///
/// Nothing but CR LF leaves as a line end: a bare CR or a bare LF becomes CR LF, and repaired() says so. NUL
/// passes.
class DataEncoder {
 public:
  DataEncoder() = default;
  /// Lines of more than `line_limit` octets without CR LF are broken by CR LF and a blank
  /// (smtp_line_length_limit, 998); 0 leaves them, less than 16 counts as 16.
  explicit DataEncoder(std::size_t line_limit)
      : line_limit_(line_limit == 0 ? 0 : std::max<std::size_t>(line_limit, 16)) {}

  /// Calls sink(std::string_view) for each piece, in order. The views live as long as `content`, or for ever.
  template <class Sink>
  void encode(std::string_view content, Sink&& sink);
  /// Ends the message. An empty message is "." CR LF alone.
  template <class Sink>
  void finish(Sink&& sink);

  bool repaired() const { return repaired_; }

 private:
  template <class Sink>
  void line_part(std::string_view part, Sink&& sink);

  std::size_t line_limit_ = 0;
  std::size_t column_ = 0;  ///< octets of the present line
  bool after_cr_ = false, repaired_ = false;
};

template <class Sink>
void DataEncoder::line_part(std::string_view part, Sink&& sink) {
  if (line_limit_ > 0) {
    // The blank keeps a broken header line a header line.
    while (part.size() > line_limit_ - column_) {
      const auto fits = line_limit_ - column_;
      if (fits > 0) sink(part.substr(0, fits));
      sink(std::string_view("\r\n "));
      part.remove_prefix(fits);
      column_ = 1;
    }
  }
  if (!part.empty()) sink(part);
  column_ += part.size();
}

template <class Sink>
void DataEncoder::encode(std::string_view content, Sink&& sink) {
  const char* at = content.data();
  const char* const end = at + content.size();
  const char* from = at;  // not handed out yet
  const auto flush = [&](const char* to) {
    if (to != from) sink(std::string_view(from, static_cast<std::size_t>(to - from)));
    from = to;
  };
  const auto repair = [&](const char* to, const char* next) {
    flush(to);
    sink(std::string_view("\r\n"));
    from = next;
    repaired_ = true;
    column_ = 0;
  };

  if (after_cr_ && at != end) {
    // The CR was kept back until it is known what follows it.
    after_cr_ = false;
    column_ = 0;
    sink(std::string_view("\r\n"));
    if (*at == '\n') {
      from = ++at;
    } else {
      repaired_ = true;
    }
  }
  while (at != end) {
    if (column_ == 0 && *at == '.') {
      flush(at);
      sink(std::string_view("."));
    }
    const char* const line = at;
    do {
      at = find_line_octet(at, end);
      if (at == end || *at != '\0') break;
      ++at;
    } while (at != end);
    const auto length = static_cast<std::size_t>(at - line);
    if (line_limit_ > 0 && column_ + length > line_limit_) {
      flush(line);
      line_part({line, length}, sink);
      from = at;
    } else {
      column_ += length;
    }
    if (at == end) break;
    if (*at == '\n') {
      repair(at, at + 1);
      ++at;
    } else if (at + 1 == end) {
      flush(at);
      from = ++at;
      after_cr_ = true;
    } else if (at[1] == '\n') {
      at += 2;
      column_ = 0;
    } else {
      repair(at, at + 1);
      ++at;
    }
  }
  flush(end);
}

template <class Sink>
void DataEncoder::finish(Sink&& sink) {
  if (after_cr_) repaired_ = true;
  if (after_cr_ || column_ > 0) sink(std::string_view("\r\n"));
  sink(std::string_view(".\r\n"));
  after_cr_ = false;
  column_ = 0;
}

}  // namespace hikyaku::smtp
