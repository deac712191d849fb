#include "serve/milter_manager_file.h"

#include <glob.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <mutex>
#include <span>
#include <utility>

#include "base/escape.h"
#include "config/milter_manager_conf.h"
#include "config/spelling.h"
#include "io/ruby_process.h"

namespace hikyaku::serve {
namespace {

constexpr std::chrono::milliseconds kLoadTime{5000}, kBlockTime{1000};  // of the processor
constexpr std::size_t kMostFiles = 1000, kMostOctets = std::size_t{4} << 20;
constexpr std::size_t kMostShelf = 64 * 1024;

Result<std::string> read_file(const std::string& name) {
  std::ifstream file(name, std::ios::binary);
  std::error_code error;
  const auto size = std::filesystem::file_size(name, error);
  if (!file || error)
    return fail(Fault::not_found, "read " + name + ": there is no such file, or no access to it");
  if (size > kMostOctets)
    return fail(Fault::permanent,
                "read " + name + ": it has more than " + std::to_string(kMostOctets) + " octets");
  return std::string(std::istreambuf_iterator<char>(file), {});
}

/// The files of a pattern, in the order of their names.
std::vector<std::string> files_of(const std::string& pattern) {
  std::vector<std::string> names;
  glob_t found{};
  if (::glob(pattern.c_str(), GLOB_BRACE, nullptr, &found) == 0)
    for (std::size_t i = 0; i < found.gl_pathc && i < kMostFiles; ++i) names.emplace_back(found.gl_pathv[i]);
  ::globfree(&found);
  return names;
}

/// Answers what a configuration asks of the world.
class ConfigurationHost {
 public:
  explicit ConfigurationHost(const std::string& name)
      : folder_(std::filesystem::absolute(name).parent_path().string()) {}

  const std::vector<std::string>& files() const { return files_; }
  const std::string& folder() const { return folder_; }

  Result<PlainValue> answer(std::string_view what, const PlainValue::List& arguments) {
    const auto text = [&arguments](std::size_t number) -> std::string {
      const auto* value = number < arguments.size() ? arguments[number].text() : nullptr;
      return value == nullptr ? std::string() : *value;
    };
    if (what == "load") return load(text(0));
    if (what == "nearest") return nearest(text(0), arguments);
    if (what == "folder") return PlainValue(folder_);
    if (what == "environment") {
      const auto* value = std::getenv(text(0).c_str());
      return value == nullptr ? PlainValue() : PlainValue(std::string(value));
    }
    if (what == "file") return ask_file(text(0), absolute(text(1)));
    if (what == "read") {
      auto read = read_file(absolute(text(0)));
      if (!read) return std::unexpected(std::move(read.error()));
      remember(absolute(text(0)));
      return PlainValue(*std::move(read));
    }
    // What it logs while it is read is nobody's yet.
    if (what == "log") return PlainValue();
    return fail(Fault::permanent, "'" + escaped(what, 100) + "' is nothing that can be asked");
  }

 private:
  std::string absolute(const std::string& path) const {
    return path.starts_with('/') ? path : folder_ + "/" + path;
  }
  void remember(const std::string& name) {
    if (files_.size() < kMostFiles && std::ranges::find(files_, name) == files_.end()) files_.push_back(name);
  }
  Result<PlainValue> load(const std::string& pattern) {
    PlainValue::List all;
    for (const auto& name : files_of(absolute(pattern))) {
      auto text = read_file(name);
      if (!text) return std::unexpected(std::move(text.error()));
      remember(name);
      all.emplace_back(PlainValue::List{name, *std::move(text)});
    }
    return PlainValue(std::move(all));
  }
  static Result<PlainValue> nearest(const std::string& word, const PlainValue::List& arguments) {
    std::vector<std::string_view> words;
    const auto* list = arguments.size() > 1 ? arguments[1].list() : nullptr;
    if (list != nullptr)
      for (const auto& one : *list)
        if (const auto* known = one.text()) words.push_back(*known);
    const auto near = config::nearest(word, words);
    return near.empty() ? PlainValue() : PlainValue(std::string(near));
  }
  static Result<PlainValue> ask_file(const std::string& what, const std::string& path) {
    std::error_code error;
    const auto status = std::filesystem::status(path, error);
    if (what == "exist") return PlainValue(std::filesystem::exists(status));
    if (what == "file") return PlainValue(std::filesystem::is_regular_file(status));
    if (what == "directory") return PlainValue(std::filesystem::is_directory(status));
    return PlainValue(std::ifstream(path).good());
  }

