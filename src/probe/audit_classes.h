#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "probe/audit.h"

namespace hikyaku::probe {

/// The cases of each class, which audit_cases() puts in order.
using AuditCases = std::vector<AuditCase>;

/// Adds cases of one protocol, whose names begin alike.
class CaseAdder {
 public:
  /// `begin` is what stands behind the protocol's name: "smuggle-"; `cases` must outlive this.
  CaseAdder(AuditCases& cases, AuditProtocol protocol, std::string_view begin = {})
      : cases_(cases), protocol_(protocol), begin_(std::string(text(protocol)) + "-" + std::string(begin)) {}

  void operator()(std::string_view id, std::string_view title, std::string_view reference,
                  std::function<AuditFinding(AuditTalk&, const AuditTarget&)> run) const {
    cases_.push_back(
        {begin_ + std::string(id), std::string(title), std::string(reference), protocol_, std::move(run)});
  }

 private:
  AuditCases& cases_;
  AuditProtocol protocol_;
  std::string begin_;
};

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
