#include "ese/log_segments.h"

#include <algorithm>
#include <optional>

#include "base/escape.h"
#include "ese/little_endian.h"
#include "ese/page_checksum.h"

namespace hikyaku::ese {
namespace {

constexpr std::size_t kSector = LogHeader::kOctets;
constexpr std::uint64_t kWindow = 256;  // sectors
constexpr std::size_t kPositionOffset = 8;

/// The sectors one after the other, through a window.
class Sectors {
 public:
  Sectors(RandomAccess& log, std::uint64_t count) : log_(log), count_(count) {}

  /// Lives until the next call.
  Result<std::string_view> at(std::uint64_t sector) {
    if (window_.empty() || sector < first_ || sector >= first_ + window_.size() / kSector) {
      const auto octets = static_cast<std::size_t>(std::min(kWindow, count_ - sector)) * kSector;
      auto bytes = log_.read(sector * kSector, octets);
      if (!bytes) return bytes;
      if (bytes->size() != octets) {
        return fail(Fault::corrupt, escaped(log_.name()) + ": the file became shorter while it was read");
      }
      window_ = *bytes;
      first_ = sector;
    }
    return std::string_view(window_).substr(static_cast<std::size_t>(sector - first_) * kSector, kSector);
  }

 private:
  RandomAccess& log_;
  std::uint64_t count_;
  std::string window_;
  std::uint64_t first_ = 0;
};

/// One sector, looked at as the one with the number `as`.
struct Look {
  bool intact = false, corrected = false;
  std::uint64_t stored = 0, computed = 0;
  LogPosition position;
};
Look look_at(std::string_view sector, std::uint64_t as) {
  Look out;
  out.stored = u64_at(sector, 0);
  out.computed = EccChecksum::compute(sector, static_cast<std::uint32_t>(as), 8);
  out.position = LogPosition::parse(sector, kPositionOffset);
  out.intact = out.stored == out.computed;
  if (out.intact) return out;
  const auto bit = EccChecksum::single_bit(out.stored, out.computed, sector.size());
  if (!bit || *bit < 64) return out;
  std::string mended(sector);
  mended[*bit / 8] = static_cast<char>(mended[*bit / 8] ^ (1 << *bit % 8));
  out.position = LogPosition::parse(mended, kPositionOffset);
  out.intact = out.corrected = true;
  return out;
}

bool all_zero(std::string_view sector) {
  return std::ranges::all_of(sector, [](char octet) { return octet == 0; });
}

class Walk {
 public:
  explicit Walk(const LogHeader& header) : header_(header), empty_generation_(header.generation) {
    report_.end = {header.generation, header.header_sectors, 0};
  }

  /// Takes one sector; false when the walk ends here.
  bool take(std::uint64_t number, std::string_view sector, std::string_view next) {
    const auto look = look_at(sector, number);
    const LogPosition expected{header_.generation, static_cast<std::uint16_t>(number), 0};
    if (look.intact && look.position == expected) return good(number, look);
    if (look.intact && look.position > expected) {
      return corrupt(number, {}, "it is marked as " + look.position.text() + ", expected " + expected.text());
    }
    if (look.intact) return empty(number, look.position.generation);  // left over from an older log
    if (all_zero(sector)) return empty(number, 0);
    // Behind the last one stands its shadow, which the next write puts a sector over.
    const auto shadow = look_at(sector, number - 1);
    if (number > header_.header_sectors && shadow.intact) return empty(number, shadow.position.generation);
    if (seen_empty_) return corrupt(number, look, "damaged, behind the end of what was written");
    return mend(number, look, look_at(next, number), expected);
  }

  SegmentReport& report() { return report_; }

 private:
  bool good(std::uint64_t number, const Look& look) {
    if (seen_empty_) return corrupt(number, {}, "written, behind one that is not: one between was lost");
    report_.good++;
    if (look.corrected) report_.corrected_bits++;
    report_.accumulated ^= look.stored;
    report_.end = {header_.generation, static_cast<std::uint16_t>(number + 1), 0};
    return true;
  }

  bool empty(std::uint64_t number, std::int32_t generation) {
    if (generation > empty_generation_) {
      return corrupt(number, {},
                     "left over from generation " + std::to_string(generation) +
                         ", behind one of generation " + std::to_string(empty_generation_));
    }
    empty_generation_ = generation;
    seen_empty_ = true;
    report_.empty++;
    return true;
  }

  bool mend(std::uint64_t number, const Look& broken, const Look& shadow, const LogPosition& expected) {
    if (!shadow.intact || shadow.position != expected) return corrupt(number, broken, "damaged");
    report_.state = SegmentReport::State::torn;
    report_.reason =
        "torn: not written whole; its shadow in the next sector is intact and recovery puts it back";
    note(number, broken);
    report_.good++;
    report_.accumulated ^= shadow.stored;
    report_.end = {header_.generation, static_cast<std::uint16_t>(number + 1), 0};
    return true;
  }

  bool corrupt(std::uint64_t number, const Look& look, std::string reason) {
    report_.state = SegmentReport::State::corrupt;
    report_.reason = std::move(reason);
    note(number, look);
    return false;
  }
  void note(std::uint64_t number, const Look& look) {
    report_.sector = number;
    report_.stored = look.stored;
    report_.computed = look.computed;
  }

  const LogHeader& header_;
  SegmentReport report_;
  bool seen_empty_ = false;
  std::int32_t empty_generation_;
};

}  // namespace

Result<SegmentReport> check_segments(RandomAccess& log, const LogHeader& header) {
  Walk walk(header);
  const std::uint64_t count = header.file_sectors;
  if (log.size() != count * kSector) {
    auto& report = walk.report();
    report.state = SegmentReport::State::corrupt;
    report.sector = std::min(log.size() / kSector, count);
    report.reason = "the file has " + std::to_string(log.size()) + " octets, expected " +
                    std::to_string(count * kSector) + " (" + std::to_string(count) + " sectors)";
    return report;
  }
  Sectors sectors(log, count);
  // The last sector of the file is kept for the shadow of the one before.
  for (std::uint64_t number = header.header_sectors; number + 1 < count; ++number) {
    const auto sector = sectors.at(number);
    if (!sector) return std::unexpected(sector.error());
    const std::string copy(*sector);
    const auto next = sectors.at(number + 1);
    if (!next) return std::unexpected(next.error());
    if (!walk.take(number, copy, *next)) break;
  }
  return walk.report();
}

}  // namespace hikyaku::ese