  std::string folder_;
  std::vector<std::string> files_;
};

struct Interpreter {
  std::unique_ptr<io::RubyProcess> process;
  PlainValue rows;
};

Result<Interpreter> read_into_interpreter(const std::string& name, ConfigurationHost& host) {
  const auto ask = [&host](std::string_view what, const PlainValue::List& arguments) {
    return host.answer(what, arguments);
  };
  auto process = io::RubyProcess::start({});
  if (!process) return std::unexpected(std::move(process.error()));
  auto defined = (*process)->define(config::milter_manager_language(), "(hikyaku)", ask);
  if (!defined) return std::unexpected(std::move(defined.error()));
  auto rows = (*process)->call("configure",
                               {name, config::milter_manager_names(), config::built_in_condition_files()},
                               kLoadTime, ask);
  if (!rows) return std::unexpected(std::move(rows.error()));
  return Interpreter{std::move(*process), *std::move(rows)};
}

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

/// One interpreter that has read the configuration. One that died, of an endless loop or a full memory, is
/// made anew for the next block.
class RubyBlocks : public policy::RubyStopperPort {
 public:
  RubyBlocks(std::string name, std::unique_ptr<io::RubyProcess> process)
      : name_(std::move(name)), process_(std::move(process)) {}

  Result<Answer> ask(const policy::RubyBlock& block, const policy::StageFacts& facts, std::string_view shelf,
                     std::optional<std::string_view> matched) override {
    const std::lock_guard lock(mutex_);
    if (!process_->alive()) {
      ConfigurationHost host(name_);
      auto fresh = read_into_interpreter(name_, host);
      if (!fresh) return std::unexpected(std::move(fresh.error()));
      process_ = std::move(fresh->process);
    }
    Answer answer;
    const auto log = [&answer](std::string_view what,
                               const PlainValue::List& arguments) -> Result<PlainValue> {
      if (what != "log") return fail(Fault::permanent, "a block can ask for nothing but what it is given");
      if (arguments.size() > 1 && arguments[1].text() != nullptr && answer.log.size() < 20)
        answer.log.push_back(escaped(*arguments[1].text()));
      return PlainValue();
    };
    auto kept = shelf.empty() ? Result<PlainValue>(PlainValue(PlainValue::Map())) : PlainValue::parse(shelf);
    if (!kept) return std::unexpected(std::move(kept.error()));
    auto said = process_->call("decide",
                               {static_cast<std::int64_t>(block.number), values_of(facts), *std::move(kept),
                                matched ? PlainValue(*matched) : PlainValue()},
                               kBlockTime, log);
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

 private:
  const std::string name_;
  std::mutex mutex_;
  std::unique_ptr<io::RubyProcess> process_;
};

}  // namespace

Result<MilterManagerFile> MilterManagerFile::load(const std::string& name, SourceCatalogue& sources,
                                                  config::Diagnostics& diagnostics) {
  if (auto readable = read_file(name); !readable) return std::unexpected(std::move(readable.error()));
  ConfigurationHost host(name);
  auto read = read_into_interpreter(std::filesystem::absolute(name).string(), host);
  if (!read) return std::unexpected(std::move(read.error()));
  MilterManagerFile file;
  file.settings = config::milter_manager_settings(read->rows, sources, diagnostics);
  config::check(file.settings, diagnostics);
  file.files = host.files();
  file.ruby =
      std::make_shared<RubyBlocks>(std::filesystem::absolute(name).string(), std::move(read->process));
  return file;
}

}  // namespace hikyaku::serve
