#include "milter/protocol.h"

#include <array>
#include <utility>

namespace hikyaku::milter {
namespace {

constexpr std::array<std::pair<Command, std::string_view>, 15> kCommands{{
    {Command::abort, "abort"},
    {Command::body, "body"},
    {Command::connect, "connect"},
    {Command::macros, "macros"},
    {Command::end_of_message, "end of message"},
    {Command::helo, "helo"},
    {Command::quit_new_connection, "quit for a new connection"},
    {Command::header, "header"},
    {Command::mail, "mail"},
    {Command::end_of_headers, "end of headers"},
    {Command::negotiate, "negotiation"},
    {Command::quit, "quit"},
    {Command::rcpt, "rcpt"},
    {Command::data, "data"},
    {Command::unknown, "unknown command"},
}};

constexpr std::array<std::pair<Response, std::string_view>, 20> kResponses{{
    {Response::add_recipient, "add recipient"},
    {Response::remove_recipient, "remove recipient"},
    {Response::add_recipient_with_parameters, "add recipient with parameters"},
    {Response::shutdown, "shutdown"},
    {Response::accept, "accept"},
    {Response::replace_body, "replace body"},
    {Response::go_on, "continue"},
    {Response::discard, "discard"},
    {Response::change_sender, "change sender"},
    {Response::connection_failure, "connection failure"},
    {Response::add_header, "add header"},
    {Response::insert_header, "insert header"},
    {Response::change_header, "change header"},
    {Response::negotiate, "negotiation"},
    {Response::progress, "progress"},
    {Response::quarantine, "quarantine"},
    {Response::reject, "reject"},
    {Response::skip, "skip"},
    {Response::tempfail, "tempfail"},
    {Response::reply_code, "reply code"},
}};

template <class Table>
auto find(const Table& table, char octet) -> std::optional<decltype(table[0].first)> {
  for (const auto& [kind, name] : table)
    if (static_cast<char>(kind) == octet) return kind;
  return std::nullopt;
}
template <class Table, class Kind>
std::string_view name_in(const Table& table, Kind kind) {
  for (const auto& [known, name] : table)
    if (known == kind) return name;
  return "?";
}

}  // namespace

std::optional<Command> command_of(char octet) {
  if (const auto found = find(kCommands, octet)) return *found;
  return std::nullopt;
}
std::string_view text(Command command) { return name_in(kCommands, command); }

std::optional<Response> response_of(char octet) {
  if (const auto found = find(kResponses, octet)) return *found;
  return std::nullopt;
}
std::string_view text(Response response) { return name_in(kResponses, response); }

namespace step {

std::uint32_t not_sent(Command command) {
  switch (command) {
    case Command::connect:
      return no_connect;
    case Command::helo:
      return no_helo;
    case Command::mail:
      return no_mail;
    case Command::rcpt:
      return no_rcpt;
    case Command::data:
      return no_data;
    case Command::unknown:
      return no_unknown;
    case Command::header:
      return no_headers;
    case Command::end_of_headers:
      return no_end_of_headers;
    case Command::body:
      return no_body;
    default:
      return 0;
  }
}

std::uint32_t no_reply(Command command) {
  switch (command) {
    case Command::connect:
      return no_reply_connect;
    case Command::helo:
      return no_reply_helo;
    case Command::mail:
      return no_reply_mail;
    case Command::rcpt:
      return no_reply_rcpt;
    case Command::data:
      return no_reply_data;
    case Command::unknown:
      return no_reply_unknown;
    case Command::header:
      return no_reply_header;
    case Command::end_of_headers:
      return no_reply_end_of_headers;
    case Command::body:
      return no_reply_body;
    default:
      return 0;
  }
}

}  // namespace step
}  // namespace hikyaku::milter
