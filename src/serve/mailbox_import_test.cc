#include "serve/mailbox_import.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "serve/mounted_database.h"
#include "store/messages.h"
#include "store/usage.h"

namespace hikyaku::serve {
namespace {

namespace fs = std::filesystem;
using Duplicates = MailboxImport::Duplicates;
using Strings = std::vector<std::string>;

class StoppedClock final : public Clock {
 public:
  Time now() const override { return Time{std::chrono::seconds{1'795'564'100}}; }
};
class CountingRandom final : public Random {
 public:
  void fill(std::span<unsigned char> octets) override {
    for (auto& octet : octets) octet = next_++;
  }

 private:
  unsigned char next_ = 0;
};

class MailboxImportTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "hikyaku-import-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
  }
  void TearDown() override { fs::remove_all(directory_); }

  /// Runs a test's body with an empty database, in a process of its own.
  void with_database(const std::function<void()>& body) {
    EXPECT_TRUE(testing_support::in_child([&] {
      open_database();
      body();
      database_->commits->stop();
      database_.reset();
    }));
  }
  void open_database() {
    database_ = std::make_shared<StoreDatabase>();
    io::RocksKv::Options options;
    options.directory = directory_;
    options.spaces = store::spaces();
    options.now = clock_.now();
    std::vector<std::string> notes;
    database_->kv = io::RocksKv::open(options, notes).value();
    database_->blob = io::FileBlob::open(directory_ / "blobs").value();
    database_->store = store::Store::open(*database_->kv, *database_->blob).value();
    database_->commits = std::make_unique<io::GroupCommitter>(*database_->kv);
  }
  std::unique_ptr<MailboxImport> begin(Duplicates duplicates = Duplicates::add) {
    return std::make_unique<MailboxImport>(
        [this](std::string_view) -> Result<std::shared_ptr<StoreDatabase>> {
          ++uses_;
          if (dismounted_) return fail(Fault::temporary, "not mounted");
          return database_;
        },
        clock_, random_, MailboxImport::Options{duplicates, 1000});
  }
  static bool put(MailboxImport& import, std::string_view text, ImportHead head = {}) {
    if (!import.begin(std::move(head))) return false;
    for (std::size_t at = 0; at < text.size(); at += 300) {
      if (!import.write(text.substr(at, 300))) return false;
    }
    return import.end().has_value();
  }
  Strings contents(const std::string& mailbox) const {
    Strings all;
    const auto listing = database_->store->scan(mailbox, 1, 100'000);
    if (!listing) return {"none"};
    for (const auto& item : listing->items)
      all.push_back(database_->store->read(item, 0, 1'000'000).value_or("can't be read"));
    return all;
  }
  std::size_t blobs() const { return database_->blob->names().value().size(); }

  fs::path directory_;
  StoppedClock clock_;
  CountingRandom random_;
  std::shared_ptr<StoreDatabase> database_;
  int uses_ = 0;
  bool dismounted_ = false;
};

TEST_F(MailboxImportTest, SmallAndLargeMessagesAreKeptWithLineEndsOfSmtp) {
  with_database([this] {
    const auto import = begin();
    ASSERT_TRUE(import->open("u@d/A/B").has_value());
    std::string large = "Subject: large\n\n";
    for (int i = 0; i < 500; ++i) large += "line\r\n";
    ImportHead head;
    head.flags.seen = true;
    ASSERT_TRUE(put(*import, "Subject: small\nTo: x\n\nbody", head));
    ASSERT_TRUE(put(*import, large));
    EXPECT_EQ(import->counts(), ImportCounts{}) << "not on the disk yet";
    ASSERT_TRUE(import->commit().has_value());
    const auto all = contents("u@d/A/B");
    ASSERT_EQ(all.size(), 2U);
    EXPECT_EQ(all[0], "Subject: small\r\nTo: x\r\n\r\nbody\r\n");
    EXPECT_TRUE(all[1].starts_with("Subject: large\r\n\r\nline\r\nline\r\n"));
    EXPECT_EQ(all[1].size(), 18U + 500 * 6);
    EXPECT_EQ(blobs(), 1U);
    const auto listing = database_->store->scan("u@d/A/B", 1, 10).value();
    EXPECT_TRUE(listing.items[0].message.flags.seen);
    EXPECT_EQ(listing.items[0].message.header_size, 25U);
    EXPECT_EQ(listing.items[1].message.header_size, 18U);
    const auto envelopes = store::envelopes(*database_->store, listing.items).value();
    EXPECT_EQ((*envelopes[1])[record::Envelope::subject].value, "large");
    EXPECT_EQ(import->counts(), (ImportCounts{2, all[0].size() + all[1].size(), 0, 0}));
    EXPECT_EQ(store::usage_of(*database_->store, "u@d").value().messages, 2);
  });
}

TEST_F(MailboxImportTest, WhatTheMailboxHasIsSkippedWhenThatIsAskedFor) {
  with_database([this] {
    const std::string large = "large\n" + std::string(5000, 'x');
    {
      const auto import = begin();
      ASSERT_TRUE(import->open("u@d").has_value());
      ASSERT_TRUE(put(*import, "one\n") && put(*import, large) && import->commit());
    }
    const auto import = begin(Duplicates::skip);
    ASSERT_TRUE(import->open("u@d").has_value());
    ASSERT_TRUE(put(*import, "one\r\n") && put(*import, "two\n") && put(*import, large) &&
                put(*import, "two\n"));
    ASSERT_TRUE(import->open("v@d").has_value());
    ASSERT_TRUE(put(*import, "one\n") && import->commit());
    EXPECT_EQ(import->counts().messages, 2U);
    EXPECT_EQ(import->counts().duplicates, 3U);
    EXPECT_EQ(contents("u@d").size(), 3U);
    EXPECT_EQ(contents("v@d"), Strings{"one\r\n"});
    EXPECT_EQ(blobs(), 1U) << "a large one that is skipped leaves no file";
  });
}

TEST_F(MailboxImportTest, WhatIsAbandonedOrNotCommittedLeavesNothing) {
  with_database([this] {
    const std::string large(5000, 'x');
    {
      const auto import = begin();
      ASSERT_TRUE(import->open("u@d").has_value());
      ASSERT_TRUE(import->begin({}).has_value() && import->write(large).has_value());
      import->abandon();
      ASSERT_TRUE(put(*import, "one\n") && import->commit());
      ASSERT_TRUE(put(*import, large));
      EXPECT_EQ(blobs(), 1U);
    }
    EXPECT_EQ(contents("u@d"), Strings{"one\r\n"});
    EXPECT_EQ(blobs(), 0U);
  });
}

TEST_F(MailboxImportTest, AMailboxThatCanNotBeHadRefusesItsMessagesAlone) {
  with_database([this] {
    const auto import = begin();
    EXPECT_TRUE(import->open("u@d//x").value().has_value());
    ASSERT_TRUE(put(*import, "one\n"));
    ASSERT_TRUE(import->open("u@d").has_value());
    ASSERT_TRUE(put(*import, "two\n") && import->commit());
    EXPECT_EQ(import->counts().refused, 1U);
    EXPECT_EQ(contents("u@d"), Strings{"two\r\n"});
  });
}

TEST_F(MailboxImportTest, TheDatabaseIsGivenBackBetweenGroups) {
  with_database([this] {
    const auto import = begin();
    ASSERT_TRUE(import->open("u@d").has_value());
    ASSERT_TRUE(put(*import, "one\n") && import->commit());
    EXPECT_EQ(database_.use_count(), 1);
    dismounted_ = true;
    ASSERT_TRUE(put(*import, "two\n")) << "it is not needed yet";
    EXPECT_EQ(import->commit().error().fault, Fault::temporary);
  });
}

TEST_F(MailboxImportTest, ManyAreCommittedInGroups) {
  with_database([this] {
    const auto import = begin();
    ASSERT_TRUE(import->open("u@d").has_value());
    for (int i = 0; i < 1234; ++i) ASSERT_TRUE(put(*import, "message " + std::to_string(i) + "\n"));
    EXPECT_EQ(import->counts().messages, 1000U);
    ASSERT_TRUE(import->commit().has_value());
    const auto all = contents("u@d");
    ASSERT_EQ(all.size(), 1234U);
    EXPECT_EQ(all[1233], "message 1233\r\n");
    EXPECT_LT(database_->commits->statistics().groups, 10U);
  });
}

TEST_F(MailboxImportTest, CallsOutOfOrderAreFaults) {
  with_database([this] {
    const auto import = begin();
    ASSERT_TRUE(import->open("u@d").has_value());
    EXPECT_FALSE(import->write("x").has_value());
    EXPECT_FALSE(import->end().has_value());
    ASSERT_TRUE(import->begin({}).has_value());
    EXPECT_FALSE(import->begin({}).has_value());
  });
}

}  // namespace
}  // namespace hikyaku::serve
