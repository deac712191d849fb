#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hikyaku::cmd {

/// An option, a flag or an argument of a command, as its CommandLine has it.
struct OptionDescription {
  enum class Value : unsigned char { none, text, number };
  std::vector<std::string> names;  ///< "-c", "--config"; of an argument the one name, without a dash
  std::string help;
  std::string preset;  ///< the value where none is given; empty: nothing to tell
  std::vector<std::string> one_of, without;
  Value value = Value::none;
  bool positional = false, required = false, many = false;
};

/// A command with all that --help tells of it and of its subcommands: what manual pages and completions are
/// made from.
struct CommandDescription {
  std::string name;         ///< as it is typed: "hikyaku queue"; of a subcommand the last word alone
  std::string summary;      ///< one line; empty for a subcommand
  std::string description;  ///< several lines
  std::string footer;
  /// Of a command that reads its options itself: all of --help, in place of the rest.
  std::string help;
  std::vector<OptionDescription> options;
  std::vector<CommandDescription> subcommands;
};

/// The variable of the environment, and the value of it, by which --help of a command that has a CommandLine
/// prints its description in JSON.
inline constexpr const char* kHelpFormat = "HIKYAKU_HELP_FORMAT";
inline constexpr std::string_view kHelpInJson = "json";

std::string to_json(const CommandDescription& command);
/// Fails with Fault::malformed.
Result<CommandDescription> from_json(std::string_view text);

/// The options that stand in a help text: words that begin with a dash, each once, in their order; without
/// those of its usage and its examples, and without patterns of names ("--no-NAME").
std::vector<std::string> options_in(std::string_view help);

}  // namespace hikyaku::cmd
