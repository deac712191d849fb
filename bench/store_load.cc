// Makes mailbox databases for bench/recovery.py fast, and measures what only a program inside can see of
// them. Each command prints one JSON object.
//   store_load fill DIR MESSAGES OCTETS LARGE  messages of OCTETS in one mailbox, and closes; LARGE more of
//                                              1 MiB, whose bodies are files
//   store_load crash DIR OCTETS                messages of 4 KiB until the logs hold so many octets, none of
//                                              which is in a table, and ends as if killed
//   store_load files DIR                       what `hikyaku store verify` reads, without cross references
//   store_load open DIR                        opens it as the hub does, then its mailbox
#include <sys/resource.h>
#include <unistd.h>

#include <rocksdb/env.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "io/table_check.h"
#include "serve/databases.h"
#include "store/store.h"
#include "store/usage.h"

using namespace hikyaku;
using Steady = std::chrono::steady_clock;

namespace {

constexpr std::string_view kMailbox = "joe@box.example";
constexpr std::size_t kLarge = std::size_t{1} << 20;
constexpr std::uint64_t kAtOnce = 200;  // messages of a commit

template <class T>
T need(Result<T> result) {
  if (result) return std::move(*result);
  std::fprintf(stderr, "store_load: %s\n", result.error().text.c_str());
  std::exit(1);
}
void need(Result<void> result) {
  if (result) return;
  std::fprintf(stderr, "store_load: %s\n", result.error().text.c_str());
  std::exit(1);
}

serve::DatabasePlace place_at(const std::filesystem::path& directory) {
  return {serve::DatabasePlace::Kind::mailboxes, directory, directory / "blobs", store::spaces()};
}

Time now() { return std::chrono::floor<Time::duration>(std::chrono::system_clock::now()); }

std::unique_ptr<serve::StoreDatabase> open_at(const std::filesystem::path& directory,
                                              const serve::DatabaseSettings& settings) {
  std::vector<std::string> notes;
  auto opened = need(serve::StoreDatabase::open(place_at(directory), settings, now(), notes));
  for (const auto& note : notes) std::fprintf(stderr, "store_load: %s\n", note.c_str());
  return opened;
}

double milliseconds(Steady::time_point since) {
  return std::chrono::duration<double, std::milli>(Steady::now() - since).count();
}

/// Octets of this process in memory that are its own, without pages of files.
std::uint64_t resident() {
  std::ifstream statm("/proc/self/statm");
  std::uint64_t size = 0, pages = 0, shared = 0;
  statm >> size >> pages >> shared;
  return (pages - shared) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

class Loader {
 public:
  explicit Loader(serve::StoreDatabase& database) : database_(database) {
    std::minstd_rand random(1);
    text_.resize(2 * kLarge);
    for (std::size_t i = 0; i < text_.size(); ++i)
      text_[i] = i % 72 == 71 ? '\n' : static_cast<char>('!' + random() % 90);
  }

  void add(std::uint64_t messages, std::size_t octets, bool large) {
    for (std::uint64_t done = 0; done < messages;) {
      Kv::Batch batch;
      std::vector<store::Store::Delivery> deliveries;
      for (; done < messages && deliveries.size() < kAtOnce; ++done)
        deliveries.push_back(one(batch, octets, large));
      need(database_.kv->commit(std::move(batch), Kv::Durability::written));
      for (auto& delivery : deliveries) delivery.committed();
      fold();
    }
    need(database_.kv->commit({}, Kv::Durability::synced));
  }

 private:
  /// As the hub does it once a minute.
  void fold() {
    for (const auto& account : store::accounts_to_fold(*database_.store)) {
      Kv::Batch batch;
      need(store::fold_usage(*database_.store, batch, account));
      if (!batch.empty()) need(database_.kv->commit(std::move(batch), Kv::Durability::written));
    }
  }

  store::Store::Delivery one(Kv::Batch& batch, std::size_t octets, bool large) {
    const auto number = ++number_;
    auto body = "From: <a" + std::to_string(number) + "@s.example>\r\nSubject: message " +
                std::to_string(number) + "\r\n\r\n";
    store::Store::Message message;
    message.header_size = body.size();
    const std::string header = body;
    if (body.size() < octets) body.append(text_, number * 4099 % kLarge, octets - body.size());
    message.queue_id = record::QueueId(number);
    message.received = now();
    message.sender = need(mail::Address::from_internal("a" + std::to_string(number) + "@s.example"));
    message.size = body.size();
    message.envelope = record::summarize(header);
    if (large) {
      message.blob = "large-" + std::to_string(number);
      auto writer = need(database_.blob->put(message.blob));
      need(writer->write(body));
      need(writer->finish());
      body.clear();
    }
    const std::string mailbox(kMailbox);
    return need(database_.store->deliver(
        batch, {{mailbox, mailbox, "Return-Path: <a@s.example>\r\nDelivered-To: joe@box.example\r\n"}},
        message, std::move(body)));
  }

  serve::StoreDatabase& database_;
  std::string text_;
  std::uint64_t number_ = 0;
};

int fill(const std::filesystem::path& directory, std::uint64_t messages, std::size_t octets,
         std::uint64_t large) {
  const auto database = open_at(directory, {});
  Loader loader(*database);
  loader.add(messages, octets, false);
  loader.add(large, kLarge, true);
  std::printf("{\"messages\": %llu}\n", static_cast<unsigned long long>(messages + large));
  return 0;
}

int crash(const std::filesystem::path& directory, std::uint64_t octets) {
  serve::DatabaseSettings settings;
  settings.memory = octets * 8 / 5;  // a log is begun when a quarter of it is full
  const auto database = open_at(directory, settings);
  for (const auto priority : {rocksdb::Env::LOW, rocksdb::Env::HIGH})
    rocksdb::Env::Default()->SetBackgroundThreads(0, priority);  // no tables are made
  constexpr std::size_t kMessage = 4096, kRows = 700;            // octets of a message in a log
  const auto messages = octets / (kMessage + kRows);
  Loader(*database).add(messages, kMessage, false);
  std::printf("{\"messages\": %llu}\n", static_cast<unsigned long long>(messages));
  std::fflush(stdout);
  std::_Exit(0);
}

int check_files(const std::filesystem::path& directory) {
  const auto place = place_at(directory);
  std::uint64_t octets = 0, bad = 0;
  for (const auto& reports :
       {need(io::check_tables(place.directory, place.spaces, {})), need(io::check_bodies(place.blobs, {}))}) {
    for (const auto& report : reports) {
      octets += report.octets;
      bad += report.reason.empty() ? 0U : 1U;
    }
  }
  std::printf("{\"octets\": %llu, \"bad\": %llu}\n", static_cast<unsigned long long>(octets),
              static_cast<unsigned long long>(bad));
  return bad == 0 ? 0 : 1;
}

int open_mailbox(const std::filesystem::path& directory) {
  auto began = Steady::now();
  const auto database = open_at(directory, {});
  const auto opened = milliseconds(began);
  const auto before = resident();
  began = Steady::now();
  const auto mailbox = need(database->store->find_mailbox(kMailbox));
  const auto counts = need(database->store->counts(kMailbox));
  const auto took = milliseconds(began);
  const auto after = resident();
  began = Steady::now();
  need(database->store->find_mailbox(kMailbox));
  need(database->store->counts(kMailbox));
  const auto again = milliseconds(began);
  std::printf(
      "{\"start_ms\": %.1f, \"select_ms\": %.2f, \"select_again_ms\": %.2f, \"select_octets\": %lld, "
      "\"messages\": %llu, \"unseen\": %llu, \"next_uid\": %u, \"highest_modseq\": %llu}\n",
      opened, took, again, static_cast<long long>(after) - static_cast<long long>(before),
      static_cast<unsigned long long>(counts.messages), static_cast<unsigned long long>(counts.unseen),
      mailbox.next_uid, static_cast<unsigned long long>(mailbox.highest_modseq));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  const auto number = [&](std::size_t i) { return std::stoull(words[i]); };
  if (words.size() == 5 && words[0] == "fill") return fill(words[1], number(2), number(3), number(4));
  if (words.size() == 3 && words[0] == "crash") return crash(words[1], number(2));
  if (words.size() == 2 && words[0] == "files") return check_files(words[1]);
  if (words.size() == 2 && words[0] == "open") return open_mailbox(words[1]);
  std::fprintf(
      stderr, "usage: store_load fill DIR MESSAGES OCTETS LARGE | crash DIR OCTETS | files DIR | open DIR\n");
  return 64;
}
