#include <cstdint>
#include <cstdlib>

#include "ese/log_chain.h"
#include "ese/log_header.h"
#include "ese/log_segments.h"
#include "ese/synthetic_files.h"

// The input's first octets say how a whole log is changed, the rest is a log by itself. What is found good
// can't be more than the file holds, and a chain of any two files is read to its end.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hikyaku::ese;
  std::string_view input(reinterpret_cast<const char*>(data), size);
  auto whole = synthetic::Log{}.file();
  const bool seal = !input.empty() && (input[0] & 1) != 0;
  for (input = input.substr(input.empty() ? 0 : 1); input.size() > 4; input = input.substr(4)) {
    const auto at =
        (static_cast<unsigned char>(input[0]) << 8 | static_cast<unsigned char>(input[1])) % whole.size();
    whole[at] = input[2];
    if ((input[3] & 1) != 0) break;
  }
  if (seal) {
    auto header = whole.substr(0, LogHeader::kOctets);
    whole.replace(0, header.size(), synthetic::seal_header(header));
  }
  synthetic::MemoryDirectory folder;
  folder.files = {{"E000000000A.log", whole}, {"E000000000B.log", std::string(input)}, {"E00.log", whole}};
  const auto logs = check_logs(folder, "E00", {});
  if (!logs || logs->size() < 3) std::abort();
  for (const auto& log : *logs) {
    if (log.sectors > whole.size() / LogHeader::kOctets) std::abort();
    if (log.state != LogReport::State::ok && log.reason.empty()) std::abort();
    if (log.bad() != (log.error != 0)) std::abort();
  }
  return 0;
}
