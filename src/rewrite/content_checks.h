#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "base/explanation.h"
#include "rewrite/actions.h"
#include "rewrite/settings.h"

namespace hikyaku::rewrite {

/// What is looked at, which decides what REPLACE and PREPEND texts must be.
enum class Content : std::uint8_t { header, body };
/// Who looks: not all actions are for everyone. The SMTP client knows none for a whole message; of what a
/// milter adds PASS and PREPEND make no sense, as in Postfix.
enum class CheckedBy : std::uint8_t { arrival, smtp_client, milter };

/// What becomes of one header or line.
struct CheckResult {
  enum class Kind : std::uint8_t { keep, drop, replace };
  Kind kind = Kind::keep;
  std::string text;     ///< of replace; folds are '\n'
  std::string prepend;  ///< goes before it; empty: nothing
  bool failed = false;  ///< a table can't answer; Actions::refusal is set
};

/// Looks `text` (folds as '\n') up in `checks` and does what the answer says (header_checks(5)): what
/// concerns the whole message is added to `actions`.
CheckResult apply_checks(const Checks& checks, std::string_view text, Content content, CheckedBy by,
                         Actions& actions, Explanation& why);

/// Appends `text`, whose folds are '\n', with CRLF line ends and each continued line beginning with white
/// space.
void append_header_text(std::string& out, std::string_view text);
/// `text` with its CRLF folds as '\n'; refers to `text` itself when it has none, else to `buffer`.
std::string_view with_plain_folds(std::string_view text, std::string& buffer);

}  // namespace hikyaku::rewrite
