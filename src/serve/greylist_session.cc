#include "serve/greylist_session.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <ctime>
#include <exception>
#include <utility>
#include <variant>

#include "base/escape.h"
#include "greylist/needs.h"
#include "serve/dns_lookup.h"
#include "serve/greylist_decision.h"
#include "serve/read_room.h"

namespace hikyaku::serve {

namespace asio = boost::asio;

namespace {

using Filter = milter::FilterSession;
constexpr auto kQuiet = asio::as_tuple(asio::use_awaitable);
// An MTA may keep a connection open between messages for as long as its client does.
constexpr std::chrono::seconds kSilence{7200};
constexpr std::chrono::seconds kWrite{300};
constexpr std::chrono::seconds kSpf{10};  // for all questions of a check but the last
constexpr std::size_t kReplyLine = 980;   // octets that a filter may put into one line of a reply
constexpr std::size_t kReplyLines = 30;

/// A format may have put anything into it: a reply's line has neither control octets nor more than it may.
std::string reply_text(std::string_view text) {
  std::string out;
  for (std::size_t line = 0; line < kReplyLines && !text.empty(); ++line) {
    if (line != 0) out += '\n';
    for (const char c : text.substr(0, kReplyLine)) {
      const auto octet = static_cast<unsigned char>(c);
      out += octet < ' ' || octet == 0x7f ? '?' : c;
    }
    text.remove_prefix(std::min(text.size(), kReplyLine));
  }
  return out;
}

/// Header values go over the filter protocol with LF alone.
std::string header_value(std::string_view value) {
  std::string out;
  for (const char c : value)
    if (c != '\r' && c != '\0') out += c;
  return out;
}

}  // namespace

GreylistSession::GreylistSession(GreylistServices& services, std::shared_ptr<const GreylistRules> rules,
                                 asio::io_context& context, io::Stream stream)
    : services_(services),
      rules_(std::move(rules)),
      context_(context),
      stream_(std::move(stream)),
      filter_(settings_),
      conversation_(rules_->configuration, services.tuples.table(), services.tuples.prefixes(),
                    services.names) {}

void GreylistSession::start(std::function<void()> ended) {
  asio::co_spawn(context_, run(),
                 [self = shared_from_this(), ended = std::move(ended)](std::exception_ptr error) {
                   try {
                     if (error) std::rethrow_exception(error);
                   } catch (const std::exception& failure) {
                     self->services_.log.error(
                         "session", std::string("ended by an exception: ") + escaped(failure.what()));
                   }
                   self->stream_.abort();
                   ++self->services_.ended;
                   ended();
                 });
}

void GreylistSession::stop() {
  stopping_ = true;
  if (between_messages_) stream_.abort();
}

asio::awaitable<void> GreylistSession::run() {
  for (;;) {
    auto event = filter_.next();
    if (std::holds_alternative<Filter::NeedBytes>(event)) {
      between_messages_ = !filter_.in_message();
      if (stopping_ && between_messages_) co_return;
      const bool goes_on = co_await exchange();
      if (!goes_on) break;
      continue;
    }
    if (const auto* close = std::get_if<Filter::Close>(&event)) {
      if (!close->reason.empty()) services_.log.warning("session", "the MTA: " + close->reason);
      break;
    }
    co_await answer(std::move(event));
  }
  conversation_.abort();
}

asio::awaitable<bool> GreylistSession::exchange() {
  if (filter_.has_output()) {
    const auto output = filter_.take_output();
    stream_.set_deadline(kWrite, "the MTA");
    const auto written = co_await stream_.write_all(output);
    if (!written) co_return false;
  }
  stream_.set_deadline(kSilence, "the MTA");
  const auto room = read_room();
  const auto got = co_await stream_.read_some(room);
  if (!got || *got == 0) co_return false;
  filter_.feed(std::string_view(room.data(), *got));
  co_return true;
}

void GreylistSession::negotiate() {
  const auto needs = greylist::needs_of(*rules_->configuration);
  milter::Wishes wishes;
  wishes.actions = milter::action::add_headers;
  if (needs.changes_subject) wishes.actions |= milter::action::change_headers;
  if (needs.changes_body) wishes.actions |= milter::action::change_body;
  // Only recipients, the message as a whole, and DATA for a tarpit are ever answered.
  wishes.steps = milter::step::no_unknown | milter::step::no_reply_connect | milter::step::no_reply_helo |
                 milter::step::no_reply_mail | milter::step::no_reply_header |
                 milter::step::no_reply_end_of_headers | milter::step::no_reply_body |
                 milter::step::no_end_of_headers;
  if (!needs.tarpit) wishes.steps |= milter::step::no_data;
  if (!needs.header) wishes.steps |= milter::step::no_headers;
  if (!needs.body) wishes.steps |= milter::step::no_body;
  if (auto agreed = filter_.negotiate(wishes); !agreed)
    services_.log.error("session", "the MTA can't be worked with: " + escaped(agreed.error().text));
}

void GreylistSession::note_time() {
  auto& facts = conversation_.facts();
  facts.now = services_.clock.now();
  const auto seconds = std::chrono::system_clock::to_time_t(facts.now);
  localtime_r(&seconds, &facts.local_time);
}

void GreylistSession::connect(const Filter::Connect& event) {
  conversation_.connect(event.name, table::Ip::parse(event.address.address));
  auto& facts = conversation_.facts();
  facts.macro = [this](std::string_view name) -> std::optional<std::string_view> {
    const auto value = filter_.macro(name);
    return value && !value->empty() ? value : std::nullopt;
  };
  if (rules_->countries && facts.client) facts.country = rules_->countries->country(*facts.client).code;
}

void GreylistSession::begin_message(const std::string& path) {
  note_time();
  conversation_.mail(path);
  spf_checked_ = false;
}

asio::awaitable<void> GreylistSession::answer(Filter::Event event) {
  if (std::holds_alternative<Filter::Negotiate>(event)) {
    negotiate();
  } else if (const auto* connected = std::get_if<Filter::Connect>(&event)) {
    connect(*connected);
    filter_.answer(Filter::Answer::go_on);
  } else if (const auto* helo = std::get_if<Filter::Helo>(&event)) {
    conversation_.helo(helo->name);
    filter_.answer(Filter::Answer::go_on);
  } else if (const auto* sender = std::get_if<Filter::Mail>(&event)) {
    begin_message(sender->path);
    filter_.answer(Filter::Answer::go_on);
  } else if (auto* recipient = std::get_if<Filter::Rcpt>(&event)) {
    co_await answer_recipient(std::move(recipient->path));
  } else if (std::holds_alternative<Filter::Data>(event)) {
    co_await answer_data();
  } else if (const auto* header = std::get_if<Filter::Header>(&event)) {
    conversation_.header(header->header.name, header->header.value);
    filter_.answer(Filter::Answer::go_on);
  } else if (const auto* body = std::get_if<Filter::Body>(&event)) {
    conversation_.body(body->octets);
    filter_.answer(Filter::Answer::go_on);
  } else if (std::holds_alternative<Filter::EndOfMessage>(event)) {
    co_await answer_message();
  } else if (std::holds_alternative<Filter::Abort>(event) ||
             std::holds_alternative<Filter::NewConnection>(event)) {
    conversation_.abort();
    log_lines();
  } else {
    filter_.answer(Filter::Answer::go_on);
  }
}

asio::awaitable<void> GreylistSession::check_spf() {
  if (std::exchange(spf_checked_, true) || !conversation_.wants_spf()) co_return;
  const auto& facts = conversation_.facts();
  const greylist::SpfRequest request{*facts.client, facts.helo,
                                     std::string(greylist::without_brackets(facts.sender)),
                                     std::string(facts.macro("j").value_or("")), facts.now};
  // One that is given up is no pass; the rules are asked.
  const auto until = std::chrono::steady_clock::now() + kSpf;
  for (unsigned round = 0; round < greylist::kMostSpfRounds && std::chrono::steady_clock::now() < until;
       ++round) {
    auto outcome = greylist::check_spf(request, answers_.dns, {.explain = false});
    if (const auto* result = std::get_if<greylist::SpfResult>(&outcome)) {
      conversation_.spf(*result);
      co_return;
    }
    for (const auto& question : std::get<std::vector<DnsQuestion>>(outcome))
      co_await look_up(services_.resolver, answers_.dns, question);
  }
}

asio::awaitable<greylist::Decision> GreylistSession::ask_rules(greylist::Stage stage) {
  auto& facts = conversation_.facts();
  const auto context = conversation_.context();
  answers_.tarpitted.reset();
  if (facts.client && stage == greylist::Stage::recipient)
    answers_.tarpitted = services_.tuples.table().tarpitted(
        {greylist::ClientKey::of_address(*facts.client, services_.tuples.prefixes()), facts.sender,
         facts.recipient},
        greylist::seconds_of(facts.now));
  answers_.used = [this, now = facts.now](const greylist::RatelimitDefinition& definition,
                                          const std::string& key) {
    return services_.rates.used(definition, key, now);
  };
  const GreylistQuestion question{stage, *rules_->configuration, facts, conversation_.properties(), context};
  auto decision = co_await decide_by_rules(services_.resolver, question, answers_, nullptr);
  const auto& limits = rules_->configuration->ratelimits;
  for (const auto& use : decision.uses)
    services_.rates.add(limits[use.ratelimit], use.key, use.amount, facts.now);
  if (decision.flushaddr && facts.client) {
    auto forget = [this, address = facts.client->text()] { return services_.tuples.flush_address(address); };
    const auto forgotten = co_await services_.pool.run(std::move(forget));
    if (!forgotten) services_.log.error("state", "flushaddr: " + escaped(forgotten.error().text));
  }
  co_return decision;
}

void GreylistSession::log_lines() {
  for (const auto& line : conversation_.take_log()) services_.log.info("greylist", escaped(line));
}

asio::awaitable<void> GreylistSession::write_statistics() {
  auto lines = conversation_.take_statistics();
  if (lines.empty()) co_return;
  auto write = [this, all = std::move(lines)]() -> Result<void> {
    for (const auto& line : all)
      if (auto written = services_.statistics.write(line); !written) return written;
    return {};
  };
  const auto written = co_await services_.pool.run(std::move(write));
  if (!written) services_.log.error("stat", escaped(written.error().text));
}

void GreylistSession::say(const greylist::Verdict& verdict) {
  using Kind = greylist::Verdict::Kind;
  if (verdict.kind == Kind::accept) {
    filter_.answer(Filter::Answer::go_on);
  } else if (verdict.reply.code.empty()) {
    filter_.answer(Filter::Answer::tempfail);
  } else {
    milter::SmtpReply reply;
    reply.code = std::stoi(verdict.reply.code);
    reply.enhanced = verdict.reply.ecode;
    reply.text = reply_text(verdict.reply.text);
    filter_.answer(reply);
  }
}

asio::awaitable<void> GreylistSession::answer_recipient(std::string path) {
  note_time();
  co_await check_spf();
  auto verdict = conversation_.recipient(path);
  if (!verdict) {
    const auto decision = co_await ask_rules(greylist::Stage::recipient);
    verdict = conversation_.recipient_decided(decision);
  }
  log_lines();
  co_await write_statistics();
  if (verdict->wait.count() > 0) {
    asio::steady_timer timer(context_, verdict->wait);
    co_await timer.async_wait(kQuiet);
  }
  say(*verdict);
}

asio::awaitable<void> GreylistSession::answer_data() {
  note_time();
  say(conversation_.data());
  co_return;
}

void GreylistSession::change(const greylist::MessageChange& change) {
  using Kind = greylist::MessageChange::Kind;
  switch (change.kind) {
    case Kind::add_header:
      filter_.edit(milter::AddHeader{change.name, header_value(change.value)});
      break;
    case Kind::insert_header:
      filter_.edit(milter::InsertHeader{change.index, change.name, header_value(change.value)});
      break;
    case Kind::change_subject:
      filter_.edit(milter::ChangeHeader{1, change.name, header_value(change.value)});
      break;
    case Kind::replace_body:
      filter_.edit(milter::ReplaceBody{change.value});
      break;
  }
}

asio::awaitable<void> GreylistSession::answer_message() {
  note_time();
  conversation_.message_is_complete();
  const auto decision = co_await ask_rules(greylist::Stage::message);
  const auto result = conversation_.end_of_message(decision);
  for (const auto& one : result.changes) change(one);
  log_lines();
  co_await write_statistics();
  say(result.verdict);
}

}  // namespace hikyaku::serve
