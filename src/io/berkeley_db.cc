#include "io/berkeley_db.h"

#include <db.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>
#include <string>
#include <thread>

namespace hikyaku::io {
namespace {

constexpr auto kLockPatience = std::chrono::seconds(5);

struct File {
  int fd = -1;
  explicit File(int opened) : fd(opened) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (fd >= 0) ::close(fd);
  }
};

struct CloseDb {
  void operator()(DB* db) const { static_cast<void>(db->close(db, DB_NOSYNC)); }
};
struct CloseCursor {
  void operator()(DBC* cursor) const { static_cast<void>(cursor->c_close(cursor)); }
};

std::string_view without_nul(const DBT& item) {
  std::string_view text(static_cast<const char*>(item.data), item.size);
  if (text.ends_with('\0')) text.remove_suffix(1);
  return text;
}

Result<void> lock_shared(int fd, const std::string& path) {
  const auto until = std::chrono::steady_clock::now() + kLockPatience;
  while (::flock(fd, LOCK_SH | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) {
      return fail(Fault::temporary, "locking " + path + ": " + std::strerror(errno));
    }
    if (std::chrono::steady_clock::now() > until) {
      return fail(Fault::temporary, path + " is locked by a program that writes it, for more than 5 s");
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return {};
}

Result<void> read_rows(const std::string& path,
                       const std::function<void(std::string_view, std::string_view)>& row) {
  DB* raw = nullptr;
  if (const int code = db_create(&raw, nullptr, 0); code != 0) {
    return fail(Fault::temporary, "opening " + path + ": " + db_strerror(code));
  }
  const std::unique_ptr<DB, CloseDb> db(raw);
  db->set_errfile(db.get(), nullptr);
  db->set_errcall(db.get(), [](const DB_ENV*, const char*, const char*) {});
  if (const int code = db->open(db.get(), nullptr, path.c_str(), nullptr, DB_UNKNOWN, DB_RDONLY, 0);
      code != 0) {
    return fail(Fault::corrupt, "opening " + path + " as a Berkeley DB table: " + db_strerror(code));
  }
  DBTYPE type = DB_UNKNOWN;
  static_cast<void>(db->get_type(db.get(), &type));
  if (type != DB_HASH && type != DB_BTREE) {
    return fail(Fault::corrupt, path + " is a Berkeley DB file, but neither hash nor btree");
  }
  DBC* raw_cursor = nullptr;
  if (const int code = db->cursor(db.get(), nullptr, &raw_cursor, 0); code != 0) {
    return fail(Fault::temporary, "reading " + path + ": " + db_strerror(code));
  }
  const std::unique_ptr<DBC, CloseCursor> cursor(raw_cursor);
  for (;;) {
    DBT key{};
    DBT value{};
    const int code = cursor->c_get(cursor.get(), &key, &value, DB_NEXT);
    if (code == DB_NOTFOUND) return {};
    if (code != 0) return fail(Fault::corrupt, "reading " + path + ": " + db_strerror(code));
    row(without_nul(key), without_nul(value));
  }
}

}  // namespace

Result<void> read_berkeley_db(const std::string& path,
                              const std::function<void(std::string_view, std::string_view)>& row) {
  const File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.fd < 0) {
    const auto fault = errno == ENOENT ? Fault::not_found : Fault::temporary;
    return fail(fault, "opening " + path + ": " + std::strerror(errno));
  }
  if (auto locked = lock_shared(file.fd, path); !locked) return locked;
  struct stat before {};
  struct stat after {};
  ::fstat(file.fd, &before);
  // libdb opens the file by its name: make sure that it is the one that is locked, before and after.
  if (auto read = read_rows(path, row); !read) return read;
  if (::stat(path.c_str(), &after) != 0 || before.st_ino != after.st_ino || before.st_dev != after.st_dev ||
      before.st_size != after.st_size || before.st_mtim.tv_sec != after.st_mtim.tv_sec ||
      before.st_mtim.tv_nsec != after.st_mtim.tv_nsec) {
    return fail(Fault::temporary, path + " changed while it was read");
  }
  return {};
}

}  // namespace hikyaku::io
