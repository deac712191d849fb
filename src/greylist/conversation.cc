#include "greylist/conversation.h"

#include "greylist/sender_pool.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

#include "greylist/client_name.h"
#include "greylist/pass_words.h"
#include "greylist/rule_text.h"

namespace hikyaku::greylist {
namespace {

std::string clock_text(std::chrono::seconds time) {
  const auto seconds = time.count();
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%02lld:%02lld:%02lld", static_cast<long long>(seconds / 3600),
                static_cast<long long>(seconds / 60 % 60), static_cast<long long>(seconds % 60));
  return text.data();
}

}  // namespace

Conversation::Conversation(std::shared_ptr<const Configuration> configuration, TupleTable& tuples,
                           MatchPrefixes prefixes, const ProductNames& names, Learning learning)
    : configuration_(std::move(configuration)),
      tuples_(tuples),
      prefixes_(prefixes),
      names_(names),
      learning_(learning) {}

FormatContext Conversation::context() const {
  FormatContext context;
  context.product = names_.product;
  context.version = names_.version;
  context.host_name = names_.host_name;
  if (const auto& own = configuration_->localaddr.value) context.local_address = own->text();
  context.elapsed = longest_wait_;
  if (spf_) context.spf_result = text(spf_->status);
  if (dkim_) {
    context.dkim_result = mail::text(dkim_->result);
    context.dkim_domain = dkim_->domain;
  }
  return context;
}

void Conversation::connect(std::string name, std::optional<table::Ip> address) {
  facts_.client_name = std::move(name);
  facts_.client = address;
}

std::optional<DnsQuestion> Conversation::name_question() {
  const auto& name = facts_.client_name;
  if (!configuration_->unbracket.value || !name.starts_with('[')) return std::nullopt;
  auto question = unbracket_question(name);
  if (!question) log_.push_back("failed parsing " + name + ": Name or service not known");
  return question;
}

void Conversation::name_answered(const DnsAnswer& answer) {
  auto& known = facts_.client_name;
  if (auto name = unbracketed_name(answer)) {
    if (configuration_->verbose.value) log_.push_back("Unbracketed '" + known + "' into '" + *name + "'");
    known = std::move(*name);
    return;
  }
  const bool later = answer.status == DnsAnswer::Status::temporary;
  log_.push_back("failed resolving " + known + ": " +
                 (later ? "Temporary failure in name resolution" : "Name or service not known"));
}

void Conversation::helo(std::string_view name) { facts_.helo = tuple_recipient(name); }

void Conversation::mail(std::string_view path) {
  // What is known of the connection stays; properties of rules too.
  facts_.raw_sender = path;
  facts_.sender = tuple_sender(path);
  facts_.recipient.clear();
  facts_.accepted.clear();
  facts_.header_lines.clear();
  facts_.body_pieces.clear();
  facts_.message_size = 0;
  spf_.reset();
  dkim_.reset();
  last_ = Decision();
  last_pass_ = Reasons();
  passed_by_rules_ = put_off_ = false;
  longest_wait_ = remaining_ = std::chrono::seconds{0};
  peeked_ = 0;
  peek_ended_ = false;
}

bool Conversation::wants_spf() const {
  return facts_.client && (!configuration_->nospf.value || learning_.sender_pools);
}

void Conversation::spf(const SpfResult& result) { spf_ = result; }

std::string Conversation::queue_id() const { return std::string(facts_.macro("i").value_or("(unknown id)")); }

std::string Conversation::client() const {
  return facts_.client_name + "[" + (facts_.client ? facts_.client->text() : "") + "]";
}

std::string Conversation::rule_name(const Decision& decision) const {
  auto known = context();
  take(decision, known);
  return expand(" (ACL %a)", facts_, known);
}

