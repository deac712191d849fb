#include "cmd/manual_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace hikyaku::cmd {
namespace {

using Value = OptionDescription::Value;

std::string_view next_line(std::string_view& text) {
  const auto end = std::min(text.find('\n'), text.size());
  const auto line = text.substr(0, end);
  text.remove_prefix(std::min(text.size(), end + 1));
  return line;
}

/// Text as people write it for a terminal: paragraphs are filled anew, lines that are indented stay as they
/// are.
std::string paragraphs(std::string_view text) {
  std::string out;
  bool as_it_is = false, begun = false;
  const auto leave = [&] {
    if (as_it_is) out += ".EE\n";
    as_it_is = false;
  };
  while (!text.empty()) {
    const auto line = next_line(text);
    const bool indented = line.starts_with(' ');
    if (line.find_first_not_of(" \t\r") == line.npos) {
      leave();
      begun = false;
      continue;
    }
    if (indented != as_it_is) leave();
    if (!begun || (!indented && out.ends_with(".EE\n")) || (indented && !as_it_is)) out += ".PP\n";
    if (indented && !as_it_is) out += ".EX\n";
    as_it_is = indented;
    begun = true;
    out += roff(line) + '\n';
  }
  leave();
  return out;
}

std::string upper(std::string text) {
  for (auto& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

/// What stands for the value: a short word in italics.
std::string value_of(const OptionDescription& option) {
  if (option.value == Value::none) return "";
  return option.value == Value::number ? "\\fInumber\\fR" : "\\fIvalue\\fR";
}

std::string names_of(const OptionDescription& option) {
  if (option.positional) return "\\fI" + roff(option.names.front()) + "\\fR" + (option.many ? " ..." : "");
  std::string text;
  for (const auto& name : option.names) text += (text.empty() ? "\\fB" : ", \\fB") + roff(name) + "\\fR";
  const auto value = value_of(option);
  return value.empty() ? text : text + ' ' + value + (option.many ? " ..." : "");
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

std::string entry(const OptionDescription& option) {
  auto text =
      ".TP\n" + names_of(option) + '\n' + roff(option.help.empty() ? option.names.front() : option.help);
  if (!option.one_of.empty()) text += roff(" (one of " + joined(option.one_of) + ')');
  if (!option.preset.empty()) text += roff(" (default: " + option.preset + ')');
  if (option.required) text += " (required)";
  if (!option.without.empty()) text += roff(" (not beside " + joined(option.without) + ')');
  return text + '\n';
}

std::string synopsis(const CommandDescription& command, std::string_view typed) {
  auto line = "\\fB" + roff(typed) + "\\fR";
  if (std::ranges::any_of(command.options, [](const auto& option) { return !option.positional; })) {
    line += " [\\fIoption\\fR]...";
  }
  const bool takes_arguments =
      std::ranges::any_of(command.options, [](const auto& option) { return option.positional; });
  const auto to_subcommands = line + " \\fIsubcommand\\fR [\\fIoption\\fR]...\n";
  if (!command.subcommands.empty() && !takes_arguments) return to_subcommands;
  for (const auto& option : command.options) {
    if (!option.positional) continue;
    const auto name = names_of(option);
    line += option.required ? ' ' + name : " [" + name + ']';
  }
  line += '\n';
  return command.subcommands.empty() ? line : line + ".br\n" + to_subcommands;
}

std::string options_of(const CommandDescription& command) {
  std::string text;
  for (const auto& option : command.options) {
    if (option.positional) text += entry(option);
  }
  for (const auto& option : command.options) {
    if (!option.positional) text += entry(option);
  }
  return text;
}

/// A heading has its own distance to what is below it.
std::string without_first_distance(std::string text) {
  return text.starts_with(".PP\n") ? text.substr(4) : text;
}

std::string under_heading(std::string_view title, std::string text) {
  return fmt::format(".SH {}\n{}", title, without_first_distance(std::move(text)));
}

void put_subcommands(std::string& page, const CommandDescription& command, const std::string& typed) {
  for (const auto& subcommand : command.subcommands) {
    const auto path = typed + ' ' + subcommand.name;
    page += ".SS " + roff(path.substr(path.find(' ') + 1)) + '\n';
    if (!subcommand.help.empty()) {
      page += without_first_distance(paragraphs(subcommand.help));
      continue;
    }
    page += synopsis(subcommand, path);
    auto options = subcommand;
    std::erase_if(options.options, [](const auto& option) { return option.names.front() == "-h"; });
    page += paragraphs(subcommand.description) + options_of(options) + paragraphs(subcommand.footer);
    put_subcommands(page, subcommand, path);
  }
}

/// A help text whose first lines are "usage: ...".
std::string sections_of(std::string_view help) {
  constexpr std::string_view kUsage = "usage:";
  std::string page;
  while (help.starts_with(kUsage) || help.starts_with(' ')) {
    auto line = next_line(help);
    if (line.starts_with(kUsage)) line.remove_prefix(kUsage.size());
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    page += (page.empty() ? ".SH SYNOPSIS\n" : ".br\n") + roff(line) + '\n';
  }
  return page + under_heading("DESCRIPTION", paragraphs(help));
}

std::string page_name_of(std::string_view typed) {
  std::string name(typed);
  std::ranges::replace(name, ' ', '-');
  return name.starts_with("hikyaku") ? name : "hikyaku-" + name;
}

std::string head(std::string_view name, int section, std::string_view version, std::string_view summary) {
  return fmt::format(".TH \"{}\" {} \"\" \"hikyaku {}\" \"Hikyaku\"\n.SH NAME\n{} \\- {}\n",
                     roff(upper(std::string(name))), section, roff(version), roff(name), roff(summary));
}

constexpr std::string_view kSeeAlso = ".SH SEE ALSO\n.BR hikyaku (1)\n";

}  // namespace

std::string roff(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const bool begins_line = at == 0 || text[at - 1] == '\n';
    switch (const char c = text[at]) {
      case '\\':
        out += "\\e";
        break;
      case '-':
        out += "\\-";
        break;
      case '\'':
        out += "\\(aq";
        break;
      case '"':
        out += "\\(dq";
        break;
      case '`':
        out += "\\(ga";
        break;
      case '^':
        out += "\\(ha";
        break;
      case '~':
        out += "\\(ti";
        break;
      case '.':
        out += begins_line ? "\\&." : ".";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string manual_page(const CommandDescription& command, int section, std::string_view version) {
  auto page = head(page_name_of(command.name), section, version, command.summary);
  if (!command.help.empty()) return page + sections_of(command.help) + std::string(kSeeAlso);
  page += ".SH SYNOPSIS\n" + synopsis(command, command.name);
  page += under_heading("DESCRIPTION", paragraphs(command.description));
  page += ".SH OPTIONS\n" + options_of(command);
  if (!command.subcommands.empty()) page += ".SH SUBCOMMANDS\n";
  put_subcommands(page, command, command.name);
  if (!command.footer.empty()) page += under_heading("NOTES", paragraphs(command.footer));
  return page + std::string(kSeeAlso);
}

std::string page_name(const Command& command) { return page_name_of(command.name); }

std::string manual_overview(const ProgramTable& table) {
  auto page = head("hikyaku", 1, table.version, "a mail hub that explains every decision");
  page += ".SH SYNOPSIS\n\\fBhikyaku\\fR \\fIcommand\\fR [\\fIoption\\fR]...\n";
  page +=
      ".SH DESCRIPTION\nA mail hub in one program: it takes mail by SMTP and submission, rewrites and routes "
      "it, queues "
      "it durably,\nand delivers it by SMTP, LMTP or into its mailbox store. Each command has a page of its "
      "own.\n"
      ".SH COMMANDS\n";
  const auto list = [&](std::span<const Command> commands, std::string_view typed) {
    for (const auto& command : commands) {
      page += fmt::format(".TP\n\\fB{}{}\\fR\n{}; see\n.BR {} ({})\n", roff(typed), roff(command.name),
                          roff(command.summary), roff(page_name(command)), command.section);
    }
  };
  list(table.commands, "hikyaku ");
  page += ".SH PROGRAMS\nWhat the program does when it is called by another name.\n";
  list(table.programs, "");
  page +=
      ".SH OPTIONS\n.TP\n\\fB\\-\\-help\\fR\nThe commands. Behind a command: its options, with examples.\n"
      ".TP\n\\fB\\-\\-version\\fR\nThe version.\n"
      ".SH FILES\n.TP\n\\fI/etc/hikyaku/main.cf\\fR, \\fI/etc/hikyaku/master.cf\\fR\nThe configuration, in "
      "the syntax of "
      "Postfix.\n";
  return page;
}

}  // namespace hikyaku::cmd
