#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "greylist/tuple.h"

namespace hikyaku::greylist {

/// What the rule that greylists a message says (greylist and autowhite, or delay and autowhite of a racl).
struct GreylistTimes {
  std::chrono::seconds delay = std::chrono::minutes(30);
  std::chrono::seconds autowhite =
      std::chrono::days(1);  ///< 0: nothing is whitelisted, and nothing counts as it
};

struct TableSettings {
  /// After its time a pending tuple is forgotten this much later (timeout).
  std::chrono::seconds timeout = std::chrono::days(5);
  /// An autowhite tuple lets everything of its client pass, whatever sender and recipient are (lazyaw).
  bool lazyaw = false;
  /// More are not remembered. 72 octets each, and with lazyaw 64 more for each that is autowhite.
  std::size_t most_tuples = 1'500'000;
  /// New ones that are not in the Kv yet; more are not remembered. About 250 octets each.
  std::size_t most_unsaved = 100'000;
};

struct TupleDecision {
  enum class Kind : unsigned char {
    first_encounter,  ///< remembered, deferred
    pending,          ///< met before and not due: deferred
    passed,           ///< due, or without a delay: passes, and is autowhite from now on if there is autowhite
    autowhite,        ///< passes, and is autowhite for as long again
    not_remembered,   ///< no room: deferring would be for ever, so let it pass, and tell somebody
  };
  Kind kind = Kind::first_encounter;
  std::chrono::seconds remaining{0};  ///< until it may pass
  std::chrono::seconds elapsed{0};    ///< since the first encounter, as far as the present delay tells
  Seconds time{};                     ///< when it may pass, or until when it is autowhite
  std::uint64_t sequence = 0;         ///< of the entry that decided; 0: there is none
  std::uint32_t tries = 0;            ///< deferred so far, with this one

  bool passes() const { return kind != Kind::first_encounter && kind != Kind::pending; }
};

/// A change that the Kv does not have yet.
struct TupleChange {
  std::uint64_t sequence = 0;
  bool created = false, removed = false;
  /// It is to be told to the peers: that the tuple was created, or that it passed until facts.time.
  bool tell_created = false, tell_passed = false;
  bool timed_out = false;                         ///< removed because its time was over
  TupleState stored_state = TupleState::pending;  ///< before; of a created one, with which it began
  Seconds stored_time{};
  TupleFacts facts;                         ///< of a removed one that passed, the time is that of the pass
  std::unique_ptr<const TupleEntry> entry;  ///< its texts, of a created one only
};

}  // namespace hikyaku::greylist
