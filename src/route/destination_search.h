#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "route/next_hop.h"
#include "table/ip.h"

namespace hikyaku::route {

/// One server to try.
struct Target {
  table::Ip address;
  std::uint16_t port = 25;
  std::string host;              ///< the name that the address was found under, or the address itself
  std::uint16_t preference = 0;  ///< of its MX record; 0 without one
};

/// Why there is nothing to try.
struct Unreachable {
  bool permanent = false;
  std::string status;  ///< RFC 3463: "5.4.6"
  std::string text;    ///< "mail for example.com loops back to myself"
};

/// What a search is governed by.
struct SearchSettings {
  std::uint16_t default_port = 25;  ///< smtp_tcp_port, lmtp_tcp_port
  bool use_dns = true;              ///< false: smtp_dns_support_level = disabled: no MX, a domain is a host
  bool ipv4 = true, ipv6 = true;    ///< inet_protocols
  enum class Prefer : unsigned char { any, ipv4, ipv6 };
  Prefer prefer = Prefer::any;            ///< smtp_address_preference
  bool randomize = true;                  ///< smtp_randomize_addresses: equal preferences in any order
  bool ignore_mx_errors = false;          ///< ignore_mx_lookup_error
  bool defer_without_mx_address = false;  ///< smtp_defer_if_no_mx_address_found
  std::size_t address_limit = 5;          ///< smtp_mx_address_limit; 0: none
  std::vector<table::Ip> own_addresses;   ///< for the loop rule: inet_interfaces and proxy_interfaces
};

/// Finds the servers of one next hop, in order, from DNS facts that the driver gets: RFC 5321 s. 5.1, null MX
/// of RFC 7505. Sans I/O: while questions() is not empty, look those up, answer() each, and ask again; then
/// result(). Not thread-safe; two rounds of questions at most. Not for Kind::unix.
class DestinationSearch {
 public:
  enum class Type : unsigned char { mx, a, aaaa };
  struct Question {
    std::string name;
    Type type;
    auto operator<=>(const Question&) const = default;
  };
  struct Mx {
    std::uint16_t preference;
    std::string host;  ///< "." or empty: null MX
  };
  /// `found` with at least one record. Aliases (CNAME) have been followed by the resolver.
  struct Answer {
    enum class Status : unsigned char {
      found,
      none,       ///< the name does not exist, or has no such record
      temporary,  ///< no answer, or SERVFAIL
      malformed,  ///< not a name that DNS can be asked for, or a nonsensical reply
    };
    Status status = Status::none;
    std::vector<Mx> mx;
    std::vector<table::Ip> addresses;
  };

  DestinationSearch(NextHop hop, const SearchSettings& settings)
      : hop_(std::move(hop)), settings_(&settings) {
    begin();
  }

  /// What is not known yet; at most 200.
  const std::vector<Question>& questions() const { return open_; }
  void answer(const Question& question, Answer answer);

  struct Found {
    std::vector<Target> targets;  ///< in the order to try; empty: see `unreachable`
    std::optional<Unreachable> unreachable;
  };
  /// Call when there are no questions. `random` shuffles hosts of equal preference.
  Found result(Random& random) const;

 private:
  void begin();
  void ask_addresses(const std::string& host);
  bool uses_exchangers() const;
  std::optional<Unreachable> exchanger_failure() const;
  /// The addresses of one host. Notes in `worst` why there are none.
  std::vector<table::Ip> addresses_of(const std::string& host, std::optional<Unreachable>& worst) const;
  std::vector<Target> all_targets(std::optional<Unreachable>& worst) const;
  std::optional<Unreachable> cut_own_host(std::vector<Target>& targets) const;
  void put_in_order(std::vector<Target>& targets, Random& random) const;
  std::uint16_t port() const { return hop_.port().value_or(settings_->default_port); }

  NextHop hop_;
  const SearchSettings* settings_;
  std::optional<Answer> exchangers_;  // the answer to the MX question
  std::map<Question, Answer> addresses_;
  std::vector<Question> open_;
};

}  // namespace hikyaku::route
