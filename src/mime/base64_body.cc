#include "mime/base64_body.h"

namespace hikyaku::mime {

Base64BodyDecoder::Base64BodyDecoder()
    : decoder_({.alphabet = Base64Alphabet::standard, .garbage = Base64Rules::Garbage::ignored}) {}

void Base64BodyDecoder::feed(std::string_view octets, std::string& out) {
  while (!octets.empty()) {
    const auto read = decoder_.feed(octets, out);
    if (read) {
      fed_ += octets.size();
      return;
    }
    // A digit alone in front of "=": it says nothing, and what follows begins anew.
    const auto at = begun_ + read.error().offset;
    notes_.add(TransferFault::base64_cut, at);
    note_oddities();
    decoder_.reset();
    begun_ = at + 1;
    octets.remove_prefix(begun_ - fed_);
    fed_ = begun_;
  }
}

void Base64BodyDecoder::finish(std::string& out) {
  const auto before = out.size();
  const auto ended = decoder_.end(out);
  note_oddities();
  if (!ended) {
    notes_.add(TransferFault::base64_cut, fed_);
  } else if (out.size() > before) {
    notes_.add(TransferFault::padding_missing, fed_);
  }
}

void Base64BodyDecoder::note_oddities() {
  if (decoder_.ignored() > 0)
    notes_.add(TransferFault::garbage_in_base64, begun_ + decoder_.first_ignored(), decoder_.ignored());
  const auto& joined = decoder_.joined();
  if (joined.count > 0) notes_.add(TransferFault::padding_in_base64, begun_ + joined.first, joined.count);
  const auto& unused = decoder_.unused_bits();
  if (unused.count > 0) notes_.add(TransferFault::unused_bits, begun_ + unused.first, unused.count);
}

}  // namespace hikyaku::mime
