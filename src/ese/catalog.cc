#include "ese/catalog.h"

#include <libesedb.h>

#include <algorithm>
#include <memory>

#include "base/escape.h"

namespace hikyaku::ese {
namespace {

/// Frees what the library gave, its own way.
template <typename Object, int (*release)(Object**, libesedb_error_t**)>
struct Free {
  void operator()(Object* object) const { release(&object, nullptr); }
};
using File = std::unique_ptr<libesedb_file_t, Free<libesedb_file_t, libesedb_file_free>>;
using OneTable = std::unique_ptr<libesedb_table_t, Free<libesedb_table_t, libesedb_table_free>>;
using Column = std::unique_ptr<libesedb_column_t, Free<libesedb_column_t, libesedb_column_free>>;

/// Where the library puts its reasons.
class Reason {
 public:
  ~Reason() { libesedb_error_free(&error_); }
  Reason() = default;
  Reason(const Reason&) = delete;
  Reason& operator=(const Reason&) = delete;

  /// For the next call: forgets what was there.
  libesedb_error_t** of_next_call() {
    libesedb_error_free(&error_);
    return &error_;
  }
  std::string text() const {
    char text[512] = "";
    if (error_ == nullptr || libesedb_error_sprint(error_, text, sizeof text) < 0) return "no reason given";
    std::string out(text);
    std::ranges::replace(out, '\n', ' ');
    return escaped(out);
  }

 private:
  libesedb_error_t* error_ = nullptr;
};

/// A name by the pair of functions that give its size, with the NUL, and its octets.
template <typename Object>
std::string name_of(Object* object, int (*size_of)(Object*, std::size_t*, libesedb_error_t**),
                    int (*read)(Object*, std::uint8_t*, std::size_t, libesedb_error_t**)) {
  constexpr std::size_t kLongest = 4096;
  std::size_t size = 0;
  if (size_of(object, &size, nullptr) != 1 || size == 0 || size > kLongest) return {};
  std::string name(size, '\0');
  if (read(object, reinterpret_cast<std::uint8_t*>(name.data()), size, nullptr) != 1) return {};
  name.resize(name.find('\0') == std::string::npos ? size : name.find('\0'));
  return name;
}

Table describe(libesedb_table_t* table, ColumnNames columns) {
  Table out;
  out.name = name_of(table, libesedb_table_get_utf8_name_size, libesedb_table_get_utf8_name);
  if (libesedb_table_get_number_of_columns(table, &out.columns, 0, nullptr) != 1) out.columns = 0;
  if (libesedb_table_get_number_of_indexes(table, &out.indexes, nullptr) != 1) out.indexes = 0;
  if (columns == ColumnNames::without) return out;
  for (int i = 0; i < out.columns; ++i) {
    libesedb_column_t* raw = nullptr;
    if (libesedb_table_get_column(table, i, &raw, 0, nullptr) != 1) continue;
    const Column column(raw);
    out.column_names.push_back(
        name_of(column.get(), libesedb_column_get_utf8_name_size, libesedb_column_get_utf8_name));
  }
  return out;
}

}  // namespace

Result<int> read_catalog(const std::string& path, ColumnNames columns,
                         const std::function<void(const Table&)>& found) {
  Reason reason;
  libesedb_file_t* raw = nullptr;
  const auto failed = [&](const std::string& what) {
    return fail(Fault::corrupt, escaped(path) + ": " + what + ": " + reason.text());
  };
  if (libesedb_file_initialize(&raw, reason.of_next_call()) != 1) return failed("the catalog can't be read");
  const File file(raw);
  if (libesedb_file_open(file.get(), path.c_str(), LIBESEDB_OPEN_READ, reason.of_next_call()) != 1)
    return failed("the catalog can't be read");
  int count = 0;
  if (libesedb_file_get_number_of_tables(file.get(), &count, reason.of_next_call()) != 1)
    return failed("the tables of the catalog can't be counted");
  for (int i = 0; i < count; ++i) {
    libesedb_table_t* one = nullptr;
    if (libesedb_file_get_table(file.get(), i, &one, reason.of_next_call()) != 1)
      return failed("table " + std::to_string(i + 1) + " of " + std::to_string(count) + " can't be read");
    const OneTable table(one);
    found(describe(table.get(), columns));
  }
  return count;
}

}  // namespace hikyaku::ese
