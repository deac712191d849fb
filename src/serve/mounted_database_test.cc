#include "serve/mounted_database.h"

#include <sstream>

#include "serve/backups.h"
#include "store/copy.h"

namespace hikyaku::serve::testing_support {
namespace {

constexpr std::string_view kBlobPrefix = "large-";

std::string mailbox(std::uint64_t number) { return "u" + std::to_string(number) + "@d.example"; }

/// New mailboxes come up all the time, some made by their first message alone.
std::set<std::string> recipients(std::uint64_t number) {
  const auto boxes = 2 + number % 500 / 30;
  std::set<std::string> names{mailbox(number % boxes)};
  if (number % 3 == 0) names.insert(mailbox((number / 3) % boxes));
  if (number % 30 == 0) names.insert(mailbox(boxes - 1));
  return names;
}

/// Writes a body as a file, in pieces, as one that arrives.
Result<void> put_body(Blob& blob, const std::string& name, std::string_view body) {
  auto writer = blob.put(name);
  if (!writer) return std::unexpected(writer.error());
  for (; !body.empty(); body.remove_prefix(std::min<std::size_t>(body.size(), 30'000))) {
    if (auto written = (*writer)->write(body.substr(0, 30'000)); !written) return written;
  }
  return (*writer)->finish();
}

std::string blob_name(std::uint64_t number, std::size_t octets) {
  return octets > 65'536 ? std::string(kBlobPrefix) + std::to_string(number) : std::string();
}

template <class Opened>
Result<void> commit(Opened& opened, Kv::Batch batch) {
  return opened.commits->commit(std::move(batch));
}

}  // namespace

// ---- mailboxes

Result<void> Mailboxes::mount(std::vector<std::string>& notes) {
  close();
  auto opened = StoreDatabase::open(place_, settings, kBegin, notes);
  if (!opened) return std::unexpected(opened.error());
  opened_ = std::move(*opened);
  return {};
}

Result<void> Mailboxes::change(std::uint64_t number, History& acknowledged) {
  if (number % 11 == 7) {
    if (auto done = flag(number, acknowledged); !done) return done;
  }
  if (number % 17 == 9) {
    if (auto done = remove(number, acknowledged); !done) return done;
  }
  return deliver(number, acknowledged);
}

std::size_t Mailboxes::copies(std::uint64_t number) const { return recipients(number).size(); }

Result<void> Mailboxes::deliver(std::uint64_t number, History& acknowledged) {
  const auto names = recipients(number);
  auto body = body_of(number, size_of(number));
  store::Store::Message message;
  message.queue_id = record::QueueId(number + 1);
  message.received = kBegin;
  message.sender = mail::Address::from_internal("a@s.example").value();
  message.size = body.size();
  message.envelope = record::summarize(body);
  message.blob = blob_name(number, body.size());
  const auto sum = crc32c(body);
  if (!message.blob.empty()) {
    if (auto put = put_body(*opened_->blob, message.blob, body); !put) return put;
    body.clear();
  }
  std::vector<store::Store::Target> targets;
  for (const auto& name : names) targets.push_back({name, name, {}});
  Kv::Batch batch;
  auto delivery = opened_->store->deliver(batch, targets, message, std::move(body));
  if (!delivery) return std::unexpected(delivery.error());
  if (batch.empty()) return {};
  const auto first = kv().engine().GetLatestSequenceNumber() + 1;
  if (auto done = commit(*opened_, std::move(batch)); !done) return done;
  delivery->committed();
  for (std::size_t i = 0; i < targets.size(); ++i) {
    acknowledged.push_back({'+', targets[i].mailbox + ':' + std::to_string(delivery->uids()[i]), sum, first,
                            kv().engine().GetLatestSequenceNumber(), message.blob});
  }
  return {};
}

Result<void> Mailboxes::flag(std::uint64_t number, History& acknowledged) {
  const auto name = mailbox(number % 2);
  const auto listing = opened_->store->scan(name, 1, 3);
  if (!listing)
    return listing.error().fault == Fault::not_found ? Result<void>{} : std::unexpected(listing.error());
  std::vector<store::Uid> uids;
  for (const auto& item : listing->items) uids.push_back(item.uid);
  // The newest too: of these all may be in one log.
  const auto box = opened_->store->find_mailbox(name);
  if (!box) return std::unexpected(box.error());
  if (box->next_uid > 3) uids.push_back(box->next_uid - 2);
  Kv::Batch batch;
  store::FlagChange wanted;
  wanted.how = store::FlagChange::How::add;
  (number % 2 == 0 ? wanted.flags.seen : wanted.flags.flagged) = true;
  auto changed = store::change_flags(*opened_->store, batch, name, uids, wanted);
  if (!changed) return std::unexpected(changed.error());
  if (batch.empty()) return {};
  const auto first = kv().engine().GetLatestSequenceNumber() + 1;
  if (auto done = commit(*opened_, std::move(batch)); !done) return done;
  changed->change.committed();
  for (const auto uid : changed->changed) {
    acknowledged.push_back(
        {'~', name + ':' + std::to_string(uid), 0, first, kv().engine().GetLatestSequenceNumber(), {}});
  }
  return {};
}

Result<void> Mailboxes::remove(std::uint64_t number, History& acknowledged) {
  const auto name = mailbox(number % 2);
  const auto listing = opened_->store->scan(name, 1, 2);
  if (!listing)
    return listing.error().fault == Fault::not_found ? Result<void>{} : std::unexpected(listing.error());
  if (listing->items.size() < 2) return {};
  const auto uid = listing->items.back().uid;
  Kv::Batch batch;
  auto expunged = store::expunge(*opened_->store, batch, name, {uid}, std::nullopt);
  if (!expunged) return std::unexpected(expunged.error());
  const auto first = kv().engine().GetLatestSequenceNumber() + 1;
  if (auto done = commit(*opened_, std::move(batch)); !done) return done;
  expunged->change.committed();
  acknowledged.push_back(
      {'-', name + ':' + std::to_string(uid), 0, first, kv().engine().GetLatestSequenceNumber(), {}});
  for (const auto& blob : expunged->unused_blobs) {
    if (auto removed = opened_->blob->remove(blob); !removed) return removed;
  }
  return {};
}

Result<void> Mailboxes::move(std::uint64_t number, const std::function<void(const Acknowledged&)>& begun,
                             History& acknowledged) {
  const auto from = mailbox(number % 2);
  const auto to = mailbox(1 - number % 2);
  const auto listing = opened_->store->scan(from, 1, 2);
  if (!listing || listing->items.size() < 2 || !opened_->store->find_mailbox(to)) return {};
  const auto& item = listing->items.back();
  const auto name = from + ':' + std::to_string(item.uid);
  const auto body = opened_->store->read(item, 0, 10'000'000);
  if (!body) return std::unexpected(body.error());
  begun({'>', name, crc32c(*body), 0, 0, to});
  Kv::Batch batch;
  auto moved = store::move(*opened_->store, batch, from, {item.uid}, to);
  if (!moved) return std::unexpected(moved.error());
  if (auto done = commit(*opened_, std::move(batch)); !done) return done;
  moved->change.committed();
  acknowledged.push_back({'-', name, 0, 0, 0, {}});
  for (const auto& [was, is] : moved->uids)
    acknowledged.push_back({'+', to + ':' + std::to_string(is), crc32c(*body), 0, 0, {}});
  acknowledged.push_back({'<', name, 0, 0, 0, {}});
  return {};
}

Result<void> Mailboxes::back_up(const fs::path& folder) {
  const auto made = serve::back_up(*opened_->kv, *opened_->blob, folder, false, kBegin, {});
  if (!made) return std::unexpected(made.error());
  return {};
}

Contents Mailboxes::contents() {
  Contents all;
  const auto& store = *opened_->store;
  const auto boxes = store.list_mailboxes();
  if (!boxes) {
    all.unreadable["the list of mailboxes"] = boxes.error().text;
    return all;
  }
  for (const auto& box : *boxes) {
    for (std::optional<store::Uid> from = 1; from;) {
      const auto listing = store.scan(box.name, *from, 100);
      if (!listing) {
        all.unreadable[box.name] = listing.error().text;
        break;
      }
      from = listing->next;
      for (const auto& damaged : listing->damaged)
        all.unreadable[box.name + ':' + std::to_string(damaged.uid)] = damaged.error.text;
      for (const auto& item : listing->items) {
        const auto name = box.name + ':' + std::to_string(item.uid);
        const auto body = store.read(item, 0, 10'000'000);
        if (body && body->size() == item.size()) {
          all.whole[name] = crc32c(*body);
        } else {
          all.unreadable[name] = body ? "it is cut" : body.error().text;
        }
      }
    }
  }
  return all;
}

std::vector<std::string> Mailboxes::problems() {
  std::vector<std::string> all;
  const auto checked = store::check(kv(), *opened_->blob, [&](const store::Problem& one) {
    all.push_back(std::string(store::text(one.kind)) + ' ' + one.mailbox + ':' + std::to_string(one.uid) +
                  ": " + one.text);
  });
  if (!checked) all.push_back(checked.error().text);
  return all;
}

// ---- queue

Result<void> MailQueue::mount(std::vector<std::string>& notes) {
  close();
  auto opened = QueueDatabase::open(place_, settings, kBegin, notes);
  if (!opened) return std::unexpected(opened.error());
  opened_ = std::move(*opened);
  return {};
}

Result<void> MailQueue::change(std::uint64_t number, History& acknowledged) {
  auto body = body_of(number, size_of(number));
  record::QueueEntry entry;
  entry.id = record::QueueId(number + 1);
  entry.arrival = entry.next_attempt = kBegin;
  entry.sender = mail::Address::from_internal("a@s.example").value();
  entry.recipients.push_back({mail::Address::from_internal("b@d.example").value()});
  entry.size = body.size();
  entry.blob = blob_name(number, body.size());
  const auto sum = crc32c(body);
  if (!entry.blob.empty()) {
    if (auto put = put_body(*opened_->blob, entry.blob, body); !put) return put;
    body.clear();
  }
  Kv::Batch batch;
  const auto change = opened_->queue->accept(batch, entry, body, "why");
  const auto first = kv().engine().GetLatestSequenceNumber() + 1;
  if (auto done = commit(*opened_, std::move(batch)); !done) return done;
  opened_->queue->committed(change);
  acknowledged.push_back(
      {'+', entry.id.text(), sum, first, kv().engine().GetLatestSequenceNumber(), entry.blob});
  if (number % 17 != 9) return {};
  const auto done_with = opened_->queue->load(record::QueueId(number - 7 + 1));
  if (!done_with)
    return done_with.error().fault == Fault::not_found ? Result<void>{} : std::unexpected(done_with.error());
  Kv::Batch end;
  const auto finished = opened_->queue->finish(end, *done_with, kBegin, "done");
  const auto end_first = kv().engine().GetLatestSequenceNumber() + 1;
  if (auto done = commit(*opened_, std::move(end)); !done) return done;
  opened_->queue->committed(finished);
  acknowledged.push_back(
      {'-', done_with->id.text(), 0, end_first, kv().engine().GetLatestSequenceNumber(), {}});
  if (!finished.unused_blob.empty()) return opened_->blob->remove(finished.unused_blob);
  return {};
}

Contents MailQueue::contents() {
  Contents all;
  for (std::optional<record::QueueId> after;;) {
    const auto listing = opened_->queue->list(after, 100);
    if (!listing) {
      all.unreadable["the queue"] = listing.error().text;
      return all;
    }
    for (const auto& damaged : listing->damaged) all.unreadable[damaged.id.text()] = damaged.error.text;
    for (const auto& entry : listing->entries) {
      const auto body = opened_->queue->read_body(entry, 0, 10'000'000);
      if (body && body->size() == entry.size) {
        all.whole[entry.id.text()] = crc32c(*body);
      } else {
        all.unreadable[entry.id.text()] = body ? "it is cut" : body.error().text;
      }
    }
    after = listing->continue_after;
    if (!after) return all;
  }
}

// ---- histories

void write_history(std::ostream& out, const Acknowledged& one) {
  out << one.kind << ' ' << one.name << ' ' << one.checksum << ' ' << one.first << ' ' << one.last << ' '
      << (one.blob.empty() ? "-" : one.blob) << '\n';
}

History read_history(std::istream& in) {
  History history;
  std::string line;
  // A line without its end was being written when its writer was killed.
  while (std::getline(in, line) && !in.eof()) {
    std::istringstream fields(line);
    Acknowledged one;
    if (!(fields >> one.kind >> one.name >> one.checksum >> one.first >> one.last >> one.blob)) break;
    if (one.blob == "-") one.blob.clear();
    history.push_back(one);
  }
  return history;
}

std::map<std::string, std::uint32_t> expected_after(const History& history) {
  std::map<std::string, std::uint32_t> there;
  for (const auto& one : history) {
    if (one.kind == '+') {
      there[one.name] = one.checksum;
    } else if (one.kind == '-') {
      there.erase(one.name);
    }
  }
  return there;
}

void expect_no_engine_threads() {
  for (const auto& task : fs::directory_iterator("/proc/self/task")) {
    std::ifstream file(task.path() / "comm");
    std::string name;
    std::getline(file, name);
    EXPECT_FALSE(name.starts_with("rocksdb")) << "an earlier test opened a database outside of in_child()";
  }
}

namespace {
int failures() {
  const auto& tests = *testing::UnitTest::GetInstance();
  const auto* test = tests.current_test_info();
  const auto& result = test != nullptr ? *test->result() : tests.ad_hoc_test_result();
  int count = 0;
  for (int i = 0; i < result.total_part_count(); ++i) count += result.GetTestPartResult(i).failed() ? 1 : 0;
  return count;
}
}  // namespace

bool in_child(const std::function<void()>& body) {
  expect_no_engine_threads();
  std::fflush(nullptr);
  const auto child = ::fork();
  if (child == 0) {
    // Failures from before the fork are the parent's.
    const auto before = failures();
    body();
    std::fflush(nullptr);
    ::_exit(failures() > before ? 1 : 0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return status == 0;
}

}  // namespace hikyaku::serve::testing_support
