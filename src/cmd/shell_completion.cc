#include "cmd/shell_completion.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

namespace hikyaku::cmd {
namespace {

using Value = OptionDescription::Value;

/// A command as both shells see it: with the options of those above it, which may stand behind it too.
struct Node {
  std::string path;     ///< "hikyaku queue list"
  std::string summary;  ///< one line
  std::vector<OptionDescription> options, arguments;
  std::vector<std::pair<std::string, std::string>> subcommands;  ///< with what each does
};

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

std::vector<OptionDescription> options_of(const CommandDescription& command) {
  auto options = command.options;
  for (auto& name : options_in(command.help)) {
    OptionDescription option;
    option.names.push_back(std::move(name));
    options.push_back(std::move(option));
  }
  if (command.help.empty()) return options;
  OptionDescription argument;
  argument.names = {"argument"};
  argument.value = Value::text;
  argument.positional = argument.many = true;
  options.push_back(std::move(argument));
  return options;
}

void add_nodes(std::vector<Node>& nodes, const CommandDescription& command, const std::string& above,
               const std::vector<OptionDescription>& inherited) {
  Node node{above + ' ' + command.name,
            first_line(command.summary.empty() ? command.description : command.summary),
            {},
            {},
            {}};
  for (auto& option : options_of(command))
    (option.positional ? node.arguments : node.options).push_back(std::move(option));
  for (const auto& option : inherited) {
    // What reads its options itself does not know those of the command above.
    if (command.help.empty() && option.names.front() != "-h") node.options.push_back(option);
  }
  for (const auto& subcommand : command.subcommands) {
    const auto& summary = subcommand.description.empty() ? subcommand.help : subcommand.description;
    node.subcommands.emplace_back(subcommand.name, first_line(summary));
  }
  const auto path = node.path;
  const auto options = node.options;
  nodes.push_back(std::move(node));
  for (const auto& subcommand : command.subcommands) add_nodes(nodes, subcommand, path, options);
}

/// hikyaku itself first.
std::vector<Node> nodes_of(std::span<const CommandDescription> commands) {
  std::vector<Node> nodes(1);
  nodes.front().path = "hikyaku";
  for (const auto& name : {std::pair{"--help", "the commands"}, std::pair{"--version", "the version"}}) {
    OptionDescription option;
    option.names = {name.first};
    option.help = name.second;
    nodes.front().options.push_back(std::move(option));
  }
  for (const auto& command : commands) {
    nodes.front().subcommands.emplace_back(command.name, command.summary);
    add_nodes(nodes, command, "hikyaku", {});
  }
  return nodes;
}

std::string joined(const std::vector<std::string>& words) { return fmt::format("{}", fmt::join(words, " ")); }

/// In single quotes, for both shells.
std::string in_quotes(std::string_view text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + '\'';
}

// ---- bash ----

/// What is offered for a value: words, or files, or (a number) nothing.
std::string values_of(const OptionDescription& option) {
  if (!option.one_of.empty()) return joined(option.one_of);
  return option.value == Value::text ? "<files>" : "";
}

std::string bash_case(const Node& node) {
  std::vector<std::string> names, valued, subcommands;
  std::string values;
  for (const auto& option : node.options) {
    names.insert(names.end(), option.names.begin(), option.names.end());
    if (option.value == Value::none) continue;
    valued.insert(valued.end(), option.names.begin(), option.names.end());
    values += fmt::format("            {}) values={} ;;\n", fmt::join(option.names, "|"),
                          in_quotes(values_of(option)));
  }
  std::string arguments;
  for (const auto& argument : node.arguments) {
    if (arguments.empty() || !argument.one_of.empty()) arguments = values_of(argument);
  }
  for (const auto& subcommand : node.subcommands) subcommands.push_back(subcommand.first);
  return fmt::format(
      "    {})\n        options={}\n        valued={}\n        subcommands={}\n        arguments={}\n        "
      "case ${{2-}} in\n{}        "
      "esac ;;\n",
      in_quotes(node.path), in_quotes(joined(names)), in_quotes(joined(valued)),
      in_quotes(joined(subcommands)), in_quotes(arguments), values);
}

constexpr std::string_view kBashHead =
    "# bash completion for hikyaku, as `hikyaku completion bash` prints it.\n"
    "# $1: a command with its subcommands, $2: an option. Sets what belongs to them.\n"
    "_hikyaku_node() {\n"
    "    options= valued= subcommands= arguments= values=\n"
    "    case $1 in\n";

constexpr std::string_view kBashTail = R"(    esac
}
_hikyaku_offer() {
    if [[ $1 == '<files>' ]]; then
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$2")
    else
        mapfile -t COMPREPLY < <(compgen -W "$1" -- "$2")
    fi
}
_hikyaku() {
    local node=hikyaku cur=${COMP_WORDS[COMP_CWORD]} option= word i
    local options valued subcommands arguments values
    COMPREPLY=()
    _hikyaku_node "$node"
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if [[ $word == -* && " $valued " == *" $word "* ]]; then
            # Its value is the next word; bash makes three of --option=value.
            [[ ${COMP_WORDS[i + 1]-} == '=' ]] && ((i++))
            ((i + 1 >= COMP_CWORD)) && option=$word
            ((i++))
        elif [[ $word != -* && " $subcommands " == *" $word "* ]]; then
            node+=" $word"
            _hikyaku_node "$node"
        fi
    done
    if [[ -n $option ]]; then
        [[ $cur == '=' ]] && cur=
        _hikyaku_node "$node" "$option"
        _hikyaku_offer "$values" "$cur"
    elif [[ $cur == -* ]]; then
        _hikyaku_offer "$options" "$cur"
    elif [[ -n $subcommands ]]; then
        [[ $arguments == '<files>' ]] && arguments=
        _hikyaku_offer "$subcommands $arguments" "$cur"
    else
        _hikyaku_offer "$arguments" "$cur"
    fi
}
complete -F _hikyaku hikyaku
)";

