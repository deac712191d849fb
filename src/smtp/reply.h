#pragma once
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hikyaku::smtp {

/// An enhanced status code, "5.1.1" (RFC 3463). The default is none at all.
struct EnhancedCode {
  std::uint16_t status = 0;  ///< 2, 4 or 5; 0: no code
  std::uint16_t subject = 0;
  std::uint16_t detail = 0;

  bool none() const { return status == 0; }
  /// "5.1.1"; "" for none.
  std::string text() const;
  /// Takes "5.1.1" off the front of `text`, with one blank behind it if there is one. None, and `text` as it
  /// was, when there is no code.
  static EnhancedCode take(std::string_view& text);
  auto operator<=>(const EnhancedCode&) const = default;
};

/// A reply of a server (RFC 5321 s. 4.2, RFC 2034).
struct Reply {
  int code = 0;  ///< 200..599
  EnhancedCode enhanced;
  std::string text;  ///< lines separated by '\n', without codes

  bool success() const { return code >= 200 && code < 300; }
  bool intermediate() const { return code >= 300 && code < 400; }
  bool temporary() const { return code >= 400 && code < 500; }
  bool permanent() const { return code >= 500 && code < 600; }

  /// Reads one line as an administrator writes it in a table or a setting: "550 5.1.1 no such user",
  /// "450 later", "521". An enhanced code of another class than the reply's is taken as text. Fails with
  /// Fault::malformed. No limit but the input's.
  static Result<Reply> parse(std::string_view line);

  enum class Octets : unsigned char { ascii, utf8 };
  /// Appends the reply as it goes over the wire: each line with its codes, and CRLF. Control octets become
  /// '?', as do octets over 127 with `ascii` (RFC 6531 s. 3.7.4.2). A line is cut so that it fits in 512
  /// octets (RFC 5321 s. 4.5.3.1.5).
  void append_to(std::string& out, Octets octets = Octets::ascii) const;
  /// One line for logs: "550 5.1.1 no such user", lines joined by a blank. Not escaped.
  std::string line() const;
  auto operator<=>(const Reply&) const = default;
};

/// Puts the lines of a server's reply together (RFC 5321 s. 4.2.1). Bounded: a line has at most 2048 octets
/// and a reply at most 500 lines and 64 KiB, after that it is malformed.
class ReplyReader {
 public:
  enum class State : unsigned char { more, complete, malformed };
  /// Takes one line without its CRLF. After `complete`, take() gives the reply; after `malformed`, nothing
  /// more can be read from this server.
  State add(std::string_view line);
  Reply take();

 private:
  Reply reply_;
  std::size_t lines_ = 0;
};

}  // namespace hikyaku::smtp
