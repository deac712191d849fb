#pragma once
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/result.h"
#include "base/time.h"
#include "greylist/configuration.h"
#include "greylist/dump_file.h"
#include "greylist/tuple_store.h"
#include "io/rocks_kv.h"

namespace hikyaku::serve {

/// What greylisting remembers, in a database of its own, and as milter-greylist's dump file beside it.
class GreylistState {
 public:
  struct Options {
    std::filesystem::path folder;  ///< of the database
    std::filesystem::path dump;    ///< is read where the database is new; empty: none
    greylist::MatchPrefixes prefixes;
    greylist::TableSettings table;
  };

  /// Opens the database and reads what is in it. One that is damaged is set aside beside it, as
  /// FOLDER.damaged-TIME, and a new one is begun: `notes` says so. A new one begins with the dump file, if
  /// there is one. Blocks. Fails where nothing can be kept: no access, another process has it open.
  static Result<std::unique_ptr<GreylistState>> open(const Options& options, Random& random, Time now,
                                                     std::vector<std::string>& notes);

  greylist::TupleStore& store() { return *store_; }
  /// Nothing was there, or it was set aside.
  bool is_new() const { return new_; }

  /// Writes the dump file: beside it first, then in its place. Blocks; decisions go on meanwhile. `mode` as
  /// of chmod(2). Gives how many entries it has.
  Result<std::size_t> dump(const std::filesystem::path& file, std::optional<unsigned> mode,
                           greylist::DumpWriter::Dates dates, Time now);
  /// Reads a dump file into what is there. Gives how many entries; `notes` gets what could not be read.
  Result<std::size_t> import(const std::filesystem::path& file, Time now, std::vector<std::string>& notes);

 private:
  GreylistState() = default;
  std::unique_ptr<io::RocksKv> kv_;
  std::unique_ptr<greylist::TupleStore> store_;
  bool new_ = false;
};

}  // namespace hikyaku::serve
