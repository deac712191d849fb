#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "mime/charset.h"
#include "mime/repair.h"

namespace hikyaku::mime {

struct DecodedText {
  std::string text;  ///< well-formed UTF-8, unfolded, for eyes: no longer to be parsed as addresses
  Repairs repairs;
};

/// Decodes the value of a header field (what is behind its colon, with or without folds) to UTF-8: RFC 2047
/// with RFC 2231's languages ("=?utf-8*ja?B?...?="), in any place. Adjacent words of one charset are joined
/// before they are decoded; white space between words is dropped (RFC 2047 s. 6.2). Blanks at both ends are
/// cut. Raw octets are guessed. Control characters are taken out. Never fails; each thing read against the
/// standard is in `repairs`. O(size).
DecodedText decode_header_value(std::string_view value);

/// What of a structured field may be encoded at all (RFC 2047 s. 5).
enum class HeaderGrammar : unsigned char {
  unstructured,  ///< Subject, Comments, Content-Description, X-...: all of it
  addresses,     ///< From, To, ...: display names and comments; addresses stay as they are
  verbatim,      ///< Message-ID, Received, Date, Content-Type ...: nothing
};
HeaderGrammar header_grammar(std::string_view name);

/// The same as decode_header_value() for a value that stays parsable: a display name with specials is
/// quoted. For `addresses`; for others what decode_header_value() gives.
DecodedText decode_structured_value(std::string_view value, HeaderGrammar grammar);

enum class WordEncoding : unsigned char { shortest, b, q };
struct HeaderEncoding {
  Charset charset = kUtf8;  ///< utf-8, iso-2022-jp, or any other that has a writer
  WordEncoding encoding = WordEncoding::shortest;
  std::size_t line = 76;  ///< octets of a line at most, without its end; 40..998
};
struct EncodedHeader {
  std::string text;                      ///< "Subject: =?utf-8?B?...?=\r\n =?...?=\r\n", always ends in CRLF
  std::vector<std::string> unencodable;  ///< what became "?", as in EncodeNotes
};
/// One header field of `name` with `value` (UTF-8, unfolded): ASCII stays, where it looks like no encoded
/// word; the rest becomes encoded words, no character split between two, each beginning and ending in ASCII.
/// Folded. Fails with Fault::malformed for a name that is none (RFC 5322 s. 2.2) or a value with CR, LF or
/// NUL.
Result<EncodedHeader> encode_header_field(std::string_view name, std::string_view value,
                                          const HeaderEncoding& how = {});

}  // namespace hikyaku::mime