std::optional<Tuple> Conversation::tuple(std::string_view recipient) const {
  if (!facts_.client) return std::nullopt;
  auto client = ClientKey::of_address(*facts_.client, prefixes_);
  if (learning_.sender_pools) {
    // A name that can't be a pool's, such as a domain with octets that are no ASCII, leaves the network.
    if (auto pool = ClientKey::of_pool(sender_pool(facts_, spf_), client.address()))
      client = std::move(*pool);
  }
  return Tuple{std::move(client), facts_.sender, std::string(recipient)};
}

std::optional<Verdict> Conversation::owed_to_tarpit() {
  auto owed = std::exchange(tarpit_, std::nullopt);
  if (!owed) return std::nullopt;
  if (owed->action == Action::whitelist) tuples_.release(owed->tuple, owed->autowhite, now());
  if (owed->action != Action::greylist) return std::nullopt;
  return Verdict{Verdict::Kind::tempfail, {}, {}};
}

std::optional<Verdict> Conversation::recipient(std::string_view path, Explanation* why) {
  facts_.recipient = tuple_recipient(path);
  properties_.forget_recipient();
  if (auto owed = owed_to_tarpit()) return owed;
  const auto& all = *configuration_;
  if (all.verbose.value && facts_.client)
    log_.push_back(queue_id() + ": addr = " + client() + ", from = " + facts_.sender +
                   ", rcpt = " + std::string(path));
  std::optional<Reason> reason;
  if (!facts_.client) {
    reason = Reason::not_by_ip;
  } else if (!all.noauth.value && facts_.macro("{auth_authen}")) {
    reason = Reason::auth;
  } else if (!all.noauth.value && facts_.macro("{verify}") == "OK" && facts_.macro("{cert_subject}")) {
    reason = Reason::tls;
  } else if (!all.nospf.value && spf_ && spf_->status == SpfStatus::pass) {
    if (facts_.accepted.empty())
      log_.push_back(queue_id() + ": Sender IP " + facts_.client->text() + " and address " + facts_.sender +
                     " are SPF-compliant, bypassing greylist");
    reason = Reason::spf;
  } else if (const auto access = facts_.macro("{greylist}");
             !all.noaccessdb.value && (access == "WHITE" || access == "RELAY" || access == "OK")) {
    reason = Reason::access_map;
  }
  if (!reason) return std::nullopt;
  if (why != nullptr) explain_exemption(*reason, *why);
  last_ = Decision();
  last_.action = Action::whitelist;
  last_pass_ = Reasons();
  last_pass_.add(*reason);
  return accept_recipient();
}

void Conversation::explain_exemption(Reason reason, Explanation& why) const {
  const auto& all = *configuration_;
  Explanation::Step step{.step = "greylist.exempt", .outcome = "whitelist"};
  const auto told = [&](std::string_view rule, Origin origin, std::string_view operand) {
    step.rule = rule;
    step.origin = origin;
    step.operand = operand;
    why.add(step);
  };
  switch (reason) {
    case Reason::auth:
      return told("a client that has logged in passes (noauth is not set)", all.noauth.origin,
                  facts_.macro("{auth_authen}").value_or(""));
    case Reason::tls:
      return told("a client with a verified certificate passes (noauth is not set)", all.noauth.origin,
                  facts_.macro("{cert_subject}").value_or(""));
    case Reason::spf:
      return told("what SPF passes is let in (nospf is not set)", all.nospf.origin, facts_.sender);
    case Reason::access_map:
      return told("the MTA's own map says so (noaccessdb is not set)", all.noaccessdb.origin,
                  facts_.macro("{greylist}").value_or(""));
    default:
      return told("a client that did not come over IP passes", {}, facts_.client_name);
  }
}

