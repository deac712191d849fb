#include "serve/multiplexer_conditions.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <memory>
#include <set>
#include <utility>

#include "base/escape.h"

namespace hikyaku::serve {

namespace asio = boost::asio;

namespace {

using milter::FilterSession;

policy::MilterClient::Family family_of(milter::ClientAddress::Family family) {
  using Family = policy::MilterClient::Family;
  switch (family) {
    case milter::ClientAddress::Family::local:
      return Family::local;
    case milter::ClientAddress::Family::inet:
      return Family::inet;
    case milter::ClientAddress::Family::inet6:
      return Family::inet6;
    case milter::ClientAddress::Family::unknown:
      break;
  }
  return Family::unknown;
}

policy::ChildState::Status status_of(const milter::ClientSession::Verdict& verdict) {
  using Kind = milter::ClientSession::Verdict::Kind;
  using Status = policy::ChildState::Status;
  switch (verdict.kind) {
    case Kind::accept:
      return Status::accept;
    case Kind::reply:
      return verdict.reply.code >= 500 ? Status::reject : Status::temporary_failure;
    case Kind::shutdown:
      return Status::temporary_failure;
    case Kind::discard:
      return Status::discard;
    case Kind::go_on:
    case Kind::quarantine:
      break;
  }
  return Status::going_on;
}

}  // namespace

void MultiplexerConditions::take(const FilterSession::Event& event) {
  parameters_.clear();
  chunk_ = {};
  if (const auto* connect = std::get_if<FilterSession::Connect>(&event)) {
    client_name_ = connect->name;
    client_ = connect->address;
    client_text_ = escaped(connect->name, 255) + "[" + escaped(connect->address.address, 255) + "]";
  } else if (const auto* helo = std::get_if<FilterSession::Helo>(&event)) {
    helo_ = helo->name;
  } else if (const auto* mail = std::get_if<FilterSession::Mail>(&event)) {
    sender_ = mail->path;
    parameters_ = mail->parameters;
    recipient_.clear();
    memory_ = {};
  } else if (const auto* rcpt = std::get_if<FilterSession::Rcpt>(&event)) {
    recipient_ = rcpt->path;
    parameters_ = rcpt->parameters;
  } else if (const auto* header = std::get_if<FilterSession::Header>(&event)) {
    header_ = header->header;
  } else if (const auto* body = std::get_if<FilterSession::Body>(&event)) {
    chunk_ = body->octets;
  }
}

policy::MilterClient MultiplexerConditions::client_facts() const {
  return {client_name_, family_of(client_.family), client_.address, client_.port};
}

bool MultiplexerConditions::acts(std::size_t child, const milter::Multiplexer& core) const {
  return core.may_be_ruled_out(child) &&
         configuration_.settings.conditions.acts(stage_, configuration_.children[child].uses);
}

MultiplexerConditions::Need MultiplexerConditions::begin(const milter::Multiplexer::Decide& decision,
                                                         const milter::Multiplexer& core) {
  take(*decision.event);
  const auto stage = stage_of(decision.command);
  if (!stage) return Need::nothing;
  stage_ = *stage;
  auto need = Need::nothing;
  const auto& conditions = configuration_.settings.conditions;
  for (std::size_t child = 0; child < configuration_.children.size(); ++child) {
    if (!acts(child, core)) continue;
    const auto& uses = configuration_.children[child].uses;
    if (conditions.may_wait(stage_, uses) ||
        (stage_ == policy::MilterStage::connect && !conditions.dnsbl_questions(client_facts(), uses).empty()))
      return Need::waiting;
    need = Need::now;
  }
  return need;
}

std::vector<MultiplexerConditions::Decided> MultiplexerConditions::look(
    const milter::Multiplexer& core, const std::vector<policy::DnsblAnswer>& dnsbl) {
  std::vector<policy::ChildState> states;
  for (std::size_t child = 0; child < configuration_.children.size(); ++child)
    states.push_back({configuration_.children[child].settings->name, status_of(core.last_verdict(child)),
                      !core.takes_part(child)});
  policy::StageFacts facts;
  facts.stage = stage_;
  facts.client = client_facts();
  facts.helo = helo_;
  facts.sender = sender_;
  facts.parameters = parameters_;
  facts.recipient = recipient_;
  facts.header_name = header_.name;
  // As the manual's examples have it: without the blank behind the colon.
  facts.header_value = header_.value;
  if (core.parent().leading_space() == milter::LeadingSpace::kept && facts.header_value.starts_with(' '))
    facts.header_value.remove_prefix(1);
  facts.chunk = chunk_;
  facts.sessions = services_.begun - services_.ended;
  facts.dnsbl = dnsbl;
  facts.children = states;
  std::vector<Decided> all;
  for (std::size_t child = 0; child < configuration_.children.size(); ++child) {
    if (!acts(child, core)) continue;
    const auto macros = core.known_macros(child);
    facts.macros = &macros.all();
    facts.child = configuration_.children[child].settings->name;
    all.push_back(
        {child, configuration_.settings.conditions.decide(facts, configuration_.children[child].uses, memory_,
                                                          configuration_.ruby.get())});
  }
  return all;
}

void MultiplexerConditions::apply(std::vector<Decided> all, milter::Multiplexer& core) {
  for (auto& [child, decision] : all) {
    const auto& name = configuration_.children[child].settings->name;
    for (const auto& failure : decision.failures)
      services_.log.warning("condition", "filter " + escaped(name) + " stays applicable: " + failure);
    for (const auto& line : decision.log) services_.log.info("condition", line);
    for (const auto& [macro, value] : decision.macros) core.set_macro(child, macro, value);
    if (!decision.stop) continue;
    core.rule_out(
        child, escaped(decision.stop->name) + " (" +
                   (decision.stop->origin.built_in() ? "built in"
                                                     : configuration_.sources->text(decision.stop->origin)) +
                   "): " + decision.stop->predicate);
  }
}

namespace {

constexpr std::chrono::seconds kDnsblPatience{5};  // milter-manager's; MTAs wait 30 s for an answer

/// Questions that are in flight together.
struct Questions {
  explicit Questions(const asio::any_io_executor& executor) : over(executor, kDnsblPatience) {}
  std::vector<policy::DnsblAnswer> answers;  // at first that none came
  std::size_t open = 0;
  asio::steady_timer over;
};

asio::awaitable<void> ask(io::Resolver& resolver, std::shared_ptr<Questions> questions, std::size_t number) {
  auto reply = co_await resolver.query(questions->answers[number].name, io::Resolver::Type::a);
  auto& answer = questions->answers[number];
  answer.failed = reply.status == io::DnsReply::Status::temporary;
  for (auto& record : reply.records) answer.addresses.push_back(std::move(record.text));
  if (--questions->open == 0) questions->over.cancel();
}

/// The answers that came within kDnsblPatience.
asio::awaitable<std::vector<policy::DnsblAnswer>> ask_all(io::Resolver& resolver,
                                                          std::set<std::string> names) {
  const auto executor = co_await asio::this_coro::executor;
  auto questions = std::make_shared<Questions>(executor);
  for (const auto& name : names) {
    policy::DnsblAnswer answer;
    answer.name = name;
    answer.failed = true;
    questions->answers.push_back(std::move(answer));
  }
  questions->open = names.size();
  for (std::size_t i = 0; i < names.size(); ++i)
    asio::co_spawn(executor, ask(resolver, questions, i), asio::detached);
  if (questions->open > 0) co_await questions->over.async_wait(asio::as_tuple(asio::use_awaitable));
  co_return questions->answers;
}

}  // namespace

asio::awaitable<void> MultiplexerConditions::decide_waiting(milter::Multiplexer& core) {
  bool may_wait = false;
  std::set<std::string> names;
  for (std::size_t child = 0; child < configuration_.children.size(); ++child) {
    if (!acts(child, core)) continue;
    const auto& uses = configuration_.children[child].uses;
    may_wait = may_wait || configuration_.settings.conditions.may_wait(stage_, uses);
    if (stage_ != policy::MilterStage::connect) continue;
    const auto questions = configuration_.settings.conditions.dnsbl_questions(client_facts(), uses);
    names.insert(questions.begin(), questions.end());
  }
  const auto dnsbl = co_await ask_all(services_.resolver, std::move(names));
  if (!may_wait) {
    apply(look(core, dnsbl), core);
    co_return;
  }
  auto work = [this, &core, &dnsbl] { return look(core, dnsbl); };
  auto decided = co_await services_.pool.run(std::move(work));
  apply(std::move(decided), core);
}

}  // namespace hikyaku::serve
