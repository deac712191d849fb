#pragma once
#include <filesystem>
#include <string>

#include "base/result.h"
#include "store/store.h"

namespace hikyaku::cmd {

enum class ExportFormat : unsigned char { mbox, maildir, eml, json };

struct ExportResult {
  std::uint64_t messages = 0;
  std::uint64_t damaged = 0;  ///< could not be read; each was named on stderr
};

/// Writes the messages of a mailbox, or the one with `uid` (0: all): mbox to the file `output` or, when that
/// is empty, to stdout; maildir and eml into the folder `output`; eml of one message also to stdout; json as
/// one object a line to stdout. Goes on past a message that can't be read. Fails when there is no such
/// mailbox or message, and when the output can't be written.
Result<ExportResult> export_mailbox(const store::Store& store, const std::string& mailbox, store::Uid uid,
                                    ExportFormat format, const std::filesystem::path& output);

}  // namespace hikyaku::cmd
