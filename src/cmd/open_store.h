#pragma once
#include <filesystem>
#include <memory>

#include "base/result.h"
#include "io/file_blob.h"
#include "io/rocks_kv.h"
#include "record/mailbox_catalogue.h"
#include "store/store.h"

namespace hikyaku::cmd {

/// The mailboxes as they are now, for reading, also while a hub runs.
struct OpenStore {
  std::unique_ptr<io::RocksKv> kv;
  std::unique_ptr<io::FileBlob> blob;
  std::unique_ptr<store::Store> store;

  /// The database `name` of the catalogue, in `directory`: with the accounts that it has by that.
  static Result<OpenStore> open(const std::filesystem::path& directory,
                                const record::MailboxCatalogue& catalogue, const std::string& name);
};

}  // namespace hikyaku::cmd
