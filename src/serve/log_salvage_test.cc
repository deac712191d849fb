#include "serve/log_salvage.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "io/system_random.h"
#include "serve/crashed_database.h"
#include "store/keys.h"

namespace hikyaku::serve {
namespace {

namespace fs = std::filesystem;
using namespace testing_support;
using nlohmann::json;
/// Mailbox and checksum of each message: a salvaged one has another UID.
using Mail = std::multiset<std::pair<std::string, std::uint32_t>>;

class StoppedClock final : public Clock {
 public:
  Time now() const override { return kBegin; }
};

Mail mail_of(const std::map<std::string, std::uint32_t>& messages) {
  Mail mail;
  for (const auto& [name, checksum] : messages) mail.emplace(name.substr(0, name.rfind(':')), checksum);
  return mail;
}

class LogSalvageTest : public testing::Test {
 protected:
  void SetUp() override {
    (void)origin();
    fs::remove_all(work_);
    fs::copy(origin().at, work_, fs::copy_options::recursive);
  }
  void TearDown() override { fs::remove_all(work_); }
  static void TearDownTestSuite() {
    fs::remove_all(fs::temp_directory_path() / ("hikyaku-damage-" + std::to_string(::getpid())));
  }
  static const Crashed& origin() { return crashed(Kind::mailboxes); }
  static Mail acknowledged() { return mail_of(expected_after(origin().history)); }

  fs::path take_away(std::size_t log) const {
    const auto& path = origin().logs[log];
    fs::create_directories(work_ / "found");
    fs::rename(work_ / path, work_ / "found" / path.filename());
    return work_ / "found" / path.filename();
  }
  void mount_by_force() const {
    auto mount = DatabaseMount::open(Mailboxes(work_).place(), {}).value();
    ASSERT_TRUE(mount.needs_force());
    ASSERT_TRUE(mount.force(mount.foretell().value(), kBegin));
    std::vector<std::string> notes;
    ASSERT_TRUE(mount.complete(kBegin, notes));
  }
  Result<SalvageCounts> salvage(const std::vector<fs::path>& from, bool dry_run = false) {
    std::vector<std::string> notes;
    const auto database = StoreDatabase::open(Mailboxes(work_).place(), {}, kBegin, notes).value();
    io::SystemRandom random;
    rows_.clear();
    return salvage_logs(*database, {from, dry_run}, StoppedClock(), random,
                        [this](const json& row) {
                          rows_.push_back(row);
                          if (on_row_) on_row_(row);
                        },
                        {});
  }
  Mail mail() const {
    Mailboxes mailboxes(work_);
    std::vector<std::string> notes;
    EXPECT_TRUE(mailboxes.mount(notes));
    const auto contents = mailboxes.contents();
    unreadable_ = contents.unreadable;
    EXPECT_THAT(unreadable_.empty() ? mailboxes.problems() : Strings{}, testing::IsEmpty());
    return mail_of(contents.whole);
  }
  /// All that was acknowledged is there, each once; what is more was so before: its removal was lost.
  static void expect_all_once(const Mail& after, const Mail& before) {
    const auto expected = acknowledged();
    EXPECT_TRUE(std::ranges::includes(after, expected));
    for (const auto& one : after) {
      EXPECT_EQ(after.count(one), 1U) << one.first;
      EXPECT_TRUE(expected.contains(one) || before.contains(one)) << one.first << " came back";
    }
  }

