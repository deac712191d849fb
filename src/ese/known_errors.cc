#include "ese/known_errors.h"

#include <array>

namespace hikyaku::ese {
namespace {

constexpr std::array kErrors{
    KnownError{kLogFileCorrupt, "JET_errLogFileCorrupt", "a log file is damaged"},
    KnownError{kLogGenerationMismatch, "JET_errLogGenerationMismatch",
               "a log file's name and its header disagree about its generation"},
    KnownError{kInvalidLogSequence, "JET_errInvalidLogSequence", "a log does not continue the one before it"},
    KnownError{kMissingLogFile, "JET_errMissingLogFile", "a log file is not there"},
    KnownError{kBadLogSignature, "JET_errBadLogSignature", "a log belongs to another sequence of logs"},
    KnownError{kBadCheckpointSignature, "JET_errBadCheckpointSignature",
               "the checkpoint belongs to another sequence of logs"},
    KnownError{kCheckpointCorrupt, "JET_errCheckpointCorrupt", "both copies of the checkpoint are damaged"},
    KnownError{kRequiredLogFilesMissing, "JET_errRequiredLogFilesMissing",
               "logs without which the database is not consistent are not there"},
    KnownError{kDirtyShutdown, "JET_errDatabaseDirtyShutdown",
               "the database was not shut down cleanly and needs its logs"},
    KnownError{
        kCommittedLogFilesMissing, "JET_errCommittedLogFilesMissing",
        "logs with acknowledged changes are not there: the database can be made consistent without these "
        "changes"},
    KnownError{
        kCommittedLogFileCorrupt, "JET_errCommittedLogFileCorrupt",
        "a log with acknowledged changes is damaged: the database can be made consistent without these "
        "changes"},
    KnownError{kLogSequenceChecksumMismatch, "JET_errLogSequenceChecksumMismatch",
               "a log is not the one that the next was begun behind"},
    KnownError{kReadVerifyFailure, "JET_errReadVerifyFailure", "the checksum of a page is wrong"},
    KnownError{-531, "JET_errBadDbSignature", "a log belongs to another database"},
    KnownError{-1019, "JET_errPageNotInitialized", "a page that should hold something is empty"},
    KnownError{kDiskError, "JET_errDiskIO", "the disk gave an error"},
    KnownError{kFileAccessDenied, "JET_errFileAccessDenied",
               "a file may not be opened, or another program holds it"},
    KnownError{-1811, "JET_errFileNotFound", "a file is not there"},
};

}  // namespace

KnownError known_error(int number) {
  for (const auto& error : kErrors) {
    if (error.number == number) return error;
  }
  return {number, {}, {}};
}

}  // namespace hikyaku::ese
