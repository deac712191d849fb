#include "io/table_check.h"

#include <rocksdb/options.h>
#include <rocksdb/sst_file_reader.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <optional>
#include <set>

#include "base/crc32c.h"
#include "io/blob_trailer.h"
#include "io/engine_checksum.h"
#include "io/file_blob.h"
#include "io/read_files.h"
#include "io/rocks_kv.h"
#include "io/table_block.h"

namespace hikyaku::io {
namespace {

namespace fs = std::filesystem;

/// Which block of a table is wrong, in the engine's words.
std::string block_of(const fs::path& path) {
  rocksdb::SstFileReader reader{rocksdb::Options()};
  auto status = reader.Open(path.string());
  if (status.ok()) status = reader.VerifyChecksum();
  return status.ok() ? std::string() : ": " + status.ToString();
}

/// The last `octets` of a file, or all of it; nothing when it is not there.
std::optional<std::string> read_end(const fs::path& path, std::streamoff octets) {
  std::ifstream in(path, std::ios::binary | std::ios::ate);
  if (!in) return std::nullopt;
  const auto size = std::min<std::streamoff>(in.tellg(), octets);
  std::string end(static_cast<std::size_t>(size), '\0');
  in.seekg(-size, std::ios::end);
  in.read(end.data(), size);
  end.resize(static_cast<std::size_t>(in.gcount()));
  return end;
}

Result<std::vector<RocksKv::TableFile>> listed(const fs::path& database, const std::vector<KvSpace>& spaces) {
  RocksKv::Options options;
  options.directory = database;
  options.spaces = spaces;
  options.access = RocksKv::Access::read_only;
  options.tables_only = true;
  RocksKv::Notes notes;
  const auto kv = RocksKv::open(options, notes);
  if (!kv) return std::unexpected(kv.error());
  return (*kv)->table_files();
}

/// All that is in the folder, without checksums: when a table is so damaged that the engine does not open.
std::vector<RocksKv::TableFile> found(const fs::path& database) {
  std::vector<RocksKv::TableFile> files;
  std::error_code error;
  for (const auto& file : fs::directory_iterator(database / "db", error)) {
    const auto extension = file.path().extension();
    if (extension != ".sst" && extension != ".blob") continue;
    std::error_code gone;
    files.push_back({file.path(), "", file.file_size(gone), "", extension == ".sst"});
  }
  std::ranges::sort(files, {}, &RocksKv::TableFile::path);
  return files;
}

/// What is wrong with a file whose octets have this sum; empty: nothing.
std::string fault_of(const RocksKv::TableFile& file, std::uint32_t sum) {
  if (file.checksum.empty()) return file.table ? block_of(file.path) : "";
  if (engine_checksum(sum) == file.checksum) return "";
  return "checksum mismatch" + (file.table ? block_of(file.path) : "");
}

}  // namespace

Result<std::vector<TableReport>> check_tables(const fs::path& database, const std::vector<KvSpace>& spaces,
                                              const Progress& progress) {
  auto files = listed(database, spaces);
  if (!files && files.error().fault != Fault::corrupt) return std::unexpected(files.error());
  const bool opens = files.has_value();
  if (!opens) files = found(database);
  std::uint64_t all = 0, done = 0;
  std::vector<fs::path> paths;
  for (const auto& file : *files) {
    all += file.octets;
    paths.push_back(file.path);
  }
  std::vector<TableReport> reports;
  std::set<fs::path> gone;
  ReadFiles reading(std::move(paths));
  std::uint32_t sum = 0;
  while (const auto piece = reading.next()) {
    sum = crc32c(piece->octets, sum);
    done += piece->octets.size();
    if (progress) progress(done, all);
    if (!piece->last) continue;
    const auto& file = (*files)[piece->file];
    reports.push_back({file.path, file.space, file.octets, ""});
    auto& reason = reports.back().reason;
    if (piece->fault && piece->fault->fault == Fault::not_found) {
      gone.insert(file.path);
      reason = "it is in the list of tables, and not on the disk";
    } else if (piece->fault) {
      reason = piece->fault->text;
    } else if (!opens && !file.table) {
      reason = "it can't be verified before the damaged tables are mended: its checksum is with them";
    } else {
      reason = fault_of(file, sum);
    }
    sum = 0;
  }
  if (gone.empty()) return reports;
  // A writer removes what it has merged into others: that is not in the list any more either. Without the
  // list only what was there was looked for.
  if (opens) {
    const auto now = listed(database, spaces);
    if (!now) return std::unexpected(now.error());
    for (const auto& file : *now) gone.erase(file.path);
  }
  std::erase_if(reports, [&](const TableReport& report) { return gone.contains(report.file); });
  return reports;
}

Result<std::vector<TableReport>> check_bodies(const fs::path& blobs, const Progress& progress) {
  std::error_code error;
  if (!fs::exists(blobs, error)) return std::vector<TableReport>{};
  const auto blob = FileBlob::open_read_only(blobs);
  if (!blob) return std::unexpected(blob.error());
  const auto names = (*blob)->names();
  if (!names) return std::unexpected(names.error());
  std::vector<TableReport> reports;
  std::vector<fs::path> paths;
  std::uint64_t all = 0, done = 0;
  for (const auto& name : *names) {
    std::error_code gone;
    const auto octets = fs::file_size(blobs / name, gone);
    if (gone) continue;
    all += octets;
    paths.push_back(blobs / name);
    reports.push_back({paths.back(), "", octets, ""});
  }
  ReadFiles reading(std::move(paths));
  BlobCheck check;
  while (const auto piece = reading.next()) {
    check.take(piece->octets);
    done += piece->octets.size();
    if (progress) progress(done, all);
    if (!piece->last) continue;
    auto& report = reports[piece->file];
    const auto whole = piece->fault ? std::unexpected(*piece->fault) : check.end(report.file.string());
    // A writer removes what was delivered.
    if (!whole && whole.error().fault != Fault::not_found) report.reason = whole.error().text;
    check = BlobCheck();
  }
  return reports;
}

std::string damaged_tables(const fs::path& database) {
  std::map<fs::path, std::string> owners;
  std::map<std::string, std::size_t> tables_of;
  std::string told;
  for (const auto& file : found(database)) {
    if (!file.table) continue;
    rocksdb::SstFileReader reader{rocksdb::Options()};
    auto status = reader.Open(file.path.string());
    if (status.ok()) {
      owners[file.path] = reader.GetTableProperties()->db_id;
      ++tables_of[owners[file.path]];
      status = reader.VerifyChecksum();
    }
    if (!status.ok()) told += "\n  " + file.path.string() + ": " + status.ToString();
  }
  // Each table says which database made it; IDENTITY may be lost, so that the most of them count.
  const auto most = std::ranges::max_element(tables_of, {}, [](const auto& one) { return one.second; });
  for (const auto& [path, owner] : owners) {
    if (owner != most->first) told += "\n  " + path.string() + ": of another database";
  }
  return told;
}

std::string damaged_table_ends(const fs::path& database) {
  std::string told;
  for (const auto& file : found(database)) {
    if (!file.table) continue;
    const auto end = read_end(file.path, table_format::kFooter);
    if (!end) continue;  // the engine has done away with it
    if (const auto footer = table_format::Footer::parse(*end); !footer)
      told += "\n  " + file.path.string() + ": " + footer.error().text;
  }
  return told;
}

}  // namespace hikyaku::io
