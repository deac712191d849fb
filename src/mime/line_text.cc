#include "mime/line_text.h"

#include <string>

#include "mime/header_text.h"

namespace hikyaku::mime {

std::string_view without_line_end(std::string_view line) {
  if (line.ends_with('\n')) line.remove_suffix(1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

bool closes(std::string_view line, std::string_view boundary) {
  while (!line.empty() && is_blank(line.back())) line.remove_suffix(1);
  return line.ends_with("--" + std::string(boundary) + "--");
}

}  // namespace hikyaku::mime
