#include "serve/recorded_disk.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdarg>
#include <cstring>
#include <fstream>
#include <functional>
#include <mutex>
#include <optional>
#include <set>

// The calls of the system that change files. What is defined in the program comes before the C library's, for
// all libraries of the process.

namespace hikyaku::serve::testing_support {
namespace {

namespace fs = std::filesystem;

struct Recorder {
  std::mutex mutex;
  std::string folder;
  int journal = -1;
};
std::atomic<Recorder*> recorder{nullptr};

void put_number(std::string& out, std::uint64_t value) {
  out.append(reinterpret_cast<const char*>(&value), 8);
}
void put_octets(std::string& out, std::string_view octets) {
  put_number(out, octets.size());
  out += octets;
}

/// The path below the folder; nullopt: another's.
std::optional<std::string> below(const Recorder& at, std::string_view path) {
  if (path.size() <= at.folder.size() || !path.starts_with(at.folder)) return std::nullopt;
  return std::string(path.substr(at.folder.size()));
}
std::optional<std::string> path_of(const Recorder& at, int fd) {
  char path[4096];
  const auto size = ::readlink(("/proc/self/fd/" + std::to_string(fd)).c_str(), path, sizeof path);
  if (size <= 0) return std::nullopt;
  const std::string_view all(path, static_cast<std::size_t>(size));
  if (all == std::string_view(at.folder).substr(0, at.folder.size() - 1)) return std::string();
  return below(at, all);
}
std::optional<std::string> path_at(const Recorder& at, int directory, const char* path) {
  if (path[0] == '/' || directory == AT_FDCWD) return below(at, path);
  const auto folder = path_of(at, directory);
  if (!folder) return std::nullopt;
  return folder->empty() ? std::string(path) : *folder + '/' + path;
}

void record(Recorder& at, DiskEvent::Kind kind, const std::string& path, std::uint64_t offset,
            std::string_view text) {
  std::string out(1, static_cast<char>(kind));
  put_octets(out, path);
  put_number(out, offset);
  put_octets(out, text);
  // Past the calls that are caught here.
  ::syscall(SYS_write, at.journal, out.data(), out.size());
}

/// Does a call and writes it down, as one step among all threads'.
template <class Call, class Describe>
long caught(Call call, Describe describe) {
  auto* const at = recorder.load();
  if (at == nullptr) return call();
  const std::scoped_lock lock(at->mutex);
  const auto result = call();
  const int error = errno;
  if (result >= 0) describe(*at, result);
  errno = error;
  return result;
}

using Kind = DiskEvent::Kind;

void wrote(Recorder& at, int fd, const void* octets, long count, std::int64_t end) {
  if (const auto path = path_of(at, fd))
    record(at, Kind::write, *path, static_cast<std::uint64_t>(end - count),
           {static_cast<const char*>(octets), static_cast<std::size_t>(count)});
}

int opened(int directory, const char* path, int flags, mode_t mode) {
  const auto call = [&] { return ::syscall(SYS_openat, directory, path, flags, mode); };
  if ((flags & (O_CREAT | O_TRUNC)) == 0) return static_cast<int>(call());
  const bool there = ::faccessat(directory, path, F_OK, 0) == 0;
  return static_cast<int>(caught(call, [&](Recorder& at, long) {
    const auto name = path_at(at, directory, path);
    if (!name) return;
    if (!there) record(at, Kind::make, *name, 0, {});
    if (there && (flags & O_TRUNC) != 0) record(at, Kind::cut, *name, 0, {});
  }));
}

int synced(long number, int fd) {
  return static_cast<int>(caught([&] { return ::syscall(number, fd); },
                                 [&](Recorder& at, long) {
                                   if (const auto path = path_of(at, fd))
                                     record(at, Kind::sync, *path, 0, {});
                                 }));
}

int renamed(int from_directory, const char* from, int to_directory, const char* to) {
  return static_cast<int>(
      caught([&] { return ::syscall(SYS_renameat, from_directory, from, to_directory, to); },
             [&](Recorder& at, long) {
               const auto old_name = path_at(at, from_directory, from);
               const auto new_name = path_at(at, to_directory, to);
               if (old_name && new_name) record(at, Kind::rename, *old_name, 0, *new_name);
             }));
}

int removed(int directory, const char* path, int flags) {
  return static_cast<int>(caught([&] { return ::syscall(SYS_unlinkat, directory, path, flags); },
                                 [&](Recorder& at, long) {
                                   if (const auto name = path_at(at, directory, path))
                                     record(at, Kind::remove, *name, 0, {});
                                 }));
}

int cut(int fd, std::int64_t octets) {
  return static_cast<int>(caught([&] { return ::syscall(SYS_ftruncate, fd, octets); },
                                 [&](Recorder& at, long) {
                                   if (const auto path = path_of(at, fd))
                                     record(at, Kind::cut, *path, static_cast<std::uint64_t>(octets), {});
                                 }));
}

}  // namespace
}  // namespace hikyaku::serve::testing_support

