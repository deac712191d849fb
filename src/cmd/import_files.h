#pragma once
#include <filesystem>

#include "cmd/import_reader.h"
#include "store/mbox_splitter.h"

namespace hikyaku::cmd {

/// Hands the messages of one file to the target, in the mailbox that it has open. What can't be read is told
/// and left out; an Error is the target's.

/// A message in a file of its own. Without `head.received` it came when the file was changed; without
/// `head.sender`, from whom its Return-Path says.
Result<void> import_message(ImportTarget& target, const std::filesystem::path& file, serve::ImportHead head,
                            const ImportReader::Tell& tell);
Result<void> import_mbox(ImportTarget& target, const std::filesystem::path& file,
                         store::MboxSplitter::Quoting quoting, const ImportReader::Tell& tell,
                         const ImportReader::Progress& progress);
/// Whether it begins with a "From " line.
bool looks_like_mbox(const std::filesystem::path& file);

}  // namespace hikyaku::cmd
