#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace hikyaku::access {

/// The messages of a mailbox as they were when a POP3 session began, with that session's marks of deletion
/// (RFC 1939 s. 3, 5). Numbers count from 1 and stay as they are. 16 octets a message. Not thread-safe.
class Maildrop {
 public:
  struct Message {
    std::uint32_t uid = 0;
    bool marked = false;
    std::uint64_t size = 0;  ///< octets as they are sent, with CRLF and without doubled dots
  };

  Maildrop() = default;
  /// `messages` in order of their UIDs. A UID names one message for ever, together with `uid_validity`.
  Maildrop(std::uint32_t uid_validity, std::vector<Message> messages);

  /// All messages, marked or not: the highest number.
  std::size_t size() const { return messages_.size(); }
  /// Those that are not marked, and their octets.
  std::size_t count() const { return count_; }
  std::uint64_t octets() const { return octets_; }

  /// `number` is in 1..size(), here and below.
  const Message& message(std::size_t number) const { return messages_[number - 1]; }
  /// "1795564100.7": the message's name for UIDL, the same in all sessions (RFC 1939 s. 7).
  std::string unique_id(std::size_t number) const;

  /// Marks a message for deletion; nothing when it is marked already.
  void mark(std::size_t number);
  void unmark_all();
  std::vector<std::uint32_t> marked_uids() const;

 private:
  std::uint32_t uid_validity_ = 0;
  std::vector<Message> messages_;
  std::size_t count_ = 0;
  std::uint64_t octets_ = 0;
};

}  // namespace hikyaku::access
