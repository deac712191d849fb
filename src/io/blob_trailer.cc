#include "io/blob_trailer.h"

#include <algorithm>

#include "base/crc32c.h"
#include "io/log_format.h"

namespace hikyaku::io {
namespace {

using namespace std::string_view_literals;
constexpr std::string_view kMagic = "hikyaku body 1\n\0"sv;
constexpr std::size_t kSummed = BlobTrailer::kSize - 4;

void append(std::string& out, std::uint64_t value, unsigned octets) {
  for (unsigned i = 0; i < octets; ++i) out += static_cast<char>(value >> (8 * i) & 0xff);
}

}  // namespace

std::string BlobTrailer::text() const {
  std::string out(kMagic);
  append(out, octets, 8);
  append(out, checksum, 4);
  append(out, crc32c(out), 4);
  return out;
}

std::optional<BlobTrailer> BlobTrailer::parse(std::string_view end, std::uint64_t file_size) {
  if (end.size() != kSize || file_size < kSize) return std::nullopt;
  BlobTrailer trailer;
  trailer.octets = log_format::little_endian(end.substr(kMagic.size(), 8));
  trailer.checksum = static_cast<std::uint32_t>(log_format::little_endian(end.substr(kMagic.size() + 8, 4)));
  const bool magic = end.starts_with(kMagic);
  const bool size = trailer.octets == file_size - kSize;
  const bool sum = crc32c(end.substr(0, kSummed)) == log_format::little_endian(end.substr(kSummed));
  trailer.damaged = !magic || !size || !sum;
  // A mail has no octets as those of the number.
  if (!magic && !size) return std::nullopt;
  trailer.octets = file_size - kSize;
  return trailer;
}

void BlobCheck::take(std::string_view octets) {
  size_ += octets.size();
  // What can't belong to the trailer any more is summed up.
  if (octets.size() >= BlobTrailer::kSize) {
    const auto before = octets.size() - BlobTrailer::kSize;
    sum_ = crc32c(octets.substr(0, before), crc32c(end_, sum_));
    end_ = octets.substr(before);
    return;
  }
  end_ += octets;
  const auto before = end_.size() - std::min(end_.size(), BlobTrailer::kSize);
  sum_ = crc32c(std::string_view(end_).substr(0, before), sum_);
  end_.erase(0, before);
}

Result<BlobTrailer> BlobCheck::end(const std::string& path) const {
  const auto trailer = BlobTrailer::parse(end_, size_);
  if (!trailer) return BlobTrailer{size_, crc32c(end_, sum_), false};
  if (trailer->damaged)
    return fail(Fault::corrupt, path + ": what stands behind its octets is damaged, at offset " +
                                    std::to_string(trailer->octets));
  const BlobTrailer found{trailer->octets, sum_, false};
  if (found == *trailer) return found;
  return fail(Fault::corrupt,
              path + ": checksum mismatch in its " + std::to_string(found.octets) + " octets");
}

}  // namespace hikyaku::io
