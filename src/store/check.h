#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/blob.h"
#include "base/kv.h"
#include "base/result.h"
#include "store/change.h"

namespace hikyaku::store {

/// One thing in a mailbox database that does not agree with the rest of it.
struct Problem {
  enum class Kind : unsigned char {
    unreadable,  ///< a row can't be decoded
    no_mailbox,  ///< of a message: it belongs to none
    no_body,     ///< of a message: it is missing, damaged, or has another size
    references,  ///< how many messages have a body is counted wrongly
    unused,      ///< a body, an envelope or a count that no message has
    uid_floor,   ///< a UID that was given might be given again
    changes,     ///< what the mailbox tells to clients that come back is wrong (MODSEQ)
    removal,     ///< a removed message would never be purged, or has gone without its time
    usage,       ///< of an account: its rows are not what its messages are
  };
  Kind kind;
  std::string mailbox;  ///< its name, or an account's; empty when there is none to name
  Uid uid = 0;          ///< 0: no single message
  std::string text;     ///< one sentence
  bool mended = false;  ///< by repair()
};
std::string_view text(Problem::Kind kind);

struct Checked {
  std::uint64_t mailboxes = 0, messages = 0, removed = 0, bodies = 0, octets = 0;
  std::uint64_t problems = 0, mended = 0;
};
/// Goes through the whole database and hands every problem to `report`, going on behind each. For a database
/// that does not change meanwhile: closed otherwise, or seen as of one moment. Fails only when it can't be
/// read at all. Reads all bodies in the Blob; but the caller may have verified them, and `verify` then tells
/// of one what Blob::verify() would. O(rows), and memory for each message and each body's key.
using VerifyBody = std::function<Result<void>(const std::string& name)>;
Result<Checked> check(const Kv& kv, const Blob& blob, const std::function<void(const Problem&)>& report,
                      const VerifyBody& verify = {});

/// check(), and puts right what follows from the messages: mailboxes whose row is lost (nameless.h), counts
/// of references, usage, floors of UIDs, rows of changes and of removals; and, when everything could be read,
/// takes away what is unused. Changes no message that can be read. Nobody else may have the database open.
/// Safe to end at any moment and to begin again.
Result<Checked> repair(Kv& kv, const Blob& blob, const std::function<void(const Problem&)>& report);

}  // namespace hikyaku::store
