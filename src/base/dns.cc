#include "base/dns.h"

#include <utility>

namespace hikyaku {

void DnsFacts::add(DnsQuestion question, DnsAnswer answer) {
  if (answers_.size() >= kLimit && !answers_.contains(question)) answers_.erase(answers_.begin());
  answers_[std::move(question)] = std::move(answer);
}

const DnsAnswer* DnsFacts::find(const DnsQuestion& question) const {
  const auto found = answers_.find(question);
  return found == answers_.end() ? nullptr : &found->second;
}

}  // namespace hikyaku
