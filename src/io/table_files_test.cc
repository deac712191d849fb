#include "io/table_files.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "io/read_mostly.h"
#include "table/contents.h"

namespace hikyaku::io {
namespace {

namespace fs = std::filesystem;
using table::Diagnostic;
using testing::HasSubstr;

struct Zeroes final : Random {
  void fill(std::span<unsigned char> octets) override {
    for (auto& octet : octets) octet = 0;
  }
};

class TableFilesTest : public testing::Test {
 protected:
  TableFilesTest() {
    std::string pattern = (fs::temp_directory_path() / "hikyaku-tables-XXXXXX").string();
    dir_ = ::mkdtemp(pattern.data());
    write("main.cf", "compatibility_level = 3.7\n", -100);
    setting_ = Origin{catalogue_.add("main.cf"), 12};
  }
  ~TableFilesTest() override { fs::remove_all(dir_); }

  std::string path(const std::string& name) const { return (dir_ / name).string(); }

  /// Writes the file and sets its time to `age` seconds from now, so that no test waits for a clock.
  void write(const std::string& name, const std::string& text, int age) {
    std::ofstream(dir_ / name, std::ios::binary) << text;
    touch(name, age);
  }
  void touch(const std::string& name, int age) {
    const std::array<timespec, 2> times{timespec{std::time(nullptr) + age, 0},
                                        timespec{std::time(nullptr) + age, 0}};
    ASSERT_EQ(::utimensat(AT_FDCWD, path(name).c_str(), times.data(), 0), 0);
  }

  std::shared_ptr<const table::Table> open(const std::string& spec) {
    auto table = files_.open(spec, setting_);
    EXPECT_TRUE(table) << table.error().text;
    return table ? *table : nullptr;
  }
  std::string error_of(const std::string& spec) {
    const auto table = files_.open(spec, setting_);
    EXPECT_FALSE(table) << spec;
    return table ? "" : table.error().text;
  }
  std::string find(const table::Table& table, std::string_view key) const {
    const auto answer = table.find(key);
    if (!answer) return "error: " + answer.error().text;
    if (!*answer) return "";
    return (*answer)->value + " at " + fs::path(catalogue_.text((*answer)->origin)).filename().string();
  }
  std::string remarks() {
    std::string all;
    for (const auto& diagnostic : files_.take_diagnostics()) {
      all += fs::path(catalogue_.text(diagnostic.where)).filename().string() + " " + diagnostic.text + "\n";
    }
    return all;
  }

  static bool has_postmap() { return std::system("command -v postmap >/dev/null 2>&1") == 0; }
  void postmap(const std::string& arguments) const {
    const std::string command = "postmap -c " + dir_.string() + " " + arguments + " 2>/dev/null";
    static_cast<void>(std::system(command.c_str()));
  }

