#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "greylist/client_key.h"

namespace hikyaku::greylist {

/// Greylisting counts whole seconds, as milter-greylist does: parts of one are cut off.
using Seconds = std::chrono::sys_seconds;
inline Seconds seconds_of(Time time) { return std::chrono::floor<std::chrono::seconds>(time); }

/// The octets of a sender or a recipient that count; the rest is cut off, as milter-greylist does.
constexpr std::size_t kAddressLength = 324;

/// What greylisting remembers a delivery attempt by.
struct Tuple {
  ClientKey client;
  std::string sender;     ///< as tuple_sender() gives it
  std::string recipient;  ///< as tuple_recipient() gives it
};
/// The form in which a path of the envelope becomes part of a tuple: "<a@example.org>", with '_' for every
/// octet that is no graphic ASCII. Pure.
std::string tuple_recipient(std::string_view path);
/// The same, and what leads to the last '=' is gone, so that the senders of a mailing list that numbers each
/// try are one: "<list=12=u@example.org>" is "<u@example.org>".
std::string tuple_sender(std::string_view path);

/// What the good record of a sending domain is kept by: the tuple's client with "@a.example" for the sender
/// and "*" for all recipients. nullopt: the null sender has none.
std::optional<Tuple> sending_record(const Tuple& tuple);

/// The first three in the order of milter-greylist's own numbers.
enum class TupleState : unsigned char {
  pending = 1,    ///< greylisted until its time
  autowhite = 2,  ///< passes until its time
  tarpit = 3,     ///< the client hung up while it was kept waiting
  record = 4,     ///< not a tuple but how often mail of a sending domain has passed: see sending_record()
};
constexpr TupleState kTupleStates[] = {TupleState::pending, TupleState::autowhite, TupleState::tarpit,
                                       TupleState::record};
/// "pending", "autowhite", "tarpit", "record"
std::string_view text(TupleState state);

/// What is known of a tuple besides its texts.
struct TupleFacts {
  TupleState state = TupleState::pending;
  Seconds time{};                  ///< pending, tarpit: when it may pass; autowhite: until when it passes
  std::chrono::seconds tarpit{0};  ///< the shortest wait that the client did not bear
  Seconds first_seen{}, last_seen{};
  std::uint32_t tries = 0;   ///< that were deferred
  std::uint32_t passes = 0;  ///< that were let through
  bool operator==(const TupleFacts&) const = default;
};
/// Whether it is forgotten: autowhite and records after its time; pending and tarpit when `timeout` has gone
/// by after it. In the very second of the end it still counts.
constexpr bool expired(TupleState state, Seconds time, std::chrono::seconds timeout, Seconds now) {
  const bool until_time = state == TupleState::autowhite || state == TupleState::record;
  return until_time ? time < now : now - time > timeout;
}

/// A remembered tuple as it is stored.
struct TupleEntry {
  std::string address;  ///< of the client that was seen first
  std::string pool;     ///< empty: none
  std::string sender, recipient;
  TupleFacts facts;
  bool operator==(const TupleEntry&) const = default;

  /// Fails with Fault::malformed where the address or the pool is none.
  Result<Tuple> tuple(MatchPrefixes prefixes) const&;
  Result<Tuple> tuple(MatchPrefixes prefixes) &&;
};

/// The version of a row, its first octet. A reader refuses what is newer. Fields that come later are appended
/// and absent in older rows.
constexpr unsigned char kTupleRowVersion = 1;
/// Of a record, which version 1 does not have.
constexpr unsigned char kRecordRowVersion = 2;
/// Version; state; time, tarpit, first seen, last seen, tries and passes as LEB128 numbers; address, pool,
/// sender and recipient, each with its length before it. Times before 1970 become 1970.
std::string encode(const TupleEntry& entry);
/// Fails with Fault::corrupt. What follows on the known fields is left alone.
Result<TupleEntry> decode_tuple(std::string_view row);

}  // namespace hikyaku::greylist
