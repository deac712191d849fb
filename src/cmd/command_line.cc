#include "cmd/command_line.h"

#include <sysexits.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>

#include "cmd/command_description.h"

namespace hikyaku::cmd {
namespace {

/// Nothing to tell of as a default.
bool unset(const std::string* value) { return value->empty(); }
bool unset(const std::vector<std::string>*) { return true; }
template <typename Number>
bool unset(const Number* value) {
  return *value == 0 || *value == static_cast<Number>(-1);
}

/// "TEXT:{full,hdrs}": the values that IsMember lets pass.
std::vector<std::string> values_of(const std::string& type) {
  std::vector<std::string> values;
  const auto begin = type.find('{'), end = type.rfind('}');
  if (begin == type.npos || end == type.npos) return values;
  for (std::size_t at = begin + 1; at <= end;) {
    const auto comma = std::min(type.find(',', at), end);
    values.push_back(type.substr(at, comma - at));
    at = comma + 1;
  }
  return values;
}

OptionDescription described(const CLI::Option& option, bool positional) {
  OptionDescription made;
  made.positional = positional;
  if (positional) {
    made.names.push_back(option.get_name(true));
  } else {
    for (const auto& name : option.get_snames()) made.names.push_back('-' + name);
    for (const auto& name : option.get_lnames()) made.names.push_back("--" + name);
  }
  made.help = option.get_description();
  const auto type = option.get_type_name();
  if (option.get_items_expected_max() != 0) {
    made.value = type.starts_with("TEXT") ? OptionDescription::Value::text : OptionDescription::Value::number;
  }
  made.one_of = values_of(type);
  made.preset = option.get_default_str();
  made.required = option.get_required();
  made.many = option.get_items_expected_max() > 1;
  for (const auto* other : option.get_excludes()) made.without.push_back(other->get_name());
  return made;
}

CommandDescription described(const CLI::App& app) {
  CommandDescription made;
  made.name = app.get_name();
  made.description = app.get_description();
  made.footer = app.get_footer();
  for (const auto* option : app.get_options()) {
    // One may be both: "database,--database".
    if (option->get_positional()) made.options.push_back(described(*option, true));
    if (option->nonpositional()) made.options.push_back(described(*option, false));
  }
  for (const auto* subcommand : app.get_subcommands([](const CLI::App*) { return true; })) {
    made.subcommands.push_back(described(*subcommand));
    // A subcommand has the footer of the command above where it has none of its own.
    if (made.subcommands.back().footer == made.footer) made.subcommands.back().footer.clear();
  }
  return made;
}

bool help_in_json() {
  const char* const format = std::getenv(kHelpFormat);
  return format != nullptr && format == kHelpInJson;
}

}  // namespace

CommandLine::CommandLine(std::string_view name, std::string_view description)
    : owned_(std::make_unique<CLI::App>(std::string(description), std::string(name))), app_(owned_.get()) {}

CommandLine::CommandLine(CLI::App& app) : app_(&app) {}
CommandLine::CommandLine(CommandLine&&) noexcept = default;
CommandLine::~CommandLine() = default;

void CommandLine::option(std::string_view names, Value into, std::string_view help,
                         const OptionRules& rules) {
  auto* option = std::visit(
      [&](auto* value) {
        auto* made = app_->add_option(std::string(names), *value, std::string(help));
        if (!unset(value)) made->capture_default_str();
        return made;
      },
      into);
  if (rules.required) option->required();
  if (!rules.one_of.empty()) {
    option->check(rules.any_case ? CLI::IsMember(rules.one_of, CLI::ignore_case)
                                 : CLI::IsMember(rules.one_of));
  }
  if (!rules.without.empty()) option->excludes(app_->get_option(std::string(rules.without)));
}

void CommandLine::flag(std::string_view names, bool& into, std::string_view help) {
  app_->add_flag(std::string(names), into, std::string(help));
}

void CommandLine::config_directory(std::string& into) {
  option("-c,--config,--config-directory", &into, "the folder of main.cf and master.cf");
}

void CommandLine::footer(std::string_view text) { app_->footer(std::string(text)); }

CommandLine& CommandLine::subcommand(std::string_view name, std::string_view description) {
  app_->require_subcommand(1);
  app_->fallthrough();
  auto* app = app_->add_subcommand(std::string(name), std::string(description));
  subcommands_.push_back(std::unique_ptr<CommandLine>(new CommandLine(*app)));
  return *subcommands_.back();
}

std::optional<int> CommandLine::parse(int argc, char** argv) {
  try {
    app_->parse(argc, argv);
  } catch (const CLI::CallForHelp& error) {
    if (!help_in_json()) return app_->exit(error) == 0 ? EX_OK : EX_USAGE;
    std::puts(to_json(described(*app_)).c_str());
    return EX_OK;
  } catch (const CLI::ParseError& error) {
    return app_->exit(error) == 0 ? EX_OK : EX_USAGE;
  }
  return std::nullopt;
}

bool CommandLine::called() const { return app_->parsed(); }

bool CommandLine::given(const std::string& option) const { return app_->get_option(option)->count() > 0; }

}  // namespace hikyaku::cmd
