#pragma once
#include <cstddef>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/explanation.h"
#include "mail/address.h"
#include "rewrite/completion.h"
#include "rewrite/settings.h"

namespace hikyaku::rewrite {

/// alias_maps and what goes with it (aliases(5), local(8)).
struct AliasSettings {
  table::Maps maps;  ///< alias_maps; empty: no aliases
  Origin origin;
  LookupSettings lookup;  ///< local domains and the delimiter
  CompletionSettings completion;
  bool propagate = false;     ///< "alias" in propagate_unmatched_extensions
  bool commands = false;      ///< "|command" results are handed out; else they are refused
  bool files = false;         ///< "/file" results are handed out; else they are refused
  bool expand_owner = false;  ///< expand_owner_alias: the owner is what owner-NAME stands for
};

/// Reads a file that ":include:/file" names. The port.
class IncludeFiles {
 public:
  virtual ~IncludeFiles() = default;
  /// The whole text, at most `limit` octets. Fault::temporary when it can't be read now, Fault::not_found
  /// when there is no such file.
  virtual Result<std::string> read(std::string_view path, std::size_t limit) const = 0;
};

/// What a local recipient stands for.
struct AliasResult {
  bool found = false;                    ///< false: the name is no alias; all else is empty
  std::vector<mail::Address> addresses;  ///< each once, completed; none of them is an alias any more
  std::vector<std::string> commands;     ///< without '|', when AliasSettings::commands
  std::vector<std::string> files;        ///< when AliasSettings::files
  std::vector<std::string> refused;      ///< bounce texts: "|command: mail to command is restricted"
  std::optional<mail::Address>
      owner;  ///< the envelope sender of what goes on, by owner-NAME; bounces go there
};

/// Expands the aliases of local recipients, with the aliases and ":include:" files in them. Immutable;
/// thread-safe if the IncludeFiles are.
class LocalAliases {
 public:
  static constexpr std::size_t kResultLimit = 10000;       ///< results of one recipient
  static constexpr std::size_t kDepthLimit = 100;          ///< aliases and include files within each other
  static constexpr std::size_t kIncludeOctets = 4U << 20;  ///< of one include file

  LocalAliases(AliasSettings settings, const IncludeFiles& files);

  /// `recipient` is an address of the local class: the full local part is looked up, then the part without
  /// extension, both in lower case; "\name" is never an alias. An alias that names itself keeps that name as
  /// a mailbox; one that comes back to itself through others is a loop. Fault::temporary when a table or a
  /// file can't be read: defer. Fault::not_found when an include file is not there, Fault::permanent when a
  /// limit is reached or there is a loop: bounce.
  Result<AliasResult> expand(const mail::Address& recipient, Explanation& why) const;

 private:
  class Expansion;
  AliasSettings settings_;
  Completion completion_;
  const IncludeFiles& files_;
};

}  // namespace hikyaku::rewrite
