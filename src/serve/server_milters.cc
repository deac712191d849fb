#include "serve/server_milters.h"

#include <fmt/format.h>

#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "base/escape.h"
#include "mail/parameters_xtext.h"
#include "serve/check_log.h"
#include "serve/client_macros.h"
#include "serve/run_lookup.h"

namespace hikyaku::serve {

namespace asio = boost::asio;

namespace {

using smtp::Reply;
using Session = smtp::ServerSession;

constexpr std::string_view kEndOfMessage = "END-OF-MESSAGE";

std::vector<std::string> words(std::string_view text) {
  std::vector<std::string> all;
  for (auto at = text.find_first_not_of(" \t"); at != std::string_view::npos;) {
    const auto end = std::min(text.find_first_of(" \t", at), text.size());
    all.emplace_back(text.substr(at, end - at));
    at = text.find_first_not_of(" \t", end);
  }
  return all;
}

/// "no such user" of "<a@b>: no such user": what {rcpt_addr} is of a recipient that was refused.
std::string_view reason(std::string_view text) {
  const auto end = text.starts_with('<') ? text.find(">: ") : std::string_view::npos;
  return end == std::string_view::npos ? text : text.substr(end + 3);
}

milter::ClientAddress address_of(const ClientIdentity& client) {
  using Family = milter::ClientAddress::Family;
  const auto ip = table::Ip::parse(client.address);
  if (!ip) return {};
  return {ip->family() == table::Ip::Family::v4 ? Family::inet : Family::inet6, client.port, client.address};
}

}  // namespace

ServerMilters::ServerMilters(Services& services, const Running& running, const Listener& listener,
                             const ClientIdentity& client, Session& session, io::DeadlineSweep& sweep)
    : services_(services),
      running_(running),
      listener_(listener),
      client_(client),
      session_(session),
      sweep_(sweep) {}

/// " from=<a@a.example> to=<b@b.example> proto=ESMTP helo=<x>"
std::string ServerMilters::facts(bool at_end) const {
  std::string text;
  if (!sender_.empty()) text += " from=" + sender_;
  const auto& recipient = at_end ? last_recipient_ : recipient_;
  if (!recipient.empty()) text += " to=" + recipient;
  text += session_.esmtp() ? " proto=ESMTP" : " proto=SMTP";
  if (!client_.helo.empty()) text += " helo=<" + escaped(client_.helo) + ">";
  return text;
}

void ServerMilters::log(std::string_view action, std::string_view where, std::string_view text) const {
  const bool at_end = where == kEndOfMessage;
  const auto line = (queue_id_.empty() ? "NOQUEUE" : queue_id_) + ": " + std::string(action) + ": " +
                    std::string(where) + " from " + client_.text() + ": " + escaped(text) + ";" +
                    facts(at_end);
  services_.log.info(at_end ? std::string("cleanup") : listener_.log_tag, line);
}

ServerMilters::Refusal ServerMilters::take(MilterDecision decision, std::string_view where,
                                           IncomingEnvelope* envelope) {
  auto text = decision.reply.line();
  if (decision.reply.text.empty()) text += ' ';  // as in Postfix
  switch (decision.kind) {
    case MilterDecision::Kind::go_on:
      return std::nullopt;
    case MilterDecision::Kind::hold:
      log("milter-hold", where, "milter triggers HOLD action");
      if (envelope != nullptr) {
        envelope->hold = true;
        envelope->hold_reason = std::move(decision.reason);
      }
      return std::nullopt;
    case MilterDecision::Kind::discard:
      log("milter-discard", where, "milter triggers DISCARD action");
      skip_ = true;
      if (envelope != nullptr) envelope->discard = envelope->filter_discards = true;
      return std::nullopt;
    case MilterDecision::Kind::reply:
    case MilterDecision::Kind::shutdown:
      // At the end of a message it is Postfix's cleanup that tells it, without the SMTP code.
      log("milter-reject", where,
          std::string_view(text).substr(where == kEndOfMessage ? std::min<std::size_t>(4, text.size()) : 0));
      services_.metrics.rejected();
      break;
  }
  return std::move(decision.reply);
}

asio::awaitable<ServerMilters::Refusal> ServerMilters::connect(std::string local_address,
                                                               std::uint16_t local_port) {
  if (!listener_.milters) co_return std::nullopt;
  co_await close();
  auto find = [this] { return MilterSet::of_client(listener_.milters, client_.address); };
  auto found = co_await run_lookup(services_.lookups_for(running_), find);
  if (!found.warning.empty()) services_.log.warning(listener_.log_tag, found.warning);
  if (found.set->filters().empty()) co_return std::nullopt;
  auto warn = [&log = services_.log, tag = listener_.log_tag](const std::string& text) {
    log.warning(tag, text);
  };
  chain_ = std::make_unique<MilterChain>(std::move(found.set), sweep_, services_.pool, std::move(warn));
  const auto connections = services_.client_rates.connections(listener_.rates, client_.policy_facts());
  set_client_macros(chain_->macros(), client_, connections, local_address, local_port);
  set_session_macros(chain_->macros(), client_);  // a login by XCLIENT
  auto address = address_of(client_);
  auto decision = co_await chain_->connect(client_.name, std::move(address));
  auto refusal = take(std::move(decision), "CONNECT", nullptr);
  if (refusal && refusal->permanent())
    co_return Reply{554, {}, running_.hostname + " ESMTP not accepting connections"};
  if (refusal && refusal->code == 421)
    co_return Reply{421, {}, running_.hostname + " Service unavailable - try again later"};
  co_return std::nullopt;  // another one stands, and is told at MAIL
}

asio::awaitable<ServerMilters::Refusal> ServerMilters::hello(const Session::Hello& event) {
  if (!chain_) co_return std::nullopt;
  abort();
  discard_next_ = false;
  set_session_macros(chain_->macros(), client_);
  auto decision = co_await chain_->helo(event.name);
  auto refusal =
      take(std::move(decision), event.verb == Session::Hello::Verb::helo ? "HELO" : "EHLO", nullptr);
  if (!refusal || refusal->code == 421) co_return refusal;
  // It stands, and is told at MAIL. What EHLO offers is of no use then.
  if (refusal->permanent()) {
    constexpr auto kAll = 0xffffU;
    const auto kept = smtp::EhloKeywords::bit("ENHANCEDSTATUSCODES");
    session_.discard({static_cast<std::uint16_t>(kAll & ~static_cast<unsigned>(kept))});
  }
  co_return std::nullopt;
}

/// Where an address goes: {mail_mailer}, {rcpt_host}. Nothing where that can't be told now.
asio::awaitable<std::optional<policy::Resolution>> ServerMilters::resolve(mail::Address sender,
                                                                          mail::Address address) {
  // The null address is somebody here, as for Postfix.
  const bool null = address.null();
  if (null)
    address = mail::Address::from_internal(running_.rewriter->settings().empty_recipient.text)
                  .value_or(mail::Address{});
  auto find = [&] { return running_.addresses->resolve(sender, address); };
  auto found = co_await run_lookup(services_.lookups_for(running_), find);
  if (found) {
    if (null) found->address = {};
    co_return std::move(*found);
  }
  services_.log.warning(listener_.log_tag, "milter macros of " + escaped(address.text(), 200) + ": " +
                                               escaped(found.error().text, 300));
  co_return std::nullopt;
}

asio::awaitable<ServerMilters::Refusal> ServerMilters::sender(const Session::Sender& event,
                                                              IncomingEnvelope& envelope, Explanation& why) {
  if (!chain_) co_return std::nullopt;
  abort();
  sender_address_ = event.path.address();
  sender_ = "<" + escaped(sender_address_.text()) + ">";
  set_session_macros(chain_->macros(), client_);
  std::string path(event.as_written.path);
  auto parameters = words(event.as_written.parameters);
  // As in Postfix: what was said outside a message is about the next one, and access rules' DISCARD is
  // theirs.
  if (std::exchange(discard_next_, false)) skip_ = envelope.discard = envelope.filter_discards = true;
  if (envelope.discard) co_return std::nullopt;
  const auto route = co_await resolve(sender_address_, sender_address_);
  if (route) chain_->macros().sender(route->address.text(), route->nexthop, route->transport);
  if (const auto& author = event.parameters.auth; author && !author->empty())
    chain_->macros().set("{auth_author}", mail::xtext_encode(*author));
  auto decision = co_await chain_->mail(std::move(path), std::move(parameters), why);
  co_return take(std::move(decision), "MAIL", &envelope);
}

asio::awaitable<ServerMilters::Refusal> ServerMilters::recipient(const Session::Recipient& event,
                                                                 const Reply* refused,
                                                                 IncomingEnvelope& envelope,
                                                                 Explanation& why) {
  if (!sees_message() || envelope.discard || (refused != nullptr && !chain_->wants_rejected_recipients()))
    co_return std::nullopt;
  const auto before = std::exchange(recipient_, "<" + escaped(event.path.address().text()) + ">");
  std::string path(event.as_written.path);
  auto parameters = words(event.as_written.parameters);
  using Recipient = milter::ClientSession::Recipient;
  auto how = Recipient::accepted;
  std::optional<policy::Resolution> route;
  if (refused != nullptr) {
    chain_->macros().rejected_recipient(refused->enhanced.text(), reason(refused->text));
    how = Recipient::rejected;
  } else {
    route = co_await resolve(sender_address_, event.path.address());
    if (route) chain_->macros().recipient(route->address.text(), route->nexthop, route->transport);
  }
  auto decision = co_await chain_->rcpt(std::move(path), std::move(parameters), how, why);
  // What is said of a recipient that is refused already does not count.
  Refusal refusal;
  if (refused == nullptr) refusal = take(std::move(decision), "RCPT", &envelope);
  // After the first that is accepted DATA is named, in log and macros.
  const bool accepted = refused == nullptr && !refusal;
  if (accepted) last_recipient_ = recipient_;
  if (!accepted || !before.empty()) {
    recipient_ = before;
  } else {
    first_route_ = std::move(route);
  }
  co_return refusal;
}

asio::awaitable<ServerMilters::Refusal> ServerMilters::data(IncomingEnvelope& envelope, Explanation& why) {
  if (!sees_message() || envelope.discard) co_return std::nullopt;
  if (first_route_)
    chain_->macros().recipient(first_route_->address.text(), first_route_->nexthop, first_route_->transport);
  auto decision = co_await chain_->data(why);
  // No event from here on is about one recipient.
  for (const auto* name : {"{rcpt_addr}", "{rcpt_host}", "{rcpt_mailer}"}) chain_->macros().remove(name);
  co_return take(std::move(decision), "DATA", &envelope);
}

asio::awaitable<ServerMilters::Refusal> ServerMilters::unknown(std::string command,
                                                               IncomingEnvelope& envelope) {
  if (!sees_message() || envelope.discard) co_return std::nullopt;
  auto decision = co_await chain_->unknown(std::move(command));
  auto refusal = take(std::move(decision), "UNKNOWN", &envelope);
  if (sender_.empty()) discard_next_ = std::exchange(skip_, false);
  co_return refusal;
}

void ServerMilters::queue_id(const std::string& id) {
  queue_id_ = id;
  if (chain_) chain_->macros().accepted_recipient(id);
}

asio::awaitable<Result<ServerMilters::Outcome>> ServerMilters::message(IncomingMessage& message) {
  if (!sees_message()) co_return Outcome{};
  if (message.in_blob()) {
    auto ready = [&message] { return message.body_ready(); };
    auto written = co_await services_.pool.run(std::move(ready));
    if (!written) co_return std::unexpected(std::move(written.error()));
  }
  auto filtered = message.take_for_milters(listener_.smtp.session.message_size_limit);
  filtered.lookups = services_.lookups_for(running_);
  auto decision = co_await chain_->message(filtered, message.ledger());
  const auto client = client_.text(), about = facts(true);
  for (const auto& note : std::exchange(filtered.actions.notes, {}))
    services_.log.info("cleanup", milter_check_line({queue_id_, client, about}, note));
  message.give_back(std::move(filtered));
  if (!decision) co_return std::unexpected(std::move(decision.error()));
  const bool held = decision->kind == MilterDecision::Kind::hold;
  auto reason = decision->reason;
  Outcome outcome;
  outcome.refusal = take(*std::move(decision), kEndOfMessage, nullptr);
  if (held) message.hold(std::move(reason));
  if (skip_) outcome.fate = Fate::discard;
  co_return outcome;
}

void ServerMilters::abort() {
  if (!chain_) return;
  chain_->abort();
  chain_->macros().end_of_message();
  chain_->macros().remove("{auth_author}");
  skip_ = false;
  queue_id_.clear();
  sender_.clear();
  recipient_.clear();
  last_recipient_.clear();
  first_route_.reset();
}

asio::awaitable<void> ServerMilters::close() {
  if (!chain_) co_return;
  abort();
  const auto chain = std::exchange(chain_, nullptr);
  co_await chain->close();
}

}  // namespace hikyaku::serve
