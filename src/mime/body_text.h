#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "mime/charset.h"
#include "mime/charset_guess.h"
#include "mime/text_decoder.h"

namespace hikyaku::mime {

/// What became of the text of a body.
struct BodyTextFacts {
  enum class Source : unsigned char {
    label,          ///< its label was right, or nothing spoke against it
    no_label,       ///< guessed, as it has none
    unknown_label,  ///< guessed, as nobody knows its label
    wrong_label,    ///< guessed, as its octets are not what the label says
  };
  Charset charset;  ///< that it was read in
  Source source = Source::label;
  std::string reason;     ///< of the guess
  double confidence = 1;  ///< of the guess
};

/// Decodes the octets of a text part (after its transfer encoding) to UTF-8 while they arrive. Looks at the
/// first kSample octets before it decides whether the label can be true. Line ends stay as they are. Pure.
/// Not thread-safe.
class BodyTextDecoder {
 public:
  static constexpr std::size_t kSample = 64 * 1024;

  /// `label`: the charset parameter; empty: there is none.
  explicit BodyTextDecoder(std::string_view label) : label_(label) {}
  void feed(std::string_view octets, std::string& out);
  void finish(std::string& out);
  /// After kSample octets, or finish().
  const BodyTextFacts& facts() const { return facts_; }
  /// nullptr: nothing was decoded.
  const DecodeNotes* notes() const { return decoder_ ? &decoder_->notes() : nullptr; }

 private:
  void decide(std::string& out);

  std::string label_, sample_;
  BodyTextFacts facts_;
  std::optional<TextDecoder> decoder_;
};

}  // namespace hikyaku::mime
