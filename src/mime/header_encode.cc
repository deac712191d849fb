#include <algorithm>
#include <utility>

#include "base/escape.h"
#include "mime/address_parts.h"
#include "mime/encoded_word.h"
#include "mime/folded_field.h"
#include "mime/header_text.h"
#include "mime/text_encoder.h"
#include "mime/word_group.h"

namespace hikyaku::mime {
namespace {

using K = AddressPart::Kind;
constexpr std::size_t kTokenMost = 900;  ///< a longer one without blanks could not be folded under 998 octets

/// Whether a reader would take `token` for something else than its octets.
bool must_encode(std::string_view token) {
  if (token.size() > kTokenMost || token.find("=?") != std::string_view::npos) return true;
  if (!std::all_of(token.begin(), token.end(), [](char c) { return c >= ' ' && c < '\x7f'; })) return true;
  Repairs none;
  return decode_raw(token, 0, none) != token;
}

struct Token {
  std::string_view blanks, text;
};
/// Takes the first token with the blanks before it off `rest`.
Token take_token(std::string_view& rest) {
  const auto blanks = std::min(rest.find_first_not_of(" \t"), rest.size());
  const auto end = std::min(rest.find_first_of(" \t", blanks), rest.size());
  const Token token{rest.substr(0, blanks), rest.substr(blanks, end - blanks)};
  rest.remove_prefix(end);
  return token;
}

/// Writes unstructured text: tokens that must be encoded next to each other make one run, with the blanks
/// between.
void put_text(FoldedField& field, std::string_view text, const HeaderEncoding& how,
              std::vector<std::string>& unencodable) {
  while (!text.empty()) {
    const auto first = take_token(text);
    if (first.text.empty()) return;
    if (!must_encode(first.text)) {
      field.put(first.blanks, first.text);
      continue;
    }
    auto run = first.text;
    for (auto rest = text; !rest.empty();) {
      const auto next = take_token(rest);
      if (next.text.empty() || !must_encode(next.text)) break;
      run = {run.data(), run.size() + next.blanks.size() + next.text.size()};
      text = rest;
    }
    field.put_words(first.blanks, run, how, unencodable);
  }
}

/// Writes the parts of a field of addresses.
class AddressWriter {
 public:
  AddressWriter(FoldedField& field, const HeaderEncoding& how, std::vector<std::string>& unencodable)
      : field_(field), how_(how), unencodable_(unencodable) {}

  void write(std::string_view value) {
    AddressParts parts(value);
    AddressPart part;
    while (parts.next(part)) {
      const auto text = value.substr(part.begin, part.end - part.begin);
      if (part.kind == K::text || part.kind == K::quoted) {
        gather(text, part.kind == K::quoted);
        continue;
      }
      flush(part.kind == K::angle || part.kind == K::comment);
      if (part.kind == K::comment && must_encode(unquoted(text))) {
        field_.put(take_blanks(), "(");
        field_.put_words("", unquoted(text), how_, unencodable_);
        field_.put("", ")");
      } else {
        put_tokens(text);
      }
    }
    flush(false);
  }

 private:
  void gather(std::string_view text, bool in_quotes) {
    raw_ += text;
    plain_ += in_quotes ? unquoted(text) : std::string(text);
    in_quotes_ = in_quotes_ || in_quotes;
  }
  /// Writes the phrase gathered; `named` where an address or a comment follows.
  void flush(bool named) {
    const auto phrase = trimmed(plain_);
    const bool address = !named && !in_quotes_ && phrase.find('@') != std::string_view::npos;
    if (!phrase.empty() && !address && encoded(phrase)) {
      const auto begin = plain_.find_first_not_of(" \t");
      blanks_ += plain_.substr(0, begin);
      field_.put_words(take_blanks(), phrase, how_, unencodable_);
      blanks_ = plain_.substr(begin + phrase.size());
    } else {
      put_tokens(raw_);
    }
    raw_.clear();
    plain_.clear();
    in_quotes_ = false;
  }
  bool encoded(std::string_view phrase) const {
    const bool plain =
        std::all_of(phrase.begin(), phrase.end(), [](char c) { return c >= ' ' && c < '\x7f'; });
    return must_encode(phrase) &&
           (!plain || phrase.find("=?") != std::string_view::npos || phrase.size() <= kTokenMost);
  }
  void put_tokens(std::string_view text) {
    while (!text.empty()) {
      const auto token = take_token(text);
      blanks_ += token.blanks;
      if (!token.text.empty()) field_.put(take_blanks(), token.text);
    }
  }
  std::string take_blanks() { return std::exchange(blanks_, {}); }

  FoldedField& field_;
  const HeaderEncoding& how_;
  std::vector<std::string>& unencodable_;
  std::string raw_, plain_, blanks_;
  bool in_quotes_ = false;
};

bool field_name(std::string_view name) {
  return !name.empty() && name.size() <= 200 &&
         std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c < '\x7f' && c != ':'; });
}

}  // namespace

Result<EncodedHeader> encode_header_field(std::string_view name, std::string_view value,
                                          const HeaderEncoding& how) {
  if (!field_name(name))
    return fail(
        Fault::malformed,
        "\"" + escaped(name, 80) +
            "\" can't be a header's name: it wants 1 to 200 ASCII letters, digits and marks but the colon");
  if (value.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos)
    return fail(Fault::malformed,
                "the value of " + escaped(name) + " has a line end or a NUL: give it in one line");
  if (!ascii_compatible(how.charset))
    return fail(Fault::malformed, std::string(how.charset.name) +
                                      " can't be the charset of encoded words: use utf-8 or iso-2022-jp");
  if (const auto writable = encode_octets(how.charset, ""); !writable)
    return std::unexpected(writable.error());
  EncodedHeader encoded;
  FoldedField field(std::string(name) + ":", how.line);
  const auto text = " " + std::string(trimmed(value));
  const auto grammar = header_grammar(name);
  if (grammar == HeaderGrammar::unstructured) put_text(field, text, how, encoded.unencodable);
  if (grammar == HeaderGrammar::addresses) AddressWriter(field, how, encoded.unencodable).write(text);
  if (grammar == HeaderGrammar::verbatim) {
    for (std::string_view rest = text; !rest.empty();) {
      const auto token = take_token(rest);
      if (!token.text.empty()) field.put(token.blanks, token.text);
    }
  }
  std::sort(encoded.unencodable.begin(), encoded.unencodable.end());
  encoded.unencodable.erase(std::unique(encoded.unencodable.begin(), encoded.unencodable.end()),
                            encoded.unencodable.end());
  encoded.text = field.take_line_ended();
  return encoded;
}

}  // namespace hikyaku::mime
