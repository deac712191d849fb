#include "cmd/ese_print.h"

#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/escape.h"

namespace hikyaku::cmd {
namespace {

using nlohmann::json;

void line(std::string_view label, const std::string& value) {
  std::printf("%17.*s: %s\n", static_cast<int>(label.size()), label.data(), value.c_str());
}
void wide_line(std::string_view label, const std::string& value) {
  std::printf("%29.*s: %s\n", static_cast<int>(label.size()), label.data(), value.c_str());
}

/// Windows paths are full of backslashes, which escaped() shows as \x5c.
std::string path_text(std::string_view path) {
  std::string out;
  for (std::size_t at = 0;;) {
    const auto end = path.find('\\', at);
    out += escaped(path.substr(at, end == std::string_view::npos ? end : end - at));
    if (end == std::string_view::npos) return out;
    out += '\\';
    at = end + 1;
  }
}

std::string version_text(std::uint32_t version, std::uint32_t major, std::uint32_t minor) {
  char text[48];
  std::snprintf(text, sizeof text, "0x%x,%u,%u", version, major, minor);
  return text;
}

std::string hex(std::uint64_t value) {
  char text[32];
  std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(value));
  return text;
}
std::string number_text(std::uint64_t value) { return std::to_string(value) + " (" + hex(value) + ")"; }
std::string range_text(std::int64_t low, std::int64_t high) {
  return std::to_string(low) + "-" + std::to_string(high) + " (" + hex(static_cast<std::uint32_t>(low)) +
         "-" + hex(static_cast<std::uint32_t>(high)) + ")";
}
std::string place_text(const ese::LogPosition& position, const ese::LogTime& time) {
  return position.text() + "  " + time.text();
}

void print_backup(const char* title, const ese::BackupInfo& backup) {
  std::printf("\n%s:\n", title);
  line("Log Gen", range_text(backup.low_generation, backup.high_generation));
  line("Mark", backup.mark.text());
  line("Mark", backup.time.text());
}

void print_count(std::string_view label, const ese::EventCount& event) {
  const auto told = [](std::uint32_t count) {
    return count == 0 ? std::string("none") : "found (" + std::to_string(count) + ")";
  };
  wide_line(label, told(event.count) + (event.count == 0 ? "" : ", last " + event.last.text()));
  wide_line("Old " + std::string(label), told(event.before_defragmentation));
}

void print_fields(const ese::DatabaseHeader& header) {
  line("File Type", std::string(ese::text(header.type)));
  line("Checksum", ese::hex32(header.checksum));
  line("Format ulVersion", version_text(header.version, header.update_major, header.update_minor));
  line("Created ulVersion", version_text(header.created_version, header.created_update, 0));
  line("DB Signature", header.signature.text());
  line("cbDbPage", std::to_string(header.page_size));
  line("dbtime", number_text(header.dbtime));
  line("State", ese::text(header.state));
  line("Log Required", range_text(header.required_low, header.required_high));
  line("Log Committed", range_text(0, header.committed_high));
  line("Log Recovering", ese::generation_text(header.recovering));
  line("Log Consistent", ese::generation_text(header.minimum_consistent));
  line("GenMax Creation", header.highest_log_created.text());
  line("Shadowed", header.shadowed ? "Yes" : "No");
  line("Last Objid", std::to_string(header.last_object));
  line("Scrub Dbtime", number_text(header.scrub_dbtime));
  line("Scrub Date", header.scrub_time.text());
  line("Repair Count", std::to_string(header.repairs.count));
  line("Repair Date", header.repairs.last.text());
  line("Old Repair Count", std::to_string(header.repairs.before_defragmentation));
  line("Last Consistent", place_text(header.consistent, header.consistent_time));
  line("Last Attach", place_text(header.attach, header.attach_time));
  line("Last Detach", place_text(header.detach, header.detach_time));
  line("Last ReAttach", place_text(header.reattach, header.reattach_time));
  line("Dbid", std::to_string(header.database_id));
  line("Log Signature", header.log_signature.text());
  const auto& windows = header.windows_version;
  line("OS Version", "(" + std::to_string(windows[0]) + "." + std::to_string(windows[1]) + "." +
                         std::to_string(windows[2]) + " SP " + std::to_string(windows[3]) + ")");
}

}  // namespace

static json json_of(const ese::BackupInfo& backup) {
  if (backup.empty()) return {};
  return {{"low_generation", backup.low_generation},
          {"high_generation", backup.high_generation},
          {"mark", json_of(backup.mark)},
          {"time", json_of(backup.time)}};
}
static json json_of(const ese::EventCount& event) {
  return {{"count", event.count},
          {"last", json_of(event.last)},
          {"before_defragmentation", event.before_defragmentation}};
}
static json json_of(const ese::HeaderCopy& copy) {
  return {{"offset", copy.offset},
          {"intact", copy.intact},
          {"expected_checksum", ese::hex32(copy.stored)},
          {"actual_checksum", ese::hex32(copy.computed)}};
}
static json json_of(const ese::EngineParameters& engine) {
  return {{"system_path", engine.system_path},
          {"log_path", engine.log_path},
          {"circular_logging", engine.circular_logging}};
}

