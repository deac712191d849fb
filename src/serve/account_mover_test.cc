// A user goes from one mailbox database on the disk to another, and the power fails at any moment of it.
#include "serve/account_mover.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "serve/crashed_database.h"
#include "serve/recorded_disk.h"
#include "store/check.h"
#include "store/messages.h"
#include "store/registry.h"

namespace hikyaku::serve {
namespace {

namespace fs = std::filesystem;
using namespace testing_support;
using nlohmann::json;
using Strings = std::vector<std::string>;

constexpr const char* kJoe = "joe@d.example";
constexpr const char* kAnn = "ann@d.example";
constexpr std::uint64_t kBefore = 30, kAfter = 10;  // mails

class StoppedClock final : public Clock {
 public:
  Time now() const override { return kBegin; }
};

/// The databases of one data directory, as a command opens them.
struct Opened {
  explicit Opened(const fs::path& at) {
    settings.data_directory = at.string();
    settings.delivery_memory = std::chrono::days{8};
    Strings notes;
    const auto opened = databases.open(notes);
    EXPECT_TRUE(opened.has_value()) << opened.error().text;
    EXPECT_EQ(notes, Strings{});
  }
  bool deliver(std::uint64_t number) {
    bool all = true;
    for (const auto* who : {kJoe, kAnn}) {
      const auto database = databases.use_for(who).value();
      const auto body = body_of(number, size_of(number));
      store::Store::Message message;
      message.queue_id = record::QueueId(number + 1);
      message.received = kBegin;
      message.size = body.size();
      if (body.size() > 65536) {
        message.blob = std::string(who, 3) + std::to_string(number);
        auto writer = database->blob->put(message.blob).value();
        if (!writer->write(body) || !writer->finish()) return false;
      }
      Kv::Batch batch;
      auto delivery = database->store->deliver(batch, {{who, who, {}}}, message,
                                               message.blob.empty() ? body : std::string());
      if (!delivery) return false;
      const auto done = batch.empty() ? Result<void>() : database->commits->commit(std::move(batch));
      if (done) delivery->committed();
      all &= done.has_value();
    }
    return all;
  }
  bool move(const std::string& who, const std::string& to) {
    MailboxLocks sessions;
    const auto moved = AccountMover(databases, sessions, clock)
                           .answer({{"account", who}, {"database", to}}, [](const json&) { return true; });
    return moved.has_value();
  }
  /// What people see: "7 CRC seen".
  Strings mail_of(const std::string& who) {
    Strings all;
    const auto database = databases.use_for(who).value();
    const auto listing = database->store->scan(who, 1, 1000);
    if (!listing) return {listing.error().text};
    for (const auto& item : listing->items) {
      const auto body = database->store->read(item, 0, 1'000'000);
      all.push_back(std::to_string(item.uid) + " " +
                    (body ? std::to_string(crc32c(*body)) : body.error().text) +
                    (item.message.flags.seen ? " seen" : ""));
    }
    return all;
  }
  Strings problems(const std::string& name) {
    Strings all;
    const auto database = databases.use(name).value();
    const auto checked = store::check(*database->kv, *database->blob, [&](const store::Problem& problem) {
      all.push_back(problem.mailbox + " " + std::to_string(problem.uid) + ": " + problem.text);
    });
    EXPECT_TRUE(checked.has_value());
    return all;
  }

  MailboxSettings settings;
  StoppedClock clock;
  MailboxDatabases databases{[this] { return settings; }, clock, [](const Strings&) {}};
};

class AccountMoverTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "hikyaku-move-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    at = pattern;
  }
  void TearDown() override { fs::remove_all(at); }
  static void fill(Opened& opened) {
    for (std::uint64_t number = 0; number < kBefore; ++number) ASSERT_TRUE(opened.deliver(number));
    const auto database = opened.databases.use_for(kJoe).value();
    Kv::Batch batch;
    auto changed = store::change_flags(*database->store, batch, kJoe, {2, 3},
                                       {store::FlagChange::How::add, {.seen = true}, {}, {}});
    ASSERT_TRUE(changed.has_value());
    ASSERT_TRUE(database->commits->commit(std::move(batch)).has_value());
    changed->change.committed();
  }
  fs::path at;
};

TEST_F(AccountMoverTest, MovesAUserAndAllOfADomain) {
  EXPECT_TRUE(in_child([&] {
    Opened opened(at);
    Strings notes;
    ASSERT_TRUE(opened.databases.create("DB02", {}, notes).has_value());
    fill(opened);
    const auto joe = opened.mail_of(kJoe), ann = opened.mail_of(kAnn);
    ASSERT_TRUE(opened.move(kJoe, "DB02"));
    EXPECT_EQ(opened.databases.place_of(kJoe)->database, "DB02");
    EXPECT_EQ(opened.databases.place_of(kAnn)->database, "default");
    ASSERT_TRUE(opened.move("@d.example", "DB02"));
    EXPECT_EQ(opened.mail_of(kJoe), joe);
    EXPECT_EQ(opened.mail_of(kAnn), ann);
    EXPECT_EQ(opened.databases.place_of(kAnn)->rule, "domain d.example DB02");
    EXPECT_EQ(opened.problems("default"), Strings{});
    EXPECT_EQ(opened.problems("DB02"), Strings{});
  }));
}

