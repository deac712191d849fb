#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/greylist_scanner.h"
#include "greylist/configuration.h"

namespace hikyaku::config {

/// What the parts of the reader of greylist.conf work on together.
struct GreylistReading {
  GreylistScanner& scanner;
  greylist::Configuration& configuration;
  std::uint32_t file;
  /// `extendedregex` counts from its line on.
  greylist::Pattern::Syntax syntax = greylist::Pattern::Syntax::basic;
  /// Those of the old one-clause lines, as they stand: each goes before all that are above it.
  std::vector<greylist::Rule> short_rules;
  /// Lists of what is no more; rules that name them are left out.
  std::vector<std::string> retired_lists;
  /// After a rule of the stage that holds always.
  bool recipient_rules_ended = false, message_rules_ended = false;
};

/// Reads the rest of an `acl`, `racl` or `dacl` line, whose first word was taken. (greylist_rules.cc)
void read_rule(GreylistReading& reading, std::string_view kind, Origin origin);
/// Reads one of the old lines that whitelist by one clause: `addr`, `from`, `rawfrom`, `rcpt`, `domain`.
void read_short_rule(GreylistReading& reading, std::string_view word, Origin origin);

/// Reads one clause, with its `not`. nullopt: the next word begins none. (greylist_clauses.cc)
struct ReadClause {
  std::optional<greylist::Clause> clause;  ///< nullopt also where the whole rule must be left out
  bool retired = false;
};
std::optional<ReadClause> read_clause(GreylistReading& reading);
/// `word` is that of a test for a text: "from", "rcpt" and so on.
std::optional<greylist::Subject> subject_of(std::string_view word);
/// One test of that subject, whose word was taken: an address, a name, a quoted text or an expression.
greylist::Test read_text_test(GreylistReading& reading, greylist::Subject subject);
/// The index of what was defined by that name; tells where there is no such thing.
std::size_t find_defined(GreylistReading& reading, greylist::Defined kind, const std::string& name);

/// Reads the rest of a definition, if the word begins one: `dnsrbl`, `sm_macro`, `ratelimit`, `urlcheck`,
/// `ldapconf`, `ldapcheck`, `tsig`, `nsupdate`, `list`, `stat`, `peer`. (greylist_definitions.cc)
bool read_definition(GreylistReading& reading, std::string_view word, Origin origin);

}  // namespace hikyaku::config
