// Random changes, with restarts and power cuts between them, against a model of a few lines.
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "store/opened_store.h"

namespace hikyaku::store {
namespace {

using testing_support::kNow;
using testing_support::OpenedStore;
using Strings = std::vector<std::string>;

/// Folders of one user, each with its messages by UID.
struct Model {
  struct Folder {
    std::map<Uid, std::string> messages, removed;
    Uid next = 1;
  };
  std::map<std::string, Folder> folders;

  Uid add(const std::string& folder, const std::string& body) {
    auto& to = folders[folder];
    to.messages[to.next] = body;
    return to.next++;
  }
  Strings contents(const std::string& folder) const {
    Strings all;
    for (const auto& [uid, body] : folders.at(folder).messages)
      all.push_back(std::to_string(uid) + " " + body);
    return all;
  }
  Usage usage() const {
    Usage sum;
    for (const auto& [name, folder] : folders) {
      for (const auto& [uid, body] : folder.messages) sum += {static_cast<std::int64_t>(body.size()), 1, 0};
    }
    return sum;
  }
};

class RandomRun {
 public:
  explicit RandomRun(unsigned seed) : random_(seed) {}

  void steps(int count) {
    for (int i = 0; i < count && !testing::Test::HasFailure(); ++i) {
      step();
      compare(i);
    }
  }

 private:
  std::size_t below(std::size_t end) { return static_cast<std::size_t>(random_() % end); }
  std::string folder() {
    static const Strings kNames{"u@d", "u@d/A", "u@d/A/B", "u@d/C"};
    return kNames[below(kNames.size())];
  }
  std::vector<Uid> some_of(const std::map<Uid, std::string>& messages) {
    std::vector<Uid> uids;
    for (const auto& [uid, body] : messages) {
      if (below(3) == 0) uids.push_back(uid);
    }
    return uids;
  }

  void deliver() {
    const auto to = folder();
    const auto body = "body " + std::to_string(++last_id_);
    const bool large = below(5) == 0;
    ASSERT_EQ(at_.deliver(last_id_, {to, "v@d"}, body, large).size(), 2U);
    model_.add(to, body);
  }
  void copy_or_move(bool copies) {
    const auto from = folder();
    const auto to = folder();
    if (!model_.folders.contains(from) || !model_.folders.contains(to)) return;
    const auto uids = some_of(model_.folders[from].messages);
    ASSERT_TRUE(copies ? at_.copy(from, uids, to) : at_.move(from, uids, to));
    for (const auto uid : uids) {
      const auto body = model_.folders[from].messages[uid];
      if (!copies) model_.folders[from].messages.erase(uid);
      model_.add(to, body);
    }
  }
  void expunge() {
    const auto from = folder();
    if (!model_.folders.contains(from)) return;
    auto& box = model_.folders[from];
    const auto uids = some_of(box.messages);
    const bool recoverable = below(3) != 0;
    ASSERT_TRUE(at_.expunge(from, uids, recoverable ? std::optional(kNow) : std::nullopt));
    for (const auto uid : uids) {
      if (recoverable) box.removed[uid] = box.messages[uid];
      box.messages.erase(uid);
    }
  }
  void restore() {
    const auto to = folder();
    if (!model_.folders.contains(to)) return;
    const auto uids = some_of(model_.folders[to].removed);
    ASSERT_TRUE(at_.restore(to, uids));
    for (const auto uid : uids) {
      model_.add(to, model_.folders[to].removed[uid]);
      model_.folders[to].removed.erase(uid);
    }
  }
  void purge() {
    ASSERT_TRUE(at_.purge(kNow + std::chrono::hours{1}, 1 + below(4)));
    for (auto& [name, box] : model_.folders) box.removed.clear();
  }
  void rename() {
    // C stands alone: it takes another's place when that is free.
    if (!model_.folders.contains("u@d/C") || model_.folders.contains("u@d/D")) return;
    ASSERT_TRUE(at_.rename("u@d/C", "u@d/D"));
    ASSERT_TRUE(at_.rename("u@d/D", "u@d/C"));
  }
  void remove() {
    if (!model_.folders.contains("u@d/C")) return;
    ASSERT_TRUE(at_.remove("u@d/C"));
    model_.folders.erase("u@d/C");
  }
  void flag() {
    const auto name = folder();
    if (!model_.folders.contains(name)) return;
    FlagChange wanted{FlagChange::How::add, {.seen = below(2) == 0}, {}, {}};
    ASSERT_TRUE(wanted.keywords.add("k" + std::to_string(below(5))));
    ASSERT_TRUE(at_.flag(name, some_of(model_.folders[name].messages), wanted));
  }
  void fold() {
    Kv::Batch batch;
    ASSERT_TRUE(fold_usage(*at_.store, batch, "u@d"));
    if (!batch.empty()) ASSERT_TRUE(at_.kv.commit(std::move(batch), Kv::Durability::synced));
  }
  void step() {
    switch (below(12)) {
      case 0:
      case 1:
      case 2:
        return deliver();
      case 3:
        return copy_or_move(true);
      case 4:
        return copy_or_move(false);
      case 5:
        return expunge();
      case 6:
        return restore();
      case 7:
        return below(4) == 0 ? purge() : fold();
      case 8:
        return flag();
      case 9:
        return rename();
      case 10:
        return below(4) == 0 ? remove() : flag();
      default:
        return at_.restart();
    }
  }
  void compare(int step) {
    for (const auto& [name, box] : model_.folders) {
      EXPECT_EQ(at_.contents(name), model_.contents(name)) << name << " at step " << step;
      EXPECT_GE(at_.store->find_mailbox(name).value().next_uid, box.next);
      EXPECT_EQ(at_.store->counts(name).value(), Store::Counts(at_.store->summary(name).value())) << name;
    }
    auto usage = usage_of(*at_.store, "u@d").value();
    usage.unseen = 0;  // compared by mailbox
    EXPECT_EQ(usage, model_.usage()) << "at step " << step;
    EXPECT_EQ(at_.problems(), Strings{}) << "at step " << step;
  }

  OpenedStore at_;
  Model model_;
  std::mt19937 random_;
  std::uint64_t last_id_ = 0;
};

TEST(StoreModel, RandomChangesGiveWhatTheModelSays) {
  for (unsigned seed = 1; seed <= 40 && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    RandomRun(seed).steps(120);
  }
}

}  // namespace
}  // namespace hikyaku::store
