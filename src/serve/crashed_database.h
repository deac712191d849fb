#pragma once
// For tests only: databases that crashed with mail in tables and in three logs, and ways to damage their
// files.
#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>

#include "serve/mounted_database.h"

namespace hikyaku::serve::testing_support {

enum class File : unsigned char {
  oldest_log,
  middle_log,
  newest_log,
  table,
  large_values,  ///< the engine's .blob
  manifest,
  current,
  options,
  identity,
  header,
  body,  ///< of one message
};
enum class Damage : unsigned char { bit, zeroed_block, half, emptied, removed, swapped };
inline std::string_view text(File file) {
  constexpr std::string_view kTexts[] = {"oldest_log",   "middle_log", "newest_log", "table",
                                         "large_values", "manifest",   "current",    "options",
                                         "identity",     "header",     "body"};
  return kTexts[static_cast<unsigned>(file)];
}
inline std::string_view text(Damage damage) {
  constexpr std::string_view kTexts[] = {"bit_flipped", "block_zeroed", "cut_to_half",
                                         "emptied",     "removed",      "swapped"};
  return kTexts[static_cast<unsigned>(damage)];
}
inline bool nightly() { return std::getenv("HIKYAKU_NIGHTLY") != nullptr; }

inline std::string octets_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream octets;
  octets << file.rdbuf();
  return std::move(octets).str();
}
inline void overwrite(const fs::path& path, const std::string& octets) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << octets;
}

/// With a sanitizer all takes ten times as long.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#elif defined(__has_feature)
constexpr bool kSanitized = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
constexpr bool kSanitized = false;
#endif

/// A crashed database, made once: some of its mail in tables, more in three logs.
struct Crashed {
  fs::path at;
  History history;
  std::uint64_t in_tables = 0;  ///< changes up to this one
  std::vector<fs::path> logs;   ///< that hold something, oldest first; relative to `at`

  fs::path database() const { return at / (fs::exists(at / "store") ? "store" : "queue"); }
};

inline Crashed make_crashed(Kind kind, const fs::path& at, std::uint64_t begin) {
  fs::remove_all(at);
  fs::create_directories(at);
  const bool made = in_child([&] {
    const auto database = database_of(kind, at);
    // Not the same for all, so that their OPTIONS differ.
    database->settings.memory = (std::size_t{4} << 20) + 4096 * begin;
    std::vector<std::string> notes;
    ASSERT_TRUE(database->mount(notes).has_value());
    std::ofstream out(at / "history");
    auto number = begin;
    const auto some = [&](int count) {
      for (int i = 0; i < count; ++i) {
        History done;
        const auto changed = database->change(number++, done);
        ASSERT_TRUE(changed.has_value()) << changed.error().text;
        for (const auto& one : done) write_history(out, one);
      }
    };
    const auto logs = [&] {
      return std::ranges::count_if(
          fs::directory_iterator(database->place().directory / "db"),
          [](const auto& one) { return one.path().extension() == ".log" && one.file_size() > 0; });
    };
    for (int i = 0; i < 2; ++i) {
      some(60);
      ASSERT_TRUE(database->kv().commit({}, Kv::Durability::synced).has_value());
      ASSERT_TRUE(database->kv().flush().has_value());
    }
    std::ofstream(at / "in_tables") << database->kv().engine().GetLatestSequenceNumber();
    stop_making_tables();
    while (logs() < 3) some(1);
    some(40);
    out.close();
    ::_exit(testing::Test::HasFailure() ? 1 : 0);  // as a crash: nothing is closed
  });
  EXPECT_TRUE(made);
  Crashed crashed;
  crashed.at = at;
  std::ifstream(at / "in_tables") >> crashed.in_tables;
  std::ifstream in(at / "history");
  crashed.history = read_history(in);
  for (const auto& one : fs::directory_iterator(crashed.database() / "db")) {
    if (one.path().extension() == ".log" && one.file_size() > 0)
      crashed.logs.push_back(one.path().lexically_relative(at));
  }
  std::ranges::sort(crashed.logs);
  return crashed;
}

