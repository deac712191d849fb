#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/blob.h"
#include "base/kv.h"
#include "base/result.h"
#include "base/time.h"
#include "record/mailbox_rows.h"
#include "store/store.h"

namespace hikyaku::store {

/// One of the two databases of a move. What it names outlives the move.
struct MoveEnd {
  std::string name;  ///< as the catalogue has it
  Store& store;
  Blob& blob;
  std::function<Result<void>(Kv::Batch)> commit;  ///< synced when it returns
};

/// Moves all of one account to another database: mailboxes with their hierarchy, UIDVALIDITY, UIDs, flags,
/// keywords, MODSEQs and what vanished; removed mail that can be restored; quota and subscriptions; rows of
/// deliveries, so that one that comes again is still recognised; envelopes; bodies, each once for all its
/// messages of this account. In small batches.
///
/// Which database has the account is for the Store::Here of both to say, and changes between copy() and
/// take_over(), synced. Until then the source is whole, from then on the target is. Both have a mark of the
/// move, so that whatever ends it half way, settle() knows what is to be cleaned away. Others must not
/// purge() either database meanwhile. Blocks; for one thread.
class AccountMove {
 public:
  using Progress = std::function<void(std::uint64_t messages, std::uint64_t of)>;
  struct Counts {
    std::uint64_t mailboxes = 0, messages = 0, removed = 0, octets = 0;
  };

  AccountMove(MoveEnd& from, MoveEnd& to, std::string account, Progress progress)
      : from_(from), to_(to), account_(std::move(account)), progress_(std::move(progress)) {}
  /// Opens the account again.
  ~AccountMove();
  AccountMove(const AccountMove&) = delete;
  AccountMove& operator=(const AccountMove&) = delete;

  /// Closes the account in both databases: whoever wants to change it gets Fault::temporary. Waits for
  /// changes that had begun; Fault::temporary: they take longer than that.
  Result<void> begin(std::chrono::milliseconds patience);
  /// Cleans away what an earlier move left in the target, and copies all. Fault::corrupt: something of the
  /// account can't be read; Fault::permanent: the target has mailboxes of it that no move brought.
  Result<Counts> copy(Time now);
  /// After the account's place changed: it is open in the target, and the source's copy is removed. An error
  /// leaves rows that nobody sees, for settle().
  Result<void> take_over();
  /// After a failed copy(): removes it.
  Result<void> give_up();
  /// Nobody knows which database has the account after the next crash: it stays closed until the next start.
  void leave_closed() { closed_ = false; }

 private:
  MoveEnd& from_;
  MoveEnd& to_;
  const std::string account_;
  const Progress progress_;
  bool closed_ = false;
};

struct MovedItem {
  std::string account;
  record::MovedAccount moved;
};
/// The marks of moves that have not been settled.
Result<std::vector<MovedItem>> moved_accounts(const Kv& kv);

/// Ends what a move left here: of an account that is here the mark alone goes, of another all its rows. Not
/// while it is moved. Safe to end at any moment and to begin again.
Result<void> settle(MoveEnd& end, const std::string& account);

/// The accounts that have anything in this database, also only a quota or removed mail, and are here. In
/// order. O(accounts).
Result<std::vector<std::string>> accounts_in(const Store& store);

}  // namespace hikyaku::store
