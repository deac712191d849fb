#include "mime/line_scan.h"

namespace hikyaku::mime {

void LineScan::end_line(std::uint64_t end, std::uint64_t next) {
  if (end - line_begin_ > kLongest) long_lines.add(line_begin_);
  line_begin_ = next;
}

void LineScan::feed(std::string_view octets) {
  for (const char c : octets) {
    if (after_return_ && c != '\n') bare_cr.add(offset_ - 1);
    if (c == '\n') {
      (after_return_ ? crlf : bare_lf).add(offset_);
      end_line(offset_ - (after_return_ ? 1 : 0), offset_ + 1);
    } else if (c == '\0') {
      nul.add(offset_);
    }
    after_return_ = c == '\r';
    ++offset_;
  }
}

void LineScan::finish() {
  if (after_return_) bare_cr.add(offset_ - 1);
  end_line(offset_, offset_);
}

}  // namespace hikyaku::mime
