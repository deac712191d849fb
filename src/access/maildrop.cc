#include "access/maildrop.h"

#include <utility>

namespace hikyaku::access {

Maildrop::Maildrop(std::uint32_t uid_validity, std::vector<Message> messages)
    : uid_validity_(uid_validity), messages_(std::move(messages)) {
  unmark_all();
}

std::string Maildrop::unique_id(std::size_t number) const {
  return std::to_string(uid_validity_) + "." + std::to_string(message(number).uid);
}

void Maildrop::mark(std::size_t number) {
  auto& message = messages_[number - 1];
  if (std::exchange(message.marked, true)) return;
  --count_;
  octets_ -= message.size;
}

void Maildrop::unmark_all() {
  count_ = messages_.size();
  octets_ = 0;
  for (auto& message : messages_) {
    message.marked = false;
    octets_ += message.size;
  }
}

std::vector<std::uint32_t> Maildrop::marked_uids() const {
  std::vector<std::uint32_t> uids;
  for (const auto& message : messages_) {
    if (message.marked) uids.push_back(message.uid);
  }
  return uids;
}

}  // namespace hikyaku::access
