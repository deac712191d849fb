#include "config/greylist_unasked.h"

#include <string>

namespace hikyaku::config {

void warn_of_unasked_checks(const greylist::Configuration& configuration, Diagnostics& diagnostics) {
  const auto warn = [&](const auto& definitions, const char* kind) {
    for (const auto& one : definitions)
      diagnostics.warning(one.origin, std::string(kind) + " \"" + one.name +
                                          "\" is not asked by this version: clauses with it do not hold");
  };
  warn(configuration.urlchecks, "urlcheck");
  warn(configuration.ldapchecks, "ldapcheck");
  for (const auto& one : configuration.nsupdates)
    diagnostics.warning(one.origin, "nsupdate \"" + one.name + "\" is not sent by this version");
  if (configuration.syncsrcaddr.value.port)
    diagnostics.warning(configuration.syncsrcaddr.origin,
                        "peers are spoken to from any port, as milter-greylist does: only the address counts",
                        "port");
  for (const auto& rule : configuration.rules)
    for (const auto& clause : rule.clauses)
      if (std::holds_alternative<greylist::DkimTest>(clause.test))
        diagnostics.warning(clause.origin, "DKIM is not checked by this version: the clause does not hold",
                            "dkim");
}

}  // namespace hikyaku::config
