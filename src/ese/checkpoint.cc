#include "ese/checkpoint.h"

#include <algorithm>

#include "base/escape.h"
#include "ese/database_header.h"
#include "ese/little_endian.h"
#include "ese/page_checksum.h"

namespace hikyaku::ese {
namespace {

bool intact(std::string_view copy) {
  return copy.size() == Checkpoint::kCopyOctets && u32_at(copy, 0) == xor_checksum(copy) &&
         u32_at(copy, kFileTypeOffset) == static_cast<std::uint32_t>(FileType::checkpoint);
}

}  // namespace

Result<Checkpoint> Checkpoint::parse(std::string_view beginning, std::string_view name) {
  const auto file = escaped(name);
  if (beginning.size() < kCopyOctets) {
    return fail(Fault::corrupt, file + ": the file ends at offset " + std::to_string(beginning.size()) +
                                    ", in the middle of a checkpoint of " + std::to_string(kCopyOctets) +
                                    " octets");
  }
  const auto type = file_type(beginning);
  if (type != FileType::unknown && type != FileType::checkpoint)
    return fail(Fault::corrupt, file + " is a " + std::string(ese::text(type)) + ", not a checkpoint file");
  const auto first = beginning.substr(0, kCopyOctets), second = beginning.substr(kCopyOctets, kCopyOctets);
  Checkpoint out;
  out.first_damaged = !intact(first);
  out.second_damaged = !intact(second);
  if (out.first_damaged && out.second_damaged) {
    auto error = file + ": no checkpoint is intact: checksum stored at offset 0 " + hex32(u32_at(first, 0)) +
                 ", computed " + hex32(xor_checksum(first));
    if (second.size() == kCopyOctets) {
      error +=
          "; stored at offset 4096 " + hex32(u32_at(second, 0)) + ", computed " + hex32(xor_checksum(second));
    } else {
      error += "; the file ends in the second copy at offset " + std::to_string(beginning.size());
    }
    return fail(Fault::corrupt, error + "; expected file type at offset " + std::to_string(kFileTypeOffset) +
                                    ": 4, found " + std::to_string(u32_at(first, kFileTypeOffset)));
  }
  const auto copy = out.first_damaged ? second : first;
  out.position = LogPosition::parse(copy, 12);
  out.signature = Signature::parse(copy, 20);
  out.engine = EngineParameters::parse(copy, 48);
  out.full_backup = LogPosition::parse(copy, 615);
  out.full_backup_time = LogTime::parse(copy, 623);
  out.incremental_backup = LogPosition::parse(copy, 631);
  out.incremental_backup_time = LogTime::parse(copy, 639);
  out.version = u32_at(copy, 647);
  return out;
}

}  // namespace hikyaku::ese
