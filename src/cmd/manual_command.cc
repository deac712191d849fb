#include <fmt/format.h>
#include <sysexits.h>

#include <cstdio>
#include <set>
#include <string>

#include "base/escape.h"
#include "cmd/command_line.h"
#include "cmd/format_pages.h"
#include "cmd/manual_page.h"
#include "cmd/program_table.h"

namespace hikyaku::cmd {
namespace {

constexpr std::string_view kFooter =
    "  hikyaku manual queue | man -l -\n"
    "  hikyaku manual queue > /usr/local/share/man/man1/hikyaku-queue.1\n"
    "\n"
    "packaging/make_manuals writes all of them into a folder, and the completions of the shells.";

/// The pages, each once, as files are called: "hikyaku-queue.1".
int list(const ProgramTable& table) {
  std::set<std::string> pages{"hikyaku.1"};
  for (const auto& commands : {table.commands, table.programs}) {
    for (const auto& command : commands)
      pages.insert(fmt::format("{}.{}", page_name(command), command.section));
  }
  for (const auto& page : format_pages()) pages.insert(fmt::format("{}.{}", page.name, kFormatSection));
  for (const auto& page : pages) fmt::print("{}\n", page);
  return EX_OK;
}

int print_page(const Command& command, std::string_view typed, const ProgramTable& table) {
  const auto described = describe(command, typed);
  if (!described) {
    fmt::print(stderr, "hikyaku manual: {}\n", described.error().text);
    return EX_SOFTWARE;
  }
  fmt::print("{}", manual_page(*described, command.section, table.version));
  return EX_OK;
}

}  // namespace

int manual_command(int argc, char** argv, const ProgramTable& table) {
  CommandLine app{"hikyaku manual", "Prints a manual page in roff, made from what --help tells."};
  std::string name = "hikyaku";
  bool list_pages = false, reference = false;
  app.option(
      "page", &name,
      "a command (queue), a program (mailq), a file (main.cf), a page (hikyaku-queue), or hikyaku itself");
  app.flag("--list", list_pages, "the pages that there are, as their files are called");
  app.flag("--reference", reference, "instead the table of parameters, in Markdown");
  app.footer(kFooter);
  if (const auto end = app.parse(argc, argv)) return *end;
  if (list_pages) return list(table);
  if (reference) {
    fmt::print("{}", parameter_reference());
    return EX_OK;
  }
  if (name == "hikyaku") {
    fmt::print("{}", manual_overview(table));
    return EX_OK;
  }
  for (const auto& command : table.commands) {
    if (name == command.name || name == page_name(command)) return print_page(command, "hikyaku ", table);
  }
  for (const auto& program : table.programs) {
    if (name == program.name || name == page_name(program)) return print_page(program, "", table);
  }
  for (const auto& page : format_pages()) {
    if (name != page.format && name != page.name) continue;
    fmt::print("{}", page.text(table.version));
    return EX_OK;
  }
  fmt::print(stderr, "hikyaku manual: there is no page '{}'; --list tells those that there are\n",
             escaped(name));
  return EX_USAGE;
}

}  // namespace hikyaku::cmd
