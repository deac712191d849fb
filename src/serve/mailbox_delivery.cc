#include "serve/mailbox_delivery.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "base/escape.h"
#include "io/thread_confinement.h"
#include "serve/command_delivery.h"
#include "serve/forwarded_message.h"
#include "serve/local_recipients.h"
#include "serve/mailbox_databases.h"
#include "serve/mailbox_name.h"
#include "store/registry.h"

namespace hikyaku::serve {
namespace {

constexpr std::size_t kCopyPiece = std::size_t{256} << 10;

std::string delivery_headers(const mail::Address& sender, const record::Recipient& recipient,
                             const mail::Address& delivered) {
  return "Return-Path: <" + sender.text() + ">\r\nX-Original-To: " + recipient.original.text() +
         "\r\nDelivered-To: " + delivered.text() + "\r\n";
}

/// The queue's id, and what no other delivery of the message has: its recipients may be delivered to at
/// different times, and each file goes with the last message of its own delivery.
std::string blob_name(Services& services, const record::QueueEntry& entry) {
  std::array<unsigned char, 8> octets{};
  services.random.fill(octets);
  auto name = entry.id.text() + "-";
  for (const auto octet : octets) name += fmt::format("{:02x}", octet);
  return name;
}

/// Copies a large message from the queue to a blob of the store.
Result<std::string> copy_to_store(Services& services, Blob& blob, const record::QueueEntry& entry) {
  auto name = blob_name(services, entry);
  auto writer = blob.put(name);
  if (!writer) return std::unexpected(std::move(writer.error()));
  for (std::uint64_t offset = 0; offset < entry.size;) {
    auto piece = services.queue.read_body(entry, offset, kCopyPiece);
    if (!piece) return std::unexpected(std::move(piece.error()));
    if (piece->empty())
      return fail(Fault::corrupt, "message body of " + name + " ends at octet " + std::to_string(offset));
    if (auto written = (*writer)->write(*piece); !written) return std::unexpected(std::move(written.error()));
    offset += piece->size();
  }
  if (auto finished = (*writer)->finish(); !finished) return std::unexpected(std::move(finished.error()));
  return name;
}

DeliveryResult deferral(std::string_view what, const Error& error) {
  return {.kind = DeliveryResult::Kind::deferred,
          .status = "4.3.0",
          .reply = std::string(what) + ": " + error.text,
          .relay = "local"};
}

/// One job from its plan to its results. Owned by the step that is under way: the call, the committer, or the
/// pool.
class MailboxDelivery {
 public:
  using Done = std::move_only_function<void(std::vector<DeliveryResult>)>;

  MailboxDelivery(Services& services, bool whole_address, const Job& job, std::optional<HeaderFacts> header,
                  Done done)
      : services_(services),
        whole_address_(whole_address),
        job_(job),
        stored_(job.message->stored),
        done_(std::move(done)),
        header_(std::move(header)),
        shares_(job.recipients.size()) {}

  static void begin(std::unique_ptr<MailboxDelivery> self, const Running& running) {
    auto content = self->read_content();
    if (!content) return self->fail_all(deferral("message", content.error()));
    self->plan(running);
    deliver(std::move(self));
  }

 private:
  /// What is done for one recipient.
  struct Share {
    LocalPlan plan;
    Explanation why;
    std::vector<std::size_t> targets;     // of its mailboxes
    std::optional<DeliveryResult> fault;  // of a step that can be tried again
    std::string done;                     // "delivered to mailbox joe, UID 7; forwarded as ID"
  };
  struct Forward {
    std::size_t share;
    ForwardedMessage made;
  };

  Result<void> read_content() {
    if (job_.message->content) {
      content_ = job_.message->content;
    } else {
      const auto wanted = stored_.blob.empty() ? stored_.size : stored_.header_size;
      auto octets = services_.queue.read_body(stored_, 0, static_cast<std::size_t>(wanted));
      if (!octets) return std::unexpected(std::move(octets.error()));
      content_ = std::make_shared<const std::string>(std::move(*octets));
    }
    if (!header_) {
      const auto section =
          std::string_view(*content_).substr(0, static_cast<std::size_t>(stored_.header_size));
      header_ = io::by_reader([section] { return read_header(section); });
    }
    return {};
  }

  const record::Recipient& recipient(std::size_t share) const {
    return job_.message->entry.recipients[job_.recipients[share]];
  }

