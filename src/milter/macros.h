#pragma once
#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "milter/protocol.h"

namespace hikyaku::milter {

/// Names of macros: "j", "{daemon_name}".
using MacroNames = std::vector<std::string>;

/// Reads a list as it stands in milter_connect_macros or in SETSYMLIST: names with blanks or commas between
/// them.
MacroNames macro_names(std::string_view text);
/// The names joined by blanks.
std::string text(const MacroNames& names);
/// "{x}" and "x" name the same macro: "{x}" without its braces where one octet stands in them. Other names as
/// they are, with braces put around one of several octets that has none.
std::string canonical_macro(std::string_view name);

/// The stage of the macros that travel before a command.
Stage macro_stage(Command command);

/// Which macros travel before which event: the settings milter_*_macros.
struct MacroLists {
  std::array<MacroNames, kStages> of;

  MacroNames& operator[](Stage stage) { return of[static_cast<std::size_t>(stage)]; }
  const MacroNames& operator[](Stage stage) const { return of[static_cast<std::size_t>(stage)]; }
  /// Postfix 3.7's defaults.
  static MacroLists postfix();
};

/// The lists that one filter has set for itself. A stage that is not named has the MTA's list; one that is
/// named may be empty.
using MacroOverrides = std::array<std::optional<MacroNames>, kSettableStages>;
/// The filter's own list for `stage`; nullptr where it has set none.
const MacroNames* macro_override(const MacroOverrides& filters, Stage stage);

/// What the macros are worth at this moment. Names may be given in either form. Not bounded: the caller's
/// values are.
class MacroTable {
 public:
  /// What the macro is worth while it has no value (milter_macro_defaults).
  void set_default(std::string_view name, std::string_view value);
  /// Sets or replaces. An empty value is a value.
  void set(std::string_view name, std::string_view value);
  void remove(std::string_view name);
  /// Its value, or its default.
  std::optional<std::string_view> value(std::string_view name) const;
  bool empty() const { return values_.empty(); }
  void clear() { values_.clear(); }
  /// All values, without the defaults, in the order in which they were set first; names in canonical form.
  const std::vector<std::pair<std::string, std::string>>& all() const { return values_; }

  // The facts of a message, as Postfix tells them. `address` is quoted where SMTP needs it, without brackets.

  /// {mail_addr}, {mail_host}, {mail_mailer}; what the last message left behind goes, {i} too.
  void sender(std::string_view address, std::string_view host, std::string_view mailer);
  /// {rcpt_addr}, {rcpt_host}, {rcpt_mailer}.
  void recipient(std::string_view address, std::string_view host, std::string_view mailer);
  /// A recipient that the MTA has refused: {rcpt_mailer} is "error", {rcpt_host} the enhanced status code,
  /// and {rcpt_addr} the text of the reply.
  void rejected_recipient(std::string_view enhanced_code, std::string_view reply_text);
  /// A recipient was accepted: from here on there is a queue id, {i}. The first one counts.
  void accepted_recipient(std::string_view queue_id);
  /// The message is over: everything that these four have set goes.
  void end_of_message();

 private:
  using Pairs = std::vector<std::pair<std::string, std::string>>;
  static void put(Pairs& pairs, std::string_view name, std::string_view value);
  Pairs values_, defaults_;
};

}  // namespace hikyaku::milter
