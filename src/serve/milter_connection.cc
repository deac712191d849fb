#include "serve/milter_connection.h"

#include <algorithm>
#include <array>
#include <boost/asio/use_awaitable.hpp>
#include <charconv>
#include <cstdint>
#include <functional>

#include "base/escape.h"
#include "io/host_lookup.h"
#include "table/ip.h"

namespace hikyaku::serve {

namespace asio = boost::asio;

namespace {

constexpr std::size_t kReadSize = 4096;
constexpr std::size_t kGathered = 65536;  // octets of output that are sent though nothing is waited for
constexpr std::size_t kCopied = 8192;     // a body's chunk up to this size is sent with what is before it

/// Nothing has to be looked up.
std::optional<io::HostAddress> literal(const milter::Endpoint& endpoint) {
  std::uint16_t port = 0;
  const auto& text = endpoint.service;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size() || !table::Ip::parse(endpoint.host))
    return std::nullopt;
  return io::HostAddress{endpoint.host, port};
}

}  // namespace

asio::awaitable<Result<io::Stream>> connect_to_milter(const milter::Endpoint& endpoint,
                                                      io::DeadlineSweep& sweep, std::chrono::seconds limit) {
  if (endpoint.local()) {
    co_return co_await io::Stream::connect_unix(sweep, endpoint.path, limit);
  }
  io::HostAddresses addresses = std::vector<io::HostAddress>{};
  if (auto given = literal(endpoint)) {
    addresses->push_back(*std::move(given));
  } else {
    std::function<io::HostAddresses()> find = [host = endpoint.host, service = endpoint.service] {
      return io::host_addresses(host, service);
    };
    addresses = co_await io::look_up_host(sweep, std::move(find), limit);
  }
  if (!addresses) co_return std::unexpected(std::move(addresses.error()));
  Result<io::Stream> stream = fail(Fault::temporary, "it has no address");
  for (const auto& [address, port] : *addresses) {
    stream = co_await io::Stream::connect_tcp(sweep, address, port, std::string{}, limit);
    if (stream) break;
  }
  co_return stream;
}

asio::awaitable<MilterConnection::Verdict> MilterConnection::connect() {
  std::vector<milter::Edit> none;
  if (sweep_.ending()) {
    session_.give_up();
    co_return co_await verdict(none);
  }
  auto opened = co_await connect_to_milter(settings_.endpoint, sweep_, settings_.connect_timeout);
  if (opened) {
    stream_ = *std::move(opened);
  } else {
    session_.connection_lost("connect to Milter service " + settings_.endpoint.text() + ": " +
                             opened.error().text);
  }
  co_return co_await verdict(none);
}

void MilterConnection::begin_wait(Session::Timeout timeout) {
  const auto now = Clock::now();
  if (!answering_) {
    answering_ = true;
    asked_at_ = now;
  }
  const auto limit =
      timeout == Session::Timeout::content ? settings_.content_timeout : settings_.command_timeout;
  const auto left = std::chrono::ceil<std::chrono::seconds>(asked_at_ + settings_.longest_answer - now);
  const auto wait = std::max(std::chrono::seconds{0}, std::min(limit, left));
  deadline_ = now + wait;
  stream_->set_deadline(wait, "the filter");
}

void MilterConnection::lost(const std::string& doing, const Error& error) {
  const auto now = Clock::now();
  if (answering_ && now >= asked_at_ + settings_.longest_answer) {
    session_.connection_lost("no answer within " + std::to_string(settings_.longest_answer.count()) +
                             " s, but PROGRESS");
  } else if (now >= deadline_) {
    session_.timed_out();
  }
  // Does nothing where the filter has failed already.
  session_.connection_lost(doing + " " + settings_.endpoint.text() + ": " + error.text);
  stream_->abort();
}

/// Takes what the session has to send. Returns the chunk of a body that is too large to be copied.
std::string_view MilterConnection::gather() {
  auto output = session_.take_output();
  gathered_ += output.head;
  if (output.body.size() > kCopied) return output.body;
  gathered_ += output.body;
  return {};
}

/// Sends what was gathered, and a chunk behind it. False: the filter is lost, and the session knows.
asio::awaitable<bool> MilterConnection::send(std::string_view chunk) {
  if (!stream_ || session_.broken()) co_return false;
  if (settings_.head_start) head_start_.apply(gathered_, chunk.empty() && session_.expects_more());
  auto sent = co_await stream_->write_all(gathered_);
  gathered_.clear();
  if (sent && !chunk.empty()) sent = co_await stream_->write_all(chunk);
  if (!sent) lost("sending to", sent.error());
  co_return sent.has_value();
}

/// Waits for the answer. False: it does not come, and the session knows.
asio::awaitable<bool> MilterConnection::ready(Session::Timeout timeout) {
  // To the client of a message that is complete an answer is owed.
  if (timeout == Session::Timeout::content) co_return true;
  Result<void> came;
  if (!sweep_.ending()) {
    came = co_await stream_->wait_readable();
  } else if (!stream_->has_input()) {
    came = fail(Fault::temporary, "the program ends");
  }
  if (came) co_return true;
  if (sweep_.ending() && Clock::now() < deadline_) {
    session_.give_up();
    stream_->abort();
  } else {
    lost("reading from", came.error());
  }
  co_return false;
}

asio::awaitable<void> MilterConnection::exchange(Session::NeedBytes need) {
  if (need.renewed) begin_wait(need.timeout);
  const auto chunk = gather();
  const bool sent = co_await send(chunk);
  if (!sent) co_return;
  const bool answered = co_await ready(need.timeout);
  if (!answered) co_return;
  std::array<char, kReadSize> room;
  auto got = co_await stream_->read_some(room);
  if (!got) {
    lost("reading from", got.error());
  } else if (*got == 0) {
    lost("reading from", {Fault::temporary, "the filter closed the connection"});
  } else {
    session_.feed({room.data(), *got});
  }
}

asio::awaitable<MilterConnection::Answer> MilterConnection::next() {
  for (;;) {
    auto event = session_.next();
    if (auto* edit = std::get_if<milter::Edit>(&event)) co_return Answer(std::move(*edit));
    if (const auto* need = std::get_if<Session::NeedBytes>(&event)) {
      co_await exchange(*need);
      continue;
    }
    if (session_.broken()) {
      if (stream_) stream_->abort();
    } else if (session_.has_output()) {
      // The session's chunk of a body is not kept beyond the event.
      const auto chunk = gather();
      if (!chunk.empty() || gathered_.size() >= kGathered) {
        begin_wait(Session::Timeout::content);
        const bool sent = co_await send(chunk);
        answering_ = false;
        if (!sent) continue;  // the filter was lost: that is its verdict now
      }
    }
    answering_ = false;
    co_return Answer(std::move(std::get<Verdict>(event)));
  }
}

asio::awaitable<MilterConnection::Verdict> MilterConnection::verdict(std::vector<milter::Edit>& edits) {
  for (;;) {
    auto answer = co_await next();
    if (auto* given = std::get_if<Verdict>(&answer)) co_return std::move(*given);
    edits.push_back(std::move(std::get<milter::Edit>(answer)));
  }
}

asio::awaitable<void> MilterConnection::close() {
  session_.quit();
  if (!stream_) co_return;
  if (!session_.broken()) {
    begin_wait(Session::Timeout::command);
    const auto chunk = gather();
    if (sweep_.ending()) {
      head_start_.apply(gathered_, false);
      static_cast<void>(stream_->write_now(gathered_));
    } else {
      co_await send(chunk);
    }
  }
  co_await stream_->close();
  stream_.reset();
}

}  // namespace hikyaku::serve
