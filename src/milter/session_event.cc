#include "milter/session_event.h"

#include <utility>

namespace hikyaku::milter {

void tell(ClientSession& session, const SessionEvent& event, std::string_view& rest) {
  switch (event.command) {
    case Command::connect:
      return session.connect(event.text, event.address, event.macros);
    case Command::helo:
      return session.helo(event.text, event.macros);
    case Command::mail:
      return session.mail(event.text, event.parameters, event.macros);
    case Command::rcpt: {
      using Recipient = ClientSession::Recipient;
      return session.rcpt(event.text, event.parameters,
                          event.rejected ? Recipient::rejected : Recipient::accepted, event.macros);
    }
    case Command::data:
      return session.data(event.macros);
    case Command::header:
      return session.header(event.text, event.macros);
    case Command::end_of_headers:
      return session.end_of_headers(event.macros);
    case Command::body:
      rest.remove_prefix(session.body(rest, event.macros));
      return;
    case Command::end_of_message:
      return session.end_of_message(event.macros);
    case Command::abort:
      return session.abort();
    default:
      return session.unknown(event.text, event.macros);
  }
}

void keep(Edit edit, std::vector<Edit>& edits) {
  const auto* chunk = std::get_if<ReplaceBody>(&edit);
  auto* before = edits.empty() ? nullptr : std::get_if<ReplaceBody>(&edits.back());
  if (chunk != nullptr && before != nullptr) {
    before->octets += chunk->octets;
  } else {
    edits.push_back(std::move(edit));
  }
}

}  // namespace hikyaku::milter
