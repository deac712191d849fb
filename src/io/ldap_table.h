#pragma once
#include <memory>
#include <string_view>

#include "table/source_settings.h"
#include "table/table.h"

namespace hikyaku::io {

/// ldap:/file by ldap_table(5): server_host (names or URIs), server_port, timeout, search_base, query_filter,
/// scope, result_attribute, special_, terminal_ and leaf_result_attribute, result_format, domain,
/// recursion_limit, expansion_limit, size_limit, bind (no or simple), bind_dn, bind_pw, dereference,
/// chase_referrals, start_tls and tls_*. The protocol is version 3. `bind = sasl` is refused. No answer
/// within `timeout` is Fault::temporary. Blocking; thread-safe.
Result<std::shared_ptr<const table::Table>> open_ldap_table(std::string_view spec,
                                                            table::SourceSettings& settings,
                                                            table::Opener& opener);

}  // namespace hikyaku::io
