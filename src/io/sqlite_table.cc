#include <sqlite3.h>

#include <chrono>
#include <memory>
#include <utility>

#include "base/escape.h"
#include "io/idle_connections.h"
#include "io/sql_table.h"
#include "io/sql_tables.h"

namespace hikyaku::io {
namespace {

constexpr int kLockPatience = 5000;  // ms

struct CloseDatabase {
  void operator()(sqlite3* database) const { sqlite3_close_v2(database); }
};
struct EndStatement {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Database = std::unique_ptr<sqlite3, CloseDatabase>;
using Statement = std::unique_ptr<sqlite3_stmt, EndStatement>;

class SqliteTable final : public SqlTable {
 public:
  SqliteTable(Settings settings, std::string path) : SqlTable(std::move(settings)), path_(std::move(path)) {}

  Result<Database> open() const {
    sqlite3* raw = nullptr;
    const int code =
        sqlite3_open_v2(path_.c_str(), &raw, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, nullptr);
    Database database(raw);
    if (code != SQLITE_OK) {
      return fail(Fault::temporary, name() + ": opening " + path_ + ": " +
                                        (raw == nullptr ? sqlite3_errstr(code) : sqlite3_errmsg(raw)));
    }
    sqlite3_busy_timeout(raw, kLockPatience);
    return database;
  }

 protected:
  Values rows(const std::string& query) const override {
    Database database;
    if (auto kept = idle_.take()) {
      database = std::move(*kept);
    } else {
      auto opened = open();
      if (!opened) return std::unexpected(std::move(opened.error()));
      database = std::move(*opened);
    }
    auto values = run(database.get(), query);
    if (values) idle_.put(std::move(database));
    return values;
  }

 private:
  Values run(sqlite3* database, const std::string& text) const {
    sqlite3_stmt* raw = nullptr;
    const auto trouble = [&]() {
      return fail(Fault::temporary, name() + ": the query failed: " + sqlite3_errmsg(database));
    };
    if (sqlite3_prepare_v2(database, text.c_str(), static_cast<int>(text.size()), &raw, nullptr) != SQLITE_OK)
      return trouble();
    const Statement statement(raw);
    if (statement == nullptr) return fail(Fault::temporary, name() + ": the query is empty");
    std::vector<std::string> values;
    for (;;) {
      const int code = sqlite3_step(statement.get());
      if (code == SQLITE_DONE) return values;
      if (code != SQLITE_ROW) return trouble();
      const auto* octets = reinterpret_cast<const char*>(sqlite3_column_text(statement.get(), 0));
      if (octets == nullptr) continue;
      values.emplace_back(octets, static_cast<std::size_t>(sqlite3_column_bytes(statement.get(), 0)));
    }
  }

  std::string path_;
  mutable IdleConnections<Database> idle_;
};

}  // namespace

Result<std::shared_ptr<const table::Table>> open_sqlite_table(std::string_view spec,
                                                              table::SourceSettings& settings,
                                                              table::Opener& opener) {
  auto sql = SqlTable::settings(spec, settings, opener);
  if (!sql) return std::unexpected(std::move(sql.error()));
  auto path = settings.text("dbpath");
  if (path.empty()) return fail(Fault::malformed, "there is no dbpath");
  auto made = std::make_shared<SqliteTable>(std::move(*sql), std::move(path));
  if (auto opened = made->open(); !opened) return std::unexpected(std::move(opened.error()));
  return made;
}

}  // namespace hikyaku::io
