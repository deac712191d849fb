#include "serve/client_conversation.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <numeric>

#include "mail/parameters_xtext.h"
#include "serve/run_lookup.h"
#include "smtp/data_encoder.h"

namespace hikyaku::serve {
namespace {

namespace asio = boost::asio;
constexpr auto kQuiet = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kContentPiece = std::size_t{256} << 10;
constexpr std::size_t kWriteSize = std::size_t{64} << 10;

using Kind = DeliveryResult::Kind;

/// The server said "not now", or went away before it had the message: another one may take it.
bool worth_another_server(const smtp::ClientSession::Outcome& outcome) {
  using Outcome = smtp::ClientSession::Outcome;
  return (outcome.kind == Outcome::Kind::temporary && outcome.from_server) ||
         outcome.kind == Outcome::Kind::lost_before_end;
}

}  // namespace

ClientConversation::ClientConversation(Services& services, Outbound& outbound, io::Resolver& resolver,
                                       io::DeadlineSweep& sweep,
                                       std::shared_ptr<DestinationQueue::Destination> destination)
    : services_(services),
      outbound_(outbound),
      resolver_(resolver),
      sweep_(sweep),
      destination_(std::move(destination)) {}

ClientConversation::~ClientConversation() = default;

asio::awaitable<void> ClientConversation::run() {
  auto turn = DestinationQueue::Turn::first;
  for (;;) {
    auto job = co_await next_job(turn);
    if (!job) break;
    turn = DestinationQueue::Turn::further;
    co_await deliver(*job);
    if (connection_ && !transport_->client.connection_cache) co_await drop_connection();
    const auto delay = destination_->limits.destination_rate_delay;
    if (delay.count() > 0) {
      asio::steady_timer timer(co_await asio::this_coro::executor, delay);
      co_await timer.async_wait(kQuiet);
    }
  }
  co_await drop_connection();
  outbound_.destinations().leave(*destination_);
}

asio::awaitable<std::optional<Job>> ClientConversation::next_job(DestinationQueue::Turn turn) {
  auto next = outbound_.destinations().next(*destination_, turn);
  if (next.job || next.leave || !connection_ || outbound_.stopping()) co_return std::move(next.job);
  co_return co_await wait_parked();
}

asio::awaitable<std::optional<Job>> ClientConversation::wait_parked() {
  const auto executor = co_await asio::this_coro::executor;
  asio::steady_timer timer(executor, transport_->client.cache_time_limit);
  DestinationQueue::Parked parked;
  // Posted, not called: the timer belongs to this thread. `alive` covers a wake that is still in line when
  // the wait has ended by itself.
  auto alive = std::make_shared<asio::steady_timer*>(&timer);
  parked.wake = [executor, alive] {
    asio::post(executor, [alive] {
      if (*alive != nullptr) (*alive)->cancel();
    });
  };
  if (outbound_.destinations().park(*destination_, parked)) {
    // Whoever fills the job in also wakes: only unpark() may look at it.
    co_await timer.async_wait(kQuiet);
    outbound_.destinations().unpark(*destination_, parked);
  }
  *alive = nullptr;
  co_return std::move(parked.job);
}

asio::awaitable<void> ClientConversation::drop_connection() {
  if (!connection_) co_return;
  co_await connection_->leave(output_);
  connection_.reset();
}

ClientConversation::Session::Transaction ClientConversation::transaction_of(
    const Job& job, Explanation& why, std::optional<Error>& failure) const {
  const auto& entry = job.message->entry;
  const bool map = transport_->outbound->changes_addresses();
  const auto mapped = [&](const mail::Address& address, std::string_view which) {
    if (!map) return address;
    auto result = transport_->outbound->address(address, which, why);
    if (result) return std::move(*result);
    failure = std::move(result.error());
    return address;
  };
  Session::Transaction transaction;
  transaction.sender =
      mapped(job.rewrites_sender && running_->sender_rewriting
                 ? running_->sender_rewriting->sender(entry.sender, services_.clock.now(), why)
                 : entry.sender,
             "sender");
  transaction.size = entry.size;
  transaction.eight_bit = entry.body_type == record::BodyType::eight_bit;
  transaction.smtputf8 = entry.smtputf8;
  transaction.ret = entry.ret == record::ReturnContent::full      ? mail::DsnReturn::full
                    : entry.ret == record::ReturnContent::headers ? mail::DsnReturn::headers
                                                                  : mail::DsnReturn::unspecified;
  transaction.envid = mail::xtext_decode(entry.envid).value_or("");
  for (const auto index : job.recipients) {
    const auto& recipient = entry.recipients[index];
    mail::RecipientParameters parameters;
    const auto& notify = recipient.notify;
    parameters.notify.bits = static_cast<std::uint8_t>(
        (notify.never ? mail::Notify::kNever : 0) | (notify.success ? mail::Notify::kSuccess : 0) |
        (notify.failure ? mail::Notify::kFailure : 0) | (notify.delay ? mail::Notify::kDelay : 0));
    if (const auto semicolon = recipient.orcpt.find(';'); semicolon != std::string::npos) {
      parameters.orcpt_type = recipient.orcpt.substr(0, semicolon);
      parameters.orcpt =
          mail::xtext_decode(std::string_view(recipient.orcpt).substr(semicolon + 1)).value_or("");
    } else if (!recipient.original.null()) {
      parameters.orcpt_type = "rfc822";
      parameters.orcpt = recipient.original.text();
    }
    transaction.recipients.push_back({mapped(recipient.address, "recipient"), std::move(parameters)});
  }
  return transaction;
}

asio::awaitable<void> ClientConversation::send_content(const Job& job,
                                                       const std::optional<std::string>& new_header) {
  const auto& entry = job.message->stored;
  auto& stream = connection_->stream;
  auto& session = connection_->session;
  session.take_output(output_);
  stream.set_deadline(transport_->client.timeouts.data_transfer, "the server to take the message");
  smtp::DataEncoder encoder(transport_->client.line_length_limit);
  std::string gathered = std::move(output_);
  const auto gather = [&gathered](std::string_view piece) { gathered += piece; };
  std::uint64_t offset = 0;
  if (new_header) {
    encoder.encode(*new_header, gather);
    encoder.encode("\r\n", gather);
    offset = entry.header_size;
  }
  while (offset < entry.size) {
    std::string read;
    std::string_view piece;
    if (job.message->content) {
      piece = std::string_view(*job.message->content).substr(offset, kWriteSize);
    } else {
      auto work = [this, message = job.message, offset] {
        return services_.queue.read_body(message->stored, offset, kContentPiece);
      };
      auto octets = co_await services_.pool.run(std::move(work));
      if (!octets || octets->empty()) {
        session.content_failed("the message can't be read: " + (octets ? "it is cut" : octets.error().text));
        co_return;
      }
      read = std::move(*octets);
      piece = read;
    }
    encoder.encode(piece, gather);
    offset += piece.size();
    if (offset >= entry.size) break;
    stream.set_deadline(transport_->client.timeouts.data_transfer, "the server to take the message");
    auto sent = co_await stream.write_all(gathered);
    gathered.clear();
    if (!sent) {
      session.connection_lost(sent.error().text);
      co_return;
    }
  }
  encoder.finish(gather);
  // From here on the server may have the message, whatever becomes of the connection.
  session.content_sent();
  auto sent = co_await stream.write_all(gathered);
  output_ = std::move(gathered);
  if (!sent) session.connection_lost(sent.error().text);
}

asio::awaitable<std::vector<ClientConversation::Session::Outcome>> ClientConversation::transact(
    const Job& job, Session::Transaction transaction, const std::optional<std::string>& new_header) {
  auto& session = connection_->session;
  session.send(std::move(transaction));
  for (;;) {
    auto event = session.next();
    if (std::holds_alternative<Session::NeedBytes>(event)) {
      co_await connection_->exchange(transport_->client.timeouts, output_);
    } else if (std::holds_alternative<Session::SendContent>(event)) {
      co_await send_content(job, new_header);
    } else if (auto* finished = std::get_if<Session::Finished>(&event)) {
      co_return std::move(finished->recipients);
    }
    // Ready comes after Finished only; Failed and Closed come after it too.
  }
}

DeliveryResult ClientConversation::result_of(const Session::Outcome& outcome) const {
  using Outcome = Session::Outcome;
  DeliveryResult result;
  result.relay = connection_->relay;
  const auto host = connection_->server();
  result.kind = outcome.kind == Outcome::Kind::delivered   ? Kind::delivered
                : outcome.kind == Outcome::Kind::permanent ? Kind::bounced
                                                           : Kind::deferred;
  const char* general = result.kind == Kind::delivered ? "2.0.0"
                        : result.kind == Kind::bounced ? "5.0.0"
                                                       : "4.0.0";
  result.status = outcome.reply.enhanced.none() ? general : outcome.reply.enhanced.text();
  if (result.kind == Kind::delivered) {
    result.reply = outcome.reply.line();
    result.tells_sender = connection_->session.offer().keywords.has(smtp::EhloKeywords::kDsn);
  } else if (outcome.from_server) {
    result.reply = fmt::format("host {} said: {}", host, outcome.reply.line());
    result.remote_mta = connection_->host;
    result.diagnostic = outcome.reply.line();
  } else {
    result.reply = outcome.kind == Outcome::Kind::lost_after_end
                       ? fmt::format(
                             "lost connection with {} after the end of data: it may have the message, and "
                             "get it again: {}",
                             host, outcome.reply.text)
                       : fmt::format("conversation with {}: {}", host, outcome.reply.text);
  }
  return result;
}

asio::awaitable<Result<std::optional<std::string>>> ClientConversation::changed_header(
    std::shared_ptr<ActiveMessage> message, Explanation& why) {
  std::optional<std::string> section;
  if (!transport_->outbound->changes_headers()) co_return section;
  const auto size = static_cast<std::size_t>(message->stored.header_size);
  auto work = [this, message, size] {
    return message->content ? Result<std::string>(message->content->substr(0, size))
                            : services_.queue.read_body(message->stored, 0, size);
  };
  auto header = co_await services_.pool.run(std::move(work));
  if (!header) co_return std::unexpected(std::move(header.error()));
  // Without the empty line at its end.
  const auto lines = std::string_view(*header).substr(0, header->size() < 2 ? 0 : header->size() - 2);
  auto changed = transport_->outbound->headers(lines, why);
  if (!changed) co_return std::unexpected(std::move(changed.error()));
  section = std::move(changed->section);
  co_return section;
}

asio::awaitable<void> ClientConversation::deliver(const Job& job) {
  running_ = services_.running();
  transport_ = running_->transport(destination_->transport);
  const auto defer = [this, &job](std::string status, std::string reply) {
    const DeliveryResult result{
        .kind = Kind::deferred, .status = std::move(status), .reply = std::move(reply), .relay = "none"};
    outbound_.finished(job, std::vector<DeliveryResult>(job.recipients.size(), result));
  };
  if (transport_ == nullptr) {
    defer("4.3.0", "mail transport unavailable: " + destination_->transport);
    co_return;
  }
  bool removed = false;
  {
    const std::lock_guard lock(job.message->mutex);
    removed = job.message->removal_asked;
  }
  if (removed) {
    defer("4.0.0", "deleted by the administrator");
    co_return;
  }
  Explanation why;
  std::optional<Error> failure;
  auto compose = [this, &job, &why, &failure] { return transaction_of(job, why, failure); };
  auto transaction = co_await run_lookup(services_.lookups_for(*running_), compose);
  std::optional<std::string> header;
  if (!failure) {
    auto changed = co_await changed_header(job.message, why);
    if (changed) {
      header = std::move(*changed);
    } else {
      failure = std::move(changed.error());
    }
  }
  if (!why.empty()) {
    const std::lock_guard lock(job.message->mutex);
    job.message->ledger.append(why.bytes());
  }
  if (failure) {
    defer("4.3.0", failure->text);
    co_return;
  }
  co_await try_servers(job, transaction, header);
}

bool ClientConversation::may_reuse_connection(const ClientConnector& connector) const {
  const auto& client = transport_->client;
  return (client.reuse_count_limit == 0 || connection_->session.transactions() < client.reuse_count_limit) &&
         std::chrono::steady_clock::now() - connection_->opened <= client.reuse_time_limit &&
         connection_->login_sender == connector.login_sender();
}

/// One server after the other, until each recipient has its answer: a 4xx is one only from the last server.
asio::awaitable<void> ClientConversation::try_servers(const Job& job, const Session::Transaction& transaction,
                                                      const std::optional<std::string>& header) {
  const auto begun = services_.clock.now();
  ServerSearch search(resolver_, services_.random, *transport_, destination_->next_hop);
  ClientConnector connector(services_, sweep_, *running_, *transport_, destination_->next_hop, *job.message);
  if (connection_ && !may_reuse_connection(connector)) co_await drop_connection();

  std::vector<DeliveryResult> results(job.recipients.size());
  std::vector<std::size_t> open(job.recipients.size());  // positions in job.recipients
  std::iota(open.begin(), open.end(), std::size_t{0});
  std::optional<ServerRefusal> refusal;  // of the server that was tried last, if it was not talked to
  bool talked = false;
  bool kept = connection_ != nullptr;
  std::optional<Server> server;
  if (!kept) server = co_await search.next();
  while (kept || server) {
    if (!kept) {
      auto opened = co_await connector.open(*server);
      if (!opened) {
        refusal = std::move(opened.error());
        if (refusal->permanent) break;
        server = co_await search.next();
        continue;
      }
      search.session_opened();
      connection_ = std::move(*opened);
    }
    const auto connected = services_.clock.now();
    auto part = transaction;
    if (open.size() != transaction.recipients.size()) {
      part.recipients.clear();
      for (const auto position : open) part.recipients.push_back(transaction.recipients[position]);
    }
    const auto outcomes = co_await transact(job, std::move(part), header);
    // A connection that was kept may have been closed by the server meanwhile: that is no failed delivery.
    const bool closed_meanwhile = kept && outcomes.front().kind == Session::Outcome::Kind::lost_before_end &&
                                  outcomes.front().phase == Session::Phase::mail;
    if (!closed_meanwhile) {
      talked = true;
      refusal.reset();
      std::vector<std::size_t> still_open;
      for (std::size_t i = 0; i < outcomes.size(); ++i) {
        auto& result = results[open[i]];
        result = result_of(outcomes[i]);
        result.begun = begun;
        result.connected = connected;
        result.ended = services_.clock.now();
        if (worth_another_server(outcomes[i])) still_open.push_back(open[i]);
      }
      open = std::move(still_open);
    }
    const auto tried = connection_->relay;
    if (const auto after = connection_->session.next(); !std::holds_alternative<Session::Ready>(after)) {
      connection_->stream.abort();
      connection_.reset();
    }
    if (open.empty()) break;
    server = co_await search.next();
    if (server && kept && !closed_meanwhile && server->relay(running_->hostname) == tried) {
      server = co_await search.next();
    }
    kept = false;
    if (server) co_await drop_connection();
  }
  if (!refusal && !talked) refusal = search.failure();
  if (refusal) {
    refusal->result.begun = begun;
    refusal->result.connected = refusal->result.ended = services_.clock.now();
    for (const auto position : open) results[position] = refusal->result;
    if (!talked && !refusal->permanent) {
      outbound_.unreachable(*destination_, job, std::move(refusal->result));
      co_return;
    }
  }
  if (std::ranges::any_of(results, [](const auto& one) { return one.kind == Kind::delivered; })) {
    outbound_.destinations().succeeded(*destination_);
  }
  outbound_.finished(job, std::move(results));
}

}  // namespace hikyaku::serve
