#pragma once
#include <filesystem>
#include <utility>

#include "base/result.h"
#include "record/mailbox_catalogue.h"

namespace hikyaku::serve {

/// The catalogue of mailbox databases as a file.
std::filesystem::path catalogue_path(const std::string& data_directory);
/// Empty when there is none. Errors are of record::MailboxCatalogue::parse(), with the file and line.
Result<record::MailboxCatalogue> read_catalogue(const std::filesystem::path& path);
/// Whole, or it is as before; synced when it returns.
Result<void> write_catalogue(const std::filesystem::path& path, const record::MailboxCatalogue& catalogue);

/// The right to write it: of one hub or one command at a time.
class CatalogueLock {
 public:
  /// Makes the folder of the catalogue, and a file for the lock beside it. Fault::temporary: another has it.
  static Result<CatalogueLock> take(const std::filesystem::path& path);
  CatalogueLock(CatalogueLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  CatalogueLock& operator=(CatalogueLock&&) = delete;
  ~CatalogueLock();

 private:
  explicit CatalogueLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

}  // namespace hikyaku::serve
