#include "io/large_values.h"

#include <cstdio>

#include "base/crc32c.h"
#include "base/varint.h"
#include "io/log_format.h"

namespace hikyaku::io {
namespace {

using log_format::little_endian;

constexpr std::size_t kFileHeader = 30, kFileFooter = 32;
/// Octets of the key and of the value (8 each), a time that we do not use (8), the checksum of these, and
/// that of key and value (4 each); then the key and the value.
constexpr std::size_t kRecordHeader = 32;

struct Record {
  std::string_view key, value;
  bool whole = false;
  std::uint64_t end = 0;
};

/// nullopt: there is none, or nobody can tell where it ends.
std::optional<Record> record_at(std::string_view file, std::uint64_t at) {
  if (at > file.size() || file.size() - at < kRecordHeader) return std::nullopt;
  const auto rest = file.substr(static_cast<std::size_t>(at));
  if (log_format::masked(crc32c(rest.substr(0, 24))) != little_endian(rest.substr(24, 4)))
    return std::nullopt;
  const auto key = little_endian(rest.substr(0, 8)), value = little_endian(rest.substr(8, 8));
  const auto left = rest.size() - kRecordHeader;
  if (key > left || value > left - key) return std::nullopt;
  const auto octets = rest.substr(kRecordHeader, static_cast<std::size_t>(key + value));
  Record record;
  record.key = octets.substr(0, static_cast<std::size_t>(key));
  record.value = octets.substr(static_cast<std::size_t>(key));
  record.whole = log_format::masked(crc32c(octets)) == little_endian(rest.substr(28, 4));
  record.end = at + kRecordHeader + key + value;
  return record;
}

}  // namespace

std::optional<LargeValueReference> LargeValueReference::parse(std::string_view stored) {
  constexpr char kUncompressed = 0, kInFile = 1;
  if (stored.empty() || stored.front() != kInFile) return std::nullopt;
  stored.remove_prefix(1);
  const auto file = take_varint(stored);
  const auto offset = file ? take_varint(stored) : std::nullopt;
  const auto octets = offset ? take_varint(stored) : std::nullopt;
  if (!octets || stored.size() != 1 || stored.front() != kUncompressed) return std::nullopt;
  return LargeValueReference{*file, *offset, *octets};
}

Result<std::string_view> large_value(std::string_view file, std::string_view key,
                                     const LargeValueReference& reference) {
  const auto before = kRecordHeader + key.size();
  const auto record = reference.offset < before ? std::nullopt : record_at(file, reference.offset - before);
  const auto where = " at offset " + std::to_string(reference.offset);
  if (!record) return fail(Fault::corrupt, "the head of the record" + where + " is damaged or missing");
  if (!record->whole) return fail(Fault::corrupt, "the record" + where + ": checksum mismatch");
  if (record->key != key || record->value.size() != reference.octets)
    return fail(Fault::corrupt, "the record" + where + " is of another row");
  return record->value;
}

void each_large_value(std::string_view file,
                      const std::function<void(std::string_view key, std::string_view value)>& each) {
  for (std::uint64_t at = kFileHeader; at + kFileFooter <= file.size();) {
    const auto record = record_at(file, at);
    if (!record) return;
    if (record->whole) each(record->key, record->value);
    at = record->end;
  }
}

std::string large_values_name(std::uint64_t number) {
  char name[40];
  std::snprintf(name, sizeof name, "%06llu.blob", static_cast<unsigned long long>(number));
  return name;
}

}  // namespace hikyaku::io
