#include "record/submission.h"

#include <cstdint>
#include <cstdlib>

#include "base/crc32c.h"

namespace {

using namespace hikyaku::record;

void put_number(std::uint32_t value, std::string& out) {
  for (unsigned shift = 0; shift < 32; shift += 8) out += static_cast<char>(value >> shift & 0xff);
}

/// What is read must, written again, read as the same.
void try_one(std::string_view file) {
  SubmissionReader reader;
  reader.feed(file);
  for (;;) {
    const auto event = reader.next();
    if (!event || *event == SubmissionReader::Event::need_more || *event == SubmissionReader::Event::end)
      return;
    if (*event != SubmissionReader::Event::head) continue;
    SubmissionWriter writer;
    const auto again = writer.head(reader.submission());
    if (!again) std::abort();
    SubmissionReader second;
    second.feed(*again);
    const auto head = second.next();
    if (!head || *head != SubmissionReader::Event::head || second.submission() != reader.submission())
      std::abort();
  }
}

}  // namespace

// The octets as a file, and as the fields of a head in a file whose checksums match.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view octets(reinterpret_cast<const char*>(data), size);
  try_one(octets);
  std::string head = "\x01";
  head += octets;
  put_number(hikyaku::crc32c(head), head);
  std::string file = "HKYMAIL1";
  put_number(static_cast<std::uint32_t>(head.size()), file);
  file += head;
  put_number(hikyaku::crc32c(file), file);
  try_one(file);
  return 0;
}