void Conversation::explain_tuple(const Tuple& tuple, const Decision& decision, const TupleDecision& met,
                                 Explanation& why) const {
  using Kind = TupleDecision::Kind;
  const auto times = "greylist " + std::to_string(decision.delay.count()) + "s, autowhite " +
                     std::to_string(decision.autowhite.count()) + "s";
  const auto key = tuple.client.text() + " " + tuple.sender + " " + tuple.recipient;
  std::string outcome;
  switch (met.kind) {
    case Kind::first_encounter:
      outcome = "met for the first time; put off for " + clock_text(met.remaining);
      break;
    case Kind::pending:
      outcome = "try " + std::to_string(met.tries) + "; put off for " + clock_text(met.remaining) + " more";
      break;
    case Kind::passed:
      outcome = "passes " + clock_text(met.elapsed) + " after it was met first";
      break;
    case Kind::autowhite:
      outcome = "has passed before: passes";
      break;
    case Kind::not_remembered:
      outcome = "no room for another tuple: passes";
      break;
  }
  // Where the times are from: the rule that decided, or the settings for all.
  why.add({.step = "greylist.tuple",
           .rule = times,
           .origin = decision.rule != nullptr && decision.rule->values.delay
                         ? decision.rule->origin
                         : configuration_->greylist.origin,
           .keys = key,
           .outcome = outcome});
}

std::uint32_t Conversation::passed() const {
  const auto one = tuple({});
  const auto record = one ? sending_record(*one) : std::nullopt;
  return record && learning_.counts_passes ? tuples_.passes(*record, now()) : 0;
}

bool Conversation::has_good_record(const Tuple& tuple, Explanation* why) {
  if (learning_.domain_passes == 0) return false;
  const auto record = sending_record(tuple);
  if (!record) return false;
  const auto passes = tuples_.passes(*record, now());
  const bool enough = passes >= learning_.domain_passes;
  if (enough) tuples_.note_pass(*record, learning_.record_lifetime, now());
  if (why != nullptr && passes > 0) {
    const auto rule = std::to_string(learning_.domain_passes) + " passes of a sending domain are enough";
    const auto key = record->client.text() + " " + record->sender;
    const auto told = "has passed " + std::to_string(passes) + (passes == 1 ? " time" : " times");
    why->add({.step = "greylist.record",
              .rule = rule,
              .keys = key,
              .failed = enough ? "" : "enough passes",
              .operand = told,
              .outcome = enough ? "whitelist" : "does not hold"});
  }
  return enough;
}

Verdict Conversation::accept_recipient() {
  facts_.accepted.push_back(facts_.recipient);
  return {};
}

Verdict Conversation::recipient_decided(const Decision& decision, Explanation* why) {
  properties_ = decision.properties;
  log_.insert(log_.end(), decision.log_lines.begin(), decision.log_lines.end());
  log_details(decision);
  last_ = decision;
  passed_by_rules_ = false;
  const bool waits = decision.reasons.has(Reason::tarpit);
  if (decision.action == Action::whitelist) {
    log_pass(decision);
    passed_by_rules_ = decision.reasons.has(Reason::by_default);
    if (!waits) {
      last_pass_ = decision.reasons;
      return accept_recipient();
    }
  }
  if (decision.action == Action::blacklist) {
    log_refusal(decision, facts_.recipient, "blacklisted");
    return refuse(decision, Verdict::Kind::reject, {});
  }
  const auto one = tuple(facts_.recipient).value();
  if (!waits && has_good_record(one, why)) {
    last_pass_ = Reasons();
    last_pass_.add(Reason::autowhite);
    return accept_recipient();
  }
  const auto met = tuples_.decide(one, {decision.delay, decision.autowhite}, now());
  if (why != nullptr) explain_tuple(one, decision, met, *why);
  log_met(facts_.recipient, decision, met);
  if (met.kind == TupleDecision::Kind::autowhite) {
    last_pass_ = Reasons();
    last_pass_.add(Reason::autowhite);
    return accept_recipient();
  }
  if (met.passes()) {
    const auto record = sending_record(one);
    if (learning_.counts_passes && record && met.elapsed.count() > 0)
      tuples_.note_pass(*record, learning_.record_lifetime, now());
    longest_wait_ = std::max(longest_wait_, met.elapsed);
    return accept_recipient();
  }
  if (waits) return first_encounter(decision, met);
  remaining_ = met.remaining;
  // Callouts that probe an address come from the null sender, and should not be told that it does not exist.
  if (configuration_->delayedreject.value && facts_.sender == "<>") {
    put_off_ = true;
    return accept_recipient();
  }
  log_refusal(decision, facts_.recipient, "delayed for " + clock_text(remaining_));
  return refuse(decision, Verdict::Kind::tempfail, remaining_);
}