  fs::path dir_;
  SourceCatalogue catalogue_;
  Zeroes random_;
  TableFiles files_{catalogue_, random_};
  Origin setting_;
};

TEST_F(TableFilesTest, a_source_without_db_is_read_as_it_is) {
  write("t", "# c\nJoe joe@example.org\n", -100);
  const auto table = open("hash:" + path("t"));
  EXPECT_EQ(find(*table, "joe"), "joe@example.org at t:2");
  EXPECT_EQ(table->name(), "hash:" + path("t"));
  EXPECT_EQ(remarks(), "");
}

TEST_F(TableFilesTest, the_same_spec_is_the_same_table) {
  write("t", "a b\n", -100);
  EXPECT_EQ(open("hash:" + path("t")), open("hash:" + path("t")));
  EXPECT_EQ(open("proxy:hash:" + path("t")), open("hash:" + path("t")));
}

TEST_F(TableFilesTest, a_missing_file_names_itself_and_its_setting) {
  EXPECT_THAT(error_of("hash:" + path("none")),
              HasSubstr("/none: No such file or directory; named at main.cf:12"));
  EXPECT_THAT(error_of("regexp:" + path("none")), HasSubstr("named at main.cf:12"));
  EXPECT_THAT(error_of("unionmap:{hash:" + path("none") + "}"), HasSubstr("none: No such file"));
  EXPECT_THAT(error_of("regexp:" + dir_.string()), HasSubstr("no regular file"));
}

TEST_F(TableFilesTest, other_types_are_told) {
  EXPECT_THAT(error_of("mysql:/x"), HasSubstr("not supported; the types are: hash btree"));
  EXPECT_THAT(error_of("hahs:/x"), HasSubstr("not known; the types are: hash btree"));
  EXPECT_THAT(error_of("/etc/x"), HasSubstr("main.cf:12"));
  EXPECT_THAT(error_of("proxy:mysql:/x"), HasSubstr("not supported"));
}

TEST_F(TableFilesTest, rules_in_the_setting_itself) {
  EXPECT_EQ(find(*open("regexp:{ {/^a(.)/ x$1} {/b/ y} }"), "ab"), "xb at main.cf:12 regexp:{}:1");
  EXPECT_EQ(find(*open("cidr:{ {192.0.2.0/24 v} }"), "192.0.2.3"), "v at main.cf:12 cidr:{}:1");
  EXPECT_EQ(find(*open("inline:{ {a = b c} }"), "a"), "b c at main.cf:12");
  EXPECT_EQ(find(*open("randmap:{a, b}"), "x"), "a at main.cf:12");
  EXPECT_THAT(error_of("pcre:{/a/ b}"), HasSubstr("each rule must stand in braces"));
}

TEST_F(TableFilesTest, substitution_can_be_refused_for_the_same_file) {
  write("t", "/(.*)/ $1\n", -100);
  EXPECT_EQ(find(*open("regexp:" + path("t")), "x"), "x at t:1");
  const auto refused = files_.open_without_substitution("regexp:" + path("t"), setting_);
  ASSERT_TRUE(refused);
  EXPECT_EQ(find(**refused, "x"), "");
  EXPECT_THAT(remarks(), HasSubstr("not allowed in this table"));
}

TEST_F(TableFilesTest, texthash_with_a_duplicate_fails_each_lookup) {
  write("t", "a 1\na 2\nb 3\n", -100);
  const auto table = open("texthash:" + path("t"));
  EXPECT_THAT(find(*table, "b"), HasSubstr("t:2: duplicate key"));
  EXPECT_THAT(remarks(), HasSubstr("not used at all"));
  write("t", "a 1\nb 3\n", -50);
  EXPECT_EQ(files_.refresh(), 1U);
  EXPECT_EQ(find(*table, "b"), "3 at t:2");
}

TEST_F(TableFilesTest, list_files_keep_their_lines) {
  write("l", "# c\na.test, b.test\n  c.test\n!d.test\n", -100);
  const auto list = files_.list(path("l"), setting_);
  ASSERT_TRUE(list);
  ASSERT_EQ(list->size(), 4U);
  EXPECT_EQ((*list)[2].text, "c.test");
  EXPECT_EQ((*list)[3].text, "!d.test");
  EXPECT_EQ((*list)[3].origin.line, 4U);
  EXPECT_FALSE(files_.list(path("none"), setting_));
}

TEST_F(TableFilesTest, a_changed_file_is_seen_by_refresh_alone) {
  write("t", "a 1\n", -100);
  const auto table = open("hash:" + path("t"));
  write("t", "a 2\n", -50);
  EXPECT_EQ(find(*table, "a"), "1 at t:1");
  EXPECT_EQ(files_.refresh(), 1U);
  EXPECT_EQ(find(*table, "a"), "2 at t:1");
  EXPECT_EQ(files_.refresh(), 0U);
}

TEST_F(TableFilesTest, a_file_that_was_just_written_is_left_alone_once) {
  write("t", "a 1\n", -100);
  const auto table = open("hash:" + path("t"));
  write("t", "a 2\n", 5);
  EXPECT_EQ(files_.refresh(), 0U);
  EXPECT_EQ(find(*table, "a"), "1 at t:1");
  EXPECT_EQ(files_.refresh(), 1U);
  EXPECT_EQ(find(*table, "a"), "2 at t:1");
  EXPECT_EQ(files_.refresh(), 0U);
}

TEST_F(TableFilesTest, a_second_write_in_the_same_instant_is_not_missed) {
  write("t", "a 1\n", 5);
  const auto table = open("hash:" + path("t"));
  write("t", "a 2\n", 5);
  EXPECT_EQ(files_.refresh(), 1U);
  EXPECT_EQ(find(*table, "a"), "2 at t:1");
}

TEST_F(TableFilesTest, a_file_that_vanishes_leaves_its_contents_in_use) {
  write("t", "a 1\n", -100);
  const auto table = open("hash:" + path("t"));
  fs::remove(path("t"));
  EXPECT_EQ(files_.refresh(), 0U);
  EXPECT_EQ(find(*table, "a"), "1 at t:1");
  EXPECT_THAT(remarks(), HasSubstr("was not reloaded, its old contents stay in use"));
  EXPECT_EQ(files_.refresh(), 0U);
  EXPECT_EQ(remarks(), "") << "told once";
  write("t", "a 3\n", -50);
  EXPECT_EQ(files_.refresh(), 1U);
  EXPECT_EQ(find(*table, "a"), "3 at t:1");
}

TEST_F(TableFilesTest, db_alone) {
  if (!has_postmap()) GTEST_SKIP() << "no postmap on this machine";
  for (const std::string type : {"hash", "btree", "lmdb", "cdb"}) {
    SCOPED_TRACE(type);
    write(type, "Joe v w\n\"a b\"@x quoted\nMüller umlaut\n", -100);
    postmap(type + ":" + path(type));
    fs::remove(path(type));
    const auto table = open(type + ":" + path(type));
    ASSERT_NE(table, nullptr);
    const std::string place =
        " at " + type + (type == "hash" || type == "btree" ? ".db:0" : "." + type + ":0");
    EXPECT_EQ(find(*table, "JOE"), "v w" + place);
    EXPECT_EQ(find(*table, "\"a b\"@X"), "quoted" + place);
    EXPECT_EQ(find(*table, "MÜLLER"), "umlaut" + place);
    EXPECT_EQ(find(*table, "none"), "");
  }
}

TEST_F(TableFilesTest, lmdb_and_cdb_are_read_again_when_postmap_made_them_anew) {
  if (!has_postmap()) GTEST_SKIP() << "no postmap on this machine";
  for (const std::string type : {"lmdb", "cdb"}) {
    SCOPED_TRACE(type);
    const std::string name = "again-" + type;
    write(name, "a 1\n", -100);
    postmap(type + ":" + path(name));
    touch(name + "." + type, -50);
    const auto table = open(type + ":" + path(name));
    EXPECT_EQ(find(*table, "a"), "1 at " + name + ":1");
    write(name, "a 2\nb 3\n", -100);
    postmap(type + ":" + path(name));
    touch(name + "." + type, -40);
    EXPECT_EQ(files_.refresh(), 1U);
    EXPECT_EQ(find(*table, "b"), "3 at " + name + ":2");
  }
}

TEST_F(TableFilesTest, a_file_that_is_no_database_is_told_as_such) {
  for (const std::string type : {"lmdb", "cdb"}) {
    const std::string name = "broken-" + type;
    write(name + "." + type, std::string(5000, 'x'), -100);
    EXPECT_THAT(error_of(type + ":" + path(name)), HasSubstr(name + "." + type));
  }
}

TEST_F(TableFilesTest, db_of_the_same_contents_gives_way_to_the_source_with_its_lines) {
  if (!has_postmap()) GTEST_SKIP() << "no postmap on this machine";
  write("t", "# c\na 1\n", -100);
  postmap("hash:" + path("t"));
  EXPECT_EQ(find(*open("hash:" + path("t")), "a"), "1 at t:2");
  EXPECT_EQ(remarks(), "");
}

TEST_F(TableFilesTest, a_newer_source_is_used_and_told) {
  if (!has_postmap()) GTEST_SKIP() << "no postmap on this machine";
  write("t", "a 1\n", -100);
  postmap("hash:" + path("t"));
  touch("t.db", -100);
  write("t", "a 2\n", -50);
  EXPECT_EQ(find(*open("hash:" + path("t")), "a"), "2 at t:1");
  EXPECT_THAT(remarks(), HasSubstr("the source is newer"));
}

TEST_F(TableFilesTest, a_newer_db_that_differs_is_used_and_told) {
  if (!has_postmap()) GTEST_SKIP() << "no postmap on this machine";
  write("t", "a 1\nb 2\n", -100);
  postmap("hash:" + path("t"));
  write("t", "b 2\n", -100);
  const auto table = open("hash:" + path("t"));
  EXPECT_EQ(find(*table, "a"), "1 at t:0");
  EXPECT_EQ(find(*table, "b"), "2 at t:1");
  EXPECT_THAT(remarks(), HasSubstr("a is one key that differs"));
}

TEST_F(TableFilesTest, an_alias_file_is_read_as_such_whichever_setting_opens_it) {
  write("aliases", "# c\nroot: joe\nall:root,ann\n", -100);
  files_.have_alias_form({"hash:" + path("aliases")});
  const auto table = open("proxy:hash:" + path("aliases"));
  EXPECT_EQ(find(*table, "root"), "joe at aliases:2");
  EXPECT_EQ(find(*table, "all"), "root,ann at aliases:3");
  EXPECT_EQ(remarks(), "");
}

TEST_F(TableFilesTest, a_db_that_newaliases_made_gives_way_to_the_source_with_its_lines) {
  if (!has_postmap()) GTEST_SKIP() << "no postmap on this machine";
  write("aliases", "# c\nroot: joe\n", -100);
  static_cast<void>(
      std::system(("postalias -c " + dir_.string() + " hash:" + path("aliases") + " 2>/dev/null").c_str()));
  ASSERT_TRUE(fs::exists(path("aliases.db")));
  files_.have_alias_form({"hash:" + path("aliases")});
  const auto table = open("hash:" + path("aliases"));
  EXPECT_EQ(find(*table, "root"), "joe at aliases:2");
  EXPECT_EQ(find(*table, "@"), "");
  EXPECT_EQ(remarks(), "");
}

TEST_F(TableFilesTest, what_only_a_default_names_is_empty_until_it_is_there) {
  const auto table = files_.open("hash:" + path("aliases"), Origin{});
  ASSERT_TRUE(table) << table.error().text;
  EXPECT_EQ(find(**table, "root"), "");
  write("aliases", "root joe\n", -100);
  files_.refresh();
  files_.refresh();
  EXPECT_EQ(find(**table, "root"), "joe at aliases:1");
}

TEST_F(TableFilesTest, the_users_file_tells_names_alone) {
  const auto table = open("users:" + path("users"));
  EXPECT_EQ(find(*table, "joe"), "");
  write("users", "# c\njoe\t$y$hash\tSCRAM\nann@hub.test\t$y$hash\tSCRAM\n", -100);
  files_.refresh();
  files_.refresh();
  EXPECT_EQ(find(*table, "joe"), "user at users:2");
  EXPECT_EQ(find(*table, "ann@hub.test"), "user at users:3");
  EXPECT_EQ(find(*table, "# c"), "");
}

TEST_F(TableFilesTest, the_system_knows_its_users_and_groups) {
  const auto users = open("proxy:unix:passwd.byname");
  EXPECT_THAT(find(*users, "ROOT"), testing::StartsWith("root:*:0:0:"));
  EXPECT_EQ(find(*users, "no such user"), "");
  EXPECT_THAT(find(*open("unix:group.byname"), "root"), testing::StartsWith("root:*:0:"));
  EXPECT_THAT(error_of("unix:hosts.byname"), HasSubstr("unix:passwd.byname and unix:group.byname"));
}

TEST_F(TableFilesTest, a_db_that_is_none) {
  write("t.db", "this is no database\n", -100);
  EXPECT_THAT(error_of("hash:" + path("t")), HasSubstr("as a Berkeley DB table"));
  write("t", "a 1\n", -200);
  EXPECT_EQ(find(*open("hash:" + path("t")), "a"), "1 at t:1");
  EXPECT_THAT(remarks(), HasSubstr("the source is used"));
}

TEST_F(TableFilesTest, readers_see_the_old_contents_or_the_new_while_reloading) {
  write("t", "a 1\nb 1\n", -1000);
  const auto table = open("hash:" + path("t"));
  std::atomic<bool> stop{false};
  std::atomic<unsigned> wrong{0};
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      while (!stop.load()) {
        const auto answer = table->find("a");
        if (!answer || !*answer || ((*answer)->value != "1" && (*answer)->value != "2")) wrong.fetch_add(1);
      }
    });
  }
  for (int i = 0; i < 50; ++i) {
    write("t", i % 2 == 0 ? "a 2\nb 2\n" : "a 1\nb 1\n", -900 + i);
    EXPECT_EQ(files_.refresh(), 1U);
  }
  stop = true;
  for (auto& reader : readers) reader.join();
  EXPECT_EQ(wrong.load(), 0U);
}

