#include "record/mailbox_catalogue.h"

#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/crc32c.h"

namespace {

using hikyaku::record::MailboxCatalogue;

// What parses is exactly what is printed.
void try_one(const std::string& text) {
  const auto catalogue = MailboxCatalogue::parse(text);
  if (catalogue && catalogue->text() != text) std::abort();
}

/// With a checksum that matches, so that the lines are reached.
std::string with_checksum(std::string text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  const auto sum = hikyaku::crc32c(text);
  text += "checksum ";
  for (int shift = 28; shift >= 0; shift -= 4) text += kHex[sum >> static_cast<unsigned>(shift) & 15U];
  return text + '\n';
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  try_one(text);
  try_one(with_checksum(text));
  return 0;
}