Verdict Conversation::first_encounter(const Decision& decision, const TupleDecision&) {
  const auto wanted = decision.tarpit.value_or(std::chrono::seconds{0});
  const auto borne = decision.tarpit_scope == TarpitScope::session ? tarpitted_ : longest_tarpit_;
  auto wait = wanted > borne ? wanted : std::chrono::seconds{0};
  if (wait.count() > 0 && decision.tarpit_scope == TarpitScope::session) wait -= tarpitted_;
  auto verdict = accept_recipient();
  if (wait.count() > 0) {
    longest_tarpit_ = std::max(longest_tarpit_, wait);
    tarpitted_ += wait;
    tarpit_ = Tarpit{tuple(facts_.recipient).value(), wait, decision.action, decision.autowhite};
    verdict.wait = wait;
  } else if (decision.action == Action::whitelist) {
    tuples_.release(tuple(facts_.recipient).value(), decision.autowhite, now());
  }
  if (decision.action == Action::whitelist) last_pass_ = decision.reasons;
  return verdict;
}

Verdict Conversation::refuse(const Decision& decision, Verdict::Kind kind, std::chrono::seconds remaining) {
  auto known = context();
  known.remaining = remaining;
  Verdict verdict{kind, reply_of(decision, *configuration_, facts_, known), {}};
  // A code of the rule's own decides whether the refusal is for good.
  if (kind == Verdict::Kind::reject && !verdict.reply.final()) verdict.kind = Verdict::Kind::tempfail;
  take(decision, known);
  known.code = verdict.reply.code;
  known.ecode = verdict.reply.ecode;
  known.message = verdict.reply.text;
  count(verdict.kind, known);
  return verdict;
}

void Conversation::count(Verdict::Kind kind, const FormatContext& context) {
  const auto& stat = configuration_->stat;
  if (!stat) return;
  auto known = context;
  known.status = kind == Verdict::Kind::accept     ? FormatContext::Status::accept
                 : kind == Verdict::Kind::tempfail ? FormatContext::Status::tempfail
                                                   : FormatContext::Status::reject;
  const auto format = unescaped(stat->format);
  if (!facts_.recipient.empty()) {
    statistics_.push_back(expand(format, facts_, known));
    return;
  }
  for (const auto& recipient : facts_.accepted) {
    facts_.recipient = recipient;
    statistics_.push_back(expand(format, facts_, known));
  }
  facts_.recipient.clear();
}

void Conversation::log_refusal(const Decision& decision, std::string_view recipient, std::string_view what) {
  if (decision.values.nolog) return;
  std::string line = queue_id() + ": addr " + client() + " from " + facts_.sender;
  if (!recipient.empty()) line.append(" to ").append(recipient);
  log_.push_back(line.append(" ").append(what).append(rule_name(decision)));
}

void Conversation::log_pass(const Decision& decision) {
  if (decision.values.nolog) return;
  auto known = context();
  take(decision, known);
  const auto& recipient = facts_.recipient;
  log_.push_back(queue_id() + ": skipping greylist because " + why_it_passes(decision, facts_) +
                 ", (from=" + facts_.sender + ", rcpt=" + (recipient.empty() ? "(nil)" : recipient) +
                 ", addr=" + client() + ") ACL " + expand("%a", facts_, known));
}