inline const Crashed& crashed(Kind kind, bool other = false) {
  static std::map<std::pair<Kind, bool>, Crashed> all;
  auto& one = all[{kind, other}];
  if (one.at.empty() || !fs::exists(one.at)) {
    const auto at = fs::temp_directory_path() / ("hikyaku-damage-" + std::to_string(::getpid())) /
                    ((kind == Kind::queue ? "queue" : "mailboxes") + std::string(other ? "-other" : ""));
    one = make_crashed(kind, at, other ? 500 : 0);
  }
  return one;
}

/// The files of a kind, relative to the database's folder.
inline std::vector<fs::path> files_of(const Crashed& crashed, File kind) {
  const auto& logs = crashed.logs;
  if (kind == File::oldest_log) return {logs.front()};
  if (kind == File::middle_log) return {logs[logs.size() / 2]};
  if (kind == File::newest_log) return {logs.back()};
  std::vector<fs::path> files;
  for (const auto& one : fs::recursive_directory_iterator(crashed.at)) {
    const auto& path = one.path();
    if (!one.is_regular_file()) continue;
    const auto name = path.filename().string();
    const bool takes = (kind == File::table && path.extension() == ".sst") ||
                       (kind == File::large_values && path.extension() == ".blob") ||
                       (kind == File::manifest && name.starts_with("MANIFEST-")) ||
                       (kind == File::current && name == "CURRENT") ||
                       (kind == File::options && name.starts_with("OPTIONS-")) ||
                       (kind == File::identity && name == "IDENTITY") ||
                       (kind == File::header && name == "header") ||
                       (kind == File::body && path.parent_path().filename() == "blobs");
    if (takes) files.push_back(path.lexically_relative(crashed.at));
  }
  std::ranges::sort(files);
  // A few say as much as all; the queue's are of the same forms.
  if (nightly() || files.size() <= 2) return files;
  const bool one = kSanitized || fs::exists(crashed.at / "queue");
  return one ? std::vector<fs::path>{files[files.size() / 2]}
             : std::vector<fs::path>{files.front(), files[files.size() / 2]};
}

/// Where in a file of so many octets: as many places as there are.
inline std::vector<std::size_t> places_in(std::size_t octets, Damage damage) {
  if (damage == Damage::bit) {
    std::vector<std::size_t> places{5, octets / 3, octets / 2 + 1, octets - 1 - octets / 100};
    if (kSanitized && !nightly()) return {places[2]};
    if (!nightly()) return {places[0], places[2]};
    places.insert(places.end(), {0, octets / 5, octets - 1});
    return places;
  }
  if (damage == Damage::zeroed_block) {
    std::vector<std::size_t> places{octets / 2 / 4096 * 4096};
    if (nightly()) places.insert(places.end(), {0, octets / 4 / 4096 * 4096, octets / 4096 * 4096});
    std::ranges::sort(places);
    places.erase(std::unique(places.begin(), places.end()), places.end());
    return places;
  }
  return {0};
}

/// False: the damage leaves the file as it was.
inline bool damage_file(const fs::path& path, const fs::path& other, Damage damage, std::size_t at) {
  auto octets = octets_of(path);
  const auto before = octets;
  switch (damage) {
    case Damage::bit:
      octets.at(at) = static_cast<char>(octets[at] ^ 0x10);
      break;
    case Damage::zeroed_block:
      std::fill_n(octets.begin() + static_cast<std::ptrdiff_t>(at),
                  std::min<std::size_t>(4096, octets.size() - at), '\0');
      break;
    case Damage::half:
      octets.resize(octets.size() / 2);
      break;
    case Damage::emptied:
      octets.clear();
      break;
    case Damage::removed:
      fs::remove(path);
      return true;
    case Damage::swapped:
      octets = octets_of(other);
      break;
  }
  if (octets == before) return false;
  overwrite(path, octets);
  return true;
}

/// The same-named file of another database; else one of its kind.
inline fs::path counterpart(const Crashed& other, const fs::path& file, File kind) {
  if (kind == File::current) {
    // All that were opened as often have the same.
    overwrite(other.at / "CURRENT", "MANIFEST-000123\n");
    return other.at / "CURRENT";
  }
  if (fs::exists(other.at / file)) return other.at / file;
  const auto files = files_of(other, kind);
  return other.at / files.front();
}

}  // namespace hikyaku::serve::testing_support
