#include "io/table_check.h"

#include <fcntl.h>
#include <rocksdb/file_checksum.h>
#include <rocksdb/options.h>
#include <rocksdb/sst_file_reader.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include "io/file_blob.h"
#include "io/rocks_kv.h"

namespace hikyaku::io {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kPiece = std::size_t{1} << 20;

/// The checksum of a file as the engine keeps it.
Result<std::string> sum_of(const fs::path& path, const std::function<void(std::size_t)>& read) {
  rocksdb::FileChecksumGenContext context;
  context.file_name = path.string();
  const auto sum = rocksdb::GetFileChecksumGenCrc32cFactory()->CreateFileChecksumGenerator(context);
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return fail(errno == ENOENT ? Fault::not_found : Fault::permanent, std::string(std::strerror(errno)));
  ::posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
  std::string piece(kPiece, '\0');
  Result<std::string> result;
  for (;;) {
    const auto got = ::read(fd, piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) result = fail(Fault::permanent, std::string(std::strerror(errno)));
    if (got <= 0) break;
    sum->Update(piece.data(), static_cast<std::size_t>(got));
    read(static_cast<std::size_t>(got));
  }
  ::close(fd);
  if (!result) return result;
  sum->Finalize();
  return sum->GetChecksum();
}

/// Which block of a table is wrong, in the engine's words.
std::string block_of(const fs::path& path) {
  rocksdb::SstFileReader reader{rocksdb::Options()};
  auto status = reader.Open(path.string());
  if (status.ok()) status = reader.VerifyChecksum();
  return status.ok() ? std::string() : ": " + status.ToString();
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

/// What is wrong with a file; empty: nothing. nullopt: it is not there.
std::optional<std::string> fault_of(const RocksKv::TableFile& file,
                                    const std::function<void(std::size_t)>& read) {
  const auto sum = sum_of(file.path, read);
  if (!sum && sum.error().fault == Fault::not_found) return std::nullopt;
  if (!sum) return sum.error().text;
  if (file.checksum.empty()) return file.table ? block_of(file.path) : "";
  if (*sum == file.checksum) return "";
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
  for (const auto& file : *files) all += file.octets;
  const auto read = [&](std::size_t octets) {
    done += octets;
    if (progress) progress(done, all);
  };
  std::vector<TableReport> reports;
  std::set<fs::path> gone;
  for (const auto& file : *files) {
    const auto fault = fault_of(file, read);
    if (!fault) gone.insert(file.path);
    if (!opens && !file.table) {
      reports.push_back(
          {file.path, file.space, file.octets,
           "it can't be verified before the damaged tables are mended: its checksum is with them"});
      continue;
    }
    reports.push_back({file.path, file.space, file.octets,
                       fault ? *fault : "it is in the list of tables, and not on the disk"});
  }
  if (gone.empty() || !opens) return reports;
  // A writer removes what it has merged into others: that is not in the list any more either.
  const auto now = listed(database, spaces);
  if (!now) return std::unexpected(now.error());
  for (const auto& file : *now) gone.erase(file.path);
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
  std::uint64_t all = 0, done = 0;
  for (const auto& name : *names) {
    std::error_code gone;
    const auto octets = fs::file_size(blobs / name, gone);
    if (gone) continue;
    all += octets;
    reports.push_back({blobs / name, "", octets, ""});
  }
  for (auto& report : reports) {
    const auto whole = (*blob)->verify(report.file.filename().string());
    // A writer removes what was delivered.
    if (!whole && whole.error().fault != Fault::not_found) report.reason = whole.error().text;
    done += report.octets;
    if (progress) progress(done, all);
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

}  // namespace hikyaku::io