TEST(ReadMostlyTest, the_old_value_lives_until_its_readers_are_gone) {
  ReadMostly<std::string> value(std::make_shared<const std::string>("old and long enough for the heap"));
  std::atomic<bool> reading{false}, go_on{false}, replaced{false};
  std::string seen;
  std::thread reader([&] {
    value.read([&](const std::string& text) {
      reading = true;
      while (!go_on.load()) std::this_thread::yield();
      seen = text;
    });
  });
  while (!reading.load()) std::this_thread::yield();
  std::thread writer([&] {
    value.replace(std::make_shared<const std::string>("new and long enough for the heap"));
    replaced = true;
  });
  while (value.read([](const std::string& text) { return text.starts_with("old"); }))
    std::this_thread::yield();
  EXPECT_FALSE(replaced.load());
  go_on = true;
  reader.join();
  writer.join();
  EXPECT_EQ(seen, "old and long enough for the heap");
}

// What Postfix answers, on sources made of tricky pieces, and what we answer.
class AsPostmap : public TableFilesTest {
 protected:
  static constexpr int kRounds = 20;  // each starts postmap twice; more were run when this was written
  std::uint32_t next(std::uint32_t below) { return (state_ = state_ * 1664525U + 1013904223U) / 7 % below; }

  std::string source(const std::vector<std::string>& pieces, unsigned count) {
    std::string text;
    for (unsigned i = 0; i < count; ++i) text += pieces[next(static_cast<std::uint32_t>(pieces.size()))];
    return text;
  }

