#include "serve/milter_chain.h"

#include <strings.h>

#include <algorithm>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "base/escape.h"
#include "serve/run_lookup.h"
#include "smtp/reply.h"

namespace hikyaku::serve {

namespace asio = boost::asio;

namespace {

using milter::ClientSession;
using milter::Command;
using Kind = ClientSession::Verdict::Kind;

constexpr std::size_t kMuch = 100'000;  // changes times headers that are not made on a connection's thread
constexpr std::size_t kBodyPiece = std::size_t{1} << 18;  // of a body in a blob, read at once

smtp::Reply smtp_reply(const milter::SmtpReply& given) {
  std::string_view enhanced = given.enhanced;
  return {given.code, smtp::EnhancedCode::take(enhanced), given.text};
}

MilterDecision decision_of(const ClientSession::Verdict& verdict, const std::string& name) {
  using Decided = MilterDecision::Kind;
  switch (verdict.kind) {
    case Kind::go_on:
    case Kind::accept:
      break;
    case Kind::reply:
      return {Decided::reply, smtp_reply(verdict.reply), {}};
    case Kind::discard:
      return {Decided::discard, {}, {}};
    case Kind::quarantine:
      return {Decided::hold, {}, "the milter " + name + " failed: " + verdict.failure};
    case Kind::shutdown:
      return {Decided::shutdown, smtp_reply(verdict.reply), {}};
  }
  return {};
}

std::string_view text(Kind kind) {
  switch (kind) {
    case Kind::go_on:
      return "nothing against it";
    case Kind::accept:
      return "accepted";
    case Kind::reply:
      return "refused";
    case Kind::discard:
      return "discarded";
    case Kind::quarantine:
      return "held";
    case Kind::shutdown:
      return "connection closed";
  }
  return {};
}

std::string outcome(const ClientSession::Verdict& verdict) {
  std::string out(text(verdict.kind));
  if (verdict.reply.code != 0) out += ": " + escaped(verdict.reply.line(), 300);
  return out;
}

MilterSet::Filter ready(const config::MilterSettings& settings, const config::Milter& milter) {
  MilterSet::Filter filter{milter.name, milter.origin, {}, milter.tell_ahead, milter.fault, {}};
  auto& connection = filter.connection;
  connection.endpoint = milter.endpoint;
  connection.session.offer = milter::Offer::of_version(milter.protocol);
  connection.session.macros = settings.macros;
  connection.session.default_action = milter.default_action;
  if (milter.no_header_reply) connection.session.assumed_steps = milter::step::no_reply_header;
  connection.head_start = milter.tell_ahead;
  connection.connect_timeout = milter.connect_timeout;
  connection.command_timeout = milter.command_timeout;
  connection.content_timeout = milter.content_timeout;
  return filter;
}

}  // namespace

std::string milter_trouble(const std::string& name, std::string_view failure) {
  if (!failure.starts_with("connect to ")) return "milter " + name + ": " + std::string(failure);
  // Where it was is clear, and Postfix does not say it.
  constexpr std::string_view kPlace = " (at negotiation)";
  if (failure.ends_with(kPlace)) failure.remove_suffix(kPlace.size());
  return std::string(failure);
}

std::shared_ptr<std::atomic<bool>> EarlyDeciders::of(const std::string& filter) {
  const std::lock_guard lock(mutex_);
  auto& known = known_[filter];
  if (!known) known = std::make_shared<std::atomic<bool>>(false);
  return known;
}

MilterSet::MilterSet(config::MilterSettings settings, std::shared_ptr<EarlyDeciders> early)
    : settings_(std::move(settings)), early_(std::move(early)) {
  for (const auto& milter : settings_.filters) {
    filters_.push_back(ready(settings_, milter));
    filters_.back().decides_early = early_->of(milter.name);
  }
}

MilterSet::OfClient MilterSet::of_client(std::shared_ptr<const MilterSet> set, std::string_view address) {
  const auto& settings = set->settings();
  if (settings.by_client.empty()) return {std::move(set), {}};
  auto found = settings.by_client.find(address, nullptr);
  if (!found) return {std::move(set), "smtpd_milter_maps: " + found.error().text};
  if (!*found) return {std::move(set), {}};
  auto own = settings;
  own.setting = "smtpd_milter_maps";
  own.filters.clear();
  if (::strcasecmp((*found)->value.c_str(), "DISABLE") != 0)
    own.filters = config::read_milters(settings, (*found)->value, (*found)->origin);
  const auto& early = set->early_;
  return {std::shared_ptr<const MilterSet>(new MilterSet(std::move(own), early)), {}};
}

MilterChain::One::One(const MilterSet::Filter& what, io::DeadlineSweep& sweep)
    : filter(what), connection(what.connection, sweep) {
  if (what.tell_ahead && !what.decides_early->load(std::memory_order_relaxed))
    connection.session().tell_ahead({.content = true});
}

MilterChain::MilterChain(std::shared_ptr<const MilterSet> set, io::DeadlineSweep& sweep, io::WorkerPool& pool,
                         Warn warn)
    : set_(std::move(set)), sweep_(sweep), pool_(pool), warn_(std::move(warn)) {
  for (const auto& filter : set_->filters()) filters_.push_back(std::make_unique<One>(filter, sweep));
  const auto& settings = set_->settings();
  for (const auto& [name, value] : settings.macro_defaults) macros_.set_default(name, value);
  macros_.set("j", settings.hostname);
  macros_.set("{daemon_name}", settings.daemon_name);
  macros_.set("v", settings.version);
}

bool MilterChain::wants_rejected_recipients() const {
  return std::ranges::any_of(filters_, [](const auto& one) {
    const auto& session = one->connection.session();
    return session.wants(Command::rcpt) && session.agreement().has(milter::step::rejected_recipients);
  });
}

void MilterChain::tell_trouble(One& one, const Verdict& verdict) {
  if (!verdict.failure.empty() && !std::exchange(one.failure_told, true)) {
    warn_(milter_trouble(one.filter.name, verdict.failure));
  }
  const auto& notes = one.connection.session().notes();
  for (; one.notes_told < notes.size(); ++one.notes_told)
    warn_("milter " + one.filter.name + ": " + notes[one.notes_told]);
}

/// The verdict on an event before the end of the message, where a filter may ask for a quarantine at most.
asio::awaitable<MilterChain::Verdict> MilterChain::answer(One& one) {
  for (;;) {
    auto next = co_await one.connection.next();
    if (auto* verdict = std::get_if<Verdict>(&next)) {
      tell_trouble(one, *verdict);
      co_return std::move(*verdict);
    }
    if (auto* quarantine = std::get_if<milter::Quarantine>(&std::get<milter::Edit>(next)))
      one.quarantine = quarantine_ = std::move(quarantine->reason);
  }
}

/// Adds what a filter makes of the event to `all`. False: the filters behind it are not to be asked.
asio::awaitable<bool> MilterChain::heed(One& one, std::string_view event, Explanation* why,
                                        MilterDecision& all) {
  const auto verdict = co_await answer(one);
  auto decided = decision_of(verdict, one.filter.name);
  if (decided.kind == MilterDecision::Kind::go_on) co_return true;
  if (why != nullptr)
    why->add({.step = "milter.command",
              .rule = one.filter.name,
              .origin = one.filter.origin,
              .keys = {},
              .failed = verdict.failure.empty() ? "" : "the filter answers",
              .operand = verdict.failure.empty() ? event : verdict.failure,
              .outcome = outcome(verdict)});
  all = std::move(decided);
  co_return all.kind == MilterDecision::Kind::hold;
}

asio::awaitable<MilterDecision> MilterChain::ask(std::string_view event, Tell tell, Explanation* why) {
  MilterDecision all;
  for (auto& one : filters_) {
    tell(one->connection.session());
    const bool goes_on = co_await heed(*one, event, why, all);
    if (!goes_on) break;
  }
  co_return all;
}

/// Connects to it, and tells it of the client. How it went is what the event comes to.
asio::awaitable<void> MilterChain::begin(One& one) {
  if (one.filter.fault.empty()) {
    co_await one.connection.connect();
  } else {
    one.connection.session().misconfigured(one.filter.fault);
  }
  one.connection.session().connect(client_name_, client_address_, macros_);
}

/// Another connection for one that is out of step. What it says to the client now is its verdict on the
/// messages that follow.
asio::awaitable<void> MilterChain::renew(std::unique_ptr<One>& one) {
  const auto& filter = one->filter;
  co_await one->connection.close();
  one = std::make_unique<One>(filter, sweep_);
  co_await begin(*one);
  co_await answer(*one);
  if (!helo_) co_return;
  one->connection.session().helo(*helo_, macros_);
  co_await answer(*one);
}

asio::awaitable<MilterDecision> MilterChain::connect(std::string name, milter::ClientAddress address) {
  client_name_ = std::move(name);
  client_address_ = std::move(address);
  MilterDecision all;
  for (auto& one : filters_) {
    co_await begin(*one);
    const bool goes_on = co_await heed(*one, "connect", nullptr, all);
    if (!goes_on) break;
  }
  keep_quarantine();
  co_return all;
}

asio::awaitable<MilterDecision> MilterChain::helo(std::string name) {
  helo_ = std::move(name);
  Tell tell = [&](Session& session) { session.helo(*helo_, macros_); };
  auto all = co_await ask("helo", std::move(tell), nullptr);
  keep_quarantine();
  co_return all;
}

asio::awaitable<MilterDecision> MilterChain::mail(std::string path, std::vector<std::string> parameters,
                                                  Explanation& why) {
  forget_quarantine();
  quarantine_ = std::exchange(early_quarantine_, std::nullopt);
  for (auto& one : filters_)
    if (one->connection.session().out_of_step()) co_await renew(one);
  Tell tell = [&](Session& session) { session.mail(path, parameters, macros_); };
  co_return co_await ask("mail", std::move(tell), &why);
}

asio::awaitable<MilterDecision> MilterChain::rcpt(std::string path, std::vector<std::string> parameters,
                                                  ClientSession::Recipient recipient, Explanation& why) {
  Tell tell = [&](Session& session) { session.rcpt(path, parameters, recipient, macros_); };
  co_return co_await ask("rcpt", std::move(tell), &why);
}

asio::awaitable<MilterDecision> MilterChain::data(Explanation& why) {
  Tell tell = [&](Session& session) { session.data(macros_); };
  co_return co_await ask("data", std::move(tell), &why);
}

asio::awaitable<MilterDecision> MilterChain::unknown(std::string line) {
  Tell tell = [&](Session& session) { session.unknown(line, macros_); };
  co_return co_await ask("unknown command", std::move(tell), nullptr);
}

/// Where there is no message it is the next one that is meant, as in Postfix.
void MilterChain::keep_quarantine() {
  if (quarantine_) early_quarantine_ = quarantine_;
}

void MilterChain::forget_quarantine() {
  quarantine_.reset();
  for (auto& one : filters_) one->quarantine.reset();
}

void MilterChain::abort() {
  forget_quarantine();
  for (auto& one : filters_) one->connection.session().abort();
}

asio::awaitable<void> MilterChain::close() {
  abort();
  for (auto& one : filters_) co_await one->connection.close();
  filters_.clear();
}

// ---- the message ----

/// Headers and body. A verdict but go_on ends it.
asio::awaitable<MilterChain::Verdict> MilterChain::tell_content(One& one, const milter::HeaderList& headers,
                                                                const SpooledBody& body) {
  auto& session = one.connection.session();
  // As in Postfix, the macros of these three events do not go where the event does not.
  for (std::size_t i = 0; i < headers.fields().size() && session.wants(Command::header); ++i) {
    if (!headers.visible(i)) continue;
    session.header(headers.fields()[i], macros_);
    auto verdict = co_await answer(one);
    if (verdict.kind != Kind::go_on) co_return verdict;
  }
  if (session.wants(Command::end_of_headers)) {
    session.end_of_headers(macros_);
    auto verdict = co_await answer(one);
    if (verdict.kind != Kind::go_on) co_return verdict;
  }
  if (!session.wants(Command::body)) co_return Verdict{};
  for (std::uint64_t at = 0; at < body.size();) {
    std::string piece;
    std::string_view rest = body.memory();
    if (body.in_blob()) {
      auto read = [&body, at] { return body.read(at, kBodyPiece); };
      auto octets = co_await pool_.run(std::move(read));
      if (!octets || octets->empty()) {
        session.connection_lost("the message can't be read: " +
                                (octets ? std::string("it became shorter") : octets.error().text));
        co_return co_await answer(one);
      }
      piece = *std::move(octets);
      rest = piece;
    }
    at += rest.size();
    while (!rest.empty()) {
      const auto behind = at == body.size() ? Session::Behind::nothing : Session::Behind::unknown;
      rest.remove_prefix(session.body(rest, macros_, behind));
      auto verdict = co_await answer(one);
      if (verdict.kind != Kind::go_on) co_return verdict;
      if (!session.wants(Command::body)) co_return Verdict{};
    }
  }
  co_return Verdict{};
}

asio::awaitable<Result<void>> MilterChain::append_body(MilterMessage& message, std::string octets) {
  if (!new_body_) {
    new_body_ = std::make_unique<SpooledBody>(
        message.blob, message.entry.id.text() + ".body" + std::to_string(++new_bodies_), message.small_body);
  }
  new_body_->append(octets);
  if (!new_body_->over_limit()) co_return Result<void>{};
  auto write = [body = new_body_.get()] { return body->write_out(); };
  co_return co_await pool_.run(std::move(write));
}

/// The edits go to edits_ and new_body_. Fails when a new body can't be written.
asio::awaitable<Result<MilterChain::Verdict>> MilterChain::end_of_message(One& one, MilterMessage& message) {
  auto& session = one.connection.session();
  edits_.clear();
  new_body_.reset();
  replacement_ = {};
  session.end_of_message(macros_);
  for (;;) {
    auto next = co_await one.connection.next();
    std::string octets;
    if (auto* verdict = std::get_if<Verdict>(&next)) {
      tell_trouble(one, *verdict);
      if (new_body_) {
        replacement_.finish(octets);
        auto appended = co_await append_body(message, std::move(octets));
        if (!appended) co_return std::unexpected(std::move(appended.error()));
        if (new_body_->in_blob()) {
          auto write = [body = new_body_.get()] { return body->write_out(); };
          auto written = co_await pool_.run(std::move(write));
          if (!written) co_return std::unexpected(std::move(written.error()));
        }
      }
      co_return std::move(*verdict);
    }
    auto& edit = std::get<milter::Edit>(next);
    if (auto* chunk = std::get_if<milter::ReplaceBody>(&edit)) {
      // One that is too large is not kept, but heard to its end.
      if (message.too_large()) continue;
      replacement_.append(chunk->octets, octets);
      auto appended = co_await append_body(message, std::move(octets));
      if (!appended) {
        session.connection_lost("the new body can't be written");
        co_return std::unexpected(std::move(appended.error()));
      }
      if (message.size_limit > 0 && new_body_->size() > message.size_limit) {
        message.refuse_as_too_large();
        new_body_.reset();
      }
    } else {
      edits_.push_back(std::move(edit));
    }
  }
}

asio::awaitable<Result<MilterChain::Verdict>> MilterChain::one_message(One& one, MilterMessage& message,
                                                                       milter::HeaderList& headers,
                                                                       Explanation& why) {
  auto& session = one.connection.session();
  const bool sees_it = session.active();
  Result<Verdict> verdict = Verdict{};
  if (sees_it) verdict = co_await tell_content(one, headers, *message.body);
  std::string summary;
  if (verdict->kind == Kind::go_on) {
    verdict = co_await end_of_message(one, message);
    if (!verdict) co_return verdict;
    // What a filter asked for that failed later, or that is against the mail, is not done by halves.
    if (verdict->failure.empty() && (verdict->kind == Kind::go_on || verdict->kind == Kind::accept)) {
      for (auto& edit : edits_)
        if (auto* quarantine = std::get_if<milter::Quarantine>(&edit))
          one.quarantine = quarantine_ = quarantine->reason;
      auto apply = [&] {
        return apply_milter_edits(std::move(edits_), session.leading_space(), set_->settings().header_checks,
                                  headers, message, why);
      };
      // Many changes of many headers take long.
      const bool much = edits_.size() * (headers.fields().size() + edits_.size()) > kMuch;
      auto applied = co_await run_lookup(much ? &pool_ : message.lookups, apply);
      summary = std::move(applied.summary);
      for (const auto& warning : applied.warnings) warn_("milter " + one.filter.name + ": " + warning);
      if (new_body_) {
        message.body = std::move(new_body_);
        if (!summary.empty()) summary += ", ";
        summary += "new body of " + std::to_string(message.body->size()) + " octets";
      }
    }
    new_body_.reset();
    edits_.clear();
  }
  if (session.out_of_step() && !one.filter.decides_early->exchange(true))
    warn_("milter " + one.filter.name + ": it decided at " +
          std::string(milter::text(session.answered_event())) +
          ", before the end of the message: from now on it is told one event after the other");
  const auto& failure = verdict->failure;
  auto told = outcome(*verdict);
  if (!summary.empty()) told += "; " + summary;
  if (one.quarantine) told += "; quarantine: " + escaped(*one.quarantine, 300);
  why.add({.step = "milter.message",
           .rule = one.filter.name,
           .origin = one.filter.origin,
           .keys = {},
           .failed = !failure.empty() ? "the filter answers"
                     : sees_it        ? ""
                                      : "the filter wants to see the message",
           .operand = failure,
           .outcome = told});
  co_return verdict;
}

asio::awaitable<Result<MilterDecision>> MilterChain::message(MilterMessage& message, Explanation& why) {
  milter::HeaderList headers(message.header, message.own_received);
  const auto before = message.header.size() + message.body->size();
  MilterDecision all;
  for (auto& one : filters_) {
    const bool failed_before = one->connection.session().broken();
    auto verdict = co_await one_message(*one, message, headers, why);
    if (!verdict) co_return std::unexpected(std::move(verdict.error()));
    auto decided = decision_of(*verdict, one->filter.name);
    if (message.too_large()) co_return all;
    if (decided.kind == MilterDecision::Kind::go_on) continue;
    const bool held = decided.kind == MilterDecision::Kind::hold;
    // It was told at MAIL, and the envelope has it.
    if (held && failed_before) continue;
    all = std::move(decided);
    if (!held) co_return all;
  }
  if (quarantine_) all = {MilterDecision::Kind::hold, {}, "quarantine: " + *quarantine_};
  message.header = headers.section();
  const auto after = message.header.size() + message.body->size();
  if (message.size_limit > 0 && after > before && after > message.size_limit) message.refuse_as_too_large();
  co_return all;
}

}  // namespace hikyaku::serve
