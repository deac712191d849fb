#pragma once
#include <memory>
#include <string_view>

#include "table/table.h"

namespace hikyaku::io {

/// unix:passwd.byname and unix:group.byname: the system's users and groups by name, as getpwnam_r(3) and
/// getgrnam_r(3) tell them. The answer is the line of passwd(5) or group(5), with "*" for the password.
/// `spec` is the whole "unix:passwd.byname", `name` the part after the type; any other name is
/// Fault::malformed. A lookup asks anew each time and takes as long as the system does: microseconds for
/// local files. Fault::temporary when the system can't tell. Thread-safe.
Result<std::shared_ptr<const table::Table>> open_unix_table(std::string_view spec, std::string_view name);

}  // namespace hikyaku::io
