#include "config/greylist_unasked.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "greylist/dkim_word.h"
#include "table/fold.h"

namespace hikyaku::config {
namespace {

/// What begins with a format may become anything.
bool is_fetched(const std::string& url_format) {
  constexpr std::array<std::string_view, 4> kSchemes = {"http", "https", "ldap", "ldaps"};
  const auto end = url_format.find("://");
  if (end == std::string::npos || url_format.find('%') < end) return true;
  return std::ranges::any_of(kSchemes, [scheme = std::string_view(url_format).substr(0, end)](auto one) {
    return table::equal_ascii_nocase(one, scheme);
  });
}

}  // namespace

void warn_of_unasked_checks(const greylist::Configuration& configuration, Diagnostics& diagnostics) {
  for (const auto& one : configuration.urlchecks) {
    if (!is_fetched(one.url_format))
      diagnostics.warning(one.origin,
                          "only http, https, ldap and ldaps are asked: clauses with urlcheck \"" + one.name +
                              "\" do not hold",
                          one.url_format);
    if (one.fork) diagnostics.warning(one.origin, "no process is forked: checks are made by threads", "fork");
  }
  if (!configuration.ldap)
    for (const auto& one : configuration.ldapchecks)
      diagnostics.warning(one.origin, "without an ldapconf nobody is asked: clauses with ldapcheck \"" +
                                          one.name + "\" do not hold");
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
