#include "cmd/command_line.h"

#include <sysexits.h>

#include <CLI/CLI.hpp>

namespace hikyaku::cmd {
namespace {

/// Nothing to tell of as a default.
bool unset(const std::string* value) { return value->empty(); }
bool unset(const std::vector<std::string>*) { return true; }
template <typename Number>
bool unset(const Number* value) {
  return *value == 0 || *value == static_cast<Number>(-1);
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
  if (!rules.one_of.empty()) option->check(CLI::IsMember(rules.one_of));
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
  } catch (const CLI::ParseError& error) {
    return app_->exit(error) == 0 ? EX_OK : EX_USAGE;
  }
  return std::nullopt;
}

bool CommandLine::called() const { return app_->parsed(); }

bool CommandLine::given(const std::string& option) const { return app_->get_option(option)->count() > 0; }

}  // namespace hikyaku::cmd
