#pragma once
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "milter/client_session.h"
#include "milter/macros.h"
#include "milter/session_event.h"

namespace hikyaku::cmd {

/// The SMTP connection and the message that `hikyaku milters test` tells a filter, as the options give them.
struct MilterMessage {
  std::string client_name = "client.example.net", client_address = "192.0.2.1";
  unsigned client_port = 25000;
  std::string helo = "client.example.net";
  std::string sender = "<sender@example.net>";  ///< with ESMTP parameters behind it
  std::vector<std::string> recipients;          ///< the same
  std::vector<std::string> headers;             ///< "Subject: x", of --header
  std::vector<std::string> body;                ///< lines, of --body
  std::string file;                             ///< a whole message instead of these
  std::vector<std::string> unknown;             ///< commands before MAIL
  std::vector<std::string> macros;              ///< "NAME=VALUE", "STAGE:NAME=VALUE"
  std::string authenticated_name, authenticated_type = "PLAIN", authenticated_author;
  std::string mta_name = "mail.example.com";
};

/// What comes of them.
struct MilterScript {
  std::vector<milter::SessionEvent> events;
  milter::MacroLists macros;  ///< Postfix's, and the macros that were given
  std::string received;       ///< the Received header that an MTA puts above the message, with its line end
  std::string headers;        ///< the header section, lines end in CR LF, without the empty line
  std::string body;           ///< lines end in CR LF
};
/// Fails with Fault::malformed where an option can't be understood, not_found where the file can't be read.
Result<MilterScript> milter_script(const MilterMessage& message, const std::string& date);

}  // namespace hikyaku::cmd
