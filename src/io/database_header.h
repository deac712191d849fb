#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace hikyaku::io {

/// A log that a database needs, and how to tell it from another's.
struct CataloguedLog {
  std::uint64_t number = 0;  ///< of its file name
  std::uint32_t first_record =
      0;  ///< the checksum that its first record carries; 0: it had none, or not known
  std::uint64_t begins_after = 0;  ///< the last change before the log was made: later ones are in it or in
                                   ///< newer logs; 0: not known
  bool operator==(const CataloguedLog&) const = default;
};

/// A list of tables (RocksDB's MANIFEST), as far as it is known to be synced: it may be longer, not shorter.
struct CataloguedManifest {
  std::uint64_t number = 0;  ///< of its file name
  std::uint64_t octets = 0;
  std::uint32_t checksum = 0;  ///< CRC-32C of these
  bool operator==(const CataloguedManifest&) const = default;
};

/// What we ourselves keep about a database, beside the engine's files: whether it was closed in order, and
/// which logs and lists of tables it needs. A file of two equal copies, each with a count and a CRC-32C. A
/// write replaces one, syncs it, and then replaces the other: one that was cut short leaves the one before,
/// and a copy that is damaged later leaves the same again. Behind them stands, without a sync of its own, the
/// sequence number up to which changes were acknowledged.
struct DatabaseHeader {
  enum class State : std::uint8_t {
    creating = 1,  ///< the engine has not yet made its files
    dirty,         ///< open, or not closed in order
    clean,
    /// Its logs were salvaged: changes are missing in them, and they are to be put into tables once opened.
    forced,
  };
  State state = State::creating;
  std::uint64_t signature = 0;               ///< random; tells databases apart
  std::vector<CataloguedLog> logs;           ///< that it needs, by number
  Time consistent{};                         ///< when it was last closed in order; 0: never
  Time full_backup{}, incremental_backup{};  ///< when the last of each was finished; 0: never
  /// Those of which one is in use, by number; empty: not known.
  std::vector<CataloguedManifest> manifests;
  std::uint32_t identity = 0;  ///< CRC-32C of the engine's file IDENTITY; 0: not known
  bool operator==(const DatabaseHeader&) const = default;
};

/// A signature for a new database.
std::uint64_t random_signature();

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
  enum class Access : unsigned char {
    read_write,
    read_only,
    read_alone,  ///< changes nothing, and keeps everybody else out, also where there is no such file
  };
  /// Opens and locks it; read_write makes it with `signature` when there is none. Fault::temporary when
  /// another process has it open for writing (or at all, for what is no read_only), Fault::not_found when
  /// there is none to read, Fault::corrupt when both copies are damaged, or when it is missing or empty
  /// beside a `db`.
  static Result<HeaderFile> open(const std::filesystem::path& path, Access access, std::uint64_t signature);
  /// The same where it is damaged, lost or another database's: gives a header that is made from what else is
  /// there, with all logs in `db`, and is not stored before store().
  static Result<HeaderFile> open_lost(const std::filesystem::path& path, Access access);
  /// What open_lost() gives, in the place of the header that was read. The file is as it was.
  Result<void> replace_lost();
  HeaderFile(HeaderFile&& other) noexcept;
  HeaderFile& operator=(HeaderFile&& other) noexcept;
  ~HeaderFile();

  const DatabaseHeader& header() const { return header_; }
  /// Opened for reading beside another process that writes: all of the database may change at any time.
  bool beside_writer() const { return beside_writer_; }
  /// Which copy is damaged; empty: none is.
  const std::string& damage() const { return damage_; }
  /// Writes and syncs it.
  Result<void> store(const DatabaseHeader& header);

  /// Up to which sequence number changes were synced and acknowledged, as far as that is known: never more,
  /// and after a power failure perhaps less. 0: not known.
  std::uint64_t acknowledged() const { return acknowledged_; }
  /// Writes that down, for one write to the page cache. It only helps to see what is missing later: a failure
  /// is of no consequence now.
  void note_acknowledged(std::uint64_t sequence);

 private:
  explicit HeaderFile(std::filesystem::path path) : path_(std::move(path)) {}
  static Result<HeaderFile> open_file(const std::filesystem::path& path, Access access);
  Result<void> lock(Access access);
  Result<void> read();
  std::filesystem::path path_;
  int fd_ = -1;
  DatabaseHeader header_;
  std::uint64_t count_ = 0;  // of the copy that counts
  std::uint64_t acknowledged_ = 0;
  bool beside_writer_ = false;
  std::string damage_;
};

}  // namespace hikyaku::io