namespace caught_by = hikyaku::serve::testing_support;

extern "C" {

int open(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const auto mode = (flags & O_CREAT) != 0 ? va_arg(rest, mode_t) : mode_t{0};
  va_end(rest);
  return caught_by::opened(AT_FDCWD, path, flags, mode);
}
int open64(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const auto mode = (flags & O_CREAT) != 0 ? va_arg(rest, mode_t) : mode_t{0};
  va_end(rest);
  return caught_by::opened(AT_FDCWD, path, flags, mode);
}
int openat(int directory, const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const auto mode = (flags & O_CREAT) != 0 ? va_arg(rest, mode_t) : mode_t{0};
  va_end(rest);
  return caught_by::opened(directory, path, flags, mode);
}
int openat64(int directory, const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const auto mode = (flags & O_CREAT) != 0 ? va_arg(rest, mode_t) : mode_t{0};
  va_end(rest);
  return caught_by::opened(directory, path, flags, mode);
}
ssize_t write(int fd, const void* octets, size_t count) {
  return caught_by::caught([&] { return ::syscall(SYS_write, fd, octets, count); },
                           [&](caught_by::Recorder& at, long done) {
                             if (const auto end = ::lseek(fd, 0, SEEK_CUR); end >= 0)
                               caught_by::wrote(at, fd, octets, done, end);
                           });
}
ssize_t pwrite(int fd, const void* octets, size_t count, off_t offset) {
  return caught_by::caught(
      [&] { return ::syscall(SYS_pwrite64, fd, octets, count, offset); },
      [&](caught_by::Recorder& at, long done) { caught_by::wrote(at, fd, octets, done, offset + done); });
}
ssize_t pwrite64(int fd, const void* octets, size_t count, off64_t offset) {
  return pwrite(fd, octets, count, offset);
}
int fsync(int fd) { return caught_by::synced(SYS_fsync, fd); }
int fdatasync(int fd) { return caught_by::synced(SYS_fdatasync, fd); }
int rename(const char* from, const char* to) noexcept {
  return caught_by::renamed(AT_FDCWD, from, AT_FDCWD, to);
}
int renameat(int from_directory, const char* from, int to_directory, const char* to) noexcept {
  return caught_by::renamed(from_directory, from, to_directory, to);
}
int unlink(const char* path) noexcept { return caught_by::removed(AT_FDCWD, path, 0); }
int unlinkat(int directory, const char* path, int flags) noexcept {
  return caught_by::removed(directory, path, flags);
}
int ftruncate(int fd, off_t octets) noexcept { return caught_by::cut(fd, octets); }
int ftruncate64(int fd, off64_t octets) noexcept { return caught_by::cut(fd, octets); }
int mkdir(const char* path, mode_t mode) noexcept {
  return static_cast<int>(caught_by::caught([&] { return ::syscall(SYS_mkdir, path, mode); },
                                            [&](caught_by::Recorder& at, long) {
                                              if (const auto name = caught_by::below(at, path))
                                                caught_by::record(at, caught_by::Kind::folder, *name, 0, {});
                                            }));
}

}  // extern "C"

