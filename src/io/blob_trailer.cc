#include "io/blob_trailer.h"

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

}  // namespace hikyaku::io
