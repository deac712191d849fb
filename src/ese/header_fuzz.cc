#include <cstdint>
#include <cstdlib>

#include "ese/checkpoint.h"
#include "ese/database_header.h"
#include "ese/page_checksum.h"
#include "ese/verdict.h"

// What is read as a header or a checkpoint is bounded by the file, prints, and leads to a verdict.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hikyaku::ese;
  const std::string_view file(reinterpret_cast<const char*>(data), size);
  if (const auto read = DatabaseHeaders::parse(file, "db")) {
    if (!is_page_size(read->header.page_size)) std::abort();
    if (!read->primary.intact && !(read->shadow && read->shadow->intact)) std::abort();
  }
  // Also what no checksum vouches for.
  const auto header = DatabaseHeader::parse(file);
  LogEvidence logs{.base = "E00", .logs = {}, .checkpoint = Checkpoint::parse(file, "E00.chk")};
  LogReport log;
  log.generation = header.required_low;
  logs.logs.push_back(log);
  for (const auto& verdict : {Verdict::decide(header, nullptr), Verdict::decide(header, &logs)})
    if (verdict.headline.empty()) std::abort();
  if (header.signature.text().find('\n') != std::string::npos) std::abort();
  (void)header.attach_time.text();
  (void)header.attach_time.iso_text();
  return 0;
}