  std::map<std::string, std::string> ask_postmap(const std::string& spec,
                                                 const std::vector<std::string>& keys) {
    std::ofstream in(path("keys"));
    for (const auto& key : keys) in << key << "\n";
    in.close();
    postmap("-q - " + spec + " <" + path("keys") + " >" + path("answers"));
    std::map<std::string, std::string> answers;
    std::ifstream out(path("answers"));
    for (std::string line; std::getline(out, line);) {
      answers[line.substr(0, line.find('\t'))] = line.substr(line.find('\t') + 1);
      ++answered_;
    }
    return answers;
  }

  void compare(const std::string& type, const std::string& name, const std::string& text,
               const std::vector<std::string>& keys) {
    const std::string spec = type + ":" + path(name);
    const auto theirs = ask_postmap(spec, keys);
    const auto table = open(spec);
    ASSERT_TRUE(table);
    for (const auto& key : keys) {
      const auto answer = table->find(key);
      ASSERT_TRUE(answer) << answer.error().text;
      const auto expected = theirs.find(key);
      ASSERT_EQ(*answer ? (*answer)->value : "nothing",
                expected == theirs.end() ? "nothing" : expected->second)
          << type << " key <" << key << "> source:\n"
          << text;
    }
  }

  std::uint32_t state_ = 20261125;
  std::size_t answered_ = 0;  // so that a comparison of nothing with nothing does not pass
};

