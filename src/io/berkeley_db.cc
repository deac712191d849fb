#include "io/berkeley_db.h"

#include <db.h>

#include <memory>
#include <string>

namespace hikyaku::io {
namespace {

struct CloseDb {
  void operator()(DB* db) const { static_cast<void>(db->close(db, DB_NOSYNC)); }
};
struct CloseCursor {
  void operator()(DBC* cursor) const { static_cast<void>(cursor->c_close(cursor)); }
};

std::string_view text_of(const DBT& item) {
  return without_nul({static_cast<const char*>(item.data), item.size});
}

Result<void> read_rows(const std::string& path, const DatabaseRow& row) {
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
    row(text_of(key), text_of(value));
  }
}

}  // namespace

Result<void> read_berkeley_db(const std::string& path, const DatabaseRow& row) {
  return read_under_lock(path, [&] { return read_rows(path, row); });
}

}  // namespace hikyaku::io
