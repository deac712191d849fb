#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "base/base64_stream.h"
#include "mime/transfer_notes.h"

namespace hikyaku::mime {

/// Reads a body in base64 as mail has it (RFC 2045 s. 6.8): what does not belong there is left out and noted,
/// and all digits that say something are decoded. Pure.
class Base64BodyDecoder {
 public:
  Base64BodyDecoder();
  void feed(std::string_view octets, std::string& out);
  void finish(std::string& out);
  const TransferNotes& notes() const { return notes_; }

 private:
  void note_oddities();

  Base64Decoder decoder_;
  TransferNotes notes_;
  std::uint64_t fed_ = 0;    // octets, before the piece at hand
  std::uint64_t begun_ = 0;  // where the decoder was last reset
};

}  // namespace hikyaku::mime
