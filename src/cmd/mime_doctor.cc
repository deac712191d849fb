#include "cmd/mime_doctor.h"

#include <fmt/format.h>
#include <sysexits.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/escape.h"
#include "cmd/exit_code.h"
#include "cmd/mime_io.h"
#include "mime/diagnosis.h"

namespace hikyaku::cmd {
namespace {

constexpr std::string_view kName = "hikyaku mime doctor";

void print(const mime::Finding& finding, const MimeDoctorOptions& options) {
  auto* out = options.repair ? stderr : stdout;
  if (options.as_json) {
    nlohmann::json row{{"problem", finding.problem},
                       {"what", finding.what},
                       {"offset", finding.offset},
                       {"repairable", finding.repairable}};
    if (!finding.part.empty()) row["part"] = finding.part;
    if (finding.header_line > 0) row["header_line"] = finding.header_line;
    return fmt::print(out, "{}\n", row.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  }
  std::string place = finding.part.empty() ? "message" : "part " + finding.part;
  place += finding.header_line > 0 ? fmt::format(", line {} of its header", finding.header_line)
                                   : fmt::format(", offset {}", finding.offset);
  const auto* outcome = finding.repairable ? (options.repair ? "; repaired" : "") : "; can't be repaired";
  fmt::print(out, "{}: {}{}\n", place, escaped(finding.what), outcome);
}

int write_repaired(const MimeDoctorOptions& options, const mime::MessageRepair& repair) {
  StandardOutput out;
  mime::MessageRepairer repairer(repair, [&](std::string_view octets) { out.write(octets); });
  const auto read = read_in_pieces(options.path, [&](std::string_view piece) {
    repairer.feed(piece);
    return out.ok();
  });
  if (!read) return tell_error(kName, read.error());
  repairer.finish();
  return out.flush() ? EX_OK : EX_IOERR;
}

}  // namespace

int mime_doctor(const MimeDoctorOptions& options) {
  if (options.repair && (options.path.empty() || options.path == "-"))
    return tell_error(kName, {Fault::malformed, "--repair reads the message twice, and needs a FILE"});
  mime::Diagnosis diagnosis;
  const auto read = read_with_progress(options.path, "examining the message",
                                       [&](std::string_view piece) { diagnosis.feed(piece); });
  if (!read) return tell_error(kName, read.error());
  diagnosis.finish();
  for (const auto& finding : diagnosis.findings()) print(finding, options);
  if (diagnosis.more() > 0)
    fmt::print(stderr, "{}: {} more findings are not listed\n", kName, diagnosis.more());
  const auto& findings = diagnosis.findings();
  if (!options.repair) {
    if (findings.empty() && !options.as_json) std::puts("nothing is wrong");
    return findings.empty() ? EX_OK : EX_DATAERR;
  }
  if (const int code = write_repaired(options, diagnosis.repair()); code != EX_OK) return code;
  return std::all_of(findings.begin(), findings.end(), [](const auto& finding) { return finding.repairable; })
             ? EX_OK
             : EX_DATAERR;
}

}  // namespace hikyaku::cmd
