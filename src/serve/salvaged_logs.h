#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "io/log_check.h"
#include "io/log_rows.h"
#include "io/log_walk.h"
#include "store/keys.h"

namespace hikyaku::serve {

/// What logs of a mailbox database tell of the mail in it, put together in the order of the changes: also of
/// logs that the database has lost from its list, and of which some between them are missing. Reads the logs
/// alone. Not thread-safe.
class SalvagedLogs {
 public:
  /// `scratch`: a folder for the rows, as LogRows::make() has it; at most what the logs have.
  static Result<SalvagedLogs> make(const std::filesystem::path& scratch);

  struct Log {
    std::filesystem::path file;
    std::uint64_t records = 0;  ///< intact ones
    std::uint64_t damages = 0;
    bool of_mailboxes = false;  ///< has any row that a mailbox database has
  };
  /// Each file once, whatever their order; those that can't be read are an Error.
  Result<std::vector<Log>> read(const std::vector<std::filesystem::path>& files,
                                const io::Progress& progress);

  /// What the intact records of the logs say of a mailbox by its number, the last word of each.
  struct Mailbox {
    std::string name;                ///< empty: they do not say
    std::uint32_t uid_validity = 0;  ///< 0: they do not say
    std::string account;             ///< empty: they do not say
    bool removed = false;            ///< with all that is in it
  };
  const Mailbox& mailbox(std::uint32_t number) const;

  /// By message_key(), MessageRecord as it is stored.
  io::LogRows::Cursor messages() const { return rows_.of(store::kMessage); }
  std::uint64_t message_rows() const { return message_rows_; }  ///< at most so many
  /// By body key.
  Result<std::optional<std::string>> body(std::string_view key) const { return rows_.get(store::kBody, key); }
  /// Whether the intact records speak of a message, or of its removal.
  Result<bool> speaks_of(std::string_view message_key) const;
  /// The rows of kDelivery that stand for the message with this key.
  Result<std::vector<std::string>> deliveries(std::string_view message_key) const;

  /// A message in a damaged record. Any octet may be wrong, but in what decodes, which has a checksum.
  struct Doubtful {
    std::string key;      ///< that of the message, as it stands there
    std::string account;  ///< whose the same record says that its mailbox is; empty: it does not say
    std::string where;    ///< "000123.log, offset 4711: checksum mismatch"
    std::string stored;   ///< the MessageRecord; empty: there is but a body
  };
  class DoubtfulMessages {
   public:
    std::optional<Doubtful> next();
    Result<void> end() const { return rows_.end(); }

   private:
    friend class SalvagedLogs;
    explicit DoubtfulMessages(io::LogRows::Cursor rows) : rows_(std::move(rows)) {}
    io::LogRows::Cursor rows_;
  };
  /// By key.
  DoubtfulMessages doubtful_messages() const;
  Result<std::optional<std::string>> doubtful_body(std::string_view key) const;

 private:
  explicit SalvagedLogs(io::LogRows rows) : rows_(std::move(rows)) {}
  void take(const io::BatchRow& row, std::uint64_t sequence, Log& log);
  void take_damage(const io::LogDamage& damage, const std::filesystem::path& file);
  void take_delivery(const io::BatchRow& row, std::uint64_t sequence);
  bool take_mailbox(const io::BatchRow& row, std::uint64_t sequence);
  bool take_account(const io::BatchRow& row);
  void take_removed_mailbox(const io::BatchRow& row, std::uint64_t sequence);

  struct Known : Mailbox {
    std::uint64_t sequence = 0;  // of name, uid_validity and removed
  };
  io::LogRows rows_;
  std::map<std::uint32_t, Known> mailboxes_;
  std::uint64_t message_rows_ = 0;
};

}  // namespace hikyaku::serve
