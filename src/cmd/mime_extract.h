#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace hikyaku::cmd {

struct MimeExtractOptions {
  std::vector<std::string> paths;  ///< messages; empty: stdin
  std::string folder = ".";        ///< where the files go; must be there
  std::string part;                ///< that part alone, to stdout
  bool all = false;                ///< texts that are no attachments as well
  bool messages = false;           ///< messages within are files themselves, and are not looked into
  bool as_json = false;            ///< one object a file
  std::uint64_t largest = 0;       ///< octets of one file; 0: no limit
  std::uint64_t most = 10'000;     ///< files
};
/// `hikyaku mime extract`. Gives the exit code: EX_DATAERR when content was lost.
int mime_extract(const MimeExtractOptions& options);

}  // namespace hikyaku::cmd