TEST_F(AccountMoverTest, TwoMovesAtOnceAreRefused) {
  EXPECT_TRUE(in_child([&] {
    Opened opened(at);
    const std::scoped_lock moving(opened.databases.moving());
    EXPECT_FALSE(opened.move(kJoe, "default"));
  }));
}

TEST_F(AccountMoverTest, ASecondProcessIsKeptOut) {
  EXPECT_TRUE(in_child([&] {
    Opened opened(at);
    Strings notes;
    MailboxDatabases other([&] { return opened.settings; }, opened.clock, [](const Strings&) {});
    const auto refused = other.open(notes);
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().fault, Fault::temporary);
  }));
}

/// Told after the first mails, after the move, and after each mail that came then.
TEST_F(AccountMoverTest, AfterAPowerFailureTheUserIsWholeInOneOfBoth) {
  const auto journal = at.string() + ".journal";
  ASSERT_TRUE(in_child([&] {
    record_disk(at, journal);
    Opened opened(at);
    Strings notes;
    ASSERT_TRUE(opened.databases.create("DB02", {}, notes).has_value());
    fill(opened);
    record_told("filled");
    ASSERT_TRUE(opened.move(kJoe, "DB02"));
    record_told("moved");
    for (std::uint64_t number = kBefore; number < kBefore + kAfter; ++number) {
      ASSERT_TRUE(opened.deliver(number));
      record_told("delivered");
    }
    std::ofstream out(at.string() + ".all");
    for (const auto& line : opened.mail_of(kJoe)) out << line << '\n';
    out.close();
    ::_exit(testing::Test::HasFailure() ? 1 : 0);  // nothing is closed
  }));
  Strings all;
  std::ifstream in(at.string() + ".all");
  for (std::string line; std::getline(in, line);) all.push_back(line);
  fs::remove(at.string() + ".all");
  ASSERT_EQ(all.size(), kBefore + kAfter);
  const auto events = read_journal(journal);
  fs::remove(journal);
  const auto when = [&](std::string_view text) {
    const auto one = std::ranges::find(events, text, &DiskEvent::text);
    return static_cast<std::size_t>(one - events.begin());
  };
  const auto filled = when("filled"), moved = when("moved");
  ASSERT_LT(filled, moved);
  std::minstd_rand random(20261129);
  const int count = nightly() ? 1000 : kSanitized ? 6 : 15;
  for (int i = 0; i < count; ++i) {
    // Most while it is moved.
    const auto last = i % 5 == 0 ? events.size() : moved + 1;
    const auto end = filled + 1 + random() % (last - filled);
    SCOPED_TRACE("after event " + std::to_string(end) + ", filled " + std::to_string(filled) + ", moved " +
                 std::to_string(moved) + " of " + std::to_string(events.size()));
    fs::remove_all(at);
    rebuild_disk(events, end, random, at);
    const auto told = std::ranges::count_if(
        events.begin(), events.begin() + static_cast<std::ptrdiff_t>(end), [](const DiskEvent& event) {
          return event.kind == DiskEvent::Kind::told && event.text == "delivered";
        });
    ASSERT_TRUE(in_child([&] {
      Opened opened(at);
      for (const auto* name : {"default", "DB02"})
        ASSERT_TRUE(opened.databases.use(name).has_value()) << name;
      settle_moves(opened.databases, [](const std::string&) {});
      const auto database = opened.databases.place_of(kJoe)->database;
      EXPECT_TRUE(database == "DB02" || end <= moved) << "the move was acknowledged";
      const auto mail = opened.mail_of(kJoe);
      ASSERT_GE(mail.size(), kBefore + static_cast<std::size_t>(told)) << "acknowledged mail is missing";
      ASSERT_LE(mail.size(), all.size());
      EXPECT_EQ(mail, Strings(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(mail.size())));
      EXPECT_EQ(opened.problems("default"), Strings{});
      EXPECT_EQ(opened.problems("DB02"), Strings{});
      const auto other = opened.databases.use(database == "DB02" ? "default" : "DB02").value();
      const auto none = store::each_mailbox_row(*other->kv, kJoe, [](const std::string& name, const auto&) {
        ADD_FAILURE() << name << " is left in the other database";
        return Result<void>();
      });
      EXPECT_TRUE(none.has_value());
      EXPECT_TRUE(opened.move(kJoe, "DB02")) << "again";
      EXPECT_EQ(opened.mail_of(kJoe), mail);
    }));
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace hikyaku::serve
