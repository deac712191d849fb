#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "probe/conversation.h"
#include "probe/protocol.h"

namespace hikyaku::probe {

/// When a conversation goes under TLS.
enum class TlsUse : unsigned char {
  automatic,  ///< at once where the protocol has it so, else by STARTTLS where the server offers it
  never,      ///< not even where the protocol has it at once
  required,   ///< or the conversation ends; STARTTLS is tried also where it is not offered
  at_once,    ///< before the first word, whatever the protocol
};

struct OpeningWish {
  TlsUse tls = TlsUse::automatic;
  TlsWish handshake;
  bool verify = false;  ///< the chain must be trusted and the name fit, or not a word is said under TLS
  std::string client_name = "localhost";  ///< for EHLO and LHLO
};

/// How a conversation began.
struct Opening {
  std::vector<std::string> capabilities;  ///< as the server lists them now: "AUTH PLAIN LOGIN", "IMAP4rev1"
  bool lists = false;                     ///< the server lists them at all
  bool offered = false;                   ///< STARTTLS, by whatever name
  bool overwritten = false;       ///< something stands in its place that a firewall writes there: "XXXXXXXA"
  bool taken_unoffered = false;   ///< it was tried all the same, and the server took it
  bool preauthenticated = false;  ///< IMAP's PREAUTH
  std::string refusal;            ///< what the server said to STARTTLS instead of yes; not escaped
  std::optional<TlsReport> report;
  std::size_t injected = 0;  ///< octets before the handshake

  bool has(std::string_view capability) const;
  /// The SASL mechanisms that the server lists, in upper case.
  std::vector<std::string> mechanisms(Speech speech) const;
};

/// Reads the greeting, asks for what the server can do, starts TLS as wished and greets again. All of it is
/// in the record, with a note at each step that nobody typed. Fault::temporary: the connection broke or was
/// too slow; Fault::permanent: the server refuses, or TLS is required and can't be had;
/// Fault::malformed: what it says is none of the protocol.
Result<Opening> open_conversation(Conversation& conversation, const Protocol& protocol,
                                  const OpeningWish& wish);

/// The command that starts TLS: "STARTTLS", "hk1 STARTTLS", "STLS", "AUTH TLS"; empty where there is none.
std::string starttls_command(Conversation& conversation, Speech speech);
/// Sends it, shakes hands and asks again what the server can do. For a conversation that is open in plain
/// text; `opening` is brought up to date. false: the server refused, and the conversation goes on as it was;
/// opening.refusal has its words. After an error it can't go on.
Result<bool> start_tls_now(Conversation& conversation, Speech speech, const OpeningWish& wish,
                           Opening& opening);
/// Asks what the server can do (EHLO, LHLO, CAPABILITY, CAPA, FEAT) into opening.capabilities.
Result<void> ask_capabilities(Conversation& conversation, Speech speech, const std::string& client_name,
                              Opening& opening);

}  // namespace hikyaku::probe
