#include "mime/encoded_word.h"

#include <cstdint>
#include <cstdlib>

#include "base/utf8.h"
#include "mime/header_doctor.h"

namespace {

bool clean(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const auto length = hikyaku::utf8_length(text.substr(at));
    if (length == 0 || static_cast<unsigned char>(text[at]) < 0x20) return false;
    at += length;
  }
  return true;
}

}  // namespace

// What comes out is UTF-8 without controls; encoded anew it decodes to the same, without repairs; and the
// repaired header section is one that needs none.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hikyaku::mime;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto decoded = decode_header_value(text);
  if (!clean(decoded.text)) std::abort();
  for (const auto& repair : decoded.repairs.list) {
    if (repair.where > size) std::abort();
  }
  for (const auto encoding : {WordEncoding::b, WordEncoding::q}) {
    const auto encoded = encode_header_field("Subject", decoded.text, {kUtf8, encoding});
    if (!encoded || !encoded->unencodable.empty()) std::abort();
    const auto again = decode_header_value(std::string_view(encoded->text).substr(8));
    if (again.text != decoded.text || !again.repairs.empty()) std::abort();
  }
  if (const auto jis = encode_header_field("Subject", decoded.text, {kIso2022Jp});
      !jis || !clean(decode_header_value(jis->text).text))
    std::abort();
  if (!clean(decode_structured_value(text, HeaderGrammar::addresses).text)) std::abort();
  const auto report = examine_header(text);
  if (report.repaired.size() > 4 * size + 1024 * (1 + report.fields_seen)) std::abort();
  return 0;
}
