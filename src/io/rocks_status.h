#pragma once
#include <rocksdb/status.h>

#include <string>

#include "base/result.h"

namespace hikyaku::io {

inline bool disk_full(const rocksdb::Status& status) {
  return status.IsNoSpace() || status.subcode() == rocksdb::Status::SubCode::kNoSpace;
}

/// An error of the engine as one of ours.
inline Error error_of(const rocksdb::Status& status) {
  const auto fault = disk_full(status)                        ? Fault::temporary
                     : status.IsCorruption()                  ? Fault::corrupt
                     : status.IsTimedOut() || status.IsBusy() ? Fault::temporary
                                                              : Fault::permanent;
  return {fault, status.ToString()};
}
/// `what` was tried, on what.
inline std::unexpected<Error> failure(const std::string& what, const rocksdb::Status& status) {
  const auto error = error_of(status);
  return fail(error.fault, what + ": " + error.text);
}

}  // namespace hikyaku::io
