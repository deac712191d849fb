// How long lookups wait while a table of a million entries is read anew, as the hub does it; and how long
// they wait at most while another thread is as busy with nothing: that much is the machine's doing. Prints
// one JSON object. usage: table_reload [entries] [reloads]
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <future>
#include <string>
#include <thread>

#include "io/system_random.h"
#include "io/table_files.h"
#include "io/worker_pool.h"

using namespace hikyaku;
using Steady = std::chrono::steady_clock;

namespace {

double milliseconds(Steady::duration time) { return std::chrono::duration<double, std::milli>(time).count(); }

void write(const std::filesystem::path& path, int entries, int version) {
  std::ofstream file(path);
  for (int i = 0; i < entries; ++i)
    file << "user" << i << "@old.example first.last" << i << '.' << version << "@hub.example\n";
  file.close();
  // Time stamps of seconds that differ, whatever the file system's clock.
  const std::array<timespec, 2> times{timespec{std::time(nullptr) - 100 + version, 0},
                                      timespec{std::time(nullptr) - 100 + version, 0}};
  if (::utimensat(AT_FDCWD, path.c_str(), times.data(), 0) != 0) std::abort();
}

/// Looks up one key after the other on a thread of its own.
class Reader {
 public:
  struct Seen {
    std::uint64_t lookups = 0;
    Steady::duration longest{};
  };

  Reader(const table::Table& table, int entries)
      : thread_([this, &table, entries] { run(table, entries); }) {}
  ~Reader() {
    stop_ = true;
    thread_.join();
  }
  /// What it saw while `during` ran.
  template <class During>
  Seen watch(const During& during) {
    lookups_ = 0;
    longest_ = 0;
    measuring_ = true;
    during();
    measuring_ = false;
    return {lookups_, Steady::duration(longest_)};
  }

 private:
  void run(const table::Table& table, int entries) {
    for (int i = 0; !stop_; i = (i + 7919) % entries) {
      const auto key = "user" + std::to_string(i) + "@old.example";
      const auto begun = Steady::now();
      const auto answer = table.find(key);
      const auto took = (Steady::now() - begun).count();
      if (!answer || !*answer) std::abort();
      if (!measuring_) continue;
      ++lookups_;
      longest_ = std::max<std::int64_t>(longest_, took);
    }
  }

  std::atomic<bool> stop_{false}, measuring_{false};
  std::atomic<std::uint64_t> lookups_{0};
  std::atomic<std::int64_t> longest_{0};
  std::thread thread_;
};

}  // namespace

int main(int argc, char** argv) {
  const int entries = argc > 1 ? std::atoi(argv[1]) : 1000000;
  const int reloads = argc > 2 ? std::atoi(argv[2]) : 5;
  std::string pattern = (std::filesystem::temp_directory_path() / "hikyaku-reload-XXXXXX").string();
  const std::filesystem::path folder = ::mkdtemp(pattern.data());
  const auto path = folder / "table";
  write(path, entries, 0);
  SourceCatalogue sources;
  io::SystemRandom random;
  io::TableFiles tables(sources, random);
  const auto opened = tables.open("texthash:" + path.string(), {});
  if (!opened) {
    std::fprintf(stderr, "%s\n", opened.error().text.c_str());
    return 1;
  }
  io::WorkerPool refreshing(1, 10);  // as in the hub
  Reader reader(**opened, entries);
  Reader::Seen with, without;
  Steady::duration reading{};
  for (int version = 1; version <= reloads; ++version) {
    write(path, entries, version);
    Steady::duration took{};
    const auto seen = reader.watch([&] {
      const auto begun = Steady::now();
      std::promise<std::size_t> changed;
      refreshing.post([&] { changed.set_value(tables.refresh()); });
      if (changed.get_future().get() != 1) std::abort();
      took = Steady::now() - begun;
    });
    const auto other = reader.watch([&] {
      std::promise<void> spun;
      refreshing.post([&] {
        for (const auto end = Steady::now() + took; Steady::now() < end;) {
        }
        spun.set_value();
      });
      spun.get_future().wait();
    });
    reading = std::max(reading, took);
    with = {with.lookups + seen.lookups, std::max(with.longest, seen.longest)};
    without = {without.lookups + other.lookups, std::max(without.longest, other.longest)};
  }
  std::printf(
      "{\"entries\": %d, \"reloads\": %d, \"longest_reload_ms\": %.1f, \"lookups_meanwhile\": %llu, "
      "\"longest_lookup_ms\": %.3f, \"lookups_without\": %llu, \"longest_lookup_without_ms\": %.3f}\n",
      entries, reloads, milliseconds(reading), static_cast<unsigned long long>(with.lookups),
      milliseconds(with.longest), static_cast<unsigned long long>(without.lookups),
      milliseconds(without.longest));
  std::filesystem::remove_all(folder);
  return 0;
}
