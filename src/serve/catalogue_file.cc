#include "serve/catalogue_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

#include "io/synced_files.h"

namespace hikyaku::serve {

namespace fs = std::filesystem;

fs::path catalogue_path(const std::string& data_directory) {
  return fs::path(data_directory) / "mailboxes" / "catalogue";
}

Result<record::MailboxCatalogue> read_catalogue(const fs::path& path) {
  std::error_code error;
  if (!fs::exists(path, error) && !error) return record::MailboxCatalogue();
  std::ifstream file(path, std::ios::binary);
  const std::string text(std::istreambuf_iterator<char>(file), {});
  if (error || !file)
    return fail(Fault::permanent, "read the catalogue of mailbox databases " + path.string());
  auto catalogue = record::MailboxCatalogue::parse(text);
  if (!catalogue) return fail(catalogue.error().fault, path.string() + ":" + catalogue.error().text);
  return catalogue;
}

Result<void> write_catalogue(const fs::path& path, const record::MailboxCatalogue& catalogue) {
  return io::replace_synced(path, catalogue.text());
}

Result<CatalogueLock> CatalogueLock::take(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  if (error)
    return fail(Fault::permanent, "make the folder " + path.parent_path().string() + ": " + error.message());
  const auto file = path.string() + ".lock";
  CatalogueLock lock(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (lock.descriptor_ < 0) return fail(Fault::permanent, "open " + file + ": " + std::strerror(errno));
  if (::flock(lock.descriptor_, LOCK_EX | LOCK_NB) == 0) return lock;
  if (errno == EWOULDBLOCK)
    return fail(Fault::temporary, "the mailbox databases are in use by another process: " + file);
  return fail(Fault::permanent, "lock " + file + ": " + std::strerror(errno));
}

CatalogueLock::~CatalogueLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

}  // namespace hikyaku::serve
