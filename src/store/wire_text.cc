#include "store/wire_text.h"

#include <algorithm>

namespace hikyaku::store {

void WireText::feed(std::string_view piece, std::string& out) {
  while (!piece.empty()) {
    const auto end = std::min(piece.find('\n'), piece.size());
    if (end > 0) {
      out += piece.substr(0, end);
      last_ = piece[end - 1];
    }
    if (end == piece.size()) return;
    if (last_ == '\r') {
      out += '\n';
    } else {
      out += "\r\n";
    }
    last_ = '\n';
    piece.remove_prefix(end + 1);
  }
}

void WireText::finish(std::string& out) {
  if (last_ != '\n') out += "\r\n";
  last_ = '\n';
}

}  // namespace hikyaku::store
