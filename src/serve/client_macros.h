#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

#include "milter/macros.h"
#include "serve/client_identity.h"

namespace hikyaku::serve {

/// What macros tell of a client from the beginning of its connection: {client_addr}, {client_name}, _ ... as
/// Postfix tells it. `connections`: those that it has open.
void set_client_macros(milter::MacroTable& macros, const ClientIdentity& client, std::size_t connections,
                       const std::string& local_address, std::uint16_t local_port);
/// What they tell of its TLS and its login, which may come later.
void set_session_macros(milter::MacroTable& macros, const ClientIdentity& client);

}  // namespace hikyaku::serve
