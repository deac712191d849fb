#pragma once
// For tests only: a RocksKv in a folder of its own, opened, crashed and damaged at will.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <rocksdb/env.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "io/log_check.h"
#include "io/rocks_kv.h"
#include "io/rocks_recovery.h"

namespace hikyaku::io::testing_support {

namespace fs = std::filesystem;

inline const std::vector<KvSpace> kSpaces{
    {"entry"}, {"body", true}, {"ledger", false, std::chrono::hours{24}}};
enum Space : Kv::Space { kEntry, kBody, kLedger };

inline constexpr std::size_t kBodyOctets = 4000;

inline std::string key(int i) {
  char text[16];
  std::snprintf(text, sizeof text, "%06d", i);
  return text;
}

inline Kv::Batch message(int i, std::size_t octets = kBodyOctets) {
  Kv::Batch batch;
  batch.put(kEntry, key(i), "entry " + key(i));
  batch.put(kBody, key(i), std::string(octets, static_cast<char>('a' + i % 26)));
  batch.put(kLedger, key(i), "why");
  return batch;
}

class RocksFixture : public testing::Test {
 protected:
  void SetUp() override {
    directory = fs::temp_directory_path() / ("hikyaku-rocks-" + std::to_string(::getpid()));
    fs::remove_all(directory);
  }
  void TearDown() override {
    kv.reset();
    fs::remove_all(directory);
  }
  RocksKv::Options options() const {
    RocksKv::Options all;
    all.directory = directory;
    all.spaces = kSpaces;
    all.memory = std::size_t{4} << 20;
    all.now = Time{std::chrono::seconds{1'795'564'100}};
    return all;
  }
  Result<void> try_open() { return try_open(options()); }
  Result<void> try_open(const RocksKv::Options& how) {
    kv.reset();
    notes.clear();
    auto opened = RocksKv::open(how, notes);
    if (!opened) return std::unexpected(opened.error());
    kv = std::move(*opened);
    return {};
  }
  void open() {
    const auto opened = try_open();
    ASSERT_TRUE(opened.has_value()) << opened.error().text;
  }
  /// Runs a test's body in a process of its own: the engine keeps threads for good, and a process that has
  /// them can't be forked.
  void in_child(const std::function<void()>& body) {
    const auto child = ::fork();
    if (child == 0) {
      body();
      kv.reset();
      std::fflush(nullptr);
      ::_exit(HasFatalFailure() || HasNonfatalFailure() ? 1 : 0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0) << "see the failures above";
  }
  /// Runs `work` on the database in a child that ends without closing it.
  void crash_after(const std::function<void(RocksKv&)>& work) {
    kv.reset();
    const auto child = ::fork();
    if (child == 0) {
      auto opened = try_open();
      if (!opened) ::_exit(1);
      work(*kv);
      ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_EQ(status, 0);
  }
  /// What is written from now on stays in logs. For a process that ends soon: writers wait in the end.
  static void stop_making_tables() {
    for (const auto priority : {rocksdb::Env::LOW, rocksdb::Env::HIGH})
      rocksdb::Env::Default()->SetBackgroundThreads(0, priority);
  }
  /// `count` synced messages that make some logs, and a crash.
  void crash_with_logs(int count = 600) {
    crash_after([count](RocksKv& child) {
      stop_making_tables();
      for (int i = 0; i < count; ++i) {
        if (!child.commit(message(i), Kv::Durability::synced)) ::_exit(2);
      }
    });
  }
  std::vector<fs::path> logs() const {
    std::vector<fs::path> all;
    for (const auto& file : fs::directory_iterator(directory / "db")) {
      if (log_number(file.path().filename().string()) != 0) all.push_back(file.path());
    }
    std::ranges::sort(all);
    return all;
  }
  fs::path quarantine() const { return quarantine_folder(directory, options().now); }
  int entries() const { return static_cast<int>(kv->scan(kEntry, {}, {}, 100'000).value().size()); }
  static void flip(const fs::path& path, std::uint64_t at) {
    std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
    file.seekg(static_cast<std::streamoff>(at));
    const auto octet = static_cast<char>(file.get() ^ 0x10);
    file.seekp(static_cast<std::streamoff>(at));
    file.put(octet);
  }

  fs::path directory;
  RocksKv::Notes notes;
  std::unique_ptr<RocksKv> kv;
};

}  // namespace hikyaku::io::testing_support
