#include "config/greylist_unasked.h"

#include <string>

#include "greylist/dkim_word.h"

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
      if (const auto* dkim = std::get_if<greylist::DkimTest>(&clause.test);
          dkim != nullptr && !greylist::is_dkim_word(dkim->status))
        diagnostics.warning(clause.origin,
                            "no check of DKIM comes to \"" + std::string(greylist::text(dkim->status)) +
                                "\": the clause does not hold",
                            "dkim");
}

}  // namespace hikyaku::config
