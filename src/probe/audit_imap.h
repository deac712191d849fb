#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "probe/audit.h"
#include "probe/audit_talk.h"

namespace hikyaku::probe {

/// What an IMAP server said to a command: untagged lines up to the tagged one, or to "+ ".
struct ImapAnswer {
  enum class Kind : unsigned char {
    none,     ///< nothing, and the connection says why
    ok,       ///< tagged OK
    refused,  ///< tagged NO or BAD, or untagged BAD
    go_on,    ///< "+ ": the server wants more (RFC 9051 s. 7.6)
    bye,      ///< untagged BYE
  };
  Kind kind = Kind::none;
  std::string text;                   ///< the line that decides; without one, why
  std::vector<std::string> untagged;  ///< those before it, at most 100

  /// For a finding: quoted, escaped, the first 100 octets.
  std::string quoted() const;
};

/// The client's end of an audited IMAP session; as AuditSmtpTalk.
class ImapTalk {
 public:
  using Obstacle = std::optional<AuditFinding>;

  ImapTalk(AuditTalk& talk, const AuditTarget& target) : talk_(talk), target_(target) {}

  Obstacle greeted();          ///< TLS where it comes at once, and the greeting
  Obstacle introduced();       ///< greeted(), and CAPABILITY
  Obstacle up_to_handshake();  ///< introduced(), and STARTTLS; the handshake is the caller's
  Obstacle secured();          ///< introduced(), and STARTTLS with the handshake where it is offered

  /// Sends "TAG COMMAND" and reads its answer.
  ImapAnswer command(std::string_view tag, std::string_view command);
  ImapAnswer answer(std::string_view tag);
  void ask_capabilities();
  /// Says LOGOUT, and reads all lines until the server closes or says nothing; at most 1000.
  std::vector<std::string> rest();
  /// As AuditSmtpTalk::unheard().
  Obstacle unheard() const;

  bool offers(std::string_view capability) const;
  AuditTalk& talk() { return talk_; }
  const AuditTarget& target() const { return target_; }

 private:
  AuditTalk& talk_;
  const AuditTarget& target_;
  std::vector<std::string> capabilities_;
  bool ended_ = false;  ///< the server said that the session is over
};

/// What `answer` means where the server has to refuse, or to hang up: as must_refuse() of SMTP.
AuditFinding must_refuse(const AuditTalk& talk, const ImapAnswer& answer, std::string_view harm);

}  // namespace hikyaku::probe
