#include "mime/body_text.h"

namespace hikyaku::mime {
namespace {

/// A label is only called wrong when something else is better than this.
constexpr double kSure = 0.6;

/// Whether the octets can be what the label says. A character that the end of the sample cuts does not count.
bool fits(const Charset& charset, std::string_view sample, const CharsetGuess& guess) {
  auto decoder = TextDecoder::open(charset);
  if (!decoder) return false;
  std::string text;
  decoder->feed(sample, text);
  const auto& notes = decoder->notes();
  if (notes.replaced > 0) return false;
  if (charset.kind == CharsetKind::iso_2022_jp && notes.eight_bit &&
      guess.charset.kind != CharsetKind::iso_2022_jp)
    return false;
  // Escapes are ASCII, and say what they are.
  return guess.charset.kind != CharsetKind::iso_2022_jp || charset.kind == CharsetKind::iso_2022_jp ||
         charset.kind == CharsetKind::other || guess.confidence < 1;
}

}  // namespace

void BodyTextDecoder::feed(std::string_view octets, std::string& out) {
  if (decoder_) return decoder_->feed(octets, out);
  sample_ += octets;
  if (sample_.size() >= kSample) decide(out);
}

void BodyTextDecoder::insert(std::string_view text, std::string& out) {
  if (!decoder_ && inserted_ + text.size() > kSample) decide(out);
  if (decoder_) {
    out += text;
    return;
  }
  insertions_.push_back({sample_.size(), std::string(text)});
  inserted_ += text.size();
}

void BodyTextDecoder::settle(std::string& out) {
  if (!decoder_ && !sample_.empty()) decide(out);
}

void BodyTextDecoder::finish(std::string& out) {
  if (!decoder_) decide(out);
  decoder_->finish(out);
}

void BodyTextDecoder::decide(std::string& out) {
  auto guess = guess_charset(sample_);
  const auto labelled = charset_by_label(label_);
  facts_.charset = guess.charset;
  facts_.reason = std::move(guess.reason);
  facts_.confidence = guess.confidence;
  if (label_.empty()) {
    facts_.source = BodyTextFacts::Source::no_label;
  } else if (!labelled) {
    facts_.source = BodyTextFacts::Source::unknown_label;
  } else if (guess.confidence < kSure || fits(*labelled, sample_, guess)) {
    facts_ = {.charset = *labelled};
  } else {
    facts_.source = BodyTextFacts::Source::wrong_label;
  }
  auto decoder = TextDecoder::open(facts_.charset);
  if (!decoder) {
    // The system has no converter for it: what is ASCII in it can be read.
    facts_.charset = kUtf8;
    facts_.source = BodyTextFacts::Source::unknown_label;
    decoder = TextDecoder::open(kUtf8);
  }
  decoder_ = std::move(*decoder);
  std::size_t fed = 0;
  for (const auto& insertion : insertions_) {
    decoder_->feed(std::string_view(sample_).substr(fed, insertion.at - fed), out);
    fed = insertion.at;
    out += insertion.text;
  }
  decoder_->feed(std::string_view(sample_).substr(fed), out);
  sample_ = {};
  insertions_ = {};
}

}  // namespace hikyaku::mime
