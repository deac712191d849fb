#pragma once
#include <string>
#include <string_view>

namespace hikyaku::store {

/// Changes a message, piece by piece, from line ends of files to SMTP's, which are what the store keeps: an
/// LF without a CR gets one, and a last line without an end gets CRLF. A CR without an LF stays. The way back
/// is FileText. Pure.
class WireText {
 public:
  /// Appends the changed octets to `out`.
  void feed(std::string_view piece, std::string& out);
  void finish(std::string& out);

 private:
  char last_ = '\n';
};

}  // namespace hikyaku::store
