#include <lmdb.h>

#include <filesystem>
#include <memory>

#include "io/database_file.h"

namespace hikyaku::io {
namespace {

struct CloseEnvironment {
  void operator()(MDB_env* environment) const { mdb_env_close(environment); }
};
struct EndTransaction {
  void operator()(MDB_txn* transaction) const { mdb_txn_abort(transaction); }
};
struct CloseCursor {
  void operator()(MDB_cursor* cursor) const { mdb_cursor_close(cursor); }
};

constexpr std::size_t kLeastMap = std::size_t{1} << 20;

std::string_view text_of(const MDB_val& value) {
  return without_nul({static_cast<const char*>(value.mv_data), value.mv_size});
}

Result<void> read_rows(const std::string& path, const DatabaseRow& row) {
  const auto broken = [&](int code) {
    return fail(Fault::corrupt, "reading " + path + " as an LMDB table: " + mdb_strerror(code));
  };
  MDB_env* raw_environment = nullptr;
  if (const int code = mdb_env_create(&raw_environment); code != 0) return broken(code);
  const std::unique_ptr<MDB_env, CloseEnvironment> environment(raw_environment);
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  if (error) return fail(Fault::temporary, "reading " + path + ": " + error.message());
  mdb_env_set_mapsize(raw_environment, std::max<std::size_t>(size, kLeastMap));
  // Postfix's writers hold a lock of their own on the file and use none of LMDB's.
  if (const int code = mdb_env_open(raw_environment, path.c_str(), MDB_NOSUBDIR | MDB_RDONLY | MDB_NOLOCK, 0);
      code != 0)
    return broken(code);
  MDB_txn* raw_transaction = nullptr;
  if (const int code = mdb_txn_begin(raw_environment, nullptr, MDB_RDONLY, &raw_transaction); code != 0)
    return broken(code);
  const std::unique_ptr<MDB_txn, EndTransaction> transaction(raw_transaction);
  MDB_dbi database = 0;
  if (const int code = mdb_dbi_open(raw_transaction, nullptr, 0, &database); code != 0) return broken(code);
  MDB_cursor* raw_cursor = nullptr;
  if (const int code = mdb_cursor_open(raw_transaction, database, &raw_cursor); code != 0)
    return broken(code);
  const std::unique_ptr<MDB_cursor, CloseCursor> cursor(raw_cursor);
  for (;;) {
    MDB_val key{};
    MDB_val value{};
    const int code = mdb_cursor_get(raw_cursor, &key, &value, MDB_NEXT);
    if (code == MDB_NOTFOUND) return {};
    if (code != 0) return broken(code);
    row(text_of(key), text_of(value));
  }
}

}  // namespace

Result<void> read_lmdb(const std::string& path, const DatabaseRow& row) {
  return read_under_lock(path, [&] { return read_rows(path, row); });
}

}  // namespace hikyaku::io
