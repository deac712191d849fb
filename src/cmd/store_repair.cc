#include "cmd/store_repair.h"

#include <fmt/format.h>
#include <sysexits.h>

#include <nlohmann/json.hpp>

#include "cmd/administer.h"
#include "cmd/progress.h"
#include "cmd/store_recovery.h"
#include "io/system_clock.h"

namespace hikyaku::cmd {

int repair_database(const serve::DatabasePlace& place, serve::Replace replace, bool as_json) {
  const auto now = io::SystemClock().now();
  ProgressLine progress("repairing");
  const auto repair = serve::repair_database(place, replace, now, std::ref(progress));
  if (!repair) return tell_store_error(repair.error());
  progress.clear();
  const int code = repair->damaged() ? EX_DATAERR : EX_OK;
  if (as_json) {
    auto row = serve::repair_json(*repair, place, now);
    row["damaged"] = repair->damaged();
    row["made"] = repair->made.string();
    row["put_aside"] = repair->put_aside.string();
    row["report"] = repair->report.string();
    print_json(row);
    return code;
  }
  if (repair->damaged()) {
    fmt::print("{}", serve::repair_text(*repair, place, now));
  } else {
    fmt::print("Nothing is damaged in {}.\n", place.directory.string());
  }
  fmt::print("{} rows are in the new database {}\n", repair->rows, repair->made.string());
  if (!repair->report.empty()) fmt::print("This report is in {} too\n", repair->report.string());
  if (!repair->put_aside.empty()) {
    fmt::print("The old database is whole in {}\nWhat follows: hikyaku store mount{}\n",
               repair->put_aside.string(), with_name(place));
    return code;
  }
  fmt::print(
      "The old database is as it was. To put the new one in its place, while no hub has it open:\n"
      "  mv {0} {0}.damaged && mv {1} {0}\n"
      "Or let that be done together with another repair: hikyaku store repair{2} --replace\n",
      place.directory.string(), repair->made.string(), with_name(place));
  return code;
}

}  // namespace hikyaku::cmd
