#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hikyaku {

/// Large octet strings, each written once under a name and never changed: the port for message bodies too
/// large for the Kv. Thread-safe; a Writer belongs to one thread at a time.
class Blob {
 public:
  class Writer {
   public:
    virtual ~Writer() = default;
    /// Appends. A full disk is Fault::temporary. A Writer destroyed before finish() leaves nothing behind.
    virtual Result<void> write(std::string_view octets) = 0;
    /// At most `length` octets from `offset` of what was written so far; shorter only at its end.
    virtual Result<std::string> read_back(std::uint64_t offset, std::size_t length) const = 0;
    /// Makes the blob durable (contents and name) and visible under the name it was begun with.
    virtual Result<void> finish() = 0;
  };

  Blob() = default;
  Blob(const Blob&) = delete;
  Blob& operator=(const Blob&) = delete;
  virtual ~Blob() = default;

  /// Begins a blob. Names are [A-Za-z0-9._-]{1,100}.
  virtual Result<std::unique_ptr<Writer>> put(std::string_view name) = 0;
  /// At most `length` octets from `offset`; shorter only at the end. Fault::not_found without such a blob.
  virtual Result<std::string> get(std::string_view name, std::uint64_t offset, std::size_t length) const = 0;
  /// Reads all of it against the checksum that was kept when it was written: Fault::corrupt when it is not
  /// that any more. Nothing where none is kept.
  virtual Result<void> verify(std::string_view name) const;
  /// Removing what is not there is no error.
  virtual Result<void> remove(std::string_view name) = 0;
  virtual Result<std::vector<std::string>> names() const = 0;
};

/// Whether a blob is there and has so many octets: reads its last one. Else Fault::not_found or
/// Fault::corrupt, with what the Blob says of it.
Result<void> check_blob_size(const Blob& blob, std::string_view name, std::uint64_t octets);

inline Result<void> Blob::verify(std::string_view /*name*/) const { return {}; }

}  // namespace hikyaku
