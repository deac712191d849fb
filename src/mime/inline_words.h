#pragma once
#include <string>
#include <string_view>

namespace hikyaku::mime {

/// Decodes the encoded words (RFC 2047) that stand anywhere in a text (UTF-8), while it arrives, as nkf does:
/// all else stays as it is. Words of one line, and of lines that go on with a blank, are read together; the
/// line end and blank between them go. Holds at most kHeld octets. Pure.
class InlineWords {
 public:
  static constexpr std::size_t kHeld = 64 * 1024;
  void feed(std::string_view text, std::string& out);
  void finish(std::string& out);

 private:
  std::string held_;
};

}  // namespace hikyaku::mime
