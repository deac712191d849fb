#pragma once
// For tests alone: writes ESE files as Exchange would, without holding anything. No dirty database, sequence
// of logs or torn sector of a real server is public, so these stand for them.
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ese/page_checksum.h"
#include "ese/random_access.h"

namespace hikyaku::ese::synthetic {

template <typename Integer>
void put(std::string& bytes, std::size_t offset, Integer value) {
  for (std::size_t i = 0; i < sizeof value; ++i)
    bytes[offset + i] = static_cast<char>(static_cast<std::uint64_t>(value) >> (8 * i) & 0xff);
}

/// (generation, sector, octet)
inline void put_position(std::string& bytes, std::size_t offset, std::int32_t generation, unsigned sector,
                         unsigned octet) {
  put(bytes, offset, static_cast<std::uint16_t>(octet));
  put(bytes, offset + 2, static_cast<std::uint16_t>(sector));
  put(bytes, offset + 4, generation);
}

/// 2021-11-16 20:21:`second`.069 UTC
inline void put_time(std::string& bytes, std::size_t offset, unsigned second) {
  const unsigned char octets[] = {static_cast<unsigned char>(second), 21, 20, 16, 11, 121, 0x8b, 0};
  for (std::size_t i = 0; i < sizeof octets; ++i) bytes[offset + i] = static_cast<char>(octets[i]);
}

inline void put_signature(std::string& bytes, std::size_t offset, std::uint32_t random) {
  put(bytes, offset, random);
  put_time(bytes, offset + 4, 7);
  bytes.replace(offset + 12, 5, "MAIL1");
}

/// Sets the checksum of a header.
inline std::string& seal_header(std::string& header) {
  put(header, 0, xor_checksum(header));
  return header;
}

/// A page of `size` octets in the new format, with contents that depend on `number`.
inline std::string page(std::size_t size, std::uint32_t number) {
  std::string out(size, '\0');
  std::uint32_t noise = number * 2654435761U + 1;
  for (std::size_t i = 40; i < size; ++i) {
    noise = noise * 1664525U + 1013904223U;
    out[i] = static_cast<char>(noise >> 24);
  }
  put(out, 36, std::uint32_t{0x2000});
  const auto block = size <= 8192 ? size : size / 4;
  const std::string_view view(out);
  for (std::size_t i = size / block - 1; i > 0; --i)
    put(out, 32 + 8 * i, EccChecksum::compute(view.substr(i * block, block), number, 0));
  put(out, 0, EccChecksum::compute(view.substr(0, block), number, 8));
  return out;
}

/// A page in the old format.
inline std::string old_page(std::size_t size, std::uint32_t number) {
  std::string out = page(size, number);
  put(out, 36, std::uint32_t{0});
  put(out, 4, number);
  return seal_header(out);
}

struct Database {
  std::uint32_t state = 2, page_size = 4096;
  std::int32_t required_low = 10, required_high = 12, committed_high = 13;
  std::uint32_t log_signature = 77, repairs = 0;

  /// One copy of its header.
  std::string header() const {
    std::string out(page_size, '\0');
    put(out, 4, 0x89abcdefU);
    put(out, 8, 0x620U);
    put_signature(out, 24, 1234);
    put(out, 52, state);
    put_position(out, 56, required_low, 3, 0x1b);
    put_time(out, 64, 9);
    put_signature(out, 108, log_signature);
    put(out, 232, 0x14U);
    put(out, 236, page_size);
    put(out, 240, repairs);
    put(out, 296, required_low);
    put(out, 300, required_high);
    put(out, 416, committed_high);
    put(out, 667, 1U);
    return seal_header(out);
  }
  /// Both copies and `pages` pages.
  std::string file(std::uint32_t pages = 3) const {
    auto out = header() + header();
    for (std::uint32_t i = 1; i <= pages; ++i) out += page(page_size, i);
    return out;
  }
};

struct Log {
  std::int32_t generation = 10;
  std::uint32_t signature = 77, major = 8;
  std::uint16_t sectors = 8;  ///< of the file, with the header's one and the shadow's
  unsigned written = 6;       ///< of these
  std::uint64_t previous_segments = 0;
  static constexpr std::size_t kSector = 4096;

