#pragma once
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "ese/common_fields.h"

namespace hikyaku::ese {

/// A checkpoint file: from where on recovery replays the logs; what `eseutil /mk` shows. All fields as
/// stored.
struct Checkpoint {
  /// Of each of its two copies, which stand one behind the other.
  static constexpr std::size_t kCopyOctets = 4096;
  static constexpr std::size_t kBytes = 2 * kCopyOctets;

  bool first_damaged = false, second_damaged = false;  ///< the fields are those of the first intact copy
  LogPosition position;
  Signature signature;  ///< of the logs
  EngineParameters engine;
  LogPosition full_backup, incremental_backup;
  LogTime full_backup_time, incremental_backup_time;
  std::uint32_t version = 0;

  /// `beginning` is the file's first kBytes. Fails with Fault::corrupt, naming the offset and what was
  /// expected, when no copy is intact, when it is cut or another sort of file. `name` is what errors call it.
  static Result<Checkpoint> parse(std::string_view beginning, std::string_view name);
};

}  // namespace hikyaku::ese
