#include "io/log_replay.h"

#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <map>

#include "io/log_format.h"
#include "io/log_walk.h"
#include "io/mapped_file.h"

namespace hikyaku::io {
namespace {

namespace fs = std::filesystem;

class Replay {
 public:
  Replay(RocksKv& kv, std::optional<Time> until) : kv_(kv), until_(until) {
    replayed_.last = kv_.engine().GetLatestSequenceNumber();
  }

  void log(const fs::path& path, std::string_view contents) {
    path_ = &path;
    std::string damage;
    walk_log(contents, {.batch =
                            [&](const LogBatch& one) {
                              if (going_) batch(one, damage);
                            },
                        .damage =
                            [&](const LogDamage& one) {
                              damage = path.string() + " at offset " + std::to_string(one.offset) + ": " +
                                       one.reason;
                            }});
  }

  bool going() const { return going_; }
  Result<Replayed> end() {
    if (!fault_.empty()) return fail(Fault::permanent, fault_);
    if (auto synced = kv_.commit({}, Kv::Durability::synced); !synced) return std::unexpected(synced.error());
    return replayed_;
  }

 private:
  void stop(std::string why) {
    going_ = false;
    replayed_.stopped = std::move(why);
  }

  void batch(const LogBatch& one, const std::string& damage) {
    if (one.count == 0 || one.sequence + one.count - 1 <= replayed_.last) return;
    if (one.sequence != replayed_.last + 1) {
      return stop("changes " + std::to_string(replayed_.last + 1) + " to " +
                  std::to_string(one.sequence - 1) + " are missing before offset " +
                  std::to_string(one.offset) + " of " + path_->string() +
                  (damage.empty() ? "" : "; " + damage));
    }
    const auto written = log_format::written_at(one.contents);
    if (until_ && written && *written > *until_) {
      going_ = false;
      replayed_.reached = true;
      return;
    }
    if (!read_rows(one.contents, [](const BatchRow&) {}))
      return stop(path_->string() + " at offset " + std::to_string(one.offset) + ": a batch of another form");
    rocksdb::WriteBatch batch{std::string(one.contents)};
    if (const auto status = kv_.engine().Write({}, &batch); !status.ok()) {
      going_ = false;
      fault_ = "take in " + path_->string() + " at offset " + std::to_string(one.offset) + ": " +
               status.ToString();
      return;
    }
    replayed_.last += one.count;
    replayed_.changes += one.count;
    if (written) replayed_.until = *written;
  }

  RocksKv& kv_;
  std::optional<Time> until_;
  const fs::path* path_ = nullptr;
  Replayed replayed_;
  bool going_ = true;
  std::string fault_;
};

}  // namespace

Result<std::vector<fs::path>> all_logs(const fs::path& database) {
  std::map<std::uint64_t, fs::path> by_number;
  for (const auto& folder : {database / "db" / "archive", database / "db"}) {
    auto found = log_files(folder);
    if (!found && found.error().fault == Fault::not_found) continue;
    if (!found) return std::unexpected(found.error());
    for (auto& [number, path] : *found) by_number[number] = std::move(path);
  }
  std::vector<fs::path> logs;
  for (auto& [number, path] : by_number) logs.push_back(std::move(path));
  return logs;
}

Result<Replayed> replay_logs(RocksKv& kv, const std::vector<fs::path>& logs, std::optional<Time> until,
                             const Progress& progress) {
  Replay replay(kv, until);
  std::uint64_t all = 0, done = 0;
  for (const auto& path : logs) {
    std::error_code error;
    if (const auto size = fs::file_size(path, error); !error) all += size;
  }
  for (const auto& path : logs) {
    const auto mapped = MappedFile::open(path);
    if (!mapped) return std::unexpected(mapped.error());
    replay.log(path, mapped->contents());
    done += mapped->contents().size();
    if (progress) progress(done, all);
    if (!replay.going()) break;
  }
  return replay.end();
}

}  // namespace hikyaku::io
