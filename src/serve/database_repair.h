#pragma once
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "io/rebuild.h"
#include "serve/database_mount.h"

namespace hikyaku::serve {

/// What `hikyaku store repair` made of a damaged database.
struct DatabaseRepair {
  std::filesystem::path made;       ///< the new database; after a replacement, in the old one's place
  std::filesystem::path put_aside;  ///< where the old one is then; empty: it is where it was
  /// The folder with the report of the loss, in the new database; empty: nothing was damaged.
  std::filesystem::path report;
  std::vector<io::FileFault> faults;
  std::vector<std::filesystem::path> left_out;  ///< io::Rebuilt has what
  bool list_lost = false;
  MountLoss loss;                    ///< of logs; with all messages that are lost, by whatever
  std::vector<std::string> changed;  ///< messages that are not as they were, or were taken away; a line each
  std::vector<std::string> notes;    ///< what else is to be told
  std::uint64_t problems =
      0;  ///< that `store verify` finds in the new one all the same: the first are in `notes`
  std::uint64_t rows = 0;  ///< that were taken over

  bool damaged() const;
};

enum class Replace : unsigned char { no, yes };

/// Makes a new database of what can be read of the one at `place`, tables that the engine does not open
/// included, beside it: "DIRECTORY.repaired-TIME". Nothing in the old one is changed; with Replace::yes it is
/// put aside whole, and the new one in its place. The bodies of mailboxes, which are files, get a second name
/// there; those that are damaged, or of no message, stand in the report's folder. The queue's stay where they
/// are. When something was lost, UIDs and MODSEQs are left out as after a mount by force. What an earlier run
/// has left unfinished is removed. Fault::temporary: the database is open. Blocks; needs room for the
/// tables once more.
Result<DatabaseRepair> repair_database(const DatabasePlace& place, Replace replace, Time now,
                                       const io::Progress& progress);

nlohmann::json repair_json(const DatabaseRepair& repair, const DatabasePlace& place, Time now);
std::string repair_text(const DatabaseRepair& repair, const DatabasePlace& place, Time now);

}  // namespace hikyaku::serve
