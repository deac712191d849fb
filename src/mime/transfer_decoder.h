#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "mime/embedded_files.h"
#include "mime/transfer_notes.h"

namespace hikyaku::mime {

/// A Content-Transfer-Encoding (RFC 2045 s. 6), or one of those that were never registered.
enum class TransferEncoding : unsigned char {
  seven_bit,
  eight_bit,
  binary,
  quoted_printable,
  base64,
  uuencode,
  yenc,
  unknown
};
/// `name` in lower case, without blanks; also "x-uue", "7-bit" and such. Empty: seven_bit (s. 6.1).
TransferEncoding transfer_encoding(std::string_view name);

/// Decodes a body while it arrives. Each feed() appends what is certain; what is left out or was wrong is in
/// notes(). Pure. Not thread-safe.
class TransferDecoder {
 public:
  virtual ~TransferDecoder() = default;
  virtual void feed(std::string_view octets, std::string& out) = 0;
  /// The body ends here. Once.
  virtual void finish(std::string& out) = 0;
  virtual const TransferNotes& notes() const = 0;
  /// The file of uuencode and yEnc, once it has begun.
  virtual const EmbeddedFile* file() const { return nullptr; }
};
std::unique_ptr<TransferDecoder> make_transfer_decoder(TransferEncoding encoding);

}  // namespace hikyaku::mime