  void plan(const Running& running) {
    for (std::size_t i = 0; i < shares_.size(); ++i) {
      auto& share = shares_[i];
      share.plan = whole_address_ ? plan_virtual(recipient(i), header_->delivered_to, share.why)
                                  : plan_local(running, stored_.sender, recipient(i), header_->delivered_to,
                                               services_.clock.now(), share.why);
      const std::lock_guard lock(job_.message->mutex);
      job_.message->ledger.append(share.why.bytes());
    }
    for (std::size_t i = 0; i < shares_.size(); ++i) {
      if (given_up(shares_[i])) continue;
      for (const auto& address : shares_[i].plan.mailboxes) add_target(i, address, running.delimiters);
    }
  }

  static bool given_up(const Share& share) {
    return share.fault || (share.plan.failure && share.plan.failure->kind == DeliveryResult::Kind::deferred);
  }

  void add_target(std::size_t index, const mail::Address& address, const table::Delimiters& delimiters) {
    auto& share = shares_[index];
    auto mailbox = mailbox_of(address, whole_address_, delimiters);
    // Two aliases of one message may stand for the same mailbox: it gets one copy.
    for (std::size_t i = 0; i < targets_.size(); ++i) {
      if (targets_[i].mailbox == mailbox && targets_[i].recipient == address.internal())
        return share.targets.push_back(i);
    }
    share.targets.push_back(targets_.size());
    const auto& sender = share.plan.owner ? *share.plan.owner : stored_.sender;
    targets_.push_back(
        {std::move(mailbox), address.internal(), delivery_headers(sender, recipient(index), address)});
  }

  /// What goes to one database, in one batch.
  struct Group {
    std::string database;
    std::shared_ptr<StoreDatabase> opened;
    std::vector<std::size_t> targets;
    std::string blob;  // of a large message, once it is there
  };

  static void deliver(std::unique_ptr<MailboxDelivery> self) {
    for (std::size_t i = 0; i < self->targets_.size(); ++i) {
      if (auto grouped = self->group(i); !grouped) self->fail_targets({i}, grouped.error());
    }
    self->outcomes_.resize(self->targets_.size());
    deliver_next(std::move(self));
  }

  /// Those of a database that is not mounted, or of an account that is moved just now, wait alone.
  Result<void> group(std::size_t target) {
    const auto account = store::account_of(targets_[target].mailbox);
    const auto place = services_.mailboxes.place_of(account);
    if (!place) return std::unexpected(place.error());
    if (!place->rule.empty()) tell_place(account, *place);
    auto at = std::ranges::find(groups_, place->database, &Group::database);
    if (at == groups_.end()) {
      auto database = services_.mailboxes.use(place->database);
      if (!database) return std::unexpected(std::move(database.error()));
      at = groups_.insert(at, {place->database, std::move(*database), {}});
    }
    if (auto open = at->opened->store->registry().check_open(account); !open) return open;
    at->targets.push_back(target);
    return {};
  }

  void tell_place(std::string_view account, const MailboxDatabases::Place& place) {
    Explanation why;
    why.add({.step = "store.database",
             .rule = place.rule,
             .origin = place.origin,
             .operand = account,
             .outcome = place.database});
    const std::lock_guard lock(job_.message->mutex);
    job_.message->ledger.append(why.bytes());
  }

  /// One database after the other: each has its own committer.
  static void deliver_next(std::unique_ptr<MailboxDelivery> self) {
    while (self->next_group_ < self->groups_.size()) {
      auto& group = self->groups_[self->next_group_++];
      if (group.targets.empty()) continue;
      Kv::Batch batch;
      auto delivery = self->add_to_store(group, batch);
      if (!delivery) {
        self->fail_targets(group.targets, delivery.error());
        self->remove_blob(group);
        continue;
      }
      for (std::size_t i = 0; i < group.targets.size(); ++i)
        self->outcomes_[group.targets[i]] = delivery->outcomes()[i];
      self->tell_full_ones(group);
      if (batch.empty()) {
        self->remove_blob(group);
        continue;
      }
      auto& commits = *group.opened->commits;
      auto answer = [self = std::move(self), &group,
                     delivery = std::move(*delivery)](Result<void> committed) mutable {
        if (committed) {
          delivery.committed();
        } else {
          self->fail_targets(group.targets, committed.error());
        }
        const bool more = self->next_group_ < self->groups_.size();
        if (!more && !self->has_commands() && !self->has_forwards()) return self->finish();
        // Composing and making the messages blocks, which the committer's thread must not.
        auto& pool = self->services_.pool;
        pool.post([self = std::move(self)]() mutable { deliver_next(std::move(self)); });
      };
      commits.submit(std::move(batch), std::move(answer));
      return;
    }
    run_commands(std::move(self));
  }