void print_header(const ese::DatabaseHeaders& headers) {
  const auto& header = headers.header;
  const auto& copy = headers.from_shadow ? *headers.shadow : headers.primary;
  std::printf("DATABASE HEADER%s:\nChecksum Information:\n",
              headers.from_shadow ? " (of its shadow copy)" : "");
  line("Expected Checksum", ese::hex32(copy.stored));
  line("Actual Checksum", ese::hex32(copy.computed));
  std::puts("\nFields:");
  print_fields(header);
  print_backup("Previous Full Backup", header.previous_full);
  print_backup("Previous Incremental Backup", header.previous_incremental);
  print_backup("Previous Copy Backup", header.previous_copy);
  print_backup("Previous Differential Backup", header.previous_differential);
  print_backup("Current Full Backup", header.current_full);
  print_backup("Current Shadow copy backup", header.current_snapshot);
  std::puts("");
  wide_line("cpgUpgrade55Format", std::to_string(header.upgrade_pages[0]));
  wide_line("cpgUpgradeFreePages", std::to_string(header.upgrade_pages[1]));
  wide_line("cpgUpgradeSpaceMapPages", std::to_string(header.upgrade_pages[2]));
  std::puts("");
  print_count("ECC Fix Success Count", header.corrected_pages);
  print_count("ECC Fix Error Count", header.uncorrectable_pages);
  print_count("Bad Checksum Error Count", header.bad_checksums);
  print_count("Incremental Reseed Count", header.reseeds);
  print_count("Page Patch Count", header.patched_pages);
  std::puts("");
  wide_line("Last checksum finish Date", header.scan_finished.text());
  wide_line("Current checksum start Date", header.scan_started.text());
  wide_line("Current checksum page", std::to_string(header.scan_page));
}

json json_of(const ese::DatabaseHeaders& headers) {
  const auto& header = headers.header;
  return {{"from_shadow", headers.from_shadow},
          {"primary", json_of(headers.primary)},
          {"shadow", headers.shadow ? json_of(*headers.shadow) : json()},
          {"type", ese::text(header.type)},
          {"checksum", ese::hex32(header.checksum)},
          {"version", header.version},
          {"update_major", header.update_major},
          {"update_minor", header.update_minor},
          {"created_version", header.created_version},
          {"created_update", header.created_update},
          {"maximum_feature_version", header.maximum_feature_version},
          {"signature", json_of(header.signature)},
          {"page_size", header.page_size},
          {"dbtime", header.dbtime},
          {"state", ese::text(header.state)},
          {"state_number", static_cast<std::uint32_t>(header.state)},
          {"required_low", header.required_low},
          {"required_high", header.required_high},
          {"committed_high", header.committed_high},
          {"recovering", header.recovering},
          {"minimum_consistent", header.minimum_consistent},
          {"highest_log_created", json_of(header.highest_log_created)},
          {"highest_required_log_created", json_of(header.highest_required_log_created)},
          {"shadowed", header.shadowed},
          {"last_object", header.last_object},
          {"scrub_dbtime", header.scrub_dbtime},
          {"scrub_time", json_of(header.scrub_time)},
          {"repairs", json_of(header.repairs)},
          {"consistent", json_of(header.consistent)},
          {"consistent_time", json_of(header.consistent_time)},
          {"attach", json_of(header.attach)},
          {"attach_time", json_of(header.attach_time)},
          {"detach", json_of(header.detach)},
          {"detach_time", json_of(header.detach_time)},
          {"reattach", json_of(header.reattach)},
          {"reattach_time", json_of(header.reattach_time)},
          {"last_resize", json_of(header.last_resize)},
          {"database_id", header.database_id},
          {"log_signature", json_of(header.log_signature)},
          {"windows_version", header.windows_version},
          {"previous_full_backup", json_of(header.previous_full)},
          {"previous_incremental_backup", json_of(header.previous_incremental)},
          {"previous_copy_backup", json_of(header.previous_copy)},
          {"previous_differential_backup", json_of(header.previous_differential)},
          {"current_full_backup", json_of(header.current_full)},
          {"current_snapshot_backup", json_of(header.current_snapshot)},
          {"corrected_pages", json_of(header.corrected_pages)},
          {"uncorrectable_pages", json_of(header.uncorrectable_pages)},
          {"bad_checksums", json_of(header.bad_checksums)},
          {"reseeds", json_of(header.reseeds)},
          {"patched_pages", json_of(header.patched_pages)},
          {"scan_finished", json_of(header.scan_finished)},
          {"scan_started", json_of(header.scan_started)},
          {"scan_page", header.scan_page},
          {"header_flush", json_of(header.header_flush)},
          {"flush_map_flush", json_of(header.flush_map_flush)},
          {"reverts", header.reverts}};
}

void print_checkpoint(const ese::Checkpoint& checkpoint) {
  line("Checkpoint", checkpoint.position.text());
  line("FullBackup", place_text(checkpoint.full_backup, checkpoint.full_backup_time));
  line("IncBackup", place_text(checkpoint.incremental_backup, checkpoint.incremental_backup_time));
  line("Signature", checkpoint.signature.text());
  line("System path", path_text(checkpoint.engine.system_path));
  line("Log path", path_text(checkpoint.engine.log_path));
  line("Circular logging", checkpoint.engine.circular_logging ? "on" : "off");
  line("Version", std::to_string(checkpoint.version));
}

json json_of(const ese::Checkpoint& checkpoint) {
  return {{"checkpoint", json_of(checkpoint.position)},
          {"full_backup", json_of(checkpoint.full_backup)},
          {"full_backup_time", json_of(checkpoint.full_backup_time)},
          {"incremental_backup", json_of(checkpoint.incremental_backup)},
          {"incremental_backup_time", json_of(checkpoint.incremental_backup_time)},
          {"signature", json_of(checkpoint.signature)},
          {"engine", json_of(checkpoint.engine)},
          {"version", checkpoint.version},
          {"first_copy_damaged", checkpoint.first_damaged},
          {"second_copy_damaged", checkpoint.second_damaged}};
}

}  // namespace hikyaku::cmd
