// What `hikyaku store verify` finds of cross references without reading bodies, beside what it finds by them.
#include <random>

#include "io/file_blob.h"
#include "serve/mounted_database.h"
#include "store/keys.h"

namespace hikyaku::serve {
namespace {

using namespace testing_support;
using Strings = std::vector<std::string>;

/// Knows sizes by values alone.
class KvOfValues final : public Kv {
 public:
  explicit KvOfValues(const Kv& kv) : kv_(kv) {}
  Result<std::optional<std::string>> get(Space space, std::string_view key) const override {
    return kv_.get(space, key);
  }
  Result<std::vector<std::optional<std::string>>> multi_get(
      Space space, const std::vector<std::string>& keys) const override {
    return kv_.multi_get(space, keys);
  }
  Result<std::vector<Row>> scan(Space space, std::string_view from, std::string_view to,
                                std::size_t limit) const override {
    return kv_.scan(space, from, to, limit);
  }
  Result<void> commit(Batch, Durability) override { return fail(Fault::permanent, "for reading only"); }

 private:
  const Kv& kv_;
};

/// Each problem in the order of its telling, and the sums.
Strings findings(const Kv& kv, const Blob& blob) {
  Strings all;
  const auto report = [&](const store::Problem& one) {
    all.push_back(std::string(store::text(one.kind)) + ' ' + one.mailbox + ' ' + std::to_string(one.uid) +
                  ": " + one.text);
  };
  const auto sums = store::check(kv, blob, report).value();
  for (const auto sum :
       {sums.mailboxes, sums.messages, sums.removed, sums.bodies, sums.octets, sums.problems, sums.mended})
    all.push_back(std::to_string(sum));
  return all;
}

class MailboxCheckOfRandom : public testing::TestWithParam<unsigned> {
 protected:
  void SetUp() override {
    fs::remove_all(at);
    fs::create_directories(at);
  }
  void TearDown() override { fs::remove_all(at); }
  const fs::path at = fs::temp_directory_path() / ("hikyaku-check-" + std::to_string(::getpid()));
};

/// As a mistake would: bodies go, others come that nobody has, or are there with another size.
void damage(Mailboxes& database, std::mt19937& random) {
  auto& kv = database.kv();
  const auto rows = kv.scan(store::kBody, {}, {}, 100'000).value();
  Kv::Batch batch;
  for (const auto& [key, value] : rows) {
    const auto what = random() % 12;
    if (what < 3) batch.remove(store::kBody, key);
    if (what == 1) batch.put(store::kBody, key, value + std::string(random() % 3000, 'x'));
    if (what == 2) batch.put(store::kBody, key + "nobody's", value);
  }
  ASSERT_FALSE(batch.empty());
  ASSERT_TRUE(kv.commit(std::move(batch), Kv::Durability::synced).has_value());
}

TEST_P(MailboxCheckOfRandom, FindsTheSameWithoutReadingBodies) {
  std::mt19937 random(GetParam());
  const bool crashes = GetParam() % 2 == 0;
  ASSERT_TRUE(in_child([&] {
    Mailboxes database(at);
    database.settings.memory = std::size_t{4} << 20;
    std::vector<std::string> notes;
    ASSERT_TRUE(database.mount(notes).has_value());
    History history;
    std::uint64_t number = random() % 100;
    for (int round = 0; round < 3; ++round) {
      for (int i = 0; i < 70; ++i) ASSERT_TRUE(database.change(number++, history).has_value());
      if (round == 1) damage(database, random);
      if (round == 2) break;
      ASSERT_TRUE(database.kv().flush().has_value());
    }
    damage(database, random);
    if (crashes) ::_exit(HasFailure() ? 1 : 0);
  }));
  EXPECT_TRUE(in_child([&] {
    const auto place = Mailboxes(at).place();
    io::RocksKv::Options options;
    options.directory = place.directory;
    options.spaces = place.spaces;
    options.access = io::RocksKv::Access::read_only;
    io::RocksKv::Notes notes;
    const auto kv = io::RocksKv::open(options, notes).value();
    const auto blob = io::FileBlob::open_read_only(place.blobs).value();
    const auto found = findings(*kv, *blob);
    EXPECT_GT(found.size(), 30U);
    EXPECT_EQ(found, findings(KvOfValues(*kv), *blob));
  }));
}

INSTANTIATE_TEST_SUITE_P(, MailboxCheckOfRandom, testing::Range(1U, 7U));

}  // namespace
}  // namespace hikyaku::serve
