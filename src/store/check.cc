#include "store/check.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>

#include "base/varint.h"
#include "record/envelope.h"
#include "record/mailbox_rows.h"
#include "store/bodies.h"
#include "store/keys.h"
#include "store/mailbox_name.h"
#include "store/nameless.h"
#include "store/registry.h"
#include "store/scan_all.h"

namespace hikyaku::store {
namespace {

using Kind = Problem::Kind;
constexpr std::size_t kBodiesAtOnce = 4096;
constexpr std::size_t kWritesAtOnce = 1000;

class Checker {
 public:
  using Report = std::function<void(const Problem&)>;
  /// `mending`: takes the writes that put right what was found; null: nothing is.
  Checker(const Kv& kv, const Blob& blob, const Report& report, Kv* mending, const VerifyBody& verify)
      : kv_(kv), blob_(blob), report_(report), mending_(mending), verify_(verify) {}

  Result<Checked> run() {
    for (const auto step :
         {&Checker::mailboxes, &Checker::removed_mailboxes, &Checker::messages, &Checker::removed_messages,
          &Checker::removals, &Checker::bodies, &Checker::files, &Checker::references, &Checker::envelopes,
          &Checker::changes, &Checker::deliveries, &Checker::accounts,
          // The last: who verifies them meanwhile is waited for.
          &Checker::blobs}) {
      if (auto done = (this->*step)(); !done) return std::unexpected(done.error());
    }
    if (auto done = flush(); !done) return std::unexpected(done.error());
    return checked_;
  }

 private:
  struct Box {
    std::string name;
    record::MailboxRecord record;
    bool removed = false;
    Uid last_message = 0, last_given = 0;  // of its rows; of all that tell of a UID
    std::uint64_t vanished_rows = 0;
  };
  /// A message, to be compared with what clients are told of it.
  struct Seen {
    std::uint32_t mailbox = 0;
    Uid uid = 0;
    ModSeq modseq = 0;  // 0: it can't be read
    bool told = false;
  };
  struct Body {
    std::uint64_t messages = 0, unshared = 0;
    std::uint64_t size = 0;
    std::string blob, mailbox;
    Uid uid = 0;  // of the first message that has it
    bool found = false, counted = false;
  };
  using Bodies = std::map<std::string, Body>;
  /// Finds them for rows that come in the order of their keys too: a step each, in memory that is near.
  class BodiesInOrder {
   public:
    explicit BodiesInOrder(Bodies& bodies) : at_(bodies.begin()), end_(bodies.end()) {}
    Body* find(const std::string& key) {
      while (at_ != end_ && at_->first < key) ++at_;
      return at_ == end_ || at_->first != key ? nullptr : &at_->second;
    }

   private:
    Bodies::iterator at_;
    const Bodies::iterator end_;
  };

  Result<void> mailboxes();
  Result<void> removed_mailboxes();
  Result<void> messages();
  Result<void> removed_messages();
  Result<void> removals();
  Result<void> bodies();
  Result<void> files();
  Result<void> references();
  Result<void> envelopes();
  Result<void> changes();
  Result<void> deliveries();
  Result<void> accounts();
  Result<void> blobs();

  void problem(Kind kind, std::string mailbox, Uid uid, std::string text, bool mended = false) {
    ++checked_.problems;
    const bool done = mended && mending_ != nullptr;
    if (done) ++checked_.mended;
    if (kind == Kind::unreadable) all_read_ = false;
    report_({kind, std::move(mailbox), uid, std::move(text), done});
  }
  void put(Kv::Space space, std::string key, std::string value) {
    if (mending_ != nullptr) batch_.put(space, std::move(key), std::move(value));
  }
  void remove(Kv::Space space, std::string key) {
    if (mending_ != nullptr) batch_.remove(space, std::move(key));
  }
  Result<void> flush() {
    if (batch_.empty()) return {};
    return mending_->commit(std::exchange(batch_, {}), Kv::Durability::synced);
  }
  template <class Each>
  Result<void> each_row(Kv::Space space, const std::string& from, const std::string& to, Each each) {
    return scan_all(kv_, space, from, to,
                    [&](const std::string& key, const std::string& value) -> Result<void> {
                      each(key, value);
                      return batch_.writes.size() < kWritesAtOnce ? Result<void>{} : flush();
                    });
  }
  Box* box_of(std::uint32_t id) {
    const auto at = boxes_.find(id);
    return at == boxes_.end() ? nullptr : &at->second;
  }
  void note_body(const record::MessageRecord& message, const std::string& mailbox, Uid uid);
  void check_message(MessagePlace place, const std::string& value);
  Seen* seen(std::uint32_t mailbox, Uid uid);
  Result<void> untold_changes();
  void check_blob(const Body& body);
  void unused(Kv::Space space, const std::string& key, std::string_view what);

