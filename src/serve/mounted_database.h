#pragma once
// For tests only: a mailbox database and a queue that are filled through their own interfaces, that remember
// what was acknowledged, and are mounted as the hub does it.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <rocksdb/db.h>
#include <rocksdb/env.h>

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "base/crc32c.h"
#include "io/log_check.h"
#include "io/table_check.h"
#include "serve/databases.h"
#include "store/check.h"
#include "store/messages.h"

namespace hikyaku::serve::testing_support {

namespace fs = std::filesystem;

constexpr Time kBegin{std::chrono::seconds{1'795'564'100}};

/// One acknowledged change: a message that came, was changed, or was removed.
struct Acknowledged {
  char kind = '+';   ///< or '~', '-'
  std::string name;  ///< "u3@d.example:17", or the id in the queue
  std::uint32_t checksum = 0;
  std::uint64_t first = 0, last = 0;  ///< of the database's changes, when known
  std::string blob;                   ///< the file of its body; empty: it is in the database
};
using History = std::vector<Acknowledged>;

/// What is there: the checksum of each message's octets, or why they can't be read.
struct Contents {
  std::map<std::string, std::uint32_t> whole;
  std::map<std::string, std::string> unreadable;
};

/// Some text, the same for the same seed.
inline std::string body_of(std::uint64_t seed, std::size_t octets) {
  std::minstd_rand random(static_cast<unsigned>(seed * 7919 + 1));
  auto body = "From: <a@s.example>\r\nSubject: message " + std::to_string(seed) + "\r\n\r\n";
  while (body.size() < octets) body += static_cast<char>(body.size() % 70 == 69 ? '\n' : 'a' + random() % 26);
  return body;
}

/// Octets of the body of the message that is the `number`th of a history.
inline std::size_t size_of(std::uint64_t number) {
  return number % 23 == 5 ? 70'000 + number * 100 : 300 + number * 131 % 7000;
}

class Database {
 public:
  virtual ~Database() = default;
  const DatabasePlace& place() const { return place_; }

  /// As the hub does it. `notes`: what it tells.
  virtual Result<void> mount(std::vector<std::string>& notes) = 0;
  virtual void close() = 0;
  /// Does the next change, synced: `acknowledged` gets what it was. A failure is the commit's. Doing one
  /// again adds nothing, as when the queue tries once more what it does not know to be done.
  virtual Result<void> change(std::uint64_t number, History& acknowledged) = 0;
  /// How many messages the change adds.
  virtual std::size_t copies(std::uint64_t number) const = 0;
  virtual Contents contents() = 0;
  virtual io::RocksKv& kv() = 0;
  /// For mailboxes: what `hikyaku store verify` says of cross references.
  virtual std::vector<std::string> problems() { return {}; }

  /// For the next mount().
  DatabaseSettings settings;

 protected:
  explicit Database(DatabasePlace place) : place_(std::move(place)) {}
  DatabasePlace place_;
};

/// Mailboxes u0@d.example, ...; each number is a delivery to one to three of them, and now and then flags are
/// changed or a message is removed.
class Mailboxes : public Database {
 public:
  explicit Mailboxes(const fs::path& at)
      : Database({DatabasePlace::Kind::mailboxes, at / "store", at / "store" / "blobs", store::spaces()}) {}
  Result<void> mount(std::vector<std::string>& notes) override;
  void close() override { opened_.reset(); }
  Result<void> change(std::uint64_t number, History& acknowledged) override;
  std::size_t copies(std::uint64_t number) const override;
  Contents contents() override;
  io::RocksKv& kv() override { return *opened_->kv; }
  std::vector<std::string> problems() override;

  /// Moves a message between two mailboxes. `begun` is told of it before ('>', with its checksum and, as
  /// `blob`, the mailbox that it goes to), `acknowledged` ends with '<'. Nothing at all when there is none.
  Result<void> move(std::uint64_t number, const std::function<void(const Acknowledged&)>& begun,
                    History& acknowledged);
  /// As the hub does beside the mail.
  Result<void> back_up(const fs::path& folder);

 private:
  Result<void> deliver(std::uint64_t number, History& acknowledged);
  Result<void> flag(std::uint64_t number, History& acknowledged);
  Result<void> remove(std::uint64_t number, History& acknowledged);
  std::unique_ptr<StoreDatabase> opened_;
};

/// Each number is a message that comes in; now and then an earlier one is done.
class MailQueue : public Database {
 public:
  explicit MailQueue(const fs::path& at)
      : Database({DatabasePlace::Kind::queue, at / "queue", at / "blobs",
                  queue::spaces(std::chrono::hours{24 * 30})}) {}
  Result<void> mount(std::vector<std::string>& notes) override;
  void close() override { opened_.reset(); }
  Result<void> change(std::uint64_t number, History& acknowledged) override;
  std::size_t copies(std::uint64_t) const override { return 1; }
  Contents contents() override;
  io::RocksKv& kv() override { return *opened_->kv; }

 private:
  std::unique_ptr<QueueDatabase> opened_;
};

enum class Kind : unsigned char { mailboxes, queue };
inline std::unique_ptr<Database> database_of(Kind kind, const fs::path& at) {
  if (kind == Kind::mailboxes) return std::make_unique<Mailboxes>(at);
  return std::make_unique<MailQueue>(at);
}

/// A history as a file, one line a change.
void write_history(std::ostream& out, const Acknowledged& one);
History read_history(std::istream& in);
/// What is to be there after a history.
std::map<std::string, std::uint32_t> expected_after(const History& history);

/// Runs a test's body in a process of its own: the engine keeps threads for good, and a process that has them
/// can't be forked. False: it failed, or died.
bool in_child(const std::function<void()>& body);
/// A child that is forked beside such threads waits for them for ever.
void expect_no_engine_threads();

/// What is written from now on stays in logs. For a process that ends soon: writers wait in the end.
inline void stop_making_tables() {
  for (const auto priority : {rocksdb::Env::LOW, rocksdb::Env::HIGH})
    rocksdb::Env::Default()->SetBackgroundThreads(0, priority);
}

}  // namespace hikyaku::serve::testing_support
