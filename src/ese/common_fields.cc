#include "ese/common_fields.h"

#include <cstdio>

#include "base/escape.h"
#include "ese/little_endian.h"

namespace hikyaku::ese {
namespace {

constexpr std::size_t kPathSize = 261;

template <typename... Values>
std::string formatted(const char* format, Values... values) {
  char text[96];
  const int length = std::snprintf(text, sizeof text, format, values...);
  return std::string(text, static_cast<std::size_t>(length));
}

}  // namespace

LogPosition LogPosition::parse(std::string_view bytes, std::size_t offset) {
  return {i32_at(bytes, offset + 4), u16_at(bytes, offset + 2), u16_at(bytes, offset)};
}

std::string LogPosition::text() const {
  return formatted("(0x%X,%X,%X)", static_cast<unsigned>(generation), sector, octet);
}

LogTime LogTime::parse(std::string_view bytes, std::size_t offset) {
  const auto octet = [&](std::size_t i) { return unsigned{integer_at<std::uint8_t>(bytes, offset + i)}; };
  LogTime time;
  time.second = octet(0);
  time.minute = octet(1);
  time.hour = octet(2);
  time.day = octet(3);
  time.month = octet(4);
  time.year = 1900 + octet(5);
  time.utc = (octet(6) & 1U) != 0;
  time.millisecond = octet(6) >> 1 | (octet(7) >> 1 & 7U) << 7;
  return time;
}

std::string LogTime::text() const {
  if (never()) return "00/00/1900 00:00:00";
  return formatted("%02u/%02u/%04u %02u:%02u:%02u.%03u%s", month, day, year, hour, minute, second,
                   millisecond, utc ? " UTC" : "");
}

std::string LogTime::iso_text() const {
  if (never()) return {};
  return formatted("%04u-%02u-%02uT%02u:%02u:%02u.%03u%s", year, month, day, hour, minute, second,
                   millisecond, utc ? "Z" : "");
}

Signature Signature::parse(std::string_view bytes, std::size_t offset) {
  return {u32_at(bytes, offset), LogTime::parse(bytes, offset + 4),
          std::string(text_at(bytes, offset + 12, 16))};
}

std::string Signature::text() const {
  return "Create time:" + created.text() + " Rand:" + std::to_string(random) +
         " Computer:" + escaped(computer);
}

BackupInfo BackupInfo::parse(std::string_view bytes, std::size_t offset) {
  return {LogPosition::parse(bytes, offset), LogTime::parse(bytes, offset + 8), u32_at(bytes, offset + 16),
          u32_at(bytes, offset + 20)};
}

EngineParameters EngineParameters::parse(std::string_view bytes, std::size_t offset) {
  EngineParameters out;
  out.system_path = text_at(bytes, offset, kPathSize);
  out.log_path = text_at(bytes, offset + kPathSize, kPathSize);
  out.circular_logging = (integer_at<std::uint8_t>(bytes, offset + 2 * kPathSize) & 1U) != 0;
  auto at = offset + 2 * kPathSize + 1;
  for (auto* number : {&out.sessions, &out.open_tables, &out.version_pages, &out.cursors, &out.log_buffers,
                       &out.log_sectors, &out.buffers}) {
    *number = u32_at(bytes, at);
    at += 4;
  }
  return out;
}

std::string_view text(FileType type) {
  switch (type) {
    case FileType::database:
      return "database";
    case FileType::log:
      return "log file";
    case FileType::checkpoint:
      return "checkpoint file";
    case FileType::temporary_database:
      return "temporary database";
    case FileType::flush_map:
      return "flush map";
    case FileType::snapshot:
      return "revert snapshot";
    case FileType::unknown:
      break;
  }
  return "unknown";
}

std::string hex32(std::uint32_t value) { return formatted("0x%08x", value); }
std::string hex64(std::uint64_t value) {
  return formatted("0x%016llx", static_cast<unsigned long long>(value));
}
std::string generation_text(std::int64_t generation) {
  return formatted("%lld (0x%llx)", static_cast<long long>(generation), static_cast<long long>(generation));
}

}  // namespace hikyaku::ese
