#include <cdb.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "io/database_file.h"

namespace hikyaku::io {
namespace {

Result<void> read_rows(const std::string& path, const DatabaseRow& row) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return fail(Fault::temporary, "opening " + path + ": " + std::strerror(errno));
  cdb database{};
  if (cdb_init(&database, fd) != 0) {
    ::close(fd);
    return fail(Fault::corrupt, "reading " + path + " as a cdb table: it is none");
  }
  unsigned position = 0;
  cdb_seqinit(&position, &database);
  int more = 0;
  Result<void> result;
  while ((more = cdb_seqnext(&position, &database)) > 0) {
    const auto* key = static_cast<const char*>(cdb_getkey(&database));
    const auto* value = static_cast<const char*>(cdb_getdata(&database));
    if (key == nullptr || value == nullptr) {
      more = -1;
      break;
    }
    row(without_nul({key, cdb_keylen(&database)}), without_nul({value, cdb_datalen(&database)}));
  }
  if (more < 0) result = fail(Fault::corrupt, "reading " + path + " as a cdb table: it is cut or damaged");
  cdb_free(&database);
  ::close(fd);
  return result;
}

}  // namespace

Result<void> read_cdb(const std::string& path, const DatabaseRow& row) {
  return read_under_lock(path, [&] { return read_rows(path, row); });
}

}  // namespace hikyaku::io
