#pragma once
#include <string>

namespace hikyaku::cmd {

struct MimeDecodeOptions {
  std::string path;       ///< empty: stdin
  std::string part;       ///< its number: that part alone, without headers
  std::string encoding;   ///< the input is a body in this encoding, no message
  std::string charset;    ///< of such a body; empty: guessed
  bool header = false;    ///< the input is header fields, or values of them
  bool body = false;      ///< the input is a body, no message
  bool binary = false;    ///< the octets of parts that are no text as well
  bool raw = false;       ///< texts stay in their charset
  bool messages = false;  ///< messages within are content, and are not looked into
  bool quiet = false;     ///< nothing on stderr
};
/// `hikyaku mime decode`. Gives the exit code: EX_DATAERR when content was lost.
int mime_decode(const MimeDecodeOptions& options);

}  // namespace hikyaku::cmd
