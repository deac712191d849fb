#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "probe/audit.h"
#include "probe/audit_talk.h"

namespace hikyaku::probe {

/// The first line of an answer of a POP3 server, or that there was none.
struct Pop3Answer {
  enum class Kind : unsigned char {
    none,
    ok,
    error,
    challenge,  ///< "+ ", within AUTH (RFC 5034 s. 4)
    other,      ///< no answer of POP3
  };
  Kind kind = Kind::none;
  std::string text;  ///< the line; without one, why

  bool ok() const { return kind == Kind::ok; }
  /// For a finding: quoted, escaped, the first 100 octets.
  std::string quoted() const;
};

/// The client's end of an audited POP3 session; as AuditSmtpTalk.
class Pop3Talk {
 public:
  using Obstacle = std::optional<AuditFinding>;

  Pop3Talk(AuditTalk& talk, const AuditTarget& target) : talk_(talk), target_(target) {}

  Obstacle greeted();          ///< TLS where it comes at once, and the greeting
  Obstacle introduced();       ///< greeted(), and CAPA
  Obstacle up_to_handshake();  ///< introduced(), and STLS; the handshake is the caller's
  Obstacle secured();          ///< introduced(), and STLS with the handshake where it is offered
  Obstacle logged_in();        ///< secured(), and USER and PASS of the target

  Pop3Answer command(std::string_view line);
  Pop3Answer answer();
  /// Asks for CAPA, whose lines are kept; what is not offered leaves none.
  void ask_capabilities();
  /// Says QUIT, and reads until the server closes or says nothing; its answer to QUIT is left out.
  std::vector<Pop3Answer> rest();
  /// As AuditSmtpTalk::unheard(). A server closes after QUIT (RFC 1939 s. 6).
  Obstacle unheard() const;

  bool offers(std::string_view capability) const;
  bool offers_mechanism(std::string_view mechanism) const;
  AuditTalk& talk() { return talk_; }
  const AuditTarget& target() const { return target_; }

 private:
  AuditTalk& talk_;
  const AuditTarget& target_;
  std::vector<std::string> capabilities_;
};

/// What `answer` means where the server has to refuse, or to hang up: as must_refuse() of SMTP.
AuditFinding must_refuse(const AuditTalk& talk, const Pop3Answer& answer, std::string_view harm);

}  // namespace hikyaku::probe
