#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "table/ip.h"
#include "table/maps.h"
#include "table/table.h"

namespace hikyaku::table {

/// The element of a match list that decided, as it was written ("/file/name" elements: the line in that
/// file). Views live as long as the list.
struct Match {
  std::string_view element;
  Origin origin;
};

/// nullopt: no element matched, or the first that did was "!element"; an Error: a table of the list could not
/// be asked (Fault::temporary) before an element matched.
using MatchAnswer = Result<std::optional<Match>>;

/// How a domain in a list matches names below it (parent_domain_matches_subdomains).
enum class Subdomains : unsigned char {
  exact,          ///< the list does not match parents at all
  by_dot,         ///< ".example.com" matches a.example.com; "example.com" only itself
  by_parent_too,  ///< "example.com" matches a.example.com as well
};

class Patterns;  // a compiled list

/// A Postfix match list of plain strings (mydestination, virtual_alias_domains, virtual_mailbox_domains,
/// masquerade_exceptions): "name", "type:table" (the key's presence counts, not its value), "/file/name",
/// "!pattern". Elements are tried in order; the first that matches decides: "yes", or "no" when it was
/// "!pattern". Compares without regard to case. Compiled once; match() allocates nothing but in `trail` and
/// in tables. Immutable, cheap to copy, thread-safe.
class StringMatchList {
 public:
  StringMatchList() = default;
  static Result<StringMatchList> compile(const std::vector<Element>& elements, Opener& opener);
  MatchAnswer match(std::string_view text, KeyTrail* trail) const;
  bool empty() const { return !patterns_; }

 private:
  std::shared_ptr<const Patterns> patterns_;
};

/// The same with parent domains (relay_domains and other lists that parent_domain_matches_subdomains names).
/// In tables the parents are looked up too, as ".parent" or "parent".
class DomainList {
 public:
  DomainList() = default;
  static Result<DomainList> compile(const std::vector<Element>& elements, Opener& opener,
                                    Subdomains subdomains);
  MatchAnswer match(std::string_view domain, KeyTrail* trail) const;
  bool empty() const { return !patterns_; }

 private:
  std::shared_ptr<const Patterns> patterns_;
};

/// The same for clients (mynetworks, smtpd_client_event_limit_exceptions): "192.0.2.0/24", "192.0.2.1",
/// "[2001:db8::]/32", "[::1]", host names, "type:table" (host name, its parents, address). A network whose
/// host bits are not zero is an error at compile(), and so is an IPv6 address without its brackets.
class NetworkList {
 public:
  NetworkList() = default;
  static Result<NetworkList> compile(const std::vector<Element>& elements, Opener& opener,
                                     Subdomains subdomains = Subdomains::exact);
  /// `name` is the client's verified host name or "unknown", which is compared as any name is; empty: only
  /// the address is tried.
  MatchAnswer match(std::string_view name, const Ip& address, KeyTrail* trail) const;
  MatchAnswer match(const Ip& address, KeyTrail* trail) const { return match({}, address, trail); }
  bool empty() const { return !patterns_; }

 private:
  std::shared_ptr<const Patterns> patterns_;
};

}  // namespace hikyaku::table
