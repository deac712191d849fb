#pragma once
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hikyaku::probe {

class AuditTalk;

/// What an audited server speaks. Submission is smtp.
enum class AuditProtocol : unsigned char { smtp, pop3, imap };
/// "smtp", "pop3", "imap".
std::string_view text(AuditProtocol protocol);

/// What one case found.
struct AuditFinding {
  enum class Verdict : unsigned char {
    pass,
    fail,            ///< the server can be attacked this way
    not_applicable,  ///< the server has not got what the case is about, or the case lacks something
    information,     ///< a fact that an administrator should know; neither good nor bad by itself
    unsure,          ///< what came back allows no verdict: silence, a lost connection
  };
  Verdict verdict = Verdict::unsure;
  std::string why;  ///< one sentence for people; what it quotes of the server is escaped
};
/// "pass", "fail", "not applicable", "information", "unsure".
std::string_view text(AuditFinding::Verdict verdict);

inline AuditFinding passed(std::string why) { return {AuditFinding::Verdict::pass, std::move(why)}; }
inline AuditFinding failed(std::string why) { return {AuditFinding::Verdict::fail, std::move(why)}; }
inline AuditFinding noted(std::string why) { return {AuditFinding::Verdict::information, std::move(why)}; }
inline AuditFinding unsure(std::string why) { return {AuditFinding::Verdict::unsure, std::move(why)}; }
inline AuditFinding not_applicable(std::string why) {
  return {AuditFinding::Verdict::not_applicable, std::move(why)};
}

/// The server that is audited, and what may be said to it.
struct AuditTarget {
  AuditProtocol protocol = AuditProtocol::smtp;
  bool submission = false;   ///< for programs of people, who have to log in (RFC 6409)
  bool tls_at_once = false;  ///< smtps, imaps, pop3s (RFC 8314)
  std::string server_name;   ///< for SNI; empty: none
  std::string literal;  ///< its address as in an address literal: "192.0.2.1", "IPv6:2001:db8::1"; or empty
  std::string sender;   ///< of the messages of the cases; empty: the null path, to which nothing bounces
  /// Of the messages of the cases. Without a domain it is the server's own (RFC 5321 s. 4.5.1), and can't
  /// be anybody else's.
  std::string recipient = "postmaster";
  std::string
      local_domain;  ///< one that the server has mailboxes of; empty: of the recipient, or its own name
  std::string relay_domain = "example.org";  ///< one that the server must not relay to
  std::string user, password;                ///< empty: the cases that need a login are not applicable
};

/// An attack that a mail server must survive. Each is run on a connection of its own.
struct AuditCase {
  std::string id;         ///< "smtp-smuggle-lf-dot-lf": the protocol, then the class
  std::string title;      ///< what is tried
  std::string reference;  ///< RFC and section, CVE, or other name under which the attack is known
  AuditProtocol protocol = AuditProtocol::smtp;
  std::function<AuditFinding(AuditTalk&, const AuditTarget&)> run;
};

/// All cases for a protocol, in the order in which they should be run: those that a server may take offence
/// at come last.
std::vector<AuditCase> audit_cases(AuditProtocol protocol);

}  // namespace hikyaku::probe
