#include "probe/audit_login.h"

#include "base/base64.h"

namespace hikyaku::probe {

std::string likely_user(const AuditTarget& target) {
  return target.user.empty() ? "postmaster" : target.user;
}

std::string plain_message(std::string_view authorize, std::string_view user, std::string_view password) {
  std::string message(authorize);
  message.append(1, '\0').append(user).append(1, '\0').append(password);
  return base64_encode(message);
}

}  // namespace hikyaku::probe