  std::string header() const {
    std::string out(kSector, '\0');
    put(out, 4, generation);
    put(out, 8, std::uint16_t{kSector});
    put(out, 10, std::uint16_t{1});
    put(out, 12, sectors);
    put(out, 14, std::uint16_t{32768});
    put_time(out, 16, static_cast<unsigned>(generation));
    put_time(out, 24, static_cast<unsigned>(generation - 1));
    put(out, 32, major);
    put_signature(out, 44, signature);
    out.replace(72, 9, "D:\\Queue\\");
    put(out, 653, previous_segments);
    put(out, 667, 3U);
    return seal_header(out);
  }
  std::string sector(unsigned number, std::int32_t of_generation) const {
    std::string out = page(kSector, number);
    put_position(out, 8, of_generation, number, 0);
    put(out, 0, EccChecksum::compute(out, number, 8));
    return out;
  }
  std::string file() const {
    auto out = header();
    for (unsigned i = 1; i < sectors; ++i) {
      if (i <= written)
        out += sector(i, generation);
      else
        out += i == written + 1 ? sector(i - 1, generation) : std::string(kSector, '\0');
    }
    return out;
  }
  /// The XOR of the checksums of its sectors, as the next log records it.
  std::uint64_t accumulated() const {
    std::uint64_t out = 0;
    for (unsigned i = 1; i <= written; ++i) {
      const auto one = sector(i, generation);
      out ^= EccChecksum::compute(one, i, 8);
    }
    return out;
  }
};

inline std::string checkpoint(std::int32_t generation, std::uint32_t signature = 77) {
  std::string copy(4096, '\0');
  put_position(copy, 12, generation, 0x27, 0x1d2);
  put_signature(copy, 20, signature);
  copy.replace(48, 9, "D:\\Queue\\");
  put(copy, 647, 1U);
  put(copy, 667, 4U);
  seal_header(copy);
  return copy + copy;
}

/// A file in memory; reads that touch [broken_from, broken_to) fail as those of a bad disk do.
class MemoryFile final : public RandomAccess {
 public:
  MemoryFile(std::string name, std::string bytes) : name_(std::move(name)), bytes_(std::move(bytes)) {}
  void break_at(std::uint64_t from, std::uint64_t to) { broken_from_ = from, broken_to_ = to; }

  const std::string& name() const override { return name_; }
  std::uint64_t size() const override { return bytes_.size(); }
  Result<std::string_view> read(std::uint64_t offset, std::size_t octets) override {
    if (offset < broken_to_ && offset + octets > broken_from_)
      return fail(Fault::temporary, name_ + ": offset " + std::to_string(offset) + ": Input/output error");
    if (offset >= bytes_.size()) return std::string_view();
    return std::string_view(bytes_).substr(static_cast<std::size_t>(offset), octets);
  }

 private:
  std::string name_, bytes_;
  std::uint64_t broken_from_ = 0, broken_to_ = 0;
};

/// Files in memory, by their names.
class MemoryDirectory final : public Directory {
 public:
  std::map<std::string, std::string> files;

  Result<std::vector<std::string>> names() override {
    std::vector<std::string> out;
    for (const auto& [name, bytes] : files) out.push_back(name);
    return out;
  }
  Result<std::unique_ptr<RandomAccess>> open(const std::string& name) override {
    const auto found = files.find(name);
    if (found == files.end()) return fail(Fault::not_found, name + ": no such file");
    return std::make_unique<MemoryFile>(name, found->second);
  }
};

/// Generations 10, 11 and 12 of base E00, the last one current.
inline MemoryDirectory three_logs() {
  MemoryDirectory out;
  const Log first{.generation = 10};
  const Log second{.generation = 11, .previous_segments = first.accumulated()};
  const Log third{.generation = 12, .written = 4, .previous_segments = second.accumulated()};
  out.files = {{"E000000000A.log", first.file()},
               {"E000000000B.log", second.file()},
               {"E00.log", third.file()},
               {"E00tmp.log", "not looked at"},
               {"E00.chk", checkpoint(10)}};
  return out;
}

}  // namespace hikyaku::ese::synthetic
