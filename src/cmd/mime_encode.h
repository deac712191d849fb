#pragma once
#include <string>

namespace hikyaku::cmd {

struct MimeEncodeOptions {
  std::string path;                 ///< empty: stdin
  bool header = false;              ///< header fields, or values of them, and no body
  std::string word;                 ///< "B", "Q", or empty: the shorter one
  std::string encoding = "base64";  ///< of a body
  std::string charset;              ///< that the UTF-8 input becomes first; empty: octets stay as they are
  bool binary = false;              ///< quoted-printable: line ends are encoded too
  bool crlf = false;                ///< lines end in CRLF
};
/// `hikyaku mime encode`. Gives the exit code: EX_DATAERR when a character has no place in the charset.
int mime_encode(const MimeEncodeOptions& options);

}  // namespace hikyaku::cmd