namespace hikyaku::serve::testing_support {

void record_disk(const fs::path& folder, const fs::path& journal) {
  auto* const at = new Recorder;  // as long as the process
  at->folder = folder.string() + '/';
  at->journal = ::open(journal.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  recorder = at;
}

void record_told(const std::string& text) {
  auto* const at = recorder.load();
  const std::scoped_lock lock(at->mutex);
  record(*at, Kind::told, {}, 0, text);
}

std::vector<DiskEvent> read_journal(const fs::path& journal) {
  std::ifstream in(journal, std::ios::binary);
  const auto number = [&] {
    std::uint64_t value = 0;
    in.read(reinterpret_cast<char*>(&value), 8);
    return value;
  };
  const auto octets = [&] {
    std::string text(number(), '\0');
    in.read(text.data(), static_cast<std::streamsize>(text.size()));
    return text;
  };
  std::vector<DiskEvent> events;
  for (char kind = 0; in.get(kind);) {
    DiskEvent event{static_cast<Kind>(kind), octets(), number(), {}};
    event.text = octets();
    events.push_back(std::move(event));
  }
  return events;
}

namespace {

struct Inode {
  std::string synced;
  std::vector<const DiskEvent*> pending;  // writes and cuts since
};

void apply(std::string& octets, const DiskEvent& event) {
  if (event.kind == Kind::cut) {
    octets.resize(event.offset);
    return;
  }
  if (octets.size() < event.offset + event.text.size()) octets.resize(event.offset + event.text.size());
  octets.replace(event.offset, event.text.size(), event.text);
}

class Disk {
 public:
  void event(const DiskEvent& one) {
    switch (one.kind) {
      case Kind::folder:
        folders_.insert(one.path);
        break;
      case Kind::make:
        names_[one.path] = inodes_.size();
        inodes_.emplace_back();
        changed(one.path,
                [path = one.path, inode = inodes_.size() - 1](Names& names) { names[path] = inode; });
        break;
      case Kind::write:
      case Kind::cut:
        if (const auto at = names_.find(one.path); at != names_.end())
          inodes_[at->second].pending.push_back(&one);
        break;
      case Kind::sync:
        sync(one.path);
        break;
      case Kind::rename: {
        if (!names_.contains(one.path))
          break;  // written by no call of the system that is caught: the engine's LOG
        const auto inode = names_.at(one.path);
        names_.erase(one.path);
        names_[one.text] = inode;
        changed(one.path, [from = one.path, to = one.text, inode](Names& names) {
          names.erase(from);
          names[to] = inode;
        });
        break;
      }
      case Kind::remove:
        names_.erase(one.path);
        changed(one.path, [path = one.path](Names& names) { names.erase(path); });
        break;
      case Kind::told:
        break;
    }
  }

  void lay_down(std::minstd_rand& random, const fs::path& to) {
    // Names: those before some moment.
    const auto kept = changes_.empty() ? 0 : random() % (changes_.size() + 1);
    auto names = synced_names_;
    for (std::size_t i = 0; i < kept; ++i) changes_[i].second(names);
    for (const auto& folder : folders_) fs::create_directories(to / folder);
    for (const auto& [name, number] : names) {
      const auto& inode = inodes_[number];
      auto octets = inode.synced;
      // All of what was not synced, none of it, or any of it.
      const auto way = random() % 3;
      for (const auto* one : inode.pending) {
        if (way == 0 || (way == 1 && random() % 2 == 0)) apply(octets, *one);
      }
      std::ofstream(to / name, std::ios::binary) << octets;
    }
  }

 private:
  using Names = std::map<std::string, std::size_t>;
  template <class Change>
  void changed(const std::string& path, Change change) {
    changes_.emplace_back(fs::path(path).parent_path().string(), change);
  }
  void sync(const std::string& path) {
    if (const auto at = names_.find(path); at != names_.end()) {
      auto& inode = inodes_[at->second];
      for (const auto* one : inode.pending) apply(inode.synced, *one);
      inode.pending.clear();
      return;
    }
    // A folder. A journal keeps the order: what was changed before its last change is there too.
    auto end = changes_.size();
    while (end > 0 && changes_[end - 1].first != path) --end;
    for (std::size_t i = 0; i < end; ++i) changes_[i].second(synced_names_);
    changes_.erase(changes_.begin(), changes_.begin() + static_cast<std::ptrdiff_t>(end));
  }
  std::set<std::string> folders_;
  std::vector<Inode> inodes_;
  Names names_, synced_names_;
  std::vector<std::pair<std::string, std::function<void(Names&)>>> changes_;  // of names, not synced
};

}  // namespace

void rebuild_disk(const std::vector<DiskEvent>& events, std::size_t count, std::minstd_rand& random,
                  const fs::path& to) {
  Disk disk;
  for (std::size_t i = 0; i < count; ++i) disk.event(events[i]);
  fs::create_directories(to);
  disk.lay_down(random, to);
}

}  // namespace hikyaku::serve::testing_support
