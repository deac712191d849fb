#include "serve/greylisted_client.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <ctime>
#include <utility>
#include <variant>

#include "base/escape.h"
#include "greylist/dkim_word.h"
#include "serve/dkim_lookup.h"
#include "serve/dns_lookup.h"
#include "serve/greylist_decision.h"

namespace hikyaku::serve {

namespace asio = boost::asio;

namespace {

constexpr auto kQuiet = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kReplyLine = 980;  // octets of one line of a reply
constexpr std::size_t kReplyLines = 30;

/// Passes are counted where a rule asks for them too.
greylist::Learning learning_of(greylist::Learning learning, const GreylistRules& rules) {
  learning.counts_passes = learning.domain_passes != 0 || rules.needs.passed;
  return learning;
}

}  // namespace

std::string greylist_reply_text(std::string_view text) {
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

std::string greylist_header_value(std::string_view value) {
  std::string out;
  for (const char c : value)
    if (c != '\r' && c != '\0') out += c;
  return out;
}

GreylistedClient::GreylistedClient(GreylistServices& services, std::shared_ptr<const GreylistRules> rules)
    : services_(services),
      rules_(std::move(rules)),
      conversation_(rules_->configuration, services.tuples.table(), services.tuples.prefixes(),
                    services.names, learning_of(services.learning, *rules_)) {}

void GreylistedClient::note_time() {
  auto& facts = conversation_.facts();
  facts.now = services_.clock.now();
  const auto seconds = std::chrono::system_clock::to_time_t(facts.now);
  localtime_r(&seconds, &facts.local_time);
}

asio::awaitable<void> GreylistedClient::connect(std::string name, std::optional<table::Ip> address,
                                                Macro macro) {
  conversation_.connect(std::move(name), address);
  auto& facts = conversation_.facts();
  facts.macro = std::move(macro);
  const auto* countries = rules_->countries.get();
  if (countries != nullptr && facts.client) facts.country = countries->country(*facts.client).code;
  const auto question = conversation_.name_question();
  if (question) {
    co_await look_up(services_.resolver, answers_.dns, *question);
    const auto* const answer = answers_.dns.find(*question);
    if (answer != nullptr) conversation_.name_answered(*answer);
  }
  log_lines();
  if (services_.learning.sender_pools) know_provider(facts, *rules_, *services_.suffixes);
}

void GreylistedClient::mail(std::string_view path) {
  note_time();
  conversation_.mail(path);
  spf_checked_ = false;
  answers_.dkim.reset();
  dkim_ = needs().dkim ? std::make_unique<io::DkimCheck>() : nullptr;
}

void GreylistedClient::header(std::string_view name, std::string_view value, milter::LeadingSpace space) {
  const bool kept = space == milter::LeadingSpace::kept;
  if (dkim_) dkim_->header(name, kept ? std::string(value) : " " + std::string(value));
  if (kept && value.starts_with(' ')) value.remove_prefix(1);
  conversation_.header(name, value);
}

void GreylistedClient::body(std::string_view octets) {
  if (dkim_) dkim_->body(octets);
  conversation_.body(octets);
}

asio::awaitable<void> GreylistedClient::check_dkim() {
  const auto check = std::exchange(dkim_, nullptr);
  if (!check) co_return;
  const auto verdict = co_await finish_dkim(services_.resolver, *check);
  conversation_.dkim(verdict);
  answers_.dkim = greylist::dkim_word(verdict);
}

asio::awaitable<void> GreylistedClient::check_spf() {
  if (std::exchange(spf_checked_, true) || !conversation_.wants_spf()) co_return;
  const auto result = co_await ask_spf(services_.resolver, conversation_.facts(), answers_.dns);
  if (result) conversation_.spf(*result);
}

asio::awaitable<greylist::Decision> GreylistedClient::ask_rules(greylist::Stage stage, Explanation* why) {
  auto& facts = conversation_.facts();
  const auto context = conversation_.context();
  answers_.tarpitted.reset();
  if (const auto tuple = conversation_.tuple(facts.recipient); tuple && stage == greylist::Stage::recipient)
    answers_.tarpitted = services_.tuples.table().tarpitted(*tuple, greylist::seconds_of(facts.now));
  answers_.passed = conversation_.passed();
  answers_.used = [this, now = facts.now](const greylist::RatelimitDefinition& definition,
                                          const std::string& key) {
    return services_.rates.used(definition, key, now);
  };
  const GreylistQuestion question{stage, *rules_->configuration, facts, conversation_.properties(), context};
  auto decision = co_await decide_by_rules(services_.resolver, services_.checks, question, answers_, why);
  const auto& limits = rules_->configuration->ratelimits;
  for (const auto& use : decision.uses)
    services_.rates.add(limits[use.ratelimit], use.key, use.amount, facts.now);
  services_.updates.send(rules_->configuration, decision.updates);
  if (decision.flushaddr && facts.client) {
    auto forget = [this, address = facts.client->text()] { return services_.tuples.flush_address(address); };
    const auto forgotten = co_await services_.pool.run(std::move(forget));
    if (!forgotten) services_.log.error("state", "flushaddr: " + escaped(forgotten.error().text));
  }
  co_return decision;
}

void GreylistedClient::log_lines() {
  for (const auto& line : conversation_.take_log()) services_.log.info("greylist", escaped(line));
}

asio::awaitable<void> GreylistedClient::write_statistics() {
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

asio::awaitable<greylist::Verdict> GreylistedClient::recipient(std::string path, Explanation* why) {
  note_time();
  co_await check_spf();
  auto verdict = conversation_.recipient(path, why);
  if (!verdict) {
    const auto decision = co_await ask_rules(greylist::Stage::recipient, why);
    verdict = conversation_.recipient_decided(decision, why);
  }
  log_lines();
  co_await write_statistics();
  if (verdict->wait.count() > 0) {
    asio::steady_timer timer(co_await asio::this_coro::executor, verdict->wait);
    co_await timer.async_wait(kQuiet);
  }
  co_return *std::move(verdict);
}

greylist::Verdict GreylistedClient::data() {
  note_time();
  return conversation_.data();
}

asio::awaitable<greylist::Conversation::MessageVerdict> GreylistedClient::message(Explanation* why) {
  note_time();
  conversation_.message_is_complete();
  co_await check_dkim();
  const auto decision = co_await ask_rules(greylist::Stage::message, why);
  auto result = conversation_.end_of_message(decision);
  log_lines();
  co_await write_statistics();
  co_return result;
}

void GreylistedClient::abort() {
  conversation_.abort();
  dkim_.reset();
  log_lines();
}

}  // namespace hikyaku::serve
