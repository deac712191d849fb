#pragma once
#include <cstddef>
#include <string_view>
#include <vector>

#include "base/kv.h"

namespace rocksdb {
class ColumnFamilyHandle;
class DB;
}  // namespace rocksdb

namespace hikyaku::io {

/// Keys and sizes of at most `limit` rows with from <= key < to (empty: the end), in order, as the engine has
/// them in tables and in memory. Large values are not read: what a table keeps of one tells its size. The
/// sizes are those of what is stored, with a stamp where there is one. Beside writers
/// each row is as it is when it comes by. Fault::corrupt: a row is of a form that this program never writes.
Result<std::vector<Kv::KeySize>> key_sizes(rocksdb::DB& db, rocksdb::ColumnFamilyHandle& family,
                                           std::string_view from, std::string_view to, std::size_t limit);

}  // namespace hikyaku::io
