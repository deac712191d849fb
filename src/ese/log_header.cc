#include "ese/log_header.h"

#include "base/escape.h"
#include "ese/database_header.h"
#include "ese/little_endian.h"
#include "ese/page_checksum.h"

namespace hikyaku::ese {
namespace {

constexpr unsigned kReserve = 1, kCircular = 2;

std::unexpected<Error> damaged(const std::string& what) { return fail(Fault::corrupt, what); }

}  // namespace

Result<LogHeader> LogHeader::parse(std::string_view beginning, std::string_view name) {
  const auto file = escaped(name);
  if (beginning.size() < kOctets) {
    return damaged(file + ": the file ends at offset " + std::to_string(beginning.size()) +
                   ", in the middle of a log header of " + std::to_string(kOctets) + " octets");
  }
  const auto bytes = beginning.substr(0, kOctets);
  const auto type = file_type(bytes);
  if (type != FileType::unknown && type != FileType::log)
    return damaged(file + " is a " + std::string(ese::text(type)) + ", not a log file");
  const auto stored = u32_at(bytes, 0), computed = xor_checksum(bytes);
  if (stored != computed) {
    return damaged(file + ": the header at offset 0 is damaged, or this is no log file: checksum stored " +
                   hex32(stored) + ", computed " + hex32(computed));
  }
  if (type != FileType::log) {
    return damaged(file + " is not a log file: offset " + std::to_string(kFileTypeOffset) + " holds " +
                   std::to_string(u32_at(bytes, kFileTypeOffset)) + ", expected 3");
  }

  LogHeader out;
  out.checksum = stored;
  out.generation = i32_at(bytes, 4);
  out.sector_size = u16_at(bytes, 8);
  out.header_sectors = u16_at(bytes, 10);
  out.file_sectors = u16_at(bytes, 12);
  out.page_size = u16_at(bytes, 14);
  out.created = LogTime::parse(bytes, 16);
  out.previous_created = LogTime::parse(bytes, 24);
  out.major = u32_at(bytes, 32);
  out.minor = u32_at(bytes, 36);
  out.update = u32_at(bytes, 40);
  out.signature = Signature::parse(bytes, 44);
  out.engine = EngineParameters::parse(bytes, 72);
  const auto flags = integer_at<std::uint8_t>(bytes, 639);
  out.reserve = (flags & kReserve) != 0;
  out.circular = (flags & kCircular) != 0;
  out.checkpoint = LogPosition::parse(bytes, 640);
  out.previous_segments = u64_at(bytes, 653);
  if (out.generation <= 0) {
    return damaged(file + ": offset 4 holds generation " + std::to_string(out.generation) +
                   ", expected a positive number");
  }
  if (!out.has_segments()) return out;
  if (out.sector_size != kOctets) {
    return damaged(file + ": offset 8 holds a sector size of " + std::to_string(out.sector_size) +
                   ", expected " + std::to_string(kOctets));
  }
  // One sector for the header, one that is written, one for the shadow of the last.
  if (out.header_sectors == 0 || out.file_sectors < out.header_sectors + 2) {
    return damaged(file + ": offset 10 holds " + std::to_string(out.header_sectors) + " header sectors of " +
                   std::to_string(out.file_sectors) + ", expected at least 1 and two more in the file");
  }
  return out;
}

}  // namespace hikyaku::ese
