#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/blob.h"
#include "base/explanation.h"
#include "io/worker_pool.h"
#include "milter/edit.h"
#include "milter/header_list.h"
#include "record/queue_entry.h"
#include "rewrite/rewriter.h"
#include "serve/spooled_body.h"

namespace hikyaku::serve {

/// A message that is complete, while filters see and change it.
struct MilterMessage {
  std::string header;  ///< lines with CR LF
  /// The number of our own Received among its fields, which no filter sees; nullopt: it is not there.
  std::optional<std::size_t> own_received = 0;
  std::unique_ptr<SpooledBody> body;  ///< in a blob it is written out
  record::QueueEntry& entry;          ///< sender and recipients are changed
  const rewrite::Rewriter& rewriter;  ///< for addresses that filters add
  Blob& blob;                         ///< for a new body ...
  std::size_t small_body = 65536;     ///< ... past this size
  std::uint64_t size_limit = 0;       ///< octets that filters may make of it (message_size_limit); 0: none
  io::WorkerPool* lookups = nullptr;  ///< where tables are asked; null: at once
  rewrite::Actions actions;           ///< what milter_header_checks asked for

  /// As Postfix's cleanup.
  void refuse_as_too_large() { actions.refusal = {552, "5.3.4", "Error: message file too big"}; }
  bool too_large() const { return actions.refusal && actions.refusal->code == 552; }
};

/// What came of a filter's edits.
struct AppliedEdits {
  std::string summary;                ///< "X-Spam added, Subject changed, <a@b> removed", escaped; or empty
  std::vector<std::string> warnings;  ///< edits that make no sense and were left out, escaped
};

/// Does what one filter asked for, but for Quarantine and ReplaceBody. Headers that it adds or changes pass
/// `checks` (milter_header_checks), addresses the rewriting of all envelope addresses. Reads tables.
AppliedEdits apply_milter_edits(std::vector<milter::Edit> edits, milter::LeadingSpace space,
                                const rewrite::Checks& checks, milter::HeaderList& headers,
                                MilterMessage& message, Explanation& why);

}  // namespace hikyaku::serve
