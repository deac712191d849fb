#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "serve/mailbox_import.h"

namespace hikyaku::serve {

/// What follows the line of a request {"command": "store.import", …} on the control socket: frames of one
/// octet that says what it is, four of its size, big-endian, and its octets. So a message goes through in
/// pieces, and as fast as the hub takes them.
struct ImportFrame {
  enum class Kind : char {
    mailbox = 'M',  ///< its name: the messages that follow go there
    head = 'H',     ///< of the next message: encode(ImportHead)
    body = 'B',     ///< the next octets of it
    end = 'E',      ///< of it
    abandon = 'A',  ///< it can't be read to its end
    finish = 'F',   ///< of all
  };
  static constexpr std::size_t kLongest = std::size_t{1} << 20;  ///< octets, without the first five
  Kind kind;
  std::string_view octets;
};

/// At most kLongest octets.
void append_frame(std::string& out, ImportFrame::Kind kind, std::string_view octets = {});
std::string encode(const ImportHead& head);
Result<ImportHead> decode_import_head(std::string_view stored);

/// Takes frames off a stream. Pure.
class ImportFrames {
 public:
  void feed(std::string_view octets);
  /// The frame lives until the next call of this or feed(). nullopt: more octets are needed. Fault::malformed
  /// from the first octets that are no frame on.
  Result<std::optional<ImportFrame>> next();

 private:
  std::string buffer_;
  std::size_t at_ = 0;
};

}  // namespace hikyaku::serve
