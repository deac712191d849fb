#include "probe/encoded_header.h"

#include <algorithm>

#include "base/utf8.h"
#include "mime/encoded_word.h"
#include "mime/parameter.h"

namespace hikyaku::probe {

bool is_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const auto length = utf8_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string encoded_header(std::string_view line) {
  const auto colon = line.find(':');
  if (colon == std::string_view::npos || is_ascii(line) || !is_utf8(line)) return std::string(line);
  std::string value(line.substr(colon + 1));
  std::erase(value, '\n');  // the folds that it came with
  value.erase(0, std::min(value.find_first_not_of(' '), value.size()));
  auto encoded = mime::encode_header_field(line.substr(0, colon), value);
  if (!encoded) return std::string(line);
  std::erase(encoded->text, '\r');
  encoded->text.pop_back();
  return std::move(encoded->text);
}

void put_header_parameter(std::string& field, std::string_view name, std::string_view value) {
  if (!is_ascii(value)) {
    mime::put_parameter(field, name, value);
    std::erase(field, '\r');
    return;
  }
  // In swaks' octets: quoted also where nothing needs it, and never folded.
  field += "; " + std::string(name) + "=\"";
  for (const char c : value) {
    if (c == '"' || c == '\\') field += '\\';
    field += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '_' : c;
  }
  field += '"';
}

}  // namespace hikyaku::probe
