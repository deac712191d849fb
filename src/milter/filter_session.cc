#include "milter/filter_session.h"

#include <algorithm>

#include "base/escape.h"

namespace hikyaku::milter {
namespace {

// The later the stage the earlier it stands: a later value counts.
constexpr Stage kLatestFirst[] = {Stage::unknown, Stage::end_of_message, Stage::end_of_headers,
                                  Stage::data,    Stage::rcpt,           Stage::mail,
                                  Stage::helo,    Stage::connect};

bool same_prefix(std::string_view text, std::string_view lower) {
  return text.size() >= lower.size() &&
         std::ranges::equal(text.substr(0, lower.size()), lower, [](char a, char b) {
           return (a >= 'A' && a <= 'Z' ? static_cast<char>(a | 0x20) : a) == b;
         });
}

Result<FilterSession::Connect> parse_connect(FieldReader& reader) {
  using Family = ClientAddress::Family;
  FilterSession::Connect connect;
  const auto name = reader.string();
  if (!name) return std::unexpected(name.error());
  connect.name = *name;
  const auto family = reader.octet();
  if (!family) return std::unexpected(family.error());
  if (*family == static_cast<char>(Family::unknown)) return connect;
  if (*family != static_cast<char>(Family::local) && *family != static_cast<char>(Family::inet) &&
      *family != static_cast<char>(Family::inet6))
    return fail(Fault::malformed,
                "'" + escaped(std::string_view(&*family, 1)) + "' is no family of addresses");
  connect.address.family = static_cast<Family>(*family);
  const auto port = reader.number16();
  if (!port) return std::unexpected(port.error());
  connect.address.port = *port;
  auto address = reader.string();
  if (!address) return std::unexpected(address.error());
  // Sendmail writes the prefix of an address literal, Postfix does not.
  if (connect.address.family == Family::inet6 && same_prefix(*address, "ipv6:")) address->remove_prefix(5);
  connect.address.address = *address;
  return connect;
}

template <class Envelope>
Result<Envelope> parse_path(FieldReader& reader) {
  Envelope read;
  const auto path = reader.string();
  if (!path) return std::unexpected(path.error());
  read.path = *path;
  auto parameters = reader.strings();
  if (!parameters) return std::unexpected(std::move(parameters).error());
  read.parameters = *std::move(parameters);
  return read;
}

}  // namespace

FilterSession::Event FilterSession::next() {
  if (phase_ == Phase::closed) return Close{close_reason_};
  if (phase_ == Phase::offered) return close("the MTA's offer was not answered");
  // The caller asked for more before it answered. It must not be as if it had.
  if (open_) answer(Answer::tempfail);
  if (held_) {
    open_ = held_->command;
    return std::exchange(held_, std::nullopt)->event;
  }
  for (;;) {
    const auto packet = reader_.next();
    if (!packet) return close(packet.error().text);
    if (!*packet) return NeedBytes{};
    if (auto event = handle(**packet)) return *std::move(event);
  }
}

std::optional<FilterSession::Event> FilterSession::handle(const Packet& packet) {
  const auto command = command_of(packet.kind);
  if (!command)
    return close("the octet '" + escaped(std::string_view(&packet.kind, 1)) + "' is no command of an MTA");
  if ((phase_ == Phase::start) != (*command == Command::negotiate) && *command != Command::quit)
    return close(std::string(text(*command)) + (phase_ == Phase::start ? " before" : " after") +
                 " the negotiation");
  switch (*command) {
    case Command::negotiate:
      return handle_negotiation(packet.data);
    case Command::macros:
      return handle_macros(packet.data);
    case Command::abort:
    case Command::quit:
    case Command::quit_new_connection:
      return handle_reset(*command);
    default:
      return handle_event(*command, packet.data);
  }
}

std::optional<FilterSession::Event> FilterSession::handle_negotiation(std::string_view data) {
  const auto offer = Offer::parse(data);
  if (!offer) return close(offer.error().text);
  offer_ = *offer;
  phase_ = Phase::offered;
  return Negotiate{offer_};
}

Result<void> FilterSession::negotiate(const Wishes& wishes) {
  if (phase_ != Phase::offered) return fail(Fault::permanent, "there is no offer to answer");
  auto answered = milter::answer(offer_, wishes);
  if (!answered) {
    static_cast<void>(close(answered.error().text));
    return std::unexpected(std::move(answered).error());
  }
  answered->answer.append_to(out_);
  agreement_ = std::move(answered->agreement);
  phase_ = Phase::negotiated;
  return {};
}

std::optional<FilterSession::Event> FilterSession::handle_macros(std::string_view data) {
  if (data.size() > settings_.macros)
    return close("macros of " + std::to_string(data.size()) + " octets; " + std::to_string(settings_.macros) +
                 " are the limit");
  FieldReader reader("macros", data);
  const auto octet = reader.octet();
  const auto command = octet ? command_of(*octet) : std::nullopt;
  if (!command) return close("macros for no command");
  const auto strings = reader.strings();
  if (!strings) return close(strings.error().text);
  // A new transaction begins with its macros: what the last one said must not be left for it.
  if (*command == Command::mail || *command == Command::helo || *command == Command::connect)
    forget_message();
  auto& table = macros_[static_cast<std::size_t>(macro_stage(*command))];
  table.clear();
  // A name without a value is none, as libmilter has it.
  for (std::size_t i = 0; i + 1 < strings->size(); i += 2) table.set((*strings)[i], (*strings)[i + 1]);
  return std::nullopt;
}

std::optional<FilterSession::Event> FilterSession::handle_reset(Command command) {
  if (command == Command::quit) return close("");
  const bool open = in_message();
  forget_message();
  if (command == Command::abort) {
    if (!open) return std::nullopt;
    phase_ = Phase::greeted;
    return Abort{};
  }
  for (auto& table : macros_) table.clear();
  phase_ = Phase::negotiated;
  return NewConnection{};
}

void FilterSession::forget_message() {
  for (const auto stage :
       {Stage::mail, Stage::rcpt, Stage::data, Stage::end_of_headers, Stage::end_of_message, Stage::unknown})
    macros_[static_cast<std::size_t>(stage)].clear();
}

std::string FilterSession::out_of_order(Command command) const {
  // Where MAIL was agreed away a message may begin with any of its events.
  const auto begin = agreement_.sends(Command::mail) ? Phase::mail : Phase::negotiated;
  const auto between = [&](Phase earliest, Phase latest) {
    return phase_ < earliest || phase_ > latest ? std::string(text(command)) + " out of turn" : std::string();
  };
  switch (command) {
    case Command::connect:
      return between(Phase::negotiated, Phase::negotiated);
    case Command::rcpt:
    case Command::data:
      return between(begin, Phase::rcpt);
    case Command::header:
    case Command::end_of_headers:
      return between(begin, Phase::headers);
    case Command::body:
    case Command::end_of_message:
      return between(begin, Phase::body);
    default:
      return {};
  }
}

FilterSession::Event FilterSession::handle_event(Command command, std::string_view data) {
  if (auto wrong = out_of_order(command); !wrong.empty()) return close(std::move(wrong));
  const bool restarts = (command == Command::mail || command == Command::helo) && in_message();
  auto event = parse_event(command, data);
  if (phase_ == Phase::closed) return event;
  if (!restarts) {
    open_ = held_ ? Command::body : command;
    return event;
  }
  // The MTA did not say that it gave the message up, but it begins another one.
  held_ = Held{command, std::move(event)};
  return Abort{};
}

FilterSession::Event FilterSession::parse_event(Command command, std::string_view data) {
  FieldReader reader(text(command), data);
  const auto give = [&](auto&& read, Phase phase) -> Event {
    if (!read) return close(read.error().text);
    if (auto end = reader.end(); !end) return close(end.error().text);
    phase_ = phase;
    return *std::move(read);
  };
  const auto give_string = [&]<class Named>(Phase phase, Named make) -> Event {
    const auto string = reader.string();
    if (!string) return close(string.error().text);
    if (auto end = reader.end(); !end) return close(end.error().text);
    phase_ = phase;
    return make(std::string(*string));
  };
  const auto give_empty = [&](Event event, Phase phase) -> Event {
    if (auto end = reader.end(); !end) return close(end.error().text);
    phase_ = phase;
    return event;
  };
  switch (command) {
    case Command::connect:
      return give(parse_connect(reader), Phase::connected);
    case Command::helo:
      return give_string(Phase::greeted, [](std::string name) { return Helo{std::move(name)}; });
    case Command::mail:
      return give(parse_path<Mail>(reader), Phase::mail);
    case Command::rcpt: {
      auto read = parse_path<Rcpt>(reader);
      if (read)
        read->rejected = agreement_.has(step::rejected_recipients) &&
                         macros(Stage::rcpt).value("{rcpt_mailer}") == "error";
      return give(std::move(read), Phase::rcpt);
    }
    case Command::data:
      return give_empty(Data{}, Phase::data);
    case Command::unknown:
      return give_string(phase_, [](std::string line) { return Unknown{std::move(line)}; });
    case Command::header: {
      const auto name = reader.string();
      if (!name) return close(name.error().text);
      return give_string(Phase::headers, [&](std::string value) {
        return Header{{std::string(*name), std::move(value)}};
      });
    }
    case Command::end_of_headers:
      return give_empty(EndOfHeaders{}, Phase::body);
    case Command::body:
      phase_ = Phase::body;
      return Body{reader.rest()};
    default:
      break;
  }
  // The end of the message, which may bring the last of the body along.
  phase_ = Phase::body;
  if (reader.empty()) return EndOfMessage{};
  held_ = Held{command, EndOfMessage{}};
  return Body{reader.rest()};
}

FilterSession::Event FilterSession::close(std::string reason) {
  phase_ = Phase::closed;
  open_.reset();
  held_.reset();
  close_reason_ = std::move(reason);
  return Close{close_reason_};
}

bool FilterSession::put_answer(char kind, std::string_view data) {
  if (!open_ || phase_ == Phase::closed) return false;
  auto command = *std::exchange(open_, std::nullopt);
  // A body that came with the end of the message has no answer of its own: the end has it.
  if (held_) {
    if (kind == static_cast<char>(Answer::go_on) || kind == static_cast<char>(Answer::skip)) return true;
    command = std::exchange(held_, std::nullopt)->command;
  }
  if (!agreement_.answers(command)) return kind == static_cast<char>(Answer::go_on);
  PacketWriter(out_, kind).octets(data);
  if (command == Command::end_of_message) {
    phase_ = Phase::greeted;
    forget_message();
  }
  return true;
}

bool FilterSession::answer(Answer answer) {
  // Without the step a skip would be no answer to the MTA.
  if (answer == Answer::skip && !agreement_.has(step::skip)) answer = Answer::go_on;
  return put_answer(static_cast<char>(answer), {});
}

bool FilterSession::answer(const SmtpReply& reply) {
  auto data = reply.data();
  data += '\0';
  return put_answer(static_cast<char>(Response::reply_code), data);
}

bool FilterSession::edit(const Edit& edit) {
  if (!open_ || (agreement_.actions & required_action(edit)) == 0) return false;
  const bool quarantine = std::holds_alternative<Quarantine>(edit);
  if (quarantine ? !agreement_.answers(*open_) : *open_ != Command::end_of_message) return false;
  const auto* body = std::get_if<ReplaceBody>(&edit);
  if (body == nullptr || body->octets.size() <= kDataSize) {
    constexpr std::size_t kAround = 8;  // an index and the NULs
    if (body == nullptr && octets(edit) - sizeof(Edit) + kAround > agreement_.data_size()) return false;
    append_edit(out_, edit);
    return true;
  }
  for (std::string_view rest = body->octets; !rest.empty();
       rest.remove_prefix(std::min(rest.size(), kDataSize)))
    PacketWriter(out_, Response::replace_body).octets(rest.substr(0, kDataSize));
  return true;
}

bool FilterSession::progress() {
  if (!open_ || !agreement_.answers(*open_)) return false;
  PacketWriter(out_, Response::progress);
  return true;
}

bool FilterSession::end_follows() const {
  if (held_) return true;
  const auto of = [](const std::optional<Packet>& packet, Command command) {
    return packet && packet->kind == static_cast<char>(command);
  };
  const auto next = reader_.peek(0);
  const bool macros =
      of(next, Command::macros) && next->data.starts_with(static_cast<char>(Command::end_of_message));
  return of(macros ? reader_.peek(1) : next, Command::end_of_message);
}

std::optional<std::string_view> FilterSession::macro(std::string_view name) const {
  for (const auto stage : kLatestFirst)
    if (const auto value = macros(stage).value(name)) return value;
  return std::nullopt;
}

}  // namespace hikyaku::milter
