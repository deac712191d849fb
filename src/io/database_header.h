#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hikyaku::io {

/// What we ourselves keep about a database, beside the engine's files: whether it was closed in order, and
/// which logs it needs. A file of two copies, each with a count and a CRC-32C; the newer intact one counts,
/// and a write replaces the older, so that a write that was cut short leaves the one before.
struct DatabaseHeader {
  enum class State : std::uint8_t {
    creating = 1,  ///< the engine has not yet made its files
    dirty,         ///< open, or not closed in order
    clean,
  };
  State state = State::creating;
  std::uint64_t signature = 0;      ///< random; tells databases apart
  std::vector<std::uint64_t> logs;  ///< the numbers of the logs that it needs, ascending
  bool operator==(const DatabaseHeader&) const = default;
};

/// One copy, `count` its place in the order of writes. Fails with Fault::permanent when it does not fit.
Result<std::string> encode_header_copy(const DatabaseHeader& header, std::uint64_t count);
struct HeaderCopy {
  DatabaseHeader header;
  std::uint64_t count = 0;
};
/// Fault::corrupt when its checksum or a field is wrong, Fault::permanent for a newer format.
Result<HeaderCopy> decode_header_copy(std::string_view copy);

/// The file of a DatabaseHeader, locked while it lives. Not thread-safe.
class HeaderFile {
 public:
  enum class Access : unsigned char { read_write, read_only };
  /// Opens and locks it; read_write makes it with `signature` when there is none. Fault::temporary when
  /// another process has it open for writing (or at all, for read_write), Fault::not_found when there is none
  /// to read, Fault::corrupt when both copies are damaged.
  static Result<HeaderFile> open(const std::filesystem::path& path, Access access, std::uint64_t signature);
  HeaderFile(HeaderFile&& other) noexcept;
  HeaderFile& operator=(HeaderFile&&) = delete;
  ~HeaderFile();

  const DatabaseHeader& header() const { return header_; }
  /// Opened for reading beside another process that writes: all of the database may change at any time.
  bool beside_writer() const { return beside_writer_; }
  /// Writes and syncs it.
  Result<void> store(const DatabaseHeader& header);

 private:
  explicit HeaderFile(std::filesystem::path path) : path_(std::move(path)) {}
  Result<void> lock(Access access);
  Result<void> read();
  std::filesystem::path path_;
  int fd_ = -1;
  DatabaseHeader header_;
  std::uint64_t count_ = 0;  // of the copy that counts
  bool beside_writer_ = false;
};

}  // namespace hikyaku::io