/// What `verbose` tells of a decision.
void Conversation::log_details(const Decision& decision) {
  if (!configuration_->verbose.value) return;
  for (const auto& list : decision.dnsrbls)
    log_.push_back("Host " + (facts_.client ? facts_.client->text() : "") + " exists in DNSRBL \"" + list +
                   "\"");
  if (decision.rule == nullptr) return;
  const auto& recipient = facts_.recipient;
  log_.push_back("Mail from=" + facts_.sender + ", rcpt=" + (recipient.empty() ? "(nil)" : recipient) +
                 ", addr=" + client() + " is matched by entry " +
                 logged_text(*decision.rule, *configuration_));
}

void Conversation::log_met(std::string_view recipient, const Decision& decision, const TupleDecision& met) {
  using Kind = TupleDecision::Kind;
  const std::string address = facts_.client ? facts_.client->text() : "";
  const auto tuple = [&](std::string_view to) {
    return address + " from " + facts_.sender + std::string(to).append(recipient);
  };
  if (configuration_->verbose.value) {
    if (met.kind == Kind::first_encounter)
      log_.push_back("created:  " + tuple(" to ") + " delayed for " + clock_text(met.remaining));
    if (met.kind == Kind::passed || met.kind == Kind::autowhite) log_.push_back("removed: " + tuple(" to "));
  }
  if (met.kind == Kind::autowhite)
    log_.push_back(queue_id() + ": addr " + tuple(" rcpt ") + ": autowhitelisted for another " +
                   clock_text(decision.autowhite));
}

Verdict Conversation::data() { return owed_to_tarpit().value_or(Verdict{}); }

std::size_t Conversation::peek_limit() const {
  const auto maxpeek = last_.maxpeek ? last_.maxpeek : configuration_->maxpeek.value;
  if (!maxpeek || *maxpeek < 0) return kPeekLimit;
  return static_cast<std::size_t>(*maxpeek);
}

void Conversation::header(std::string_view name, std::string_view value) {
  std::string line(name);
  line.append(": ").append(value).append("\r\n");
  facts_.message_size += static_cast<std::int64_t>(line.size());
  if (peeked_ + line.size() > peek_limit()) {
    if (configuration_->verbose.value && !std::exchange(peek_ended_, true))
      log_.push_back(queue_id() + ": ignoring message beyond maxpeek = " + std::to_string(peek_limit()));
    peeked_ = peek_limit();
    return;
  }
  peeked_ += line.size();
  facts_.header_lines.push_back(std::move(line));
}

void Conversation::body(std::string_view octets) {
  if (facts_.body_pieces.empty()) {
    // The empty line between header and body counts as its first one.
    facts_.body_pieces.emplace_back("\r\n");
    facts_.message_size += 2;
    facts_.body_pieces.emplace_back();
  }
  facts_.message_size += static_cast<std::int64_t>(octets.size());
  const auto limit = peek_limit();
  const auto taken = octets.substr(0, limit - std::min(peeked_, limit));
  facts_.body_pieces.back() += taken;
  peeked_ += taken.size();
}

void Conversation::message_is_complete() { facts_.recipient.clear(); }

void Conversation::add_header(const RuleValues::AddedHeader& header, const FormatContext& context,
                              std::vector<MessageChange>& changes) {
  const auto line = expand(header.format, facts_, context);
  const auto colon = line.find(": ");
  if (colon == std::string::npos) {
    log_.push_back(queue_id() + ": bad header \"" + line + "\"");
    return;
  }
  MessageChange change{MessageChange::Kind::add_header, 0, line.substr(0, colon), line.substr(colon + 2)};
  if (header.index) {
    change.kind = MessageChange::Kind::insert_header;
    change.index = *header.index;
  }
  changes.push_back(std::move(change));
}

void Conversation::add_footer(const std::string& format, const FormatContext& context,
                              std::vector<MessageChange>& changes) const {
  // Only of a message that was seen whole: what was not is not there to be put in front of the footer.
  if (peeked_ >= peek_limit() || facts_.body_pieces.size() < 2) return;
  changes.push_back({MessageChange::Kind::replace_body,
                     0,
                     {},
                     facts_.body_pieces.back() + expand(unescaped(format), facts_, context)});
}

