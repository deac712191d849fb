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

/// A body in a backup.
struct BackedBody {
  std::uint64_t octets = 0;
  std::uint32_t checksum = 0;  ///< CRC-32C
  bool operator==(const BackedBody&) const = default;
};
/// By name.
using BodyList = std::map<std::string, BackedBody, std::less<>>;

/// Lines "CHECKSUM OCTETS NAME", and at the end "CHECKSUM end" of all before it.
std::string encode_body_list(const BodyList& list);
/// Fault::corrupt: not what encode_body_list() wrote.
Result<BodyList> decode_body_list(std::string_view text);

/// Called with octets as they are copied or read.
using OctetsDone = std::function<void(std::uint64_t octets)>;

/// Copies bodies that `known` has not, into `folder`, which is made, synced, and reads each again. Gives what
/// all of them are. A body that is removed meanwhile is Fault::not_found.
Result<BodyList> copy_bodies(const Blob& from, const std::filesystem::path& folder, const BodyList& known,
                             const OctetsDone& done);
/// Reads a body in `folder`; Fault::corrupt, with its path, when it is not what the list says.
Result<void> verify_body(const std::filesystem::path& folder, const std::string& name, const BackedBody& body,
                         const OctetsDone& done);
/// Copies and verifies one.
Result<void> restore_body(const std::filesystem::path& folder, const std::string& name,
                          const BackedBody& body, Blob& to, const OctetsDone& done);

}  // namespace hikyaku::io
