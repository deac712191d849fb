#include "ese/database_header.h"

#include <algorithm>

#include "base/escape.h"
#include "ese/little_endian.h"
#include "ese/page_checksum.h"

namespace hikyaku::ese {
namespace {

constexpr std::uint32_t kMagic = 0x89abcdef;
constexpr std::size_t kMagicOffset = 4;
constexpr std::size_t kPageSizeOffset = 236;
constexpr std::size_t kHeaderOctets = 748;
constexpr std::uint32_t kShadowingDisabled = 1;
/// Of log and checkpoint files.
constexpr std::size_t kOtherHeader = 4096;

/// 0 when what stands there can't be one.
std::size_t page_size_in(std::string_view copy) {
  const auto size = u32_at(copy, kPageSizeOffset);
  if (size == 0) return 4096;
  return is_page_size(size) ? size : 0;
}

EventCount event_count(std::string_view copy, std::size_t offset) {
  return {u32_at(copy, offset), LogTime::parse(copy, offset + 4), u32_at(copy, offset + 12)};
}

HeaderCopy look_at(std::string_view beginning, std::size_t offset, std::size_t page_size) {
  const auto copy = beginning.substr(std::min(offset, beginning.size()), page_size);
  HeaderCopy out{offset, false, u32_at(copy, 0), xor_checksum(copy)};
  out.intact = copy.size() == page_size && out.stored == out.computed &&
               u32_at(copy, kMagicOffset) == kMagic && page_size_in(copy) == page_size;
  return out;
}

/// The page size by which there is an intact shadow, when the primary copy can't be asked.
std::size_t page_size_by_shadow(std::string_view beginning) {
  for (auto size = kSmallestPage; size <= kLargestPage; size *= 2) {
    if (beginning.size() >= 2 * size && look_at(beginning, size, size).intact) return size;
  }
  return 0;
}

std::string hex_octets(std::string_view octets) {
  std::string out;
  for (const char octet : octets) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    if (!out.empty()) out += ' ';
    out += kDigits[static_cast<unsigned char>(octet) >> 4];
    out += kDigits[static_cast<unsigned char>(octet) & 15];
  }
  return out;
}

std::unexpected<Error> another_file(FileType type, const std::string& file) {
  const auto is = file + " is a " + std::string(text(type)) + ", not a database";
  if (type == FileType::log) return fail(Fault::corrupt, is + ": use hikyaku ese logs");
  if (type == FileType::checkpoint) return fail(Fault::corrupt, is + ": use hikyaku ese checkpoint");
  return fail(Fault::corrupt, is + ": there is no command for it");
}

std::unexpected<Error> damaged(const std::string& file, const HeaderCopy& primary,
                               const std::optional<HeaderCopy>& shadow) {
  auto out = file + ": the header at offset 0 is damaged (checksum stored " + hex32(primary.stored) +
             ", computed " + hex32(primary.computed) + ")";
  if (!shadow) return fail(Fault::corrupt, out + " and the file ends before its shadow copy");
  return fail(Fault::corrupt, out + " and so is its shadow copy at offset " + std::to_string(shadow->offset) +
                                  " (stored " + hex32(shadow->stored) + ", computed " +
                                  hex32(shadow->computed) + ")");
}

}  // namespace

std::string text(DatabaseState state) {
  switch (state) {
    case DatabaseState::just_created:
      return "Just Created";
    case DatabaseState::dirty_shutdown:
      return "Dirty Shutdown";
    case DatabaseState::clean_shutdown:
      return "Clean Shutdown";
    case DatabaseState::being_converted:
      return "Being Converted";
    case DatabaseState::force_detach:
      return "Force Detach";
    case DatabaseState::incremental_reseed:
      return "Incremental Reseed In Progress";
    case DatabaseState::dirty_and_patched:
      return "Dirty and Patched Shutdown";
    case DatabaseState::revert_in_progress:
      return "Revert In Progress";
  }
  return "unknown (" + std::to_string(static_cast<std::uint32_t>(state)) + ")";
}

GenerationRange DatabaseHeader::committed_beyond_required() const {
  if (required().empty()) return {};
  return {std::int64_t{required_high} + 1, committed_high};
}

