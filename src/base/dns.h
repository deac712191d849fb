#pragma once
#include <compare>
#include <cstddef>
#include <map>
#include <string>
#include <vector>

namespace hikyaku {

/// What a decision wants to know of the DNS. Decisions are pure: they take the answers that are there, and
/// name the questions that are open; who drives them asks, and decides again.
struct DnsQuestion {
  enum class Type : unsigned char { a, aaaa, mx, ns, txt, ptr };
  std::string name;
  Type type = Type::a;
  auto operator<=>(const DnsQuestion&) const = default;
};

struct DnsAnswer {
  enum class Status : unsigned char {
    found,
    none,       ///< the name does not exist, or has no such record
    temporary,  ///< no answer, or SERVFAIL
    malformed,  ///< a nonsensical reply, or a name that can't be asked for
  };
  Status status = Status::none;
  /// Addresses as text; of mx, ns and ptr host names without the last dot (null MX: "" or "."), mx in any
  /// order; of txt the strings of each record joined.
  std::vector<std::string> records;
};

/// The DNS facts that a connection has gathered. Bounded: what goes beyond kLimit answers is forgotten,
/// oldest names first in no particular order. Not thread-safe.
class DnsFacts {
 public:
  static constexpr std::size_t kLimit = 1000;
  void add(DnsQuestion question, DnsAnswer answer);
  /// nullptr: not known yet.
  const DnsAnswer* find(const DnsQuestion& question) const;
  std::size_t size() const { return answers_.size(); }

 private:
  std::map<DnsQuestion, DnsAnswer> answers_;
};

}  // namespace hikyaku
