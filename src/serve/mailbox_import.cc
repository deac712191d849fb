#include "serve/mailbox_import.h"

#include <algorithm>
#include <array>
#include <utility>

#include "io/thread_confinement.h"
#include "mail/header.h"
#include "store/folders.h"
#include "store/messages.h"

namespace hikyaku::serve {
namespace {

constexpr std::size_t kGroup = 500;  // messages of one commit
constexpr std::size_t kGroupOctets = std::size_t{4} << 20;
constexpr std::size_t kLongestHeader = std::size_t{256} << 10;
constexpr int kTries = 5;
static_assert(kGroup <= store::kMostAtOnce);

/// No other body has it, nor ever had: a backup may still know the file.
std::string new_name(Random& random) {
  std::array<unsigned char, 16> octets{};
  random.fill(octets);
  std::string name = "import-";
  for (const auto octet : octets) {
    constexpr std::string_view kHex = "0123456789abcdef";
    name += kHex[octet >> 4U];
    name += kHex[octet & 15U];
  }
  return name;
}

}  // namespace

MailboxImport::~MailboxImport() {
  std::vector<std::string> blobs;
  for (const auto& message : waiting_) {
    if (!message.blob.empty()) blobs.push_back(message.blob);
  }
  remove(blobs);
}

Result<StoreDatabase*> MailboxImport::database() {
  if (!database_) {
    auto used = use_(account_);
    if (!used) return std::unexpected(std::move(used.error()));
    database_ = std::move(*used);
  }
  return database_.get();
}

Result<void> MailboxImport::make(const std::string& mailbox) {
  std::string last;
  for (int i = 0; i < kTries; ++i) {
    const auto opened = database();
    if (!opened) return std::unexpected(opened.error());
    auto& [kv, blob, store, commits] = **opened;
    const auto found = store->find_mailbox(mailbox);
    if (found) return {};
    if (found.error().fault != Fault::not_found) return std::unexpected(found.error());
    Kv::Batch batch;
    auto made = store::create_mailbox(*store, batch, mailbox, clock_.now());
    if (!made) {
      last = made.error().text;
      continue;
    }
    auto done = commits->commit(std::move(batch));
    if (done) made->committed();
    if (done || done.error().fault != Fault::not_found) return done;
    last = done.error().text;
  }
  // Its first mail is under way, or somebody makes, removes or renames it.
  return fail(Fault::temporary, last + ": try again");
}

Result<std::optional<std::string>> MailboxImport::open(const std::string& mailbox) {
  using Refusal = std::optional<std::string>;
  if (auto committed = commit(); !committed) return std::unexpected(std::move(committed.error()));
  mailbox_.clear();
  known_.reset();
  if (const auto valid = store::check_mailbox_name(mailbox); !valid) return Refusal(valid.error().text);
  account_ = store::account_of(mailbox);
  auto made = make(mailbox);
  database_.reset();
  if (!made) return std::unexpected(std::move(made.error()));
  mailbox_ = mailbox;
  return Refusal();
}

Result<void> MailboxImport::begin(ImportHead head) {
  if (arriving_ || refusing_)
    return fail(Fault::malformed, "a message begins before the one before has ended");
  if (mailbox_.empty()) {
    refusing_ = true;
    return {};
  }
  arriving_.emplace(std::move(head));
  if (options_.duplicates == Duplicates::skip) (void)hash_.finish();  // what one that was abandoned left
  return {};
}

Result<void> MailboxImport::write(std::string_view octets) {
  if (refusing_) return {};
  if (!arriving_) return fail(Fault::malformed, "octets of a message that has not begun");
  if (options_.line_ends == LineEnds::kept) return take(octets);
  wire_.clear();
  arriving_->text.feed(octets, wire_);
  return take(wire_);
}

Result<void> MailboxImport::take(std::string_view wire) {
  auto& message = *arriving_;
  if (options_.duplicates == Duplicates::skip) hash_.update(wire);
  message.size += wire.size();
  if (!message.writer && message.size <= options_.small_body) {
    message.body += wire;
    return {};
  }
  if (message.beginning.size() < kLongestHeader && message.writer)
    message.beginning += wire.substr(0, kLongestHeader - message.beginning.size());
  if (message.writer) return message.writer->write(wire);
  message.body += wire;
  return to_blob();
}

Result<void> MailboxImport::to_blob() {
  auto& message = *arriving_;
  const auto opened = database();
  if (!opened) return std::unexpected(opened.error());
  message.blob = new_name(random_);
  auto writer = (*opened)->blob->put(message.blob);
  if (!writer) return std::unexpected(std::move(writer.error()));
  message.writer = std::move(*writer);
  if (auto written = message.writer->write(message.body); !written) return written;
  message.beginning = std::exchange(message.body, {});
  if (message.beginning.size() > kLongestHeader) message.beginning.resize(kLongestHeader);
  return {};
}

/// What arrived, ready to be added.
store::NewMessage MailboxImport::finished() {
  auto arrived = std::move(*arriving_);
  arriving_.reset();
  const std::string_view beginning = arrived.writer ? arrived.beginning : arrived.body;
  store::NewMessage message;
  message.received = arrived.head.received;
  message.flags = arrived.head.flags;
  message.keywords = std::move(arrived.head.keywords);
  message.sender = std::move(arrived.head.sender);
  message.queue_id = arrived.head.queue_id;
  message.known_by = std::move(arrived.head.known_by);
  message.size = arrived.size;
  message.envelope = io::by_reader([beginning] {
    return record::summarize(
        beginning.substr(0, static_cast<std::size_t>(mail::find_header_end(beginning).body)));
  });
  message.header_size = message.envelope->header_size;
  message.blob = std::move(arrived.blob);
  message.body = std::move(arrived.body);
  return message;
}

Result<void> MailboxImport::end() {
  if (std::exchange(refusing_, false)) {
    ++counts_.refused;
    return {};
  }
  if (!arriving_) return fail(Fault::malformed, "the end of a message that has not begun");
  wire_.clear();
  if (options_.line_ends == LineEnds::to_wire) arriving_->text.finish(wire_);
  if (auto taken = take(wire_); !taken) return taken;
  if (options_.duplicates == Duplicates::skip) {
    const auto hash = hash_.finish();
    const auto opened = database();
    if (!opened) return std::unexpected(opened.error());
    const auto& store = *(*opened)->store;
    if (!known_) {
      auto known = KnownMessages::of(store, mailbox_);
      if (!known) return std::unexpected(std::move(known.error()));
      known_ = std::move(*known);
    }
    if (known_->contains(store, arriving_->size, hash)) {
      arriving_.reset();  // an unfinished blob leaves nothing
      ++counts_.duplicates;
      if (waiting_.empty()) database_.reset();
      return {};
    }
    known_->add(arriving_->size, hash);
  }
  if (arriving_->writer) {
    if (auto synced = arriving_->writer->finish(); !synced) return synced;
  }
  waiting_octets_ += arriving_->body.size();
  waiting_.push_back(finished());
  if (waiting_.size() < kGroup && waiting_octets_ < kGroupOctets) return {};
  return commit();
}

void MailboxImport::abandon() {
  arriving_.reset();
  refusing_ = false;
}

Result<void> MailboxImport::commit() {
  if (waiting_.empty()) {
    if (!arriving_) database_.reset();
    return {};
  }
  const auto opened = database();
  if (!opened) return std::unexpected(opened.error());
  auto& [kv, blob, store, commits] = **opened;
  ImportCounts added;
  std::vector<std::string> blobs;
  for (const auto& message : waiting_) {
    ++added.messages;
    added.octets += message.size;
    if (!message.blob.empty()) blobs.push_back(message.blob);
  }
  waiting_octets_ = 0;
  Kv::Batch batch;
  auto appended = store::append(*store, batch, mailbox_, std::exchange(waiting_, {}));
  if (!appended) {
    remove(blobs);
    return std::unexpected(std::move(appended.error()));
  }
  // When this fails, nobody knows what is on the disk: files without a message go at the next opening.
  if (auto committed = commits->commit(std::move(batch)); !committed) return committed;
  appended->change.committed();
  counts_.messages += added.messages;
  counts_.octets += added.octets;
  if (!arriving_) database_.reset();
  return {};
}

void MailboxImport::remove(const std::vector<std::string>& blobs) {
  if (!database_) return;
  for (const auto& name : blobs) (void)database_->blob->remove(name);  // else the next opening does
}

}  // namespace hikyaku::serve