TEST_F(AsPostmap, fixed_tables) {
  if (!has_postmap()) GTEST_SKIP() << "no postmap on this machine";
  const std::vector<std::string> pieces{"a 1\n",
                                        "A 2\n",
                                        "b\t3 \n",
                                        "b 4\n",
                                        "\"q x\" 5\n",
                                        "\"q x\"@d 6\n",
                                        "q\\ y 7\n",
                                        "c 8\n  9\n",
                                        "c\n 10\n",
                                        "# no\n",
                                        "\n",
                                        "   \n",
                                        "  # no\n",
                                        "d # 11\n",
                                        "e\n",
                                        "\"odd 12\n",
                                        "f: 13\n",
                                        "Straße 14\n",
                                        "ÄÖ 15\n",
                                        "\xff\xfe 16\n",
                                        " lead 17\n",
                                        "g \"18\"\n",
                                        "h 19 \\\n",
                                        "i 20\r\n",
                                        "\"j\\\" k\" 21\n",
                                        "l\f22\n",
                                        "m\v23\n",
                                        "n 24\n# x\n 25\n",
                                        "o 26\n\n 27\n",
                                        "\"p\"r\"s\" 28\n",
                                        "\\ t 29\n",
                                        "u\\\n 30\n",
                                        "ΣΊΣΥΦΟΣ 31\n",
                                        "İ 32\n",
                                        "k\xc2\xa0x 33\n"};
  const std::vector<std::string> keys{
      "a",    "A",     "b",  "\"q x\"",     "\"Q X\"@d", "q\\ y",      "q",  "c",        "d",
      "e",    "\"odd", "f:", "f",           "strasse",   "STRAßE",     "äö", "\xff\xfe", "lead",
      "g",    "h",     "i",  "\"j\\\" k\"", "l",         "m",          "n",  "o",        "\"p\"r\"s\"",
      "\\ t", "u\\",   "u",  "σίσυφος",     "i̇",         "k\xc2\xa0x", "k",  "#",        "\\"};
  for (int round = 0; round < kRounds; ++round) {
    const std::string text = source(pieces, 1 + next(12));
    const std::string name = "f" + std::to_string(round);
    write(name, text, -100);
    postmap("hash:" + path(name));
    fs::copy_file(path(name), path(name + "s"));  // the source alone
    touch(name + "s", -100);
    const auto theirs = ask_postmap("hash:" + path(name), keys);
    fs::remove(path(name));  // the .db alone
    if (!fs::exists(path(name + ".db"))) continue;
    for (const std::string& which : {name, name + "s"}) {
      const auto table = open("hash:" + path(which));
      ASSERT_TRUE(table);
      for (const auto& key : keys) {
        const auto answer = table->find(key);
        const auto expected = theirs.find(key);
        ASSERT_EQ(*answer ? (*answer)->value : "nothing",
                  expected == theirs.end() ? "nothing" : expected->second)
            << which << " key <" << key << "> source:\n"
            << text;
      }
    }
  }
  EXPECT_GT(answered_, 20U);
}