void Conversation::add_subject_tag(const std::string& format, const FormatContext& context,
                                   std::vector<MessageChange>& changes) const {
  constexpr std::string_view kSubject = "Subject: ";
  const auto found = std::find_if(facts_.header_lines.begin(), facts_.header_lines.end(),
                                  [&](const auto& line) { return line.starts_with(kSubject); });
  if (found == facts_.header_lines.end()) return;
  auto subject = found->substr(kSubject.size());
  while (subject.ends_with('\n') || subject.ends_with('\r')) subject.pop_back();
  const auto tag = expand(format, facts_, context);
  if (subject.find(tag) != std::string::npos) return;
  changes.push_back({MessageChange::Kind::change_subject, 0, "Subject", tag + subject});
}

std::optional<std::string> Conversation::report() const {
  const auto wanted = configuration_->report.value;
  auto known = context();
  take(last_, known);
  const bool delayed = longest_wait_.count() != 0;
  if (wanted == Report::none || wanted == (delayed ? Report::nodelays : Report::delays)) return std::nullopt;
  if (last_.values.report) return expand(*last_.values.report, facts_, known);
  if (delayed) return expand("Delayed for %E by %V", facts_, known);
  return expand(pass_report(last_pass_) + ", not delayed by %V", facts_, known);
}

Conversation::MessageVerdict Conversation::end_of_message(const Decision& decision) {
  properties_ = decision.properties;
  log_.insert(log_.end(), decision.log_lines.begin(), decision.log_lines.end());
  log_details(decision);
  if (put_off_) {
    for (const auto& recipient : facts_.accepted)
      log_refusal(last_, recipient, "delayed after DATA phase for " + clock_text(remaining_));
    return {refuse(last_, Verdict::Kind::tempfail, remaining_), {}};
  }
  if (decision.action == Action::blacklist) {
    log_refusal(decision, {}, "blacklisted");
    return {refuse(decision, Verdict::Kind::reject, {}), {}};
  }
  if (decision.action == Action::whitelist) log_pass(decision);
  if (decision.action == Action::greylist && passed_by_rules_) {
    // Rules at RCPT left it to those of the message: each recipient is met now.
    bool all_pass = true;
    std::chrono::seconds longest{0};
    for (const auto& recipient : facts_.accepted) {
      const auto met = tuples_.decide(tuple(recipient).value(), {decision.delay, decision.autowhite}, now());
      log_met(recipient, decision, met);
      all_pass = all_pass && met.passes();
      remaining_ = met.remaining;
      longest = std::max(longest, met.elapsed);
    }
    if (!all_pass) {
      for (const auto& recipient : facts_.accepted)
        log_refusal(decision, recipient, "delayed for " + clock_text(remaining_));
      return {refuse(decision, Verdict::Kind::tempfail, remaining_), {}};
    }
    longest_wait_ = std::max(longest_wait_, longest);
  }

  MessageVerdict passed;
  auto known = context();
  take(decision, known);
  const auto& values = decision.values;
  if (values.addheader) add_header(*values.addheader, known, passed.changes);
  if (values.addfooter) add_footer(*values.addfooter, known, passed.changes);
  if (values.subjtag) add_subject_tag(*values.subjtag, known, passed.changes);
  const auto told = report();
  if (told) passed.changes.push_back({MessageChange::Kind::add_header, 0, "X-Greylist", *told});
  auto of_recipient = context();
  take(last_, of_recipient);
  of_recipient.report = told.value_or("");
  if (last_.values.addheader) add_header(*last_.values.addheader, of_recipient, passed.changes);
  count(Verdict::Kind::accept, of_recipient);
  return passed;
}

void Conversation::abort() {
  const auto owed = std::exchange(tarpit_, std::nullopt);
  if (owed) tuples_.tarpit(owed->tuple, owed->wait, now());
}

}  // namespace hikyaku::greylist
