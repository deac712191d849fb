#include "cmd/command_description.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace hikyaku::cmd {
namespace {

using Json = nlohmann::ordered_json;
constexpr std::size_t kDeepest = 8;

std::string_view name_of(OptionDescription::Value value) {
  switch (value) {
    case OptionDescription::Value::text:
      return "text";
    case OptionDescription::Value::number:
      return "number";
    case OptionDescription::Value::none:
      break;
  }
  return "none";
}

OptionDescription::Value value_named(std::string_view name) {
  if (name == "text") return OptionDescription::Value::text;
  return name == "number" ? OptionDescription::Value::number : OptionDescription::Value::none;
}

Json json_of(const CommandDescription& command) {
  Json options = Json::array(), subcommands = Json::array();
  for (const auto& option : command.options) {
    options.push_back({{"names", option.names},
                       {"help", option.help},
                       {"value", name_of(option.value)},
                       {"default", option.preset},
                       {"one_of", option.one_of},
                       {"without", option.without},
                       {"positional", option.positional},
                       {"required", option.required},
                       {"many", option.many}});
  }
  for (const auto& subcommand : command.subcommands) subcommands.push_back(json_of(subcommand));
  return {{"name", command.name},
          {"description", command.description},
          {"footer", command.footer},
          {"options", options},
          {"subcommands", subcommands}};
}

OptionDescription option_of(const Json& json) {
  OptionDescription option;
  option.names = json.at("names").get<std::vector<std::string>>();
  option.help = json.at("help").get<std::string>();
  option.value = value_named(json.at("value").get<std::string>());
  option.preset = json.at("default").get<std::string>();
  option.one_of = json.at("one_of").get<std::vector<std::string>>();
  option.without = json.at("without").get<std::vector<std::string>>();
  option.positional = json.at("positional").get<bool>();
  option.required = json.at("required").get<bool>();
  option.many = json.at("many").get<bool>();
  return option;
}

CommandDescription command_of(const Json& json, std::size_t depth) {
  CommandDescription command;
  command.name = json.at("name").get<std::string>();
  command.description = json.at("description").get<std::string>();
  command.footer = json.at("footer").get<std::string>();
  for (const auto& option : json.at("options")) command.options.push_back(option_of(option));
  if (depth == kDeepest) return command;
  for (const auto& each : json.at("subcommands")) command.subcommands.push_back(command_of(each, depth + 1));
  return command;
}

/// Without the usage and the examples, which show letters joined ("-jMB"): each goes to the next empty line.
std::string without_blocks(std::string_view help) {
  std::string out;
  bool left_out = false;
  while (!help.empty()) {
    const auto line = help.substr(0, help.find('\n'));
    help.remove_prefix(std::min(help.size(), line.size() + 1));
    if (line.starts_with("usage:") || line.starts_with("Example")) left_out = true;
    if (line.empty()) left_out = false;
    if (!left_out) out.append(line) += '\n';
  }
  return out;
}

/// Behind | and [ a single dash continues the name before: "--xclient-optional[-strict]".
bool begins_name(std::string_view text, std::size_t at) {
  if (text[at] != '-') return false;
  if (at == 0 || std::string_view(" \n\t(,/").find(text[at - 1]) != std::string_view::npos) return true;
  return (text[at - 1] == '|' || text[at - 1] == '[') && text.substr(at).starts_with("--");
}

/// "-qRDOMAIN", "--no-NAME": what is in capitals at the end is to be put in.
bool stands_for_others(std::string_view name) {
  constexpr std::size_t kWord = 3;  // "-MB" is an option
  const auto tail = name.find_last_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ");
  return name.size() - (tail + 1) >= kWord;
}

bool of_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
}

}  // namespace

std::string to_json(const CommandDescription& command) { return json_of(command).dump(1); }

Result<CommandDescription> from_json(std::string_view text) {
  try {
    return command_of(Json::parse(text), 0);
  } catch (const Json::exception& error) {
    return fail(Fault::malformed,
                std::string("the description of a command is not as expected: ") + error.what());
  }
}

std::vector<std::string> options_in(std::string_view help) {
  std::vector<std::string> found;
  const auto text = without_blocks(help);
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (!begins_name(text, at)) continue;
    auto end = at;
    while (end < text.size() && of_name(text[end])) ++end;
    std::string name = text.substr(at, end - at);
    if (name.find_first_not_of('-') != name.npos && !stands_for_others(name) &&
        std::ranges::find(found, name) == found.end()) {
      found.push_back(std::move(name));
    }
    at = end;
  }
  return found;
}

}  // namespace hikyaku::cmd
