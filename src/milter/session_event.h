#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "milter/client_session.h"
#include "milter/macros.h"
#include "milter/protocol.h"

namespace hikyaku::milter {

/// One event of an SMTP connection as an MTA tells it to a filter: of hand tests and of recordings.
struct SessionEvent {
  Command command = Command::connect;  ///< never negotiate, macros, or one that quits
  /// The client's name, the name in HELO, a path, an unknown command, a header as it stands in the message
  /// ("Subject: x", folds with CR LF or LF), or octets of the body.
  std::string text;
  ClientAddress address;                ///< of connect
  std::vector<std::string> parameters;  ///< of mail and rcpt
  bool rejected = false;                ///< of rcpt: the MTA has refused it
  MacroTable macros;                    ///< what they are worth at this moment

  bool operator==(const SessionEvent& other) const {
    return command == other.command && text == other.text && address == other.address &&
           parameters == other.parameters && rejected == other.rejected && macros.all() == other.macros.all();
  }
};

/// What a filter made of one.
struct SessionAnswer {
  ClientSession::Verdict verdict;
  std::vector<Edit> edits;  ///< chunks of a new body in one
  bool operator==(const SessionAnswer&) const = default;
};

/// Tells `session` the event. Of a body `rest`, which begins as event.text and must outlive the answer, as
/// much as goes at once is taken off the front: it is told until nothing is left. An abort has no answer.
void tell(ClientSession& session, const SessionEvent& event, std::string_view& rest);
/// Appends an edit; a chunk of a new body to the chunk before it.
void keep(Edit edit, std::vector<Edit>& edits);

}  // namespace hikyaku::milter
