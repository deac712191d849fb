#pragma once
#include <rocksdb/cache.h>
#include <rocksdb/options.h>

#include <memory>

#include "base/kv_space.h"
#include "io/rocks_kv.h"

namespace hikyaku::io {

/// How the engine is set for a database, but for what depends on how it is opened.
rocksdb::DBOptions engine_options(const RocksKv::Options& options, rocksdb::Env* env);
/// The same for one space. What is written by these, io/table_block.h and io/large_values.h read: a form that
/// they do not know can't be repaired.
rocksdb::ColumnFamilyOptions space_options(const KvSpace& space, const RocksKv::Options& options,
                                           const std::shared_ptr<rocksdb::Cache>& cache);

}  // namespace hikyaku::io
