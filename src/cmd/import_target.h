#pragma once
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "serve/mailbox_import.h"
#include "serve/running.h"

namespace hikyaku::cmd {

/// Where imported messages go: through the hub that runs, or into the database when none does. The calls are
/// those of serve::MailboxImport; an Error of any of them ends the import. Blocks.
class ImportTarget {
 public:
  /// A mailbox that can't be had: its messages are counted as refused.
  using Refused = std::function<void(const std::string& mailbox, const std::string& why)>;

  /// Asks the hub first. Fault::temporary: it has no mailboxes mounted, or another command has the database.
  static Result<std::unique_ptr<ImportTarget>> open(const serve::Running& running,
                                                    serve::MailboxImport::Duplicates duplicates,
                                                    Refused refused);
  ImportTarget() = default;
  ImportTarget(const ImportTarget&) = delete;
  ImportTarget& operator=(const ImportTarget&) = delete;
  virtual ~ImportTarget() = default;

  virtual Result<void> mailbox(const std::string& name) = 0;
  virtual Result<void> begin(const serve::ImportHead& head) = 0;
  virtual Result<void> write(std::string_view octets) = 0;
  virtual Result<void> end() = 0;
  virtual Result<void> abandon() = 0;
  /// After the last message.
  virtual Result<void> finish() = 0;
  /// As far as it is known: exact after finish().
  virtual serve::ImportCounts counts() const = 0;
};

}  // namespace hikyaku::cmd