TEST_F(AsPostmap, regexp_tables) {
  if (!has_postmap()) GTEST_SKIP() << "no postmap on this machine";
  const std::vector<std::string> pieces{"/^a/ 1\n",
                                        "/A(.)/i 2$1\n",
                                        "!/a/ 3\n",
                                        "! /b/ 4\n",
                                        "if /a/\n",
                                        "if !/b/\n",
                                        "endif\n",
                                        "ENDIF x\n",
                                        "IF/c/\n",
                                        "/(.)(.)/ $2$1\n",
                                        "/(.)/ ${1}x$$\n",
                                        "/(.)/ $2\n",
                                        "/b/!/c/ 5\n",
                                        "/b/i!/C/i 6\n",
                                        "/b\n  7\n",
                                        "/b/\n  7\n",
                                        "# c\n",
                                        "#b# 8\n",
                                        "%b% 9\n",
                                        "/(/ 10\n",
                                        "/x/q 11\n",
                                        "foo 12\n",
                                        "/b+/x 13\n",
                                        "/^$/ 14\n",
                                        "/(a)|(b)/ [$1$2]\n",
                                        "!/(a)/ $1\n",
                                        "/a\\/b/ 15\n",
                                        "/c/ $(1)\n",
                                        "/(c)/ $(1)\n",
                                        " /c/ 16\n",
                                        "/(c)/ $1b\n",
                                        "/(c)/ ${1}b\n",
                                        "if /a/ b\n",
                                        "/c/   17   \n",
                                        "/[[:upper:]]c/i 18\n",
                                        "if\n",
                                        "/d/ $$1\n"};
  const std::vector<std::string> keys{"a", "b", "c",  "ab",  "ac", "bc", "abc", "a/b",
                                      "B", "C", "b+", "xyz", "aC", "d",  "#b"};
  for (int round = 0; round < 2 * kRounds; ++round) {
    const std::string text = source(pieces, 1 + next(10));
    const std::string name = "r" + std::to_string(round);
    write(name, text, -100);
    compare("regexp", name, text, keys);
    if (HasFatalFailure()) return;
  }
  EXPECT_GT(answered_, 20U);
}