// ---- zsh ----

/// For the specifications of _arguments and _describe: brackets and colons mean something to them.
std::string plain(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\' || c == '[' || c == ']' || c == ':') out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out;
}

std::string zsh_action(const OptionDescription& option) {
  if (!option.one_of.empty()) return '(' + joined(option.one_of) + ')';
  return option.value == Value::text ? "_files" : " ";
}

std::string zsh_options(const Node& node) {
  std::string out;
  for (const auto& option : node.options) {
    for (const auto& name : option.names) {
      auto spec = option.many ? std::string("*") : '(' + joined(option.names) + ')';
      spec += name;
      if (option.value != Value::none) spec += name.starts_with("--") ? "=" : "+";
      spec += '[' + plain(first_line(option.help)) + ']';
      if (option.value != Value::none) spec += ":value:" + zsh_action(option);
      out += "        " + in_quotes(spec) + " \\\n";
    }
  }
  return out;
}

std::string zsh_name(const std::string& path) {
  auto name = '_' + path;
  std::ranges::replace(name, ' ', '_');
  return name;
}

std::string zsh_function(const Node& node) {
  auto out =
      zsh_name(node.path) +
      "() {\n    local context state state_descr line\n    typeset -A opt_args\n    _arguments -C \\\n" +
      zsh_options(node);
  if (node.subcommands.empty()) {
    for (const auto& argument : node.arguments) {
      const auto* const place = argument.many ? "*" : argument.required ? "" : ":";
      out += "        " +
             in_quotes(fmt::format("{}:{}:{}", place, plain(argument.names.front()), zsh_action(argument))) +
             " \\\n";
    }
    return out + "        && return\n}\n";
  }
  out +=
      "        '1: :->subcommand' '*:: :->rest' && return\n    case $state in\n    subcommand)\n        "
      "local -a subcommands=(\n";
  std::string cases;
  for (const auto& [name, summary] : node.subcommands) {
    out += "            " + in_quotes(plain(name) + ':' + plain(summary)) + '\n';
    cases += fmt::format("        {}) {} ;;\n", name, zsh_name(node.path + ' ' + name));
  }
  return out +
         "        )\n        _describe -t commands command subcommands ;;\n    rest)\n        case $words[1] "
         "in\n" +
         cases + "        esac ;;\n    esac\n}\n";
}

}  // namespace

std::string bash_completion(std::span<const CommandDescription> commands) {
  std::string script(kBashHead);
  for (const auto& node : nodes_of(commands)) script += bash_case(node);
  return script + std::string(kBashTail);
}

std::string zsh_completion(std::span<const CommandDescription> commands) {
  std::string script =
      "#compdef hikyaku\n# zsh completion for hikyaku, as `hikyaku completion zsh` prints it.\n";
  for (const auto& node : nodes_of(commands)) script += zsh_function(node);
  // Read by fpath this is the body of the function itself; by source it is to be made known.
  return script +
         "if [[ $funcstack[1] == _hikyaku ]]; then\n    _hikyaku \"$@\"\nelse\n    compdef _hikyaku "
         "hikyaku\nfi\n";
}

}  // namespace hikyaku::cmd
