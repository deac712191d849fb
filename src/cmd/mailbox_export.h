#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "base/result.h"
#include "store/store.h"

namespace hikyaku::cmd {

enum class ExportFormat : unsigned char { mbox, maildir, eml, json };

struct ExportOrder {
  ExportFormat format = ExportFormat::mbox;
  std::filesystem::path output;  ///< empty: stdout
  bool recursive = false;        ///< with the mailboxes below, each to a folder of its own
  store::Uid uid = 0;            ///< this message alone
};

struct ExportResult {
  std::uint64_t mailboxes = 0;
  std::uint64_t messages = 0;
  std::uint64_t damaged = 0;         ///< messages that could not be read
  std::uint64_t keywords_lost = 0;   ///< the 27th and further of a Maildir, which has letters for 26
  std::uint64_t mailboxes_lost = 0;  ///< could not be written at all: with export_all() alone
  ExportResult& operator+=(const ExportResult& other) {
    mailboxes += other.mailboxes;
    messages += other.messages;
    damaged += other.damaged;
    keywords_lost += other.keywords_lost;
    mailboxes_lost += other.mailboxes_lost;
    return *this;
  }
};

/// What could not be exported: a mailbox, with its UID when it is about one message of it.
using ExportFault = std::function<void(const std::string& mailbox, store::Uid uid, const Error& error)>;
using ExportProgress = std::function<void(std::uint64_t done, std::uint64_t all)>;

/// Writes the messages of a mailbox. mbox: to the new file `output` or to stdout; maildir and eml: into the
/// folder `output`; eml of one message also to stdout; json: one object a line to stdout. Recursive, all of
/// them are folders: maildir as Maildir++ has it (".Archive.2026"), mbox as the file "mbox" in nested
/// folders, eml as files in nested folders (folder_file.h has their names). Flags, keywords and dates go with
/// the messages as far as the format has a place: eml has one for the date alone, which is that of the file.
///
/// Goes on past a message that can't be read, which leaves nothing in the output; but on stdout, where the
/// first part may be out, its entry is ended. Fails when there is no such mailbox or message, and when the
/// output can't be written.
Result<ExportResult> export_mailbox(const store::Store& store, const std::string& mailbox,
                                    const ExportOrder& order, const ExportFault& fault,
                                    const ExportProgress& progress);

/// All mailboxes, each account recursively into a folder of its own in `order.output`; json to stdout. Goes
/// on past a mailbox that can't be written, but when the disk is full.
Result<ExportResult> export_all(const store::Store& store, const ExportOrder& order, const ExportFault& fault,
                                const ExportProgress& progress);

}  // namespace hikyaku::cmd