  Result<store::Store::Delivery> add_to_store(Group& group, Kv::Batch& batch) {
    store::Store::Message message;
    message.queue_id = stored_.id;
    message.received = stored_.arrival;
    message.sender = stored_.sender;
    message.size = stored_.size;
    message.header_size = stored_.header_size;
    message.envelope = header_->envelope;
    std::string body;
    if (stored_.blob.empty()) {
      body = *content_;
    } else {
      auto blob = copy_to_store(services_, *group.opened->blob, stored_);
      if (!blob) return std::unexpected(std::move(blob.error()));
      message.blob = group.blob = std::move(*blob);
    }
    auto& store = *group.opened->store;
    if (group.targets.size() == targets_.size())
      return store.deliver(batch, targets_, message, std::move(body));
    std::vector<store::Store::Target> some;
    for (const auto target : group.targets) some.push_back(targets_[target]);
    return store.deliver(batch, some, message, std::move(body));
  }

  /// RFC 3463 s. 3.3, X.2.2. What others of the recipient's mailboxes have, they keep.
  void tell_full_ones(const Group& group) {
    using Kind = store::Store::Outcome::Kind;
    const auto is_full = [&](std::size_t target) { return outcomes_[target].kind == Kind::over_quota; };
    for (auto& share : shares_) {
      for (const auto target : share.targets) {
        if (!is_full(target) || !std::ranges::binary_search(group.targets, target)) continue;
        const auto account = std::string(store::account_of(targets_[target].mailbox));
        share.plan.failure = DeliveryResult{
            .kind = DeliveryResult::Kind::bounced,
            .status = "5.2.2",
            .reply = "mailbox " + targets_[target].mailbox + " is full: its user's quota is used up",
            .relay = "store"};
        Explanation why;
        why.add({.step = "store.quota",
                 .rule = "quota",
                 .origin = services_.running()->mailbox_quota_origin,
                 .operand = account,
                 .outcome = "over quota: 5.2.2"});
        const std::lock_guard lock(job_.message->mutex);
        job_.message->ledger.append(why.bytes());
      }
    }
  }

  /// Nobody has got it.
  void remove_blob(const Group& group) {
    if (group.blob.empty()) return;
    if (auto removed = group.opened->blob->remove(group.blob); !removed)
      services_.log.warning("local", escaped(removed.error().text));
  }

  void fail_targets(const std::vector<std::size_t>& failed, const Error& error) {
    const auto is_failed = [&](std::size_t target) { return std::ranges::binary_search(failed, target); };
    for (auto& share : shares_) {
      if (std::ranges::any_of(share.targets, is_failed)) share.fault = deferral("mailbox store", error);
    }
  }

  bool has_commands() const {
    return std::ranges::any_of(
        shares_, [](const Share& share) { return !given_up(share) && !share.plan.commands.empty(); });
  }

  /// After the mailboxes, which know what they have had, and before the forwards, which do not: what fails
  /// here for now brings back as little as can be when it is tried again.
  static void run_commands(std::unique_ptr<MailboxDelivery> self) {
    if (!self->has_commands()) return forward(std::move(self));
    auto& waiting = self->services_.waiting;
    waiting.post([self = std::move(self)]() mutable {
      const auto running = self->services_.running();
      for (std::size_t i = 0; i < self->shares_.size(); ++i) self->run_commands_of(i, *running);
      forward(std::move(self));
    });
  }

  void run_commands_of(std::size_t index, const Running& running) {
    auto& share = shares_[index];
    if (given_up(share)) return;
    const auto& sender = share.plan.owner ? *share.plan.owner : stored_.sender;
    for (const auto& command : share.plan.commands) {
      auto result = deliver_to_command(services_, running, stored_, sender, recipient(index), command);
      switch (result.kind) {
        case DeliveryResult::Kind::delivered:
          share.done += (share.done.empty() ? "" : "; ") + result.reply;
          break;
        case DeliveryResult::Kind::deferred:
          share.fault = std::move(result);
          return;
        case DeliveryResult::Kind::bounced:
          share.plan.failure = std::move(result);
          break;
      }
    }
  }

  bool has_forwards() const {
    return std::ranges::any_of(
        shares_, [](const Share& share) { return !given_up(share) && !share.plan.forwards.empty(); });
  }

