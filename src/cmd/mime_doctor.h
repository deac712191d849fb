#pragma once
#include <string>

namespace hikyaku::cmd {

struct MimeDoctorOptions {
  std::string path;  ///< empty: stdin
  bool as_json = false;
  bool repair = false;  ///< the repaired message to stdout, the report to stderr; needs a file
};
/// `hikyaku mime doctor`. Gives the exit code: EX_DATAERR when something is wrong (with `repair`: that it
/// can't mend).
int mime_doctor(const MimeDoctorOptions& options);

}  // namespace hikyaku::cmd
