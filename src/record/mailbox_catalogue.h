#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hikyaku::record {

/// Which mailbox databases there are beside `default`, and whose mailboxes are in which. As a file it is text
/// that people can read:
///
///     hikyaku mailbox catalogue 1
///     database DB02 /srv/db02
///     domain example.org DB02
///     account joe@example.net DB02
///     checksum 1a2b3c4d
///
/// sorted within each kind, and not to be edited: the checksum (CRC-32C of all lines above) would not be
/// right any more. Without control characters; names may have spaces, but those of databases. Copied by
/// value.
class MailboxCatalogue {
 public:
  static constexpr std::string_view kDefault = "default";

  /// Fault::corrupt, with "N: …", the line, for a file name to stand before; Fault::permanent: a newer
  /// program wrote it. Pure; O(size).
  static Result<MailboxCatalogue> parse(std::string_view text);
  /// What parse() reads.
  std::string text() const;

  struct Place {
    std::string database;
    std::string rule;        ///< the line that says so; empty: none does
    std::uint32_t line = 0;  ///< of it, from 1
  };
  /// Where an account's mailboxes are: by its own line, else by its domain's, else `default`.
  Place place_of(std::string_view account) const;
  /// Only which database.
  std::string_view database_of(std::string_view account) const;

  struct Entry {
    std::string value;       ///< of a database its directory, else the name of a database
    std::uint32_t line = 0;  ///< in text()
    bool operator==(const Entry&) const = default;
  };
  using Entries = std::map<std::string, Entry, std::less<>>;
  /// Without `default`. A directory that is relative is so to the catalogue's own folder.
  const Entries& databases() const { return databases_; }
  const Entries& domains() const { return domains_; }
  const Entries& accounts() const { return accounts_; }
  /// Whether there is such a database; `default` always is.
  bool has(std::string_view database) const;
  /// It says nothing that is not so without it.
  bool empty() const { return databases_.empty() && domains_.empty() && accounts_.empty(); }

  /// Fault::malformed: no name or directory of a database, or of an account or domain. Fault::permanent:
  /// there is such a database already. Fault::not_found: there is none. O(lines).
  Result<void> add_database(std::string_view name, std::string_view directory);
  Result<void> put_domain(std::string_view domain, std::string_view database);
  /// Without a line of its own when the account is there without one.
  Result<void> put_account(std::string_view account, std::string_view database);
  /// A line of its own in any case.
  Result<void> pin_account(std::string_view account, std::string_view database);

  /// Letters, digits, '-', '_' and '.', at most 64, not beginning with '.'. Fault::malformed.
  static Result<void> check_name(std::string_view name);

  bool operator==(const MailboxCatalogue&) const = default;

 private:
  void number_lines();
  Result<void> take(std::string_view line);
  Result<void> put(Entries& entries, std::string_view key, std::string_view database);
  Entries databases_, domains_, accounts_;
};

/// "joe@example.org" -> "example.org"; empty for a local user.
std::string_view domain_of_account(std::string_view account);

}  // namespace hikyaku::record
