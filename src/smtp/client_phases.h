#pragma once
#include <string_view>

#include "smtp/client_session.h"

namespace hikyaku::smtp {

/// What was being done, for "lost connection while ...": "sending MAIL FROM".
std::string_view phase_text(ClientSession::Phase phase);

}  // namespace hikyaku::smtp
