// How long lookups wait while a table of a million entries is read anew. Prints one JSON object.
// usage: table_reload [entries] [reloads]
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
#include <string>
#include <thread>

#include "io/system_random.h"
#include "io/table_files.h"

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
  const auto& table = **opened;

  std::atomic<bool> stop{false};
  std::atomic<bool> measuring{false};
  std::atomic<std::uint64_t> lookups{0};
  std::atomic<std::int64_t> longest{0};
  std::thread reader([&] {
    for (int i = 0; !stop; i = (i + 7919) % entries) {
      const auto key = "user" + std::to_string(i) + "@old.example";
      const auto begun = Steady::now();
      const auto answer = table.find(key);
      const auto took = (Steady::now() - begun).count();
      if (!answer || !*answer) std::abort();
      if (!measuring) continue;
      ++lookups;
      longest = std::max<std::int64_t>(longest, took);
    }
  });
  double reading = 0;
  for (int version = 1; version <= reloads; ++version) {
    write(path, entries, version);
    measuring = true;
    const auto begun = Steady::now();
    const auto changed = tables.refresh();
    reading = std::max(reading, milliseconds(Steady::now() - begun));
    measuring = false;
    if (changed != 1) std::abort();
  }
  stop = true;
  reader.join();
  std::printf(
      "{\"entries\": %d, \"reloads\": %d, \"longest_reload_ms\": %.1f, \"lookups_meanwhile\": %llu, "
      "\"longest_lookup_ms\": %.3f}\n",
      entries, reloads, reading, static_cast<unsigned long long>(lookups.load()),
      milliseconds(Steady::duration(longest.load())));
  std::filesystem::remove_all(folder);
  return 0;
}
