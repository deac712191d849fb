#pragma once
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hikyaku::table {

/// A text with % forms that a lookup fills in: the `query` of a database, the `result_format` of an answer
/// (ldap_table(5), pgsql_table(5), sqlite_table(5)).
///
///   %%           a percent sign
///   %s           the text itself: the key in a query, the value in a result
///   %u %d        its local part (all of it when it has no '@') and its domain
///   %S %U %D     the same of the key, in a result; in a query what %s %u %d are
///   %1 … %9      the parts of the key's domain from its end: of mail.example.com "com", "example", "mail"
///
/// A form that has nothing to stand for (no domain, too few parts) leaves the whole unanswered.
/// Immutable; pure.
class QueryFormat {
 public:
  /// Fails with Fault::malformed, with the place in `text`, on a '%' that none of these follows.
  static Result<QueryFormat> parse(std::string_view text);

  /// Puts a text into a query so that it can't be taken for a part of the query itself.
  using Quote = std::function<std::string(std::string_view)>;
  /// The text filled in; nullopt: a form has nothing to stand for. In a query `value` is the key.
  std::optional<std::string> fill(std::string_view value, std::string_view key, const Quote& quote) const;

  /// Whether a key must have a domain for this to be filled in.
  bool needs_domain() const { return needs_domain_; }

 private:
  struct Part {
    char form = 0;  // 0: literal text
    std::string text;
  };
  std::vector<Part> parts_;
  bool needs_domain_ = false;
};

}  // namespace hikyaku::table