  using Strings = std::vector<std::string>;
  const fs::path work_ = fs::temp_directory_path() / ("hikyaku-salvage-" + std::to_string(::getpid()));
  std::vector<json> rows_;
  std::function<void(const json&)> on_row_;
  mutable std::map<std::string, std::string> unreadable_;  // of the last mail()
};

/// The number of the log that is lost.
class LostLog : public LogSalvageTest, public testing::WithParamInterface<std::size_t> {};

TEST_P(LostLog, PutBackGivesAllThatWasInItOnceAndOnlyThat) {
  EXPECT_TRUE(in_child([&] {
    const auto found = take_away(GetParam());
    mount_by_force();
    const auto before = mail();
    const auto lost =
        acknowledged().size() - static_cast<std::size_t>(std::ranges::count_if(
                                    acknowledged(), [&](const auto& one) { return before.contains(one); }));
    ASSERT_GT(lost, 0U);
    const auto tried = salvage({found}, true);
    ASSERT_TRUE(tried) << tried.error().text;
    EXPECT_EQ(tried->added + tried->bodies > 0, true);
    EXPECT_EQ(mail(), before) << "a dry run changes nothing";

    const auto made = salvage({found});
    ASSERT_TRUE(made) << made.error().text;
    EXPECT_EQ(*made, *tried) << "and tells what will be done";
    EXPECT_EQ(made->left_out, 0U) << json(rows_).dump();
    EXPECT_GT(made->had + made->removed + made->added, 0U);
    const auto after = mail();
    // What was removed in the lost log, with its file, is back without it.
    const auto expected = expected_after(origin().history);
    for (const auto& [name, why] : unreadable_) EXPECT_FALSE(expected.contains(name)) << name << ": " << why;
    expect_all_once(after, before);

    const auto again = salvage({found.parent_path()});
    ASSERT_TRUE(again) << again.error().text;
    EXPECT_EQ(again->added + again->bodies, 0U);
    EXPECT_EQ(mail(), after);
    EXPECT_FALSE(fs::exists(Mailboxes(work_).place().directory / "salvage-rows"));
  }));
}

TEST_P(LostLog, AndWhatIsRemovedAfterThatDoesNotComeBack) {
  EXPECT_TRUE(in_child([&] {
    const auto found = take_away(GetParam());
    mount_by_force();
    ASSERT_TRUE(salvage({found}));
    {
      std::vector<std::string> notes;
      const auto database = StoreDatabase::open(Mailboxes(work_).place(), {}, kBegin, notes).value();
      const auto boxes = database->store->list_mailboxes().value();
      for (const auto& box : boxes) {
        std::vector<store::Uid> uids;
        const auto listing = database->store->scan(box.name, 1, 1000).value();
        for (const auto& item : listing.items) uids.push_back(item.uid);
        Kv::Batch batch;
        auto expunged = store::expunge(*database->store, batch, box.name, uids, std::nullopt);
        ASSERT_TRUE(expunged);
        ASSERT_TRUE(database->commits->commit(std::move(batch)));
        expunged->change.committed();
      }
    }
    ASSERT_EQ(mail().size(), 0U);
    const auto again = salvage({found});
    ASSERT_TRUE(again) << again.error().text;
    EXPECT_EQ(again->added + again->bodies, 0U);
    EXPECT_EQ(mail().size(), 0U);
  }));
}

TEST_P(LostLog, CutShortAfterAnyMailboxItIsDoneByRunningItAgain) {
  for (int mailboxes = 1; mailboxes <= 2; ++mailboxes) {
    fs::path found;
    fs::remove_all(work_);
    SetUp();
    EXPECT_TRUE(in_child([&] {
      take_away(GetParam());
      mount_by_force();
    }));
    found = work_ / "found";
    EXPECT_TRUE(in_child([&] {
      int left = mailboxes;
      on_row_ = [&left](const json& row) {
        if (row.contains("mailbox") && --left == 0) ::_exit(0);  // as a crash
      };
      (void)salvage({found});
      ADD_FAILURE() << "it came to its end";
      ::_exit(1);
    }));
    EXPECT_TRUE(in_child([&] {
      const auto before = mail();
      const auto made = salvage({found});
      ASSERT_TRUE(made) << made.error().text;
      expect_all_once(mail(), before);
    }));
  }
}

INSTANTIATE_TEST_SUITE_P(, LostLog, testing::Values(0, 1, 2),
                         [](const auto& row) { return "log_" + std::to_string(row.param); });

TEST_F(LogSalvageTest, OfALogWithADamagedBodyThatOneGoesToSalvagedAndNothingElse) {
  EXPECT_TRUE(in_child([&] {
    const auto log = work_ / origin().logs[1];
    auto octets = octets_of(log);
    // A record with several messages.
    constexpr std::string_view kSubject = "Subject: message ";
    auto at = octets.find(kSubject, octets.size() / 2);
    while (at != std::string::npos &&
           Mailboxes(work_).copies(std::strtoull(octets.c_str() + at + kSubject.size(), nullptr, 10)) < 2)
      at = octets.find(kSubject, at + 1);
    ASSERT_NE(at, std::string::npos);
    octets[at + 9] ^= 0x20;
    overwrite(log, octets);
    mount_by_force();
    const auto before = mail();
    const auto made = salvage({});
    ASSERT_TRUE(made) << made.error().text;
    EXPECT_EQ(made->added + made->bodies, 0U);
    EXPECT_GT(made->had, 0U);
    EXPECT_GT(made->doubtful, 1U);
    EXPECT_EQ(made->left_out, 0U) << json(rows_).dump();
    auto after = mail();
    EXPECT_TRUE(std::ranges::includes(after, before));
    std::size_t in_salvaged = 0;
    for (const auto& [mailbox, checksum] : after) in_salvaged += mailbox.ends_with("/Salvaged") ? 1 : 0;
    EXPECT_EQ(in_salvaged, made->doubtful);
    EXPECT_EQ(after.size(), before.size() + made->doubtful) << "among ordinary mail there is none";
    std::vector<std::string> notes;
    {
      const auto database = StoreDatabase::open(Mailboxes(work_).place(), {}, kBegin, notes).value();
      for (const auto& [mailbox, checksum] : after) {
        if (!mailbox.ends_with("/Salvaged")) continue;
        const auto item = database->store->find(mailbox, 1).value();
        EXPECT_THAT(database->store->read(item, 0, 1000).value(),
                    testing::AllOf(testing::StartsWith("X-Hikyaku-Salvaged: " + log.filename().string()),
                                   testing::HasSubstr("checksum mismatch"),
                                   testing::HasSubstr("\r\nFrom: <a@s.example>\r\nSubject: ")));
      }
    }
    const auto again = salvage({});
    ASSERT_TRUE(again) << again.error().text;
    EXPECT_EQ(again->doubtful + again->added, 0U);
    EXPECT_EQ(mail(), after);
  }));
}

TEST(SalvagedKey, HasTheseOctets) {
  using namespace std::string_literals;
  EXPECT_EQ(store::salvaged_key(store::message_key(7, 3), Time{std::chrono::microseconds{258}}),
            "salvaged/\0\0\0\7\0\0\0\3\0\0\0\0\0\0\1\2"s);
  EXPECT_EQ(store::salvaged_key(store::message_key(7, 3)), "salvaged-doubtful/\0\0\0\7\0\0\0\3"s);
}

TEST_F(LogSalvageTest, WithoutAnyLogItSaysWhereItLooked) {
  EXPECT_TRUE(in_child([&] {
    const auto made = salvage({});
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().fault, Fault::not_found);
    EXPECT_THAT(made.error().text, testing::HasSubstr((work_ / "store" / "quarantine").string()));
    const auto other = salvage({work_ / "nothing.log"});
    ASSERT_FALSE(other);
    EXPECT_THAT(other.error().text, testing::HasSubstr("nothing.log"));
  }));
}

TEST_F(LogSalvageTest, WhatIsNoLogOfMailboxesIsToldByItsName) {
  EXPECT_TRUE(in_child([&] {
    overwrite(work_ / "000007.log", std::string(100'000, 'x'));
    const auto before = mail();
    const auto made = salvage({work_ / "000007.log"});
    ASSERT_TRUE(made) << made.error().text;
    EXPECT_EQ(made->faults, 1U);
    ASSERT_EQ(rows_.size(), 1U);
    EXPECT_EQ(rows_[0]["log"], (work_ / "000007.log").string());
    EXPECT_TRUE(rows_[0].contains("fault"));
    EXPECT_EQ(mail(), before);
  }));
}

}  // namespace
}  // namespace hikyaku::serve
