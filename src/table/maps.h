#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "table/table.h"

namespace hikyaku::table {

/// Whether a key is a whole one (a full address, a header) or a part of one ("@domain", "user", a parent
/// domain, a network prefix). Parts are looked up in tables of Kind::fixed only.
enum class KeyPart : unsigned char { whole, partial };

/// Whether pattern rules may put parts of the key into their results.
enum class Substitution : unsigned char { allowed, refused };

/// The tables of one *_maps setting, in order: a key is looked up in each of them before the next key is
/// tried. Cheap to copy; thread-safe.
class Maps {
 public:
  Maps() = default;
  explicit Maps(std::vector<std::shared_ptr<const Table>> tables) : tables_(std::move(tables)) {}

  /// Opens each element ("hash:/etc/postfix/canonical"). Fails with the first table that does not open.
  static Result<Maps> open(const std::vector<Element>& elements, Opener& opener,
                           Substitution substitution = Substitution::allowed);

  bool empty() const { return tables_.empty(); }
  const std::vector<std::shared_ptr<const Table>>& tables() const { return tables_; }

  /// The first answer for `key`. An empty key is in no table. A table that can't answer, and one whose answer
  /// is the empty text, end the search with an Error (temporary; permanent for the empty text, which Postfix
  /// takes for a mistake in the table and answers with 451 too). `trail` gets the key when it was looked up
  /// in at least one table; may be null.
  Answer find(std::string_view key, KeyTrail* trail, KeyPart part = KeyPart::whole) const;

 private:
  std::vector<std::shared_ptr<const Table>> tables_;
};

}  // namespace hikyaku::table
