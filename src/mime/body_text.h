#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

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
  /// Puts `text`, in UTF-8, into the output between what was fed and what is to come.
  void insert(std::string_view text, std::string& out);
  /// Decides by what there is, and writes it: something else follows in the output.
  void settle(std::string& out);
  void finish(std::string& out);
  /// After kSample octets, settle() or finish().
  const BodyTextFacts& facts() const { return facts_; }
  /// nullptr: nothing was decoded.
  const DecodeNotes* notes() const { return decoder_ ? &decoder_->notes() : nullptr; }

 private:
  void decide(std::string& out);

  struct Insertion {
    std::size_t at;  ///< octets of the sample before it
    std::string text;
  };
  std::string label_, sample_;
  std::vector<Insertion> insertions_;
  std::size_t inserted_ = 0;  // octets of all of them: kSample at most
  BodyTextFacts facts_;
  std::optional<TextDecoder> decoder_;
};

}  // namespace hikyaku::mime
