#include "config/main_cf.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "config/logical_lines.h"
#include "config/network_defaults.h"
#include "config/parameters.h"
#include "config/validate.h"

namespace hikyaku::config {
namespace {

[[noreturn]] void broken(std::string_view what, std::string_view name) {
  std::fprintf(stderr, "broken promise: %.*s \"%.*s\"\n", static_cast<int>(what.size()), what.data(),
               static_cast<int>(name.size()), name.data());
  std::abort();
}

/// `name = value` of one logical line.
struct Definition {
  std::string name;
  SourceText::Place place;
  SourceText value;
};

std::optional<Definition> read_definition(const SourceText& line, Diagnostics& diagnostics) {
  const std::string_view text = line.text();
  const auto equals = text.find('=');
  const auto name_end = std::min(text.find_first_of(kWhiteSpace), std::min(equals, text.size()));
  const auto name = text.substr(0, name_end);
  const auto after = text.find_first_not_of(kWhiteSpace, name_end);
  const auto fault = [&](std::size_t at, std::string what) {
    const auto place = line.place(at);
    diagnostics.add({.level = Diagnostic::Level::error,
                     .where = place.origin,
                     .column = place.column,
                     .text = std::move(what)});
    return std::nullopt;
  };
  if (name.empty()) return fault(0, "the name before = is missing: write name = value");
  if (after == std::string_view::npos || text[after] != '=') {
    return fault(after == std::string_view::npos ? 0 : after,
                 "= is missing after \"" + std::string(name.substr(0, 60)) + "\": write name = value");
  }
  Definition definition{.name = std::string(name), .place = line.place(0)};
  const auto begin = text.find_first_not_of(kWhiteSpace, equals + 1);
  if (begin != std::string_view::npos) definition.value.append(line, begin, text.size() - begin);
  definition.value.trim_end();
  return definition;
}

/// The built-in defaults as raw text.
const SourceText* fallback(std::string_view name) {
  static const auto texts = [] {
    std::map<std::string_view, SourceText> result;
    for (const auto& parameter : parameters()) {
      result.emplace(parameter.name, SourceText(std::string(parameter.fallback)));
    }
    return result;
  }();
  const auto found = texts.find(name);
  return found == texts.end() ? nullptr : &found->second;
}

}  // namespace

/// Expands and validates all parameters of a Main.
class Main::Builder : public Names {
 public:
  Builder(Main& main, Diagnostics& diagnostics) : main_(main), diagnostics_(diagnostics) {}
  void run();

 private:
  const SourceText* find(std::string_view name) const override;
  void set_default(std::string_view name, std::string value) {
    derived_.insert_or_assign(std::string(name), SourceText(std::move(value)));
  }
  std::optional<SourceText> expanded(std::string_view name);
  void derive_defaults();
  void store(std::string_view name, const Parameter* parameter);

