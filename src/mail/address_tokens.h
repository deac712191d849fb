#pragma once
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hikyaku::mail {

/// One lexical token of an address or of a header with addresses (RFC 822 s. 3.3, and the operators % ! | of
/// older mail).
struct AddressToken {
  enum class Kind : unsigned char {
    atom,         ///< a word; 8-bit octets are part of it
    quoted,       ///< a word that needs quotes; `text` without them
    literal,      ///< [192.0.2.1]; `text` without the brackets
    comment,      ///< `text` as it was written, with its parentheses
    mark,         ///< one of ()<>@,;:."[]|%!
    group_start,  ///< the colon of a group
  };
  Kind kind = Kind::atom;
  char mark = 0;
  std::string text;

  static AddressToken of(char mark) { return {Kind::mark, mark, {}}; }
  bool is(char wanted) const { return kind == Kind::mark && mark == wanted; }
  /// Not an operator: two of these next to each other need a space between them.
  bool wordlike() const { return kind != Kind::mark && kind != Kind::group_start; }
};

enum class Spacing : unsigned char { none, between_words };

/// Splits `external` into at most `limit` tokens (0: no limit). White space separates and is dropped. Never
/// fails.
std::vector<AddressToken> scan_address_tokens(std::string_view external, std::size_t limit = 0);
/// The tokens as text: words without quotes.
void append_internal(std::string& out, std::span<const AddressToken> tokens, Spacing spacing);
/// The tokens as text: quoted words in quotes again.
void append_external(std::string& out, std::span<const AddressToken> tokens, Spacing spacing);

/// An internal form with its local part quoted where a header needs it: `joe q@a` -> `"joe q"@a`. A source
/// route before it is kept. "" -> `""`.
std::string quote_local_part(std::string_view internal);
/// The local part alone, quoted if it is no dot-string (RFC 5321 s. 4.1.2): `joe q` -> `"joe q"`, "" -> `""`.
std::string quote_bare_local_part(std::string_view local);
/// The reverse: quotes and backslashes of the local part dropped. Never fails.
std::string unquote_local_part(std::string_view external);

}  // namespace hikyaku::mail