TEST_F(AsPostmap, cidr_tables) {
  if (!has_postmap()) GTEST_SKIP() << "no postmap on this machine";
  const std::vector<std::string> pieces{"192.0.2.1 1\n",
                                        "192.0.2.0/24 2\n",
                                        "!192.0.2.0/24 3\n",
                                        "0.0.0.0/0 4\n",
                                        "if 192.0.2.0/24\n",
                                        "if !192.0.2.0/25\n",
                                        "endif\n",
                                        "endif x\n",
                                        "[2001:db8::]/32 5\n",
                                        "2001:db8::1 6\n",
                                        "::/0 7\n",
                                        "192.0.2.1/24 8\n",
                                        "192.0.2.0/33 9\n",
                                        "010.0.0.1 10\n",
                                        "[192.0.2.128/25] 11\n",
                                        "192.0.2.1\n",
                                        "!!192.0.2.7 12\n",
                                        "IF::/0\n",
                                        "::ffff:192.0.2.1 13\n",
                                        "[::1 14\n",
                                        "[::1]x 15\n",
                                        " 1.2.3.4 16\n",
                                        "1.2.3.4\n  17 18\n",
                                        "1.2.3.4/ 19\n",
                                        "/24 20\n"};
  const std::vector<std::string> keys{"192.0.2.1",        "192.0.2.7",   "192.0.2.200",   "10.0.0.1",
                                      "1.2.3.4",          "2001:db8::1", "2001:DB8:0::1", "::1",
                                      "::ffff:192.0.2.1", "joe",         "192.0.2"};
  for (int round = 0; round < kRounds; ++round) {
    const std::string text = source(pieces, 1 + next(8));
    const std::string name = "c" + std::to_string(round);
    write(name, text, -100);
    compare("cidr", name, text, keys);
    if (HasFatalFailure()) return;
  }
  EXPECT_GT(answered_, 20U);
}

}  // namespace
}  // namespace hikyaku::io