  Main& main_;
  Diagnostics& diagnostics_;
  std::map<std::string, SourceText, std::less<>> derived_;  // defaults that are not the same on every machine
};

const SourceText* Main::Builder::find(std::string_view name) const {
  if (const auto written = main_.written_.find(name); written != main_.written_.end())
    return &written->second.value;
  if (const auto derived = derived_.find(name); derived != derived_.end()) return &derived->second;
  if (const auto* text = fallback(name); text != nullptr) return text;
  if (const auto* parameter = transport_parameter(name); parameter != nullptr) {
    return find(parameter->name);
  }
  return nullptr;
}

std::optional<SourceText> Main::Builder::expanded(std::string_view name) {
  const auto* raw = find(name);
  if (raw == nullptr) return SourceText();
  const auto* parameter = find_parameter(name);
  if (parameter != nullptr && parameter->kind == Kind::raw) return *raw;
  return expand(name, *raw, *this, diagnostics_, &main_.referenced_);
}

/// The defaults that come from the machine and from each other, in the order in which they need each other.
void Main::Builder::derive_defaults() {
  set_default("config_directory", main_.system_.config_directory);
  set_default("service_name", main_.service_name_);
  const auto value = [this](std::string_view name) {
    const auto result = expanded(name);
    return result ? result->text() : std::string();
  };
  const auto& hostname = main_.system_.hostname;
  const bool qualified = hostname.contains('.');
  set_default("myhostname", qualified ? hostname : hostname + '.' + value("mydomain"));
  const auto host = value("myhostname");
  if (const auto dot = host.find('.'); dot != std::string::npos)
    set_default("mydomain", host.substr(dot + 1));
  set_default("mynetworks", default_networks(value("mynetworks_style"), value("inet_interfaces"),
                                             main_.system_.interfaces));
}

void Main::Builder::store(std::string_view name, const Parameter* parameter) {
  const auto written = main_.written_.find(name);
  const bool set = written != main_.written_.end();
  if (const auto* raw = find(name); !set && raw != nullptr && !raw->text().contains('$')) {
    main_.values_.insert_or_assign(std::string(name), Entry{.expanded = *raw, .value = {raw->text(), {}}});
    return;
  }
  auto result = expanded(name);
  const bool good = result && (parameter == nullptr || validate(name, *parameter, *result, diagnostics_));
  if (!good) {
    // A faulty value is told; its default stands in for it, so that the rest can be read.
    Diagnostics told_already;
    const SourceText stand_in(std::string(parameter == nullptr ? std::string_view() : parameter->fallback));
    result = expand(name, stand_in, *this, told_already);
    if (!result || (parameter != nullptr && !validate(name, *parameter, *result, told_already)))
      result = SourceText();
  }
  Entry entry{.expanded = std::move(*result), .set = set};
  entry.value = {entry.expanded.text(), set ? written->second.name.origin : Origin{}};
  main_.values_.insert_or_assign(std::string(name), std::move(entry));
}

void Main::Builder::run() {
  main_.values_.clear();
  main_.referenced_.clear();
  derive_defaults();
  // What is written comes first: a fault is told for the parameter that has it, not for a default that refers
  // to it.
  for (const auto& [name, written] : main_.written_) {
    const auto* parameter = find_parameter(name);
    store(name, parameter == nullptr ? transport_parameter(name) : parameter);
  }
  for (const auto& parameter : parameters()) {
    if (!main_.written_.contains(parameter.name)) store(parameter.name, &parameter);
  }
  std::ranges::sort(main_.referenced_);
  const auto rest = std::ranges::unique(main_.referenced_);
  main_.referenced_.erase(rest.begin(), rest.end());
}

Main Main::parse(std::string_view text, std::string_view file_name, SourceCatalogue& sources,
                 Diagnostics& diagnostics, const System& system) {
  Main main;
  main.system_ = system;
  for (const auto& line : logical_lines(text, sources.add(file_name), diagnostics)) {
    auto definition = read_definition(line, diagnostics);
    if (!definition) continue;
    const auto earlier = main.written_.find(definition->name);
    if (earlier != main.written_.end()) {
      diagnostics.add({.level = Diagnostic::Level::warning,
                       .where = definition->place.origin,
                       .column = definition->place.column,
                       .text = definition->name + " is also set in line " +
                               std::to_string(earlier->second.name.origin.line) + "; this later one counts"});
    }
    main.written_.insert_or_assign(definition->name,
                                   Written{std::move(definition->value), definition->place});
  }
  Builder(main, diagnostics).run();
  return main;
}

Main Main::with_overrides(std::span<const Override> overrides, Diagnostics& diagnostics,
                          std::string_view service_name) const {
  Main main = *this;
  main.service_name_ = service_name;
  for (const auto& override : overrides) {
    Written written{.name = {.origin = override.origin, .column = 0}};
    written.value.append(override.value, {.origin = override.origin, .column = 0});
    main.written_.insert_or_assign(override.name, std::move(written));
  }
  Builder(main, diagnostics).run();
  return main;
}

const Main::Entry* Main::entry(std::string_view name) const {
  const auto found = values_.find(name);
  if (found != values_.end()) return &found->second;
  const auto* parameter = transport_parameter(name);
  return parameter == nullptr ? nullptr : entry(parameter->name);
}

const Main::Entry& Main::need(std::string_view name) const {
  const auto* found = entry(name);
  if (found == nullptr) broken("no parameter is called", name);
  return *found;
}

const Value& Main::text(std::string_view name) const { return need(name).value; }

const Value& Main::text_or(std::string_view name, std::string_view default_name) const {
  const auto found = values_.find(name);
  return found == values_.end() ? text(default_name) : found->second.value;
}

const Value* Main::find(std::string_view name) const {
  const auto* found = entry(name);
  return found == nullptr ? nullptr : &found->value;
}

bool Main::is_set(std::string_view name) const { return written_.contains(name); }

Origin Main::origin(std::string_view name) const { return need(name).value.origin; }

// A value that is malformed here was told as an error, and nothing runs on it: the readers of settings only
// go on to find the other faults.
bool Main::boolean(std::string_view name) const { return read_boolean(text(name).text).value_or(false); }

std::int64_t Main::integer(std::string_view name) const { return read_integer(text(name).text).value_or(0); }

std::int64_t Main::integer_or(std::string_view name, std::string_view default_name) const {
  return read_integer(text_or(name, default_name).text).value_or(0);
}

std::int64_t Main::size(std::string_view name) const { return integer(name); }

std::chrono::seconds Main::duration(std::string_view name) const {
  const auto* parameter = find_parameter(name);
  if (parameter == nullptr) parameter = transport_parameter(name);
  return read_duration(text(name).text, parameter == nullptr ? 's' : parameter->unit)
      .value_or(std::chrono::seconds(0));
}

std::chrono::seconds Main::duration_or(std::string_view name, std::string_view default_name) const {
  const auto* parameter = find_parameter(default_name);
  return read_duration(text_or(name, default_name).text, parameter == nullptr ? 's' : parameter->unit)
      .value_or(std::chrono::seconds(0));
}

std::vector<Value> Main::list(std::string_view name) const {
  std::vector<Value> elements;
  const auto& expanded = need(name).expanded;
  const std::string_view text = expanded.text();
  for (auto at = text.find_first_not_of(kListSeparators); at != std::string_view::npos;) {
    const auto end = element_end(text, at);
    const auto place = expanded.place(at);
    elements.push_back({std::string(text.substr(at, end - at)), place.origin, place.column});
    at = text.find_first_not_of(kListSeparators, end);
  }
  return elements;
}

std::vector<Value> Main::split(const Value& value) {
  std::vector<Value> elements;
  const std::string_view text = value.text;
  for (auto at = text.find_first_not_of(kListSeparators); at != std::string_view::npos;) {
    const auto end = element_end(text, at);
    const auto column = value.column == 0 ? 0 : value.column + static_cast<unsigned>(at);
    elements.push_back({std::string(text.substr(at, end - at)), value.origin, column});
    at = text.find_first_not_of(kListSeparators, end);
  }
  return elements;
}

std::vector<std::string> Main::set_names() const {
  std::vector<std::string> names;
  for (const auto& [name, written] : written_) names.push_back(name);
  return names;
}

const SourceText* Main::written(std::string_view name) const {
  const auto found = written_.find(name);
  return found == written_.end() ? nullptr : &found->second.value;
}

}  // namespace hikyaku::config
