#include "probe/audit.h"

#include "probe/audit_classes.h"

namespace hikyaku::probe {

std::string_view text(AuditProtocol protocol) {
  switch (protocol) {
    case AuditProtocol::pop3:
      return "pop3";
    case AuditProtocol::imap:
      return "imap";
    default:
      return "smtp";
  }
}

std::string_view text(AuditFinding::Verdict verdict) {
  switch (verdict) {
    case AuditFinding::Verdict::pass:
      return "pass";
    case AuditFinding::Verdict::fail:
      return "fail";
    case AuditFinding::Verdict::not_applicable:
      return "not applicable";
    case AuditFinding::Verdict::information:
      return "information";
    default:
      return "unsure";
  }
}

std::vector<AuditCase> audit_cases(AuditProtocol protocol) {
  AuditCases cases;
  add_handshake_cases(cases, protocol);
  if (protocol == AuditProtocol::pop3) {
    add_pop3_cases(cases);
    return cases;
  }
  if (protocol == AuditProtocol::imap) {
    add_imap_cases(cases);
    return cases;
  }
  add_smtp_tls_cases(cases);
  add_smuggling_cases(cases);
  add_chunk_cases(cases);
  add_line_cases(cases);
  add_command_cases(cases);
  add_relay_cases(cases);
  add_flood_cases(cases);
  // Servers make who fails to log in wait, also with what comes later.
  add_auth_cases(cases);
  add_user_cases(cases);
  return cases;
}

}  // namespace hikyaku::probe
