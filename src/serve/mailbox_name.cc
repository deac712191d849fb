#include "serve/mailbox_name.h"

#include "base/escape.h"
#include "store/store.h"

namespace hikyaku::serve {

std::string mailbox_of(const mail::Address& address, bool whole_address,
                       const table::Delimiters& delimiters) {
  const auto split = table::split_extension(address.local(), delimiters);
  std::string internal(split.user);
  if (whole_address && address.has_domain()) internal += "@" + address.domain();
  return store::mailbox_name(mail::Address::from_internal(internal).value_or(address));
}

Result<std::string> mailbox_of_login(const Running& running, std::string_view user) {
  const auto address = mail::Address::from_internal(user);
  if (!address || address->local().empty())
    return fail(Fault::malformed, "there is no mailbox for the name \"" + escaped(user, 200) + "\"");
  const auto route = running.router->resolve({}, running.router->complete(*address));
  if (!route) return std::unexpected(route.error());
  const auto* transport = running.transport(route->transport);
  const bool local_user = transport != nullptr && transport->role == config::Service::Role::local &&
                          transport->command == "local";
  return mailbox_of(*address, !local_user, running.delimiters);
}

}  // namespace hikyaku::serve
