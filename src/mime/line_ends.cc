#include "mime/line_ends.h"

namespace hikyaku::mime {

std::string_view LineEnds::written() const {
  if (form_ == Form::crlf) return "\r\n";
  return form_ == Form::cr ? "\r" : "\n";
}

void LineEnds::feed(std::string_view octets, std::string& out) {
  if (form_ == Form::kept) {
    out += octets;
    return;
  }
  while (!octets.empty()) {
    if (return_held_) {
      return_held_ = false;
      if (octets.front() == '\n') {
        octets.remove_prefix(1);
        out += written();
        continue;
      }
      out += form_ == Form::lf ? "\r" : written();
    }
    const auto at = form_ == Form::lf ? octets.find('\r') : octets.find_first_of("\r\n");
    out += octets.substr(0, at);
    if (at == std::string_view::npos) return;
    if (octets[at] == '\r') {
      return_held_ = true;
    } else {
      out += written();
    }
    octets.remove_prefix(at + 1);
  }
}

void LineEnds::finish(std::string& out) {
  if (!return_held_) return;
  return_held_ = false;
  out += form_ == Form::lf ? "\r" : written();
}

}  // namespace hikyaku::mime
