#pragma once
#include <vector>

#include "probe/audit.h"

namespace hikyaku::probe {

/// The cases of each class, which audit_cases() puts in order.
using AuditCases = std::vector<AuditCase>;

void add_smuggling_cases(AuditCases& cases);  ///< where the end of a message's content is seen
void add_chunk_cases(AuditCases& cases);      ///< BDAT
void add_smtp_tls_cases(AuditCases& cases);   ///< STARTTLS of SMTP
void add_line_cases(AuditCases& cases);       ///< line ends, lengths, octets of commands
void add_command_cases(AuditCases& cases);    ///< parameters and commands that nobody should have
void add_flood_cases(AuditCases& cases);      ///< too much of something
void add_relay_cases(AuditCases& cases);      ///< forms of addresses
void add_auth_cases(AuditCases& cases);       ///< AUTH of SMTP
void add_user_cases(AuditCases& cases);       ///< who has a mailbox or a login here
void add_pop3_cases(AuditCases& cases);
void add_imap_cases(AuditCases& cases);
/// What the handshake agrees to, in any protocol.
void add_handshake_cases(AuditCases& cases, AuditProtocol protocol);

}  // namespace hikyaku::probe
