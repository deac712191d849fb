#pragma once
#include <string>
#include <string_view>

#include "probe/audit.h"

namespace hikyaku::probe {

/// Who has no mailbox anywhere.
inline constexpr std::string_view kNobody = "hikyaku-audit-nobody";

/// Who may well have one: the user of the target, else one that each server should have.
std::string likely_user(const AuditTarget& target);

/// The message of SASL PLAIN (RFC 4616 s. 2), in base64.
std::string plain_message(std::string_view authorize, std::string_view user, std::string_view password);

}  // namespace hikyaku::probe
