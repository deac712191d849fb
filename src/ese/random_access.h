#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hikyaku::ese {

/// Octets that can be read from any place: the port through which this folder sees a file.
class RandomAccess {
 public:
  virtual ~RandomAccess() = default;

  /// What errors call it.
  virtual const std::string& name() const = 0;
  virtual std::uint64_t size() const = 0;
  /// Up to `octets` from `offset` on, fewer at the end. The view lives until the next call. Fails with
  /// Fault::corrupt when the medium can't be read there; the text names file and offset.
  virtual Result<std::string_view> read(std::uint64_t offset, std::size_t octets) = 0;
};

/// A folder of files: the port through which this folder sees one.
class Directory {
 public:
  virtual ~Directory() = default;

  /// The names of the files in it, in no order. Fails with Fault::not_found when it can't be read.
  virtual Result<std::vector<std::string>> names() = 0;
  /// Fails with Fault::not_found, also when it may not be read.
  virtual Result<std::unique_ptr<RandomAccess>> open(const std::string& name) = 0;
};

}  // namespace hikyaku::ese
