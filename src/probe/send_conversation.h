#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "probe/authenticate.h"
#include "probe/send_request.h"
#include "probe/smtp_talk.h"

namespace hikyaku::probe {

/// What a conversation came to.
struct SendOutcome {
  SendExit exit = SendExit::ok;
  std::vector<SendStep> steps;
  std::optional<TlsReport> tls;       ///< after a handshake
  std::vector<std::string> accepted;  ///< recipients for which the server took the message, or was ready to
  std::vector<std::string> refused;
  std::vector<std::string> unknown;  ///< the message was sent, and nothing was heard of it
  std::string mechanism;             ///< that authenticated; empty: none
};

/// A SASL client for a mechanism by its own name, in upper case, with what the handshake gave for channel
/// binding (nullptr: there was none).
using MakeSasl =
    std::function<Result<std::unique_ptr<AuthClient>>(const std::string& mechanism, const TlsReport* tls)>;

/// Holds the conversation that `request` asks for over a connection that was just made, to its end: swaks'
/// order of steps, and swaks' exit numbers. Differences from swaks 20201014, all where it leaves the server
/// hanging: a message that may not be sent after a 354 is ended by a lone dot; a handshake that failed ends
/// the conversation.
SendOutcome send_message(const SendRequest& request, Wire& wire, Sink& sink, const Elapsed& elapsed,
                         const MakeSasl& make_sasl);

/// What a server offers in its answer to EHLO: one keyword and its parameters a line.
class Capabilities {
 public:
  /// The lines of the reply without their codes, the first of which is a greeting.
  explicit Capabilities(std::vector<std::string> lines = {});
  bool offers(std::string_view keyword) const;
  /// Behind the keyword, in upper case, without doubles; "AUTH=PLAIN" counts as "AUTH PLAIN".
  std::vector<std::string> parameters(std::string_view keyword) const;

 private:
  std::vector<std::string> lines_;
};

}  // namespace hikyaku::probe
