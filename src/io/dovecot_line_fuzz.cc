#include <cstdint>
#include <cstdlib>

#include "io/dovecot_line.h"

// No line makes the reader fall over, and what is escaped reads back as it was.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)hikyaku::io::parse_dovecot_line(text);
  if (hikyaku::io::dovecot_unescaped(hikyaku::io::dovecot_escaped(text)) != text) std::abort();
  const auto line = "OK\t1\tuser=" + hikyaku::io::dovecot_escaped(text);
  const auto parsed = hikyaku::io::parse_dovecot_line(line);
  if (parsed && std::get<hikyaku::io::DovecotLine::Ok>(*parsed).user != text) std::abort();
  return 0;
}
