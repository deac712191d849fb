#pragma once
#include <string_view>

namespace hikyaku::ese {

/// The errors of the JET engine that a postmaster meets when a database does not mount. An event's "ec=1108"
/// (0x454, the store's general database error) and "hr=0x80004005" (E_FAIL) say nothing of the cause; one of
/// these in the same event does.
inline constexpr int kLogFileCorrupt = -501;
inline constexpr int kLogGenerationMismatch = -513;
inline constexpr int kInvalidLogSequence = -515;
inline constexpr int kMissingLogFile = -528;
inline constexpr int kBadLogSignature = -530;
inline constexpr int kBadCheckpointSignature = -532;
inline constexpr int kCheckpointCorrupt = -533;
inline constexpr int kRequiredLogFilesMissing = -543;
inline constexpr int kDirtyShutdown = -550;
inline constexpr int kCommittedLogFilesMissing = -582;
inline constexpr int kCommittedLogFileCorrupt = -586;
inline constexpr int kLogSequenceChecksumMismatch = -590;
inline constexpr int kReadVerifyFailure = -1018;
inline constexpr int kDiskError = -1022;
inline constexpr int kFileAccessDenied = -1032;

struct KnownError {
  int number;
  std::string_view name;     ///< as Microsoft's headers call it
  std::string_view meaning;  ///< one sentence, no full stop
};
/// Nothing that is known: the number itself and empty texts.
KnownError known_error(int number);

}  // namespace hikyaku::ese
