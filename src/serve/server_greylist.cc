#include "serve/server_greylist.h"

#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "milter/header_list.h"
#include "serve/client_macros.h"
#include "serve/greylisting.h"
#include "serve/run_lookup.h"

namespace hikyaku::serve {

namespace asio = boost::asio;

namespace {

using smtp::Reply;
using Change = greylist::MessageChange;
constexpr std::size_t kBodyPiece = 65536;

/// The value of a header that goes into a message as it stands: a line of it begins with a blank, or it would
/// be a header of its own.
std::string folded(std::string_view value) {
  std::string out;
  bool begins = false;
  for (const char c : greylist_header_value(value)) {
    if (begins && c != ' ' && c != '\t') out += '\t';
    begins = c == '\n';
    if (begins) out += '\r';
    out += c;
  }
  return out;
}

milter::Edit edit_of(Change change) {
  auto value = greylist_header_value(change.value);
  if (change.kind == Change::Kind::insert_header)
    return milter::InsertHeader{change.index, std::move(change.name), std::move(value)};
  if (change.kind == Change::Kind::change_subject)
    return milter::ChangeHeader{1, std::move(change.name), std::move(value)};
  return milter::AddHeader{std::move(change.name), std::move(value)};
}

}  // namespace

Reply greylist_reply(const greylist::Verdict& verdict) {
  // What is owed to a tarpit has no words of its own.
  if (verdict.reply.code.empty()) return {451, {4, 7, 1}, "Service unavailable - try again later"};
  std::string_view enhanced = verdict.reply.ecode;
  return {std::stoi(verdict.reply.code), smtp::EnhancedCode::take(enhanced),
          greylist_reply_text(verdict.reply.text)};
}

ServerGreylist::ServerGreylist(Services& services, const Running& running, const Listener& listener,
                               const ClientIdentity& client)
    : services_(services), running_(running), listener_(listener), client_identity_(client) {}

bool ServerGreylist::sees_message() const {
  if (!client_) return false;
  const auto& needs = client_->needs();
  return needs.message_rules || needs.header || needs.body;
}

asio::awaitable<void> ServerGreylist::connect(std::string local_address, std::uint16_t local_port) {
  client_.reset();
  if (services_.greylisting == nullptr || !listener_.greylists) co_return;
  client_ =
      std::make_unique<GreylistedClient>(services_.greylisting->services(), services_.greylisting->rules());
  macros_.clear();
  macros_.set("j", running_.hostname);
  macros_.set("{daemon_name}", running_.hostname);
  const auto connections =
      services_.client_rates.connections(listener_.rates, client_identity_.policy_facts());
  set_client_macros(macros_, client_identity_, connections, local_address, local_port);
  auto macro = [this](std::string_view name) -> std::optional<std::string_view> {
    const auto value = macros_.value(name);
    return value && !value->empty() ? value : std::nullopt;
  };
  auto name = client_identity_.name_status == policy::NameStatus::ok ? client_identity_.name
                                                                     : "[" + client_identity_.address + "]";
  co_await client_->connect(std::move(name), table::Ip::parse(client_identity_.address), std::move(macro));
}

void ServerGreylist::hello() {
  if (client_) client_->helo(client_identity_.helo);
}

void ServerGreylist::sender(const mail::Address& sender) {
  if (!client_) return;
  abort();
  set_session_macros(macros_, client_identity_);
  if (client_identity_.tls && !client_identity_.tls->peer_fingerprint.empty())
    macros_.set("{verify}", client_identity_.tls->verified ? "OK" : "FAIL");
  macros_.set("{mail_addr}", sender.text());
  macros_.set("i", "NOQUEUE");
  client_->mail("<" + sender.text() + ">");
}

asio::awaitable<ServerGreylist::Refusal> ServerGreylist::recipient(const mail::Address& recipient,
                                                                   Explanation& why) {
  if (!client_) co_return std::nullopt;
  macros_.set("{rcpt_addr}", recipient.text());
  auto path = "<" + recipient.text() + ">";
  const auto verdict = co_await client_->recipient(std::move(path), &why);
  if (verdict.passes()) co_return std::nullopt;
  co_return greylist_reply(verdict);
}

void ServerGreylist::queue_id(const std::string& id) { macros_.set("i", id); }

asio::awaitable<ServerGreylist::Refusal> ServerGreylist::data(IncomingEnvelope& envelope, Explanation& why) {
  if (!client_) co_return std::nullopt;
  if (const auto owed = client_->data(); !owed.passes()) co_return greylist_reply(owed);
  if (sees_message()) co_return std::nullopt;
  auto result = co_await client_->message(&why);
  if (!result.verdict.passes()) co_return greylist_reply(result.verdict);
  for (const auto& change : result.changes)
    envelope.prepend.push_back(change.name + ": " + folded(change.value));
  co_return std::nullopt;
}

/// Hands on what the rules want to look at.
asio::awaitable<Result<void>> ServerGreylist::show(const MilterMessage& message) {
  const milter::HeaderList headers(message.header, message.own_received);
  for (std::size_t i = 0; i < headers.fields().size(); ++i) {
    if (!headers.visible(i)) continue;
    const auto header = milter::filter_header(headers.fields()[i], milter::LeadingSpace::kept);
    client_->header(header.name, header.value, milter::LeadingSpace::kept);
  }
  if (!client_->needs().body) co_return Result<void>{};
  const auto& body = *message.body;
  if (!body.in_blob()) client_->body(body.memory());
  for (std::uint64_t at = 0; body.in_blob() && at < body.size() && !client_->body_is_enough();) {
    auto read = [&body, at] { return body.read(at, kBodyPiece); };
    const auto piece = co_await services_.pool.run(std::move(read));
    if (!piece) co_return std::unexpected(piece.error());
    if (piece->empty()) co_return fail(Fault::temporary, "the message became shorter while it was read");
    client_->body(*piece);
    at += piece->size();
  }
  co_return Result<void>{};
}

asio::awaitable<Result<void>> ServerGreylist::change(std::vector<Change> changes, MilterMessage& message,
                                                     Explanation& why) {
  std::vector<milter::Edit> edits;
  for (auto& one : changes) {
    if (one.kind != Change::Kind::replace_body) {
      edits.push_back(edit_of(std::move(one)));
      continue;
    }
    auto body =
        std::make_unique<SpooledBody>(message.blob, message.entry.id.text() + ".footer", message.small_body);
    body->append(one.value);
    if (body->over_limit()) {
      auto write = [&body] { return body->write_out(); };
      auto written = co_await services_.pool.run(std::move(write));
      if (!written) co_return written;
    }
    message.body = std::move(body);
  }
  milter::HeaderList headers(message.header, message.own_received);
  apply_milter_edits(std::move(edits), milter::LeadingSpace::taken_off, {}, headers, message, why);
  message.header = headers.section();
  co_return Result<void>{};
}

asio::awaitable<Result<ServerGreylist::Refusal>> ServerGreylist::message(IncomingMessage& incoming) {
  if (!sees_message()) co_return Refusal{};
  if (incoming.in_blob()) {
    auto ready = [&incoming] { return incoming.body_ready(); };
    auto written = co_await services_.pool.run(std::move(ready));
    if (!written) co_return std::unexpected(std::move(written.error()));
  }
  auto message = incoming.take_for_milters(listener_.smtp.session.message_size_limit);
  message.lookups = services_.lookups_for(running_);
  auto done = co_await show(message);
  greylist::Conversation::MessageVerdict result;
  if (done) {
    result = co_await client_->message(&incoming.ledger());
    done = co_await change(std::move(result.changes), message, incoming.ledger());
  }
  incoming.give_back(std::move(message));
  if (!done) co_return std::unexpected(std::move(done.error()));
  if (result.verdict.passes()) co_return Refusal{};
  co_return greylist_reply(result.verdict);
}

void ServerGreylist::abort() {
  if (!client_) return;
  client_->abort();
  for (const auto* name : {"i", "{mail_addr}", "{rcpt_addr}"}) macros_.remove(name);
}

}  // namespace hikyaku::serve
