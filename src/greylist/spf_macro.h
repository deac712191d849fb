#pragma once
#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "table/ip.h"

namespace hikyaku::greylist {

/// Where a macro-string stands. The letters c, r and t are for explanations alone (RFC 7208 s. 7.2), and only
/// there is a space text.
enum class SpfMacroUse : unsigned char { term, explanation };

/// What the letters stand for (RFC 7208 s. 7.2). Views need to live only through the call.
struct SpfMacroValues {
  std::string_view local_part;     ///< l; s is l@o
  std::string_view sender_domain;  ///< o
  std::string_view domain;         ///< d: the domain whose record is evaluated
  table::Ip client;                ///< i, c, v; IPv4-mapped addresses as IPv4
  std::string_view helo;           ///< h
  std::string_view validated;      ///< p: the client's validated name; "unknown" when there is none
  std::string_view receiver;       ///< r
  Time time{};                     ///< t
};

/// One piece of a macro-string (RFC 7208 s. 7.1): text, or a letter and what becomes of its value.
struct SpfMacroPiece {
  std::string_view literal;  ///< what the piece stands for when it has no letter; of "%-" "%20"
  char letter = 0;           ///< in lower case; 0: none
  bool expands = false;      ///< written with a '%': may end a domain-spec
  bool url = false;          ///< the letter was upper case: all but unreserved octets are written as %XX
  bool reversed = false;
  unsigned kept = 0;            ///< so many parts, counted from the right; 0: all
  std::string_view delimiters;  ///< what the parts stand between; empty: "."

  /// Takes the first piece off `text`, which is not empty. Fails with Fault::malformed. Pure.
  static Result<SpfMacroPiece> take(std::string_view& text, SpfMacroUse use);
};

/// Fails with Fault::malformed unless all of `text` is a macro-string (RFC 7208 s. 7.1). Pure; O(size).
Result<void> check_spf_macros(std::string_view text, SpfMacroUse use);

/// Fails with Fault::malformed unless `text` is a domain-spec: a macro-string that ends in a macro, or in a
/// dot and a top label (not only digits, no '-' at its ends) with or without a dot (RFC 7208 s. 7.1).
Result<void> check_spf_domain(std::string_view text);

/// Is `letter` (lower case) among the macros of `text`, which is a macro-string of an explanation or term?
bool uses_spf_macro(std::string_view text, char letter);

/// The name that a domain-spec stands for (RFC 7208 s. 7.3): expanded, without a last dot, and without as
/// many labels on the left as are too much for 253 octets. It may be none that the DNS can be asked for.
std::string expand_spf_domain(std::string_view spec, const SpfMacroValues& values);

/// The text of an explanation (RFC 7208 s. 6.2). At most kLongestExplanation octets; all that is not
/// printable ASCII, which a sender's address can bring in, becomes '?'.
constexpr std::size_t kLongestExplanation = 500;
std::string expand_spf_explanation(std::string_view text, const SpfMacroValues& values);

}  // namespace hikyaku::greylist
