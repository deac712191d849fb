#pragma once
#include <string>
#include <string_view>

#include "cmd/command_description.h"
#include "cmd/program_table.h"

namespace hikyaku::cmd {

/// Plain text as roff shows it as it is: no character of it is a request, an escape, or becomes another.
std::string roff(std::string_view text);

/// The page of a command, in the macros of man(7): its subcommands are sections of it. Its name is that of
/// the command with dashes for the blanks.
std::string manual_page(const CommandDescription& command, int section, std::string_view version);
/// The page of hikyaku itself, which lists the commands.
std::string manual_overview(const ProgramTable& table);

/// "hikyaku-queue": the name of the page of one of `table.commands` or `table.programs`.
std::string page_name(const Command& command);

}  // namespace hikyaku::cmd
