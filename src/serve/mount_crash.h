#pragma once
// For tests only: writers that crash, and the comparison of what is there afterwards with what they
// acknowledged.
#include <gmock/gmock.h>

#include <sstream>

#include "serve/crashed_database.h"

namespace hikyaku::serve::testing_support {

inline int rounds(int in_check, int at_night) { return nightly() ? at_night : in_check; }

class MountCrash : public testing::TestWithParam<Kind> {
 protected:
  void SetUp() override { begin_again(); }
  void TearDown() override { fs::remove_all(at); }
  void begin_again() {
    fs::remove_all(at);
    fs::create_directories(at);
    there.clear();
    unknown.clear();
    moving.reset();
    next = under_way = 0;
  }

  /// A writer in a process of its own, which acknowledges over a pipe. `work` gets the database, opened, and
  /// what to call for each change that is done.
  using Acknowledge = std::function<void(const History&, std::uint64_t number, bool done)>;
  struct Writer {
    pid_t process = -1;
    int pipe = -1;
  };
  Writer start(const DatabaseSettings& settings,
               const std::function<void(Database&, const Acknowledge&)>& work) {
    int ends[2];
    EXPECT_EQ(::pipe(ends), 0);
    std::fflush(nullptr);
    expect_no_engine_threads();
    const auto child = ::fork();
    if (child != 0) {
      ::close(ends[1]);
      return {child, ends[0]};
    }
    ::close(ends[0]);
    const auto database = database_of(GetParam(), at);
    database->settings = settings;
    std::vector<std::string> notes;
    if (const auto mounted = database->mount(notes); !mounted) {
      if (!settings.wrap_files) ADD_FAILURE() << mounted.error().text;
      std::fflush(nullptr);
      ::_exit(testing::Test::HasFailure() ? 1 : 0);
    }
    work(*database, [&](const History& history, std::uint64_t number, bool done) {
      const auto text = told_lines(history, number, done);
      if (::write(ends[1], text.data(), text.size()) != static_cast<ssize_t>(text.size())) ::_exit(2);
    });
    std::fflush(nullptr);
    ::_exit(testing::Test::HasFailure() ? 1 : 0);  // as a crash: nothing is closed
  }
  static std::string told_lines(const History& history, std::uint64_t number, bool done) {
    std::ostringstream lines;
    for (const auto& one : history) write_history(lines, one);
    write_history(lines, {done ? '=' : '!', std::to_string(number), 0, 0, 0, {}});
    return lines.str();
  }
  /// Reads until so many changes are acknowledged; 0: to the end.
  std::string read(const Writer& writer, int changes) const {
    std::string text;
    char piece[4096];
    while (changes == 0 || std::ranges::count(text, '=') < changes) {
      const auto got = ::read(writer.pipe, piece, sizeof piece);
      if (got <= 0) break;
      text.append(piece, static_cast<std::size_t>(got));
    }
    return text;
  }
  void take(const std::string& lines) {
    std::istringstream in(lines);
    for (const auto& one : read_history(in)) {
      if (one.kind == '+') there[one.name] = one.checksum;
      if (one.kind == '-') there.erase(one.name);
      if (one.kind == '=') next = std::stoull(one.name) + 1;
      if (one.kind == '=' || one.kind == '!') under_way = std::stoull(one.name) + 1;
      if (one.kind == '!') unknown.insert(std::stoull(one.name));
      if (one.kind == '>') moving = one;
      if (one.kind == '<') moving.reset();
    }
  }
  /// A move that was under way is done or not: the message is in one of both mailboxes.
  void settle_move(const std::map<std::string, std::uint32_t>& found) {
    if (!moving || found.contains(moving->name)) return;
    const auto at_target = std::ranges::find_if(found, [&](const auto& one) {
      return one.second == moving->checksum && one.first.starts_with(moving->blob + ':') &&
             !there.contains(one.first);
    });
    if (at_target == found.end()) return;  // and it is missed
    there.erase(moving->name);
    there.insert(*at_target);
  }

  /// Mounts as the hub does and compares. What the change under way has done is known from then on.
  void mount_and_compare() {
    const auto found_path = at.string() + ".found";
    ASSERT_TRUE(in_child([&] {
      const auto database = database_of(GetParam(), at);
      database->settings = to_compare;
      std::vector<std::string> notes;
      const auto mounted = database->mount(notes);
      ASSERT_TRUE(mounted.has_value()) << mounted.error().text;
      const auto found = database->contents();
      EXPECT_THAT(found.unreadable, testing::IsEmpty());
      EXPECT_THAT(database->problems(), testing::IsEmpty());
      std::ofstream out(found_path);
      for (const auto& [name, sum] : found.whole) write_history(out, {'+', name, sum, 0, 0, {}});
    }));
    std::ifstream in(found_path);
    const auto found = expected_after(read_history(in));
    fs::remove(found_path);
    settle_move(found);
    // What was refused, or under way, may have been done or not, and is not half done.
    std::map<std::uint32_t, std::uint64_t> numbers;
    for (const auto number : unknown) numbers[crc32c(body_of(number, size_of(number)))] = number;
    auto removals = std::ranges::count_if(unknown, [](std::uint64_t number) { return number % 17 == 9; });
    for (const auto& [name, sum] : there) {
      const auto one = found.find(name);
      if (one == found.end()) {
        EXPECT_GE(--removals, 0) << name << " was acknowledged and is missing";
      } else {
        EXPECT_EQ(one->second, sum) << name << " is half there";
      }
    }
    std::map<std::uint64_t, std::size_t> added;
    for (const auto& [name, sum] : found) {
      if (there.contains(name)) continue;
      const auto number = numbers.find(sum);
      if (number == numbers.end()) {
        ADD_FAILURE() << name << " is there twice, or was never sent";
      } else {
        ++added[number->second];
      }
    }
    for (const auto& [number, count] : added)
      EXPECT_EQ(count, database_of(GetParam(), at)->copies(number)) << "half of a delivery";
    unknown.clear();
    moving.reset();
    there = found;
  }

  static DatabaseSettings small() {
    DatabaseSettings settings;
    settings.memory = std::size_t{1} << 20;  // so that tables are written all the time
    return settings;
  }
  const fs::path at = fs::temp_directory_path() / ("hikyaku-crash-" + std::to_string(::getpid()));
  DatabaseSettings to_compare;  ///< of the mount that looks at what is there
  std::map<std::string, std::uint32_t> there;
  std::uint64_t next = 0;              ///< after the last that was acknowledged
  std::uint64_t under_way = 0;         ///< after the last that was told of, acknowledged or not
  std::set<std::uint64_t> unknown;     ///< changes that were begun and not acknowledged
  std::optional<Acknowledged> moving;  ///< Mailboxes::move() that was begun and not acknowledged
};

}  // namespace hikyaku::serve::testing_support
