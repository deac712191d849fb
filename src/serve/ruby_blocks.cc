#include "serve/ruby_blocks.h"

#include <chrono>
#include <span>
#include <utility>

#include "base/escape.h"
#include "config/milter_manager_conf.h"

namespace hikyaku::serve {
namespace {

constexpr std::chrono::milliseconds kReadTime{2000}, kBlockTime{200};  // of the processor
constexpr std::size_t kMostShelf = 64 * 1024, kMostLines = 20, kMostEnded = 3;

PlainValue texts(std::span<const std::string> all) {
  PlainValue::List list;
  for (const auto& one : all) list.emplace_back(one);
  return {std::move(list)};
}

std::string_view word_of(policy::MilterClient::Family family) {
  using Family = policy::MilterClient::Family;
  return family == Family::inet    ? "inet"
         : family == Family::inet6 ? "inet6"
         : family == Family::local ? "unix"
                                   : "unknown";
}

std::string_view word_of(policy::ChildState::Status status) {
  using Status = policy::ChildState::Status;
  switch (status) {
    case Status::accept:
      return "accept";
    case Status::reject:
      return "reject";
    case Status::temporary_failure:
      return "temporary-failure";
    case Status::discard:
      return "discard";
    case Status::going_on:
      break;
  }
  return "going-on";
}

PlainValue values_of(const policy::StageFacts& facts) {
  PlainValue::Map map, macros, children;
  const auto add = [](PlainValue::Map& into, std::string_view key, PlainValue value) {
    into.items.emplace_back(key);
    into.items.push_back(std::move(value));
  };
  if (facts.macros != nullptr) {
    for (const auto& [name, value] : *facts.macros) {
      const bool braces = name.size() > 2 && name.front() == '{' && name.back() == '}';
      add(macros, braces ? std::string_view(name).substr(1, name.size() - 2) : std::string_view(name), value);
    }
  }
  for (const auto& child : facts.children)
    add(children, child.name, PlainValue::List{PlainValue(word_of(child.status)), child.quitted});
  add(map, "stage", static_cast<std::int64_t>(facts.stage));
  add(map, "client_name", facts.client.name);
  add(map, "family", word_of(facts.client.family));
  add(map, "address", facts.client.address);
  add(map, "port", std::int64_t{facts.client.port});
  add(map, "helo", facts.helo);
  add(map, "sender", facts.sender);
  add(map, "parameters", texts(facts.parameters));
  add(map, "recipient", facts.recipient);
  add(map, "header_name", facts.header_name);
  add(map, "header_value", facts.header_value);
  add(map, "chunk", facts.chunk);
  add(map, "macros", std::move(macros));
  add(map, "sessions", static_cast<std::int64_t>(facts.sessions));
  add(map, "child", facts.child);
  add(map, "children", std::move(children));
  return {std::move(map)};
}

}  // namespace

RubyBlocks::RubyBlocks(std::string name, std::size_t most, std::size_t stress)
    : name_(std::move(name)), most_(most), host_(name_, stress) {}

Result<std::unique_ptr<RubyBlocks>> RubyBlocks::read(std::string name, std::size_t interpreters,
                                                     std::size_t stress) {
  std::unique_ptr<RubyBlocks> blocks(new RubyBlocks(std::move(name), interpreters, stress));
  auto made = blocks->make();
  if (!made) return std::unexpected(std::move(made.error()));
  blocks->rows_ = std::move(made->second);
  blocks->idle_.push_back(std::move(made->first));
  blocks->made_ = 1;
  return blocks;
}

Result<std::pair<RubyBlocks::Interpreter, PlainValue>> RubyBlocks::make() {
  const std::lock_guard lock(host_mutex_);
  const auto ask = [this](std::string_view what, const PlainValue::List& arguments) {
    return host_.answer(what, arguments);
  };
  auto process = io::RubyProcess::start({});
  if (!process) return std::unexpected(std::move(process.error()));
  if (auto defined = (*process)->define(config::milter_manager_language(), "(hikyaku)", ask); !defined)
    return std::unexpected(std::move(defined.error()));
  auto rows = (*process)->call("configure",
                               {name_, config::milter_manager_names(), config::built_in_condition_files()},
                               kReadTime, ask);
  if (!rows) return std::unexpected(std::move(rows.error()));
  return std::pair(std::move(*process), *std::move(rows));
}

Result<RubyBlocks::Interpreter> RubyBlocks::borrow() {
  {
    std::unique_lock lock(mutex_);
    idle_again_.wait(lock, [this] { return !idle_.empty() || made_ < most_; });
    if (!idle_.empty()) {
      auto interpreter = std::move(idle_.back());
      idle_.pop_back();
      return interpreter;
    }
    ++made_;
  }
  auto made = make();
  if (made && made->second == rows_) return std::move(made->first);
  give_back(nullptr);
  if (!made) return std::unexpected(std::move(made.error()));
  // The numbers of blocks hold for the configuration that the settings are of.
  return fail(Fault::permanent,
              name_ +
                  ": read again it says something else (does it ask for the time?), so that its "
                  "blocks can't be asked: reload it");
}

void RubyBlocks::give_back(Interpreter interpreter) {
  {
    const std::lock_guard lock(mutex_);
    if (interpreter && interpreter->alive())
      idle_.push_back(std::move(interpreter));
    else
      --made_;
  }
  idle_again_.notify_one();
}

bool RubyBlocks::given_up(std::size_t block) {
  const std::lock_guard lock(mutex_);
  const auto ended = ended_.find(block);
  return ended != ended_.end() && ended->second >= kMostEnded;
}

void RubyBlocks::count_ended(std::size_t block) {
  const std::lock_guard lock(mutex_);
  ++ended_[block];
}

Result<RubyBlocks::Answer> RubyBlocks::ask(const policy::RubyBlock& block, const policy::StageFacts& facts,
                                           std::string_view shelf, std::optional<std::string_view> matched) {
  if (given_up(block.number))
    return fail(Fault::permanent, "a block that has ended its interpreter " + std::to_string(kMostEnded) +
                                      " times is not asked again until the configuration is reloaded");
  auto kept = shelf.empty() ? Result<PlainValue>(PlainValue::Map()) : PlainValue::parse(shelf);
  if (!kept) return std::unexpected(std::move(kept.error()));
  auto interpreter = borrow();
  if (!interpreter) return std::unexpected(std::move(interpreter.error()));
  Answer answer;
  const auto log = [&answer](std::string_view what, const PlainValue::List& arguments) -> Result<PlainValue> {
    if (what != "log") return fail(Fault::permanent, "a block can ask for nothing but what it is given");
    if (arguments.size() > 1 && arguments[1].text() != nullptr && answer.log.size() < kMostLines)
      answer.log.push_back(escaped(*arguments[1].text()));
    return PlainValue();
  };
  auto said = (*interpreter)
                  ->call("decide",
                         {static_cast<std::int64_t>(block.number), values_of(facts), *std::move(kept),
                          matched ? PlainValue(*matched) : PlainValue()},
                         kBlockTime, log);
  if (!(*interpreter)->alive()) count_ended(block.number);
  give_back(std::move(*interpreter));
  if (!said) return std::unexpected(std::move(said.error()));
  const auto* parts = said->list();
  if (parts == nullptr || parts->size() != 3 || (*parts)[0].truth() == nullptr)
    return fail(Fault::permanent, "a block gave no answer: " + text(*said));
  answer.value = *(*parts)[0].truth();
  if (const auto* changes = (*parts)[1].map())
    for (std::size_t i = 0; i + 1 < changes->items.size(); i += 2)
      if (changes->items[i].text() != nullptr && changes->items[i + 1].text() != nullptr)
        answer.macros.emplace_back(*changes->items[i].text(), *changes->items[i + 1].text());
  answer.shelf = (*parts)[2].encoded();
  if (answer.shelf.size() > kMostShelf)
    return fail(Fault::permanent, "mail_transaction_shelf holds more than 64 KiB");
  return answer;
}

}  // namespace hikyaku::serve
