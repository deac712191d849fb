#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "base/blob.h"
#include "base/result.h"

namespace hikyaku::io {

/// A file of a backup, as it was written.
struct BackedFile {
  std::uint64_t octets = 0;
  std::uint32_t checksum = 0;  ///< CRC-32C
  bool operator==(const BackedFile&) const = default;
};
/// By name.
using FileList = std::map<std::string, BackedFile, std::less<>>;

/// Lines "CHECKSUM OCTETS NAME", and at the end "CHECKSUM end" of all before it.
std::string encode_file_list(const FileList& list);
/// Fault::corrupt: not what encode_file_list() wrote.
Result<FileList> decode_file_list(std::string_view text);

/// Called with octets as they are copied or read.
using OctetsDone = std::function<void(std::uint64_t octets)>;

/// What a file is now, read from the disk.
Result<BackedFile> examine_file(const std::filesystem::path& path, const OctetsDone& done);
/// Fault::corrupt, with its path, when it is not what the list says.
Result<void> verify_file(const std::filesystem::path& path, const BackedFile& wanted, const OctetsDone& done);

/// The same of a body in `folder`, of which the list tells its octets without what stands behind them.
Result<void> verify_body(const std::filesystem::path& folder, const std::string& name,
                         const BackedFile& wanted, const OctetsDone& done);

/// Copies bodies that `known` has not, into `folder`, which is made, synced, and reads each again. Gives what
/// all of them are. A body that is removed meanwhile is Fault::not_found.
Result<FileList> copy_bodies(const Blob& from, const std::filesystem::path& folder, const FileList& known,
                             const OctetsDone& done);
/// Copies one from `folder` and verifies it.
Result<void> restore_body(const std::filesystem::path& folder, const std::string& name,
                          const BackedFile& wanted, Blob& to, const OctetsDone& done);

}  // namespace hikyaku::io
