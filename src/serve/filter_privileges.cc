#include "serve/filter_privileges.h"

#include <unistd.h>

#include "base/escape.h"
#include "io/program_entry.h"

namespace hikyaku::serve {
namespace {

using config::ChildSettings;
using config::Diagnostics;

/// We, once we serve.
struct Ourselves {
  bool root = false;
  uid_t user = 0;
};

Ourselves ourselves(const config::MultiplexerSettings& settings) {
  const auto& effective = *settings.effective_user;
  if (::geteuid() != 0) return {false, ::geteuid()};
  if (effective.empty()) return {true, 0};
  // That there is no such user is told when we are to become it.
  const auto identity = io::identity_of_user(effective);
  return identity ? Ourselves{identity->user == 0, identity->user} : Ourselves{false, static_cast<uid_t>(-1)};
}

void tell_useless(const ChildSettings& child, Diagnostics& diagnostics) {
  const auto tell = [&diagnostics](const auto& setting, const char* name) {
    if (!setting.origin.built_in() && !setting->empty())
      diagnostics.warning(setting.origin, std::string(name) + " has no effect without a command");
  };
  tell(child.command_options, "command_options");
  tell(child.user_name, "user_name");
  tell(child.working_directory, "working_directory");
}

void check_user(const ChildSettings& child, const Ourselves& we, Diagnostics& diagnostics) {
  const auto& user = *child.user_name;
  const auto origin = child.user_name.origin;
  if (user.empty()) {
    if (we.root)
      diagnostics.warning(child.command.origin, "the command of \"" + escaped(child.name, 100) +
                                                    "\" is run as root: name another user by user_name");
    return;
  }
  const auto identity = io::identity_of_user(user);
  if (!identity) return diagnostics.error(origin, "user_name: " + identity.error().text, user);
  if (we.root || identity->user == we.user) return;
  diagnostics.error(origin,
                    "user_name: only root may run the command as " + escaped(user, 100) +
                        ": run the multiplexer as root and without security.effective_user, or leave "
                        "user_name out",
                    user);
}

}  // namespace

void check_privileges(const config::MultiplexerSettings& settings, Diagnostics& diagnostics) {
  const auto we = ourselves(settings);
  for (const auto& child : settings.children) {
    if (child.command->empty()) {
      tell_useless(child, diagnostics);
    } else if (!*settings.privilege_mode) {
      diagnostics.warning(child.command.origin,
                          "milter.command has no effect here: the filter must be started by others, unless "
                          "security.privilege_mode = true");
    } else if (!child.command->front().starts_with('/')) {
      diagnostics.error(child.command.origin,
                        "command: \"" + escaped(child.command->front(), 100) + "\" is no absolute path");
    } else if (!child.working_directory->empty() && !child.working_directory->starts_with('/')) {
      diagnostics.error(
          child.working_directory.origin,
          "working_directory: \"" + escaped(*child.working_directory, 100) + "\" is no absolute path");
    } else if (*child.enabled) {
      check_user(child, we, diagnostics);
    }
  }
}

}  // namespace hikyaku::serve
