#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/blob.h"
#include "base/random.h"
#include "base/result.h"
#include "base/time.h"
#include "io/content_hash.h"
#include "record/keywords.h"
#include "serve/databases.h"
#include "serve/known_messages.h"
#include "store/append.h"
#include "store/wire_text.h"

namespace hikyaku::serve {

/// What is known of a message besides its octets.
struct ImportHead {
  Time received{};  ///< INTERNALDATE
  store::Flags flags;
  record::Keywords keywords;
  mail::Address sender;
  // Of what comes from a database of ours: not in frames.
  record::QueueId queue_id;                                 ///< store::NewMessage::queue_id
  std::vector<std::pair<Kv::Space, std::string>> known_by;  ///< store::NewMessage::known_by
};

struct ImportCounts {
  std::uint64_t messages = 0;    ///< added, and on the disk
  std::uint64_t octets = 0;      ///< of them
  std::uint64_t duplicates = 0;  ///< the mailbox had them already
  std::uint64_t refused = 0;     ///< for a mailbox that can't be had
  bool operator==(const ImportCounts&) const = default;
};

/// Puts messages from elsewhere into mailboxes: in a running hub or with the database opened by a command.
/// A message comes in pieces, with line ends of files or of SMTP; up to `small_body` octets go into the
/// database, more into a file of its own while they come. Many messages are committed at once; what they
/// count is counted once they are on the disk. No quota stops it: it is the administrator's own act. An Error
/// of any call ends the import. Blocks.
class MailboxImport {
 public:
  enum class Duplicates : unsigned char {
    add,
    skip,  ///< a message that the mailbox has, octet by octet, or has got in this import, is not added
  };
  enum class LineEnds : unsigned char {
    to_wire,  ///< as store::WireText has it
    kept,     ///< it comes from a store: octet by octet
  };
  struct Options {
    Duplicates duplicates = Duplicates::add;
    std::size_t small_body = std::size_t{64} << 10;
    LineEnds line_ends = LineEnds::to_wire;
  };
  /// The database of an account. Asked for before each group of messages, and given back after it, so that
  /// the database can be dismounted.
  using Use = std::function<Result<std::shared_ptr<StoreDatabase>>(std::string_view account)>;

  MailboxImport(Use use, const Clock& clock, Random& random, Options options)
      : use_(std::move(use)), clock_(clock), random_(random), options_(options) {}
  /// Drops what is not committed.
  ~MailboxImport();
  MailboxImport(const MailboxImport&) = delete;
  MailboxImport& operator=(const MailboxImport&) = delete;

  /// The mailbox that the next messages go to. Made, with those above it, when there is none. Commits what
  /// waits for the one before. A value: why this mailbox can't be had; its messages are refused.
  Result<std::optional<std::string>> open(const std::string& mailbox);
  /// begin(), write() as often as there are pieces, then end(), or abandon() when it can't be read to its
  /// end.
  Result<void> begin(ImportHead head);
  Result<void> write(std::string_view octets);
  Result<void> end();
  void abandon();
  /// Commits what waits. After the last message, or at any time between two.
  Result<void> commit();

  const ImportCounts& counts() const { return counts_; }

 private:
  struct Arriving {
    explicit Arriving(ImportHead known) : head(std::move(known)) {}
    ImportHead head;
    store::WireText text;
    std::string beginning;  // with all header fields, unless there are more than kLongestHeader octets
    std::string body;       // while it is small
    std::unique_ptr<Blob::Writer> writer;
    std::string blob;
    std::uint64_t size = 0;
  };
  Result<StoreDatabase*> database();
  Result<void> make(const std::string& mailbox);
  Result<void> take(std::string_view wire);
  Result<void> to_blob();
  store::NewMessage finished();
  void remove(const std::vector<std::string>& blobs);

  const Use use_;
  const Clock& clock_;
  Random& random_;
  const Options options_;
  std::shared_ptr<StoreDatabase> database_;
  std::string account_;  // of the mailbox that was opened last
  std::string mailbox_;  // empty: messages are refused
  std::optional<KnownMessages> known_;
  std::optional<Arriving> arriving_;
  bool refusing_ = false;  // a message that is refused arrives
  io::ContentHash hash_;
  std::string wire_;
  std::vector<store::NewMessage> waiting_;
  std::size_t waiting_octets_ = 0;  // in memory
  ImportCounts counts_;
};

}  // namespace hikyaku::serve
