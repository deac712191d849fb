#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "io/system_clock.h"
#include "record/mailbox_catalogue.h"
#include "serve/mailbox_databases.h"
#include "serve/running.h"

namespace hikyaku::cmd {

/// The mailbox databases as the catalogue has them now, for commands that change nothing or ask the hub.
struct StorePlaces {
  record::MailboxCatalogue catalogue;
  std::vector<serve::DatabasePlace> all;  ///< `default` first
  /// Fault::not_found: there is none of that name.
  Result<serve::DatabasePlace> find(std::string_view name) const;

  /// Errors of a catalogue that can't be read: with its file and line.
  static Result<StorePlaces> read(const serve::Running& running);
};

/// The same opened by a command while no hub runs.
struct OfflineDatabases {
  explicit OfflineDatabases(const serve::Running& running);
  io::SystemClock clock;
  serve::MailboxDatabases databases;

  /// Each is mounted when it is used. `running` outlives it. Fault::temporary: another process has them.
  static Result<std::unique_ptr<OfflineDatabases>> open(const serve::Running& running);
};

}  // namespace hikyaku::cmd
