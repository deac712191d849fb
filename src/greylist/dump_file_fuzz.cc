#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "greylist/dump_file.h"

// A dump file from outside, read at once and in parts: the same comes of both, and what is taken is written
// and read again as it was.
namespace {

using namespace hikyaku::greylist;

std::string written(std::string_view file, std::size_t at_once) {
  DumpReader reader;
  DumpWriter writer([](Seconds) { return std::chrono::seconds(3600); }, DumpWriter::Dates::written);
  std::string lines;
  for (;;) {
    const auto event = reader.next();
    if (const auto* entry = std::get_if<DumpReader::Entry>(&event)) lines += writer.line(entry->entry);
    if (std::holds_alternative<DumpReader::End>(event)) return lines;
    if (!std::holds_alternative<DumpReader::NeedBytes>(event)) continue;
    if (file.empty()) reader.finish();
    reader.feed(file.substr(0, at_once));
    file.remove_prefix(std::min(at_once, file.size()));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view file(reinterpret_cast<const char*>(data), size);
  const auto lines = written(file, size + 1);
  if (written(file, 3) != lines) std::abort();
  if (written(lines, size + 1) != lines) std::abort();
  return 0;
}
