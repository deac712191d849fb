// Greylisting's state at a million tuples: how long it takes to load, how much memory it holds, how many
// decisions a second one core makes, and how long the slowest takes while all that changes is saved.
//   greylist_load [TUPLES [FOLDER]]
// With FOLDER the state is in a database there, which is filled when there is none. Without, the Kv makes its
// rows up and forgets what is saved, so that nothing but the state is measured; a commit
// takes 5 ms, as a sync does. Rates are of processor time, the slowest decision is by the clock. Of the
// decisions four in ten are pending, four autowhite and two new.
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "greylist/tuple_store.h"
#include "io/rocks_kv.h"

namespace {

using namespace hikyaku;
using namespace hikyaku::greylist;
using SteadyClock = std::chrono::steady_clock;

constexpr Seconds kNow{std::chrono::seconds(1'800'000'000)};

TupleEntry entry_of(std::uint64_t number) {
  TupleEntry entry;
  entry.address = "10." + std::to_string(number >> 16U & 255U) + '.' + std::to_string(number >> 8U & 255U) +
                  '.' + std::to_string(number & 255U);
  entry.sender =
      "<someone" + std::to_string(number) + "@sender" + std::to_string(number % 1000) + ".example>";
  entry.recipient = "<user" + std::to_string(number % 5000) + "@hub.example>";
  entry.facts.state = number % 2 == 0 ? TupleState::pending : TupleState::autowhite;
  entry.facts.time = kNow + std::chrono::hours(1);
  entry.facts.first_seen = entry.facts.last_seen = kNow - std::chrono::minutes(5);
  entry.facts.tries = 1;
  return entry;
}

/// Of this thread's processor time, which the neighbours on the machine take nothing of.
double processor_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

class MadeUpKv final : public Kv {
 public:
  explicit MadeUpKv(std::uint64_t rows) : rows_(rows) {}
  mutable std::atomic<double> making{0};  // seconds that scan() took to make rows up

  Result<std::optional<std::string>> get(Space /*space*/, std::string_view key) const override {
    return encode(entry_of(parse_sequence_key(key).value_or(0)));
  }
  Result<std::vector<std::optional<std::string>>> multi_get(
      Space space, const std::vector<std::string>& keys) const override {
    std::vector<std::optional<std::string>> all;
    for (const auto& key : keys) all.push_back(*get(space, key));
    return all;
  }
  Result<std::vector<Row>> scan(Space space, std::string_view from, std::string_view to,
                                std::size_t limit) const override {
    std::vector<Row> found;
    if (space != 0) return found;
    const double start = processor_seconds();
    auto number = from.empty() ? 1 : parse_sequence_key(from.substr(0, 8)).value_or(0) + from.size() - 8;
    const auto end = to.empty() ? rows_ + 1 : std::min(parse_sequence_key(to).value_or(0), rows_ + 1);
    for (; number < end && found.size() < limit; ++number) {
      found.emplace_back(sequence_key(number), encode(entry_of(number)));
    }
    making += processor_seconds() - start;
    return found;
  }
  Result<void> commit(Batch /*batch*/, Durability /*durability*/) override {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    return {};
  }

 private:
  std::uint64_t rows_;
};

double mebibytes() {
  std::ifstream file("/proc/self/statm");
  std::size_t pages = 0, resident = 0;
  file >> pages >> resident;
  return static_cast<double>(resident) * static_cast<double>(::sysconf(_SC_PAGESIZE)) / 1048576.0;
}

Tuple tuple_of(std::uint64_t number) {
  const auto entry = entry_of(number);
  return {ClientKey::of_address(entry.address, {}).value(), tuple_sender(entry.sender),
          tuple_recipient(entry.recipient)};
}

/// How often this thread was taken off its processor for another.
long preemptions() {
  rusage usage{};
  ::getrusage(RUSAGE_THREAD, &usage);
  return usage.ru_nivcsw;
}

struct Run {
  double rate = 0, decisions = 0, slowest_ms = 0, over_1ms = 0;
};

/// Each decision is timed; those in which another process took the processor do not count as slow.
Run decide(TupleStore& store, const std::vector<Tuple>& tuples) {
  Run run;
  run.decisions = static_cast<double>(tuples.size());
  auto preempted = preemptions();
  const double start = processor_seconds();
  auto before = SteadyClock::now();
  for (const auto& tuple : tuples) {
    static_cast<void>(store.table().decide(tuple, {}, kNow));
    const auto after = SteadyClock::now();
    const double took = std::chrono::duration<double, std::milli>(after - before).count();
    before = after;
    if (took < 1) continue;
    const auto preempted_before = std::exchange(preempted, preemptions());
    if (preempted != preempted_before) continue;
    run.slowest_ms = std::max(run.slowest_ms, took);
    ++run.over_1ms;
  }
  run.rate = static_cast<double>(tuples.size()) / (processor_seconds() - start);
  return run;
}

void tell(const char* what, const Run& run) {
  std::printf("%s: %.0f decisions/s; %.0f of %.0f took more than 1 ms, the slowest %.1f ms\n", what, run.rate,
              run.over_1ms, run.decisions, run.slowest_ms);
}

/// Writes the tuples that a MadeUpKv has.
bool fill(Kv& kv, std::uint64_t count) {
  const auto row = kv.scan(0, {}, {}, 1);
  if (!row || !row->empty()) return row.has_value();
  for (std::uint64_t number = 1; number <= count;) {
    Kv::Batch batch;
    for (std::size_t i = 0; i < TupleStore::kBatch && number <= count; ++i, ++number) {
      const auto entry = entry_of(number);
      batch.put(0, sequence_key(number), encode(entry));
      batch.put(1, TupleTimeKey{entry.facts.state, entry.facts.time, number}.key(), {});
    }
    if (!kv.commit(std::move(batch), Kv::Durability::written)) return false;
  }
  return kv.commit({}, Kv::Durability::synced).has_value();
}

void measure(Kv& kv, std::uint64_t count) {
  TupleStore::Settings settings;
  settings.table.most_tuples = 2 * count + 1'000'000;
  settings.table.most_unsaved = 10'000'000;
  const double before = mebibytes();
  TupleStore store(kv, settings, {0x1234, 0x5678});
  const auto start = SteadyClock::now();
  if (const auto loaded = store.load(); !loaded) {
    std::fprintf(stderr, "%s\n", loaded.error().text.c_str());
    return;
  }
  const double took = std::chrono::duration<double>(SteadyClock::now() - start).count();
  const auto load = store.table().load();
  std::printf("%zu tuples loaded in %.2f s; %.0f MiB more resident, %.0f MiB by the table's own count\n",
              load.pending + load.autowhite, took, mebibytes() - before,
              static_cast<double>(load.memory) / 1048576.0);

  std::vector<Tuple> tuples;
  constexpr std::size_t kDecisions = 300'000;
  std::uint64_t random = 1, fresh = count;
  for (std::size_t i = 0; i < 2 * kDecisions; ++i) {
    random = random * 6364136223846793005U + 1442695040888963407U;
    tuples.push_back(tuple_of(i % 5 == 4 ? ++fresh : (random >> 33U) % count + 1));
  }
  const std::vector<Tuple> first(tuples.begin(), tuples.begin() + kDecisions);
  const std::vector<Tuple> second(tuples.begin() + kDecisions, tuples.end());
  tell("alone", decide(store, first));
  std::atomic<bool> stop{false};
  std::atomic<std::size_t> changes{0};
  std::thread saver([&] {
    while (!stop) changes += store.flush().value_or(TupleStore::Saved{}).changes;
  });
  tell("while all is saved", decide(store, second));
  stop = true;
  saver.join();
  std::printf("%zu changes were saved\n", changes.load());
}

}  // namespace

int main(int argc, char** argv) {
  const std::uint64_t count = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1'000'000;
  if (argc < 3) {
    MadeUpKv kv(count);
    measure(kv, count);
    std::printf("making up the rows took %.2f s of one processor\n", kv.making.load());
    return 0;
  }
  io::RocksKv::Options options;
  options.directory = argv[2];
  options.spaces = {{"tuples"}, {"times"}};
  io::RocksKv::Notes notes;
  const auto kv = io::RocksKv::open(options, notes);
  if (!kv || !fill(**kv, count)) {
    std::fprintf(stderr, "%s\n", kv ? "the database can't be filled" : kv.error().text.c_str());
    return 1;
  }
  measure(**kv, count);
  return 0;
}