  static void forward(std::unique_ptr<MailboxDelivery> self) {
    if (!self->has_forwards()) return self->finish();
    Kv::Batch batch;
    auto made = self->make_forwards(batch);
    if (made.empty()) return self->finish();
    auto& commits = self->services_.queue_commits;
    auto answer = [self = std::move(self), made = std::move(made)](Result<void> committed) mutable {
      self->forwarded(std::move(made), committed);
      self->finish();
    };
    commits.submit(std::move(batch), std::move(answer));
  }

  std::vector<Forward> make_forwards(Kv::Batch& batch) {
    const auto running = services_.running();
    std::vector<Forward> all;
    for (std::size_t i = 0; i < shares_.size(); ++i) {
      auto& share = shares_[i];
      if (given_up(share) || share.plan.forwards.empty()) continue;
      const ForwardedMessage::Order order{stored_,
                                          recipient(i),
                                          stored_.blob.empty() ? std::string_view(*content_) : "",
                                          share.plan.forwards,
                                          share.plan.owner,
                                          share.why};
      auto made = ForwardedMessage::make(services_, *running, batch, order);
      if (made) {
        all.push_back({i, std::move(*made)});
      } else {
        share.fault = deferral("forward the message", made.error());
      }
    }
    return all;
  }

  void forwarded(std::vector<Forward> made, const Result<void>& committed) {
    for (auto& [index, one] : made) {
      const auto& entry = one.message->entry;
      if (!committed) {
        shares_[index].fault = deferral("queue", committed.error());
        if (entry.blob.empty()) continue;
        services_.pool.post([services = &services_, name = entry.blob] {
          if (auto removed = services->blob.remove(name); !removed)
            services->log.warning("local", removed.error().text);
        });
        continue;
      }
      services_.queue.committed(one.change);
      auto& done = shares_[index].done;
      done += (done.empty() ? "forwarded as " : "; forwarded as ") + entry.id.text();
      services_.log.info("qmgr",
                         fmt::format("{}: from=<{}>, size={}, nrcpt={} (queue active)", entry.id.text(),
                                     escaped(entry.sender.text()), entry.size, entry.recipients.size()));
      services_.admit(std::move(one.message));
    }
  }

  void fail_all(const DeliveryResult& result) { done_(std::vector<DeliveryResult>(shares_.size(), result)); }

  void finish() {
    std::vector<DeliveryResult> results;
    results.reserve(shares_.size());
    for (const auto& share : shares_) results.push_back(result_of(share));
    done_(std::move(results));
  }

  DeliveryResult result_of(const Share& share) const {
    if (share.fault) return *share.fault;
    if (share.plan.failure) return *share.plan.failure;
    DeliveryResult result{.kind = DeliveryResult::Kind::delivered,
                          .status = "2.0.0",
                          .relay = share.targets.empty() ? "local" : "store",
                          // A list with an owner is where mail to it ends (RFC 3461 s. 5.2.7.3).
                          .in_mailbox = !share.targets.empty() || share.plan.owner.has_value()};
    for (const auto target : share.targets) {
      if (!result.reply.empty()) result.reply += "; ";
      result.reply += "delivered to mailbox " + targets_[target].mailbox;
      const auto uid = outcomes_[target].uid;
      result.reply += uid == 0 ? ", which had it already" : fmt::format(", UID {}", uid);
    }
    if (!share.done.empty()) result.reply += (result.reply.empty() ? "" : "; ") + share.done;
    if (result.reply.empty()) result.reply = "the alias stands for nobody";
    return result;
  }

  Services& services_;
  const bool whole_address_;
  const Job job_;
  const record::QueueEntry& stored_;
  Done done_;
  std::vector<Group> groups_;
  std::size_t next_group_ = 0;                  // to be delivered
  std::shared_ptr<const std::string> content_;  // the whole message, or, when it is a blob, its headers
  std::optional<HeaderFacts> header_;
  std::vector<Share> shares_;  // as job_.recipients
  std::vector<store::Store::Target> targets_;
  std::vector<store::Store::Outcome> outcomes_;  // as targets_
};

}  // namespace

void deliver_to_mailboxes(Services& services, const Running& running, bool whole_address, const Job& job,
                          std::optional<HeaderFacts> header,
                          std::move_only_function<void(std::vector<DeliveryResult>)> done) {
  MailboxDelivery::begin(
      std::make_unique<MailboxDelivery>(services, whole_address, job, std::move(header), std::move(done)),
      running);
}

}  // namespace hikyaku::serve
