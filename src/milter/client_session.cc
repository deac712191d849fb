#include "milter/client_session.h"

#include <algorithm>

#include "base/escape.h"

namespace hikyaku::milter {
namespace {

/// Answers that may be due at once: what they take in the filter's socket must be little.
constexpr std::size_t kAhead = 100;

}  // namespace

ClientSession::ClientSession(const Settings& settings)
    : settings_(settings), reader_(settings.limits.packet) {
  settings_.offer.append_to(out_);
}

// ---- events ----

bool ClientSession::wants(Command command) const {
  return state_ == State::talking && skipped_ != command && agreement_.sends(command);
}

void ClientSession::begin(Command command) {
  // The answer to the event before, or to the offer, would be taken for the answer to this one.
  if (waiting_)
    static_cast<void>(
        failed(std::string(text(event_)) + " was not answered before " + std::string(text(command))));
  // The caller should have made another connection: answers to a message before may be on their way.
  if (out_of_step_ || (owes_answers() && !of_content(command)))
    static_cast<void>(
        failed("the filter decided before the end of a message, and its connection was not made "
               "anew before " +
               std::string(text(command))));
  // The chunk before, if nobody has taken it yet: the caller may not keep it any longer.
  out_ += std::exchange(body_, {});
  event_ = command;
  waiting_ = false;
  rejected_recipient_ = false;
  if (skipped_ && skipped_ != command) skipped_.reset();
}

void ClientSession::put_macros(Command command, Stage stage, const MacroTable& macros) {
  // A list without names is none, as for Postfix.
  const auto* list = macro_override(agreement_.macros, stage);
  if (list != nullptr && list->empty()) list = nullptr;
  if (list == nullptr && settings_.macros) list = &(*settings_.macros)[stage];
  if (list == nullptr ? macros.empty() : list->empty()) return;
  PacketWriter packet(out_, Command::macros);
  packet.octet(static_cast<char>(command));
  std::size_t room = agreement_.data_size() - 1;
  const auto put = [&](std::string_view name, std::string_view value) {
    const auto size = name.size() + value.size() + 2;
    if (size > room) {
      note("the macro " + escaped(name, 100) + " is too long for a packet, and was left out");
      return;
    }
    room -= size;
    packet.string(name).string(value);
  };
  if (list == nullptr) {
    for (const auto& [name, value] : macros.all()) put(name, value);
    return;
  }
  for (const auto& name : *list)
    if (const auto value = macros.value(name)) put(name, *value);
}

/// Whether the event itself is to be sent too.
bool ClientSession::send_macros(Command command, Stage stage, const MacroTable& macros) {
  if (state_ != State::talking || skipped_ == command) return false;
  // An event that the filter's version does not have comes with no macros either.
  if (!agreement_.knows(command)) return false;
  put_macros(command, stage, macros);
  return wants(command);
}

void ClientSession::sent(Command command, Wait wait) {
  if (command == Command::mail || command == Command::rcpt || command == Command::data ||
      command == Command::header || command == Command::end_of_headers || command == Command::body ||
      command == Command::end_of_message)
    message_open_ = true;
  end_sent_ = passed_end_ = command == Command::end_of_message;
  waiting_ = false;
  if (!agreement_.answers(command)) return;
  // An answer that was there before its event would be taken for the answer to another one.
  if (unanswered_.empty() && reader_.pending() > 0)
    return static_cast<void>(
        failed("the filter spoke before " + std::string(text(command)) + ", out of turn"));
  unanswered_.push_back(command);
  const bool ahead = ahead_.has(command) && wait == Wait::may_come_later && unanswered_.size() < kAhead;
  told_ahead_ = told_ahead_ || ahead;
  waiting_ = renewed_ = !ahead;
}

/// `text` as far as it fits. What is cut is only what the filter sees; the mail keeps it.
std::string_view ClientSession::cut(std::string_view text, std::size_t room, std::string_view what) {
  if (text.size() <= room) return text;
  note(std::string(what) + " of " + std::to_string(text.size()) + " octets was cut to " +
       std::to_string(room) + " for the filter, which takes packets of " +
       std::to_string(agreement_.data_size()));
  return text.substr(0, room);
}

void ClientSession::put_command(Command command, std::string_view text, Stage stage,
                                const MacroTable& macros) {
  begin(command);
  if (!send_macros(command, stage, macros)) return;
  PacketWriter(out_, command).string(cut(text, agreement_.data_size() - 1, milter::text(command)));
  sent(command, Wait::may_come_later);
}

void ClientSession::put_path(Command command, Stage stage, std::string_view path,
                             std::span<const std::string> parameters, const MacroTable& macros) {
  if (!send_macros(command, stage, macros)) return;
  {
    PacketWriter packet(out_, command);
    std::size_t room = agreement_.data_size() - 1;
    const auto shown = cut(path, room, "a path");
    room -= shown.size();
    packet.string(shown);
    for (const auto& parameter : parameters) {
      if (parameter.size() + 1 > room) {
        note("parameters too long for a packet were left out");
        break;
      }
      room -= parameter.size() + 1;
      packet.string(parameter);
    }
  }
  sent(command);
}

void ClientSession::connect(std::string_view name, const ClientAddress& address, const MacroTable& macros) {
  begin(Command::connect);
  if (!send_macros(Command::connect, Stage::connect, macros)) return;
  std::string literal;
  if (name.empty() || name == "unknown") {
    literal = address.address.empty() ? "unknown" : "[" + address.address + "]";
    name = literal;
  }
  {
    PacketWriter packet(out_, Command::connect);
    packet.string(cut(name, 1024, "a client's name")).octet(static_cast<char>(address.family));
    if (address.family != ClientAddress::Family::unknown)
      packet.number16(address.port).string(cut(address.address, 1024, "a client's address"));
  }
  sent(Command::connect, Wait::may_come_later);
}

void ClientSession::helo(std::string_view name, const MacroTable& macros) {
  put_command(Command::helo, name, Stage::helo, macros);
}

void ClientSession::mail(std::string_view path, std::span<const std::string> parameters,
                         const MacroTable& macros) {
  abort();
  begin(Command::mail);
  put_path(Command::mail, Stage::mail, path, parameters, macros);
}

void ClientSession::rcpt(std::string_view path, std::span<const std::string> parameters, Recipient recipient,
                         const MacroTable& macros) {
  begin(Command::rcpt);
  rejected_recipient_ = recipient == Recipient::rejected;
  if (rejected_recipient_ && !agreement_.has(step::rejected_recipients)) return;
  put_path(Command::rcpt, Stage::rcpt, path, parameters, macros);
}

void ClientSession::data(const MacroTable& macros) {
  begin(Command::data);
  if (!send_macros(Command::data, Stage::data, macros)) return;
  PacketWriter(out_, Command::data);
  sent(Command::data, Wait::may_come_later);
}

void ClientSession::unknown(std::string_view command, const MacroTable& macros) {
  put_command(Command::unknown, command, Stage::unknown, macros);
}

void ClientSession::header(std::string_view text, const MacroTable& macros) {
  begin(Command::header);
  const bool send = macros_of_headers_sent_ ? wants(Command::header)
                                            : send_macros(Command::header, Stage::end_of_headers, macros);
  macros_of_headers_sent_ = true;
  if (!send) return;
  const auto seen = filter_header(text, leading_space());
  if (seen.name.empty()) return;  // a line that is no header: filters see none of it
  const auto room = agreement_.data_size() - 2;
  const auto name = cut(seen.name, room, "the name of a header");
  const auto value = cut(seen.value, room - name.size(), "the header " + escaped(name, 100));
  PacketWriter(out_, Command::header).string(name).string(value);
  sent(Command::header, Wait::may_come_later);
}

void ClientSession::end_of_headers(const MacroTable& macros) {
  begin(Command::end_of_headers);
  if (!send_macros(Command::end_of_headers, Stage::end_of_headers, macros)) return;
  PacketWriter(out_, Command::end_of_headers);
  sent(Command::end_of_headers, Wait::may_come_later);
}

std::size_t ClientSession::body(std::string_view octets, const MacroTable& macros, Behind behind) {
  begin(Command::body);
  const auto chunk = octets.substr(0, body_size());
  const bool whole = behind == Behind::nothing && chunk.size() == octets.size() && !macros_of_body_sent_;
  const bool send =
      macros_of_body_sent_ ? wants(Command::body) : send_macros(Command::body, Stage::end_of_message, macros);
  macros_of_body_sent_ = true;
  if (!send || chunk.empty()) return chunk.size();
  PacketWriter(out_, Command::body).follows(chunk.size());
  body_ = chunk;
  sent(Command::body, whole ? Wait::may_come_later : Wait::for_answer);
  return chunk.size();
}

void ClientSession::end_of_message(const MacroTable& macros) {
  begin(Command::end_of_message);
  new_body_ = Body::kept;
  edits_ = edit_octets_ = 0;
  if (!send_macros(Command::end_of_message, Stage::end_of_message, macros)) return;
  PacketWriter(out_, Command::end_of_message);
  sent(Command::end_of_message);
}

void ClientSession::abort() {
  if (state_ == State::message_done) state_ = State::talking;
  skipped_.reset();
  edits_ = edit_octets_ = 0;
  macros_of_headers_sent_ = macros_of_body_sent_ = told_ahead_ = false;
  out_of_step_ = out_of_step_ || owes_answers();
  if (!std::exchange(message_open_, false) || state_ != State::talking) return;
  out_ += std::exchange(body_, {});
  PacketWriter(out_, Command::abort);
}

void ClientSession::quit() {
  out_ += std::exchange(body_, {});
  // To a filter that failed nothing is said: nobody knows what it would take it for.
  if (state_ != State::quit && state_ != State::negotiating && !broken()) PacketWriter(out_, Command::quit);
  state_ = State::quit;
  waiting_ = false;
}

}  // namespace hikyaku::milter