DatabaseHeader DatabaseHeader::parse(std::string_view copy) {
  const auto u32 = [&](std::size_t offset) { return u32_at(copy, offset); };
  const auto i32 = [&](std::size_t offset) { return i32_at(copy, offset); };
  const auto time = [&](std::size_t offset) { return LogTime::parse(copy, offset); };
  const auto position = [&](std::size_t offset) { return LogPosition::parse(copy, offset); };
  const auto signature = [&](std::size_t offset) { return Signature::parse(copy, offset); };
  const auto backup = [&](std::size_t offset) { return BackupInfo::parse(copy, offset); };

  DatabaseHeader out;
  out.checksum = u32(0);
  out.type = static_cast<FileType>(u32(kFileTypeOffset));
  out.version = u32(8);
  out.dbtime = u64_at(copy, 16);
  out.signature = signature(24);
  out.state = static_cast<DatabaseState>(u32(52));
  out.consistent = position(56);
  out.consistent_time = time(64);
  out.attach_time = time(72);
  out.attach = position(80);
  out.detach_time = time(88);
  out.detach = position(96);
  out.database_id = u32(104);
  out.log_signature = signature(108);
  out.previous_full = backup(136);
  out.previous_incremental = backup(160);
  out.current_full = backup(184);
  out.shadowed = (u32(208) & kShadowingDisabled) == 0;
  out.last_object = u32(212);
  for (std::size_t i = 0; i < out.windows_version.size(); ++i) out.windows_version[i] = u32(216 + 4 * i);
  out.update_major = u32(232);
  out.page_size = u32(kPageSizeOffset) == 0 ? 4096 : u32(kPageSizeOffset);
  out.repairs = {u32(240), time(244), u32(364)};
  out.scrub_dbtime = u64_at(copy, 280);
  out.scrub_time = time(288);
  out.required_low = i32(296);
  out.required_high = i32(300);
  for (std::size_t i = 0; i < out.upgrade_pages.size(); ++i) out.upgrade_pages[i] = u32(304 + 4 * i);
  out.current_snapshot = backup(316);
  out.created_version = u32(340);
  out.created_update = u32(344);
  out.highest_log_created = time(348);
  out.corrected_pages = event_count(copy, 368);
  out.uncorrectable_pages = event_count(copy, 384);
  out.bad_checksums = event_count(copy, 400);
  out.committed_high = i32(416);
  out.previous_copy = backup(420);
  out.previous_differential = backup(444);
  out.reseeds = event_count(copy, 476);
  out.patched_pages = event_count(copy, 492);
  out.scan_finished = time(516);
  out.scan_started = time(524);
  out.scan_page = u32(532);
  out.recovering = i32(536);
  out.reattach_time = time(564);
  out.reattach = position(572);
  out.header_flush = signature(584);
  out.flush_map_flush = signature(612);
  out.minimum_consistent = i32(640);
  out.update_minor = u32(644);
  out.maximum_feature_version = u32(648);
  out.last_resize = position(656);
  out.highest_required_log_created = time(672);
  out.reverts = u32(716);
  return out;
}

FileType file_type(std::string_view beginning) {
  const auto type = static_cast<FileType>(u32_at(beginning, kFileTypeOffset));
  if (u32_at(beginning, kMagicOffset) == kMagic) return text(type) == "unknown" ? FileType::database : type;
  const bool whole = beginning.size() >= kOtherHeader &&
                     u32_at(beginning, 0) == xor_checksum(beginning.substr(0, kOtherHeader));
  return whole && text(type) != "unknown" ? type : FileType::unknown;
}

Result<DatabaseHeaders> DatabaseHeaders::parse(std::string_view beginning, std::string_view name) {
  const auto file = escaped(name);
  if (beginning.size() < kHeaderOctets) {
    return fail(Fault::corrupt, file + ": the file ends at offset " + std::to_string(beginning.size()) +
                                    ", in the middle of a database header of " +
                                    std::to_string(kHeaderOctets) + " octets");
  }
  const auto type = file_type(beginning);
  const bool can_be_database =
      type == FileType::database || type == FileType::temporary_database || type == FileType::unknown;
  if (!can_be_database) return another_file(type, file);

  auto page_size = page_size_in(beginning);
  if (page_size == 0 || !look_at(beginning, 0, page_size).intact) {
    const auto other = page_size_by_shadow(beginning);
    if (other != 0) page_size = other;
  }
  if (page_size == 0 || (type == FileType::unknown && !look_at(beginning, page_size, page_size).intact)) {
    const bool magic = type != FileType::unknown;
    const auto at = magic ? kPageSizeOffset : kMagicOffset;
    return fail(Fault::corrupt, file + (magic ? ": the header is damaged" : " is not an ESE database") +
                                    ": offset " + std::to_string(at) + " holds " +
                                    hex_octets(beginning.substr(at, 4)) + ", expected " +
                                    (magic ? "a page size (2048 to 32768)" : "ef cd ab 89"));
  }
  DatabaseHeaders out;
  out.primary = look_at(beginning, 0, page_size);
  if (beginning.size() >= 2 * page_size) out.shadow = look_at(beginning, page_size, page_size);
  if (!out.primary.intact && (!out.shadow || !out.shadow->intact))
    return damaged(file, out.primary, out.shadow);
  out.from_shadow = !out.primary.intact;
  out.header = DatabaseHeader::parse(beginning.substr(out.from_shadow ? page_size : 0, page_size));
  return out;
}

}  // namespace hikyaku::ese