  const Kv& kv_;
  const Blob& blob_;
  const Report& report_;
  Kv* const mending_;
  const VerifyBody& verify_;  // empty: what has bodies was not verified
  Kv::Batch batch_;
  bool all_read_ = true;
  std::map<std::uint32_t, Box> boxes_;
  std::vector<Seen> seen_;  // in the order of their keys
  Bodies bodies_;
  std::map<std::uint32_t, record::Usage> usage_;  // counted, of mailboxes that are there
  Checked checked_;
};

Result<void> Checker::mailboxes() {
  return each_row(kMailbox, {}, {}, [this](const std::string& name, const std::string& value) {
    const auto record = record::decode_mailbox_record(value);
    if (!record) return problem(Kind::unreadable, name, 0, record.error().text);
    ++checked_.mailboxes;
    Box box;
    box.name = name;
    box.record = *record;
    const auto [at, fresh] = boxes_.try_emplace(record->id, std::move(box));
    if (!fresh)
      problem(Kind::no_mailbox, name, 0, "it has the same messages as mailbox '" + at->second.name + "'");
  });
}

Result<void> Checker::removed_mailboxes() {
  const std::string from(kRemovedMailboxes);
  return each_row(kRemoved, from, prefix_end(from), [this](const std::string&, const std::string& value) {
    const auto removed = record::decode_removed_mailbox(value);
    if (!removed) return problem(Kind::unreadable, {}, 0, removed.error().text);
    Box box;
    box.name = removed->name;
    box.record = removed->mailbox;
    box.removed = true;
    const auto [at, fresh] = boxes_.try_emplace(removed->mailbox.id, std::move(box));
    if (!fresh) problem(Kind::no_mailbox, removed->name, 0, "it is removed and there at once");
  });
}

void Checker::note_body(const record::MessageRecord& message, const std::string& mailbox, Uid uid) {
  // Messages come in the order of their keys, and most give theirs to their body.
  auto& body = bodies_.try_emplace(bodies_.end(), message.body_key)->second;
  ++body.messages;
  if (!message.shared) ++body.unshared;
  if (body.messages > 1) return;
  body.size = message.body_size;
  body.blob = message.blob;
  body.mailbox = mailbox;
  body.uid = uid;
}

void Checker::check_message(MessagePlace place, const std::string& value) {
  ++checked_.messages;
  auto* const box = box_of(place.mailbox);
  const auto name = box == nullptr ? std::string() : box->name;
  if (box == nullptr) {
    problem(Kind::no_mailbox, {}, place.uid,
            "it belongs to mailbox number " + std::to_string(place.mailbox) + ", which is not there");
  } else {
    box->last_message = std::max(box->last_message, place.uid);
  }
  const auto record = record::decode_message_record(value);
  seen_.push_back({place.mailbox, place.uid, record ? record->modseq : 0});
  if (!record) return problem(Kind::unreadable, name, place.uid, record.error().text);
  note_body(*record, name, place.uid);
  if (box != nullptr && !box->removed) usage_[place.mailbox] += record::usage_of_message(*record);
}

Checker::Seen* Checker::seen(std::uint32_t mailbox, Uid uid) {
  const auto place = [](const Seen& one) { return std::pair(one.mailbox, one.uid); };
  const auto at = std::ranges::lower_bound(seen_, std::pair(mailbox, uid), {}, place);
  return at == seen_.end() || place(*at) != std::pair(mailbox, uid) ? nullptr : &*at;
}

Result<void> Checker::messages() {
  return each_row(kMessage, {}, {}, [this](const std::string& key, const std::string& value) {
    const auto place = place_of(key);
    if (!place) return problem(Kind::unreadable, {}, 0, "the key of a message can't be read");
    check_message(*place, value);
  });
}

Result<void> Checker::removed_messages() {
  const std::string from(kRemovedMessages);
  return each_row(kRemoved, from, prefix_end(from), [this](const std::string& key, const std::string& value) {
    const auto place = place_of(std::string_view(key).substr(kRemovedMessages.size()));
    if (!place) return problem(Kind::unreadable, {}, 0, "the key of a removed message can't be read");
    auto* const box = box_of(place->mailbox);
    const auto name = box == nullptr ? std::string() : box->name;
    if (box != nullptr) box->last_given = std::max(box->last_given, place->uid);
    const auto removed = record::decode_removed_message(value);
    if (!removed) return problem(Kind::unreadable, name, place->uid, removed.error().text);
    ++checked_.removed;
    note_body(removed->message, name, place->uid);
    const auto time = removal_key(removed->removed, place->mailbox, place->uid);
    const auto row = kv_.get(kRemoved, time);
    if (!row) return problem(Kind::unreadable, name, place->uid, row.error().text);
    if (!*row) {
      problem(Kind::removal, name, place->uid, "it was removed, but would never be purged", true);
      put(kRemoved, time, {});
    }
  });
}

Result<void> Checker::removals() {
  const std::string from(kRemovals);
  return each_row(kRemoved, from, prefix_end(from), [this](const std::string& key, const std::string&) {
    const auto place = place_of(std::string_view(key).substr(removal_time_key({}).size()));
    if (!place) return problem(Kind::unreadable, {}, 0, "the key of a removal can't be read");
    const auto* box = box_of(place->mailbox);
    const auto name = box == nullptr ? std::string() : box->name;
    const auto row = kv_.get(kRemoved, removed_key(place->mailbox, place->uid));
    if (!row) return problem(Kind::unreadable, name, place->uid, row.error().text);
    if (*row) return;
    problem(Kind::removal, name, place->uid, "the time of its removal is kept, but not the message", true);
    remove(kRemoved, key);
  });
}

void Checker::unused(Kv::Space space, const std::string& key, std::string_view what) {
  // What belongs to a record that can't be read is not unused.
  problem(Kind::unused, {}, 0, std::string(what) + " that no message has", all_read_);
  if (all_read_) remove(space, key);
}

void Checker::check_blob(const Body& body) {
  auto good = check_blob_size(blob_, body.blob, body.size);
  // What mends has no use for a checksum: a body can't be mended.
  if (good && mending_ == nullptr) good = verify_ ? verify_(body.blob) : blob_.verify(body.blob);
  if (!good) problem(Kind::no_body, body.mailbox, body.uid, good.error().text);
}

Result<void> Checker::bodies() {
  BodiesInOrder in_order(bodies_);
  for (std::string from;;) {
    // A Kv's own way to sizes may read no values; the general one reads each.
    const auto rows = verify_ ? kv_.scan_sizes(kBody, from, {}, kBodiesAtOnce)
                              : kv_.Kv::scan_sizes(kBody, from, {}, kBodiesAtOnce);
    if (!rows) return std::unexpected(rows.error());
    for (const auto& [key, size] : *rows) {
      ++checked_.bodies;
      checked_.octets += size;
      auto* const body = in_order.find(key);
      if (body == nullptr || !body->blob.empty()) {
        unused(kBody, key, "a body");
        continue;
      }
      body->found = true;
      if (size != body->size) {
        problem(Kind::no_body, body->mailbox, body->uid,
                "its body has " + std::to_string(size) + " octets of " + std::to_string(body->size));
      }
    }
    if (rows->size() < kBodiesAtOnce) break;
    from = rows->back().first + '\0';
  }
  for (const auto& [key, body] : bodies_) {
    if (body.blob.empty() && !body.found)
      problem(Kind::no_body, body.mailbox, body.uid, "its body is missing");
  }
  return {};
}

Result<void> Checker::blobs() {
  const auto names = blob_.names();
  if (!names) return std::unexpected(names.error());
  std::set<std::string_view> left(names->begin(), names->end());
  for (const auto& [key, body] : bodies_) {
    if (body.blob.empty()) continue;
    left.erase(body.blob);
    ++checked_.bodies;
    checked_.octets += body.size;
    check_blob(body);
  }
  for (const auto name : left) {
    problem(Kind::unused, {}, 0,
            "a body '" + std::string(name) + "' that no message has; goes with the hub's next start");
  }
  return {};
}

Result<void> Checker::files() {
  const auto format = format_of(kv_);
  if (!format) return std::unexpected(format.error());
  if (*format != 0 && *format < kFormat) return {};  // there are none yet
  std::unordered_map<std::string_view, const Body*> left;
  for (const auto& [key, body] : bodies_) {
    if (!body.blob.empty()) left.emplace(body.blob, &body);
  }
  auto rows = each_row(kFile, {}, {}, [&](const std::string& key, const std::string& value) {
    const auto at = left.find(key);
    if (at == left.end()) return unused(kFile, key, "the size of a body");
    if (value == count_value(at->second->size)) left.erase(at);
  });
  if (!rows) return rows;
  for (const auto& [name, body] : left) {
    problem(Kind::references, body->mailbox, body->uid,
            "its body '" + std::string(name) + "' is not listed rightly among those that are files", true);
    put(kFile, std::string(name), count_value(body->size));
  }
  return {};
}

Result<void> Checker::references() {
  BodiesInOrder in_order(bodies_);
  auto rows = each_row(kReferences, {}, {}, [&](const std::string& key, const std::string& value) {
    auto* const found = in_order.find(key);
    if (found == nullptr) return unused(kReferences, key, "a count of references");
    auto& body = *found;
    body.counted = true;
    std::string_view octets = value;
    const auto count = take_varint(octets);
    if (count && octets.empty() && *count == body.messages) return;
    problem(Kind::references, body.mailbox, body.uid,
            "its body has " + std::to_string(body.messages) + " messages, counted are " +
                (count ? std::to_string(*count) : std::string("?")),
            all_read_);
    if (all_read_) put(kReferences, key, count_value(body.messages));
  });
  if (!rows) return rows;
  for (const auto& [key, body] : bodies_) {
    if (body.unshared > 0 && (body.messages > 1 || body.counted)) {
      problem(Kind::references, body.mailbox, body.uid,
              "its body has " + std::to_string(body.messages) + " messages, of which " +
                  std::to_string(body.unshared) + " do not know that it is counted");
    } else if (body.unshared == 0 && !body.counted) {
      problem(Kind::references, body.mailbox, body.uid, "how many messages its body has is not counted",
              all_read_);
      if (all_read_) put(kReferences, key, count_value(body.messages));
    }
  }
  return {};
}

Result<void> Checker::envelopes() {
  BodiesInOrder in_order(bodies_);
  return each_row(kEnvelope, {}, {}, [&](const std::string& key, const std::string& value) {
    const auto* const body = in_order.find(key);
    if (body == nullptr) return unused(kEnvelope, key, "an envelope");
    if (record::decode_envelope(value)) return;
    problem(Kind::unused, body->mailbox, body->uid,
            "its envelope can't be read; without it, it is read from the message", true);
    remove(kEnvelope, key);
  });
}

Result<void> Checker::untold_changes() {
  for (const auto& one : seen_) {
    const auto* const box = box_of(one.mailbox);
    // Those of before there were MODSEQs have no row.
    if (one.told || one.modseq <= 1 || box == nullptr) continue;
    problem(Kind::changes, box->name, one.uid, "clients are not told of its last change", true);
    put(kChange, changed_key(one.mailbox, one.modseq, one.uid), {});
    if (batch_.writes.size() < kWritesAtOnce) continue;
    if (auto done = flush(); !done) return done;
  }
  return {};
}

Result<void> Checker::changes() {
  auto rows = each_row(kChange, {}, {}, [this](const std::string& key, const std::string& value) {
    const auto place = change_place_of(key);
    if (!place) return problem(Kind::unreadable, {}, 0, "the key of a change can't be read");
    auto* const box = box_of(place->mailbox);
    if (box == nullptr) return unused(kChange, key, "a change");
    if (place->kind == 'v') {
      ++box->vanished_rows;
      const auto uids = record::decode_uids(value);
      if (!uids) return problem(Kind::unreadable, box->name, 0, uids.error().text);
      if (!uids->empty()) box->last_given = std::max(box->last_given, uids->back());
      return;
    }
    box->last_given = std::max(box->last_given, place->uid);
    auto* const message = seen(place->mailbox, place->uid);
    if (message != nullptr && message->modseq == place->modseq) {
      message->told = true;
      return;
    }
    if (message != nullptr && message->modseq == 0) return;
    problem(Kind::changes, box->name, place->uid, "clients are told of a change that is not its last", true);
    remove(kChange, key);
  });
  if (!rows) return rows;
  if (auto done = untold_changes(); !done) return done;
  for (auto& [id, box] : boxes_) {
    if (box.removed || box.vanished_rows == box.record.vanished_rows) continue;
    problem(Kind::changes, box.name, 0,
            "vanished UIDs of " + std::to_string(box.vanished_rows) + " changes are kept, counted are " +
                std::to_string(box.record.vanished_rows),
            true);
    box.record.vanished_rows = box.vanished_rows;
    put(kMailbox, box.name, encode(box.record));
  }
  return {};
}

Result<void> Checker::deliveries() {
  auto rows = each_row(kDelivery, {}, {}, [this](const std::string&, const std::string& value) {
    const auto place = place_of(value);
    if (!place) return problem(Kind::unreadable, {}, 0, "a row of a delivery can't be read");
    if (auto* box = box_of(place->mailbox)) box->last_given = std::max(box->last_given, place->uid);
  });
  if (!rows) return rows;
  for (auto& [id, box] : boxes_) {
    const auto next = std::max(box.record.uid_floor, box.last_message + 1);
    if (box.removed || box.last_given < next) continue;
    problem(Kind::uid_floor, box.name, box.last_given,
            "it was given, and " + std::to_string(next) + " would be given next", true);
    box.record.uid_floor = box.last_given + 1;
    put(kMailbox, box.name, encode(box.record));
  }
  return {};
}

std::string counts_text(const record::Usage& usage) {
  return std::to_string(usage.messages) + " messages, " + std::to_string(usage.unseen) + " unseen, of " +
         std::to_string(usage.octets) + " octets";
}

Result<void> Checker::accounts() {
  struct Kept {
    record::Usage sum;
    record::FoldedUsage base;
    bool behind = false;  // a row stands before what the base says that it holds
  };
  const auto format = format_of(kv_);
  if (!format) return std::unexpected(format.error());
  // Before format 3 an account was counted as a whole, without what is unseen.
  const bool whole = *format != 0 && *format < kFormat;
  const auto counted_as = [whole](record::Usage usage) {
    if (whole) usage.unseen = 0;
    return usage;
  };
  std::map<std::pair<std::string, std::uint32_t>, Kept> kept;
  auto rows = each_row(kAccount, {}, {}, [&](const std::string& key, const std::string& value) {
    std::string_view rest = key;
    const auto account = take_text(rest);
    if (!account || rest.empty())
      return problem(Kind::unreadable, {}, 0, "the key of an account can't be read");
    const std::string name(*account);
    if (rest.front() == 'l') {
      if (const auto quota = record::decode_quota(value); !quota)
        problem(Kind::unreadable, name, 0, quota.error().text);
      return;
    }
    if (rest.front() != 'u') return;
    const auto place = usage_place_of(rest.substr(1));
    if (!place) return problem(Kind::unreadable, name, 0, "the key of a row of usage can't be read");
    const auto usage = record::decode_usage(value);
    if (!usage) return problem(Kind::unreadable, name, 0, usage.error().text);
    auto& one = kept[{name, whole ? 0 : place->mailbox}];
    one.sum += counted_as(*usage);
    if (place->modseq == 0 && (!whole || place->mailbox == 0)) {
      one.base = record::decode_folded_usage(value).value();
    } else if (place->modseq < one.base.below) {
      one.behind = true;
    }
  });
  if (!rows) return rows;
  std::map<std::pair<std::string, std::uint32_t>, record::Usage> counted;
  for (const auto& [id, usage] : usage_) {
    const std::string account(account_of(boxes_.at(id).name));
    counted[{account, whole ? 0 : id}] += counted_as(usage);
    kept.try_emplace({account, whole ? 0 : id});
  }
  for (const auto& [place, one] : kept) {
    const auto& [account, id] = place;
    const auto& wanted = counted[place];
    if (one.sum == wanted && !one.behind) continue;
    const auto* const box = box_of(id);
    problem(Kind::usage, box != nullptr && account_of(box->name) == account ? box->name : account, 0,
            one.sum != wanted ? "it has " + counts_text(wanted) + "; kept are " + counts_text(one.sum)
                              : "changes that are said to be added up have rows of their own",
            all_read_);
    if (!all_read_) continue;
    auto right = one.base;
    if (one.behind) right.below = 0;
    right.sum += wanted;
    right.sum += -one.sum;
    put(kAccount, id == 0 ? usage_key(account) : usage_key(account, id, 0), encode(right));
  }
  return {};
}

}  // namespace

std::string_view text(Problem::Kind kind) {
  switch (kind) {
    case Kind::unreadable:
      return "unreadable";
    case Kind::no_mailbox:
      return "no mailbox";
    case Kind::no_body:
      return "no body";
    case Kind::references:
      return "references";
    case Kind::unused:
      return "unused";
    case Kind::uid_floor:
      return "UID floor";
    case Kind::changes:
      return "changes";
    case Kind::removal:
      return "removal";
    case Kind::usage:
      return "usage";
  }
  return "?";
}

Result<Checked> check(const Kv& kv, const Blob& blob, const std::function<void(const Problem&)>& report,
                      const VerifyBody& verify) {
  return Checker(kv, blob, report, nullptr, verify).run();
}

Result<Checked> repair(Kv& kv, const Blob& blob, const std::function<void(const Problem&)>& report) {
  if (auto named = name_nameless_mailboxes(kv, report); !named) return std::unexpected(named.error());
  return Checker(kv, blob, report, &kv, {}).run();
}

}  // namespace hikyaku::store
