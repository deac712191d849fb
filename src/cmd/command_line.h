#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace CLI {
class App;
}

namespace hikyaku::cmd {

/// What CommandLine::parse() refuses of an option.
struct OptionRules {
  bool required = false;
  std::vector<std::string> one_of;  ///< the only values; empty: any
  bool any_case = false;            ///< of those: upper and lower case are one
  std::string_view without;         ///< the name of an option that may not stand beside this one
};

/// The options and subcommands of one command: what they are called, what --help tells of them, and where
/// their values go. The only place that knows the option parser, whose headers take the compiler very long.
/// What is handed in by pointer or reference outlives parse().
class CommandLine {
 public:
  using Value = std::variant<std::string*, std::vector<std::string>*, int*, unsigned*, std::size_t*>;

  /// `name` as people type it: "hikyaku queue".
  CommandLine(std::string_view name, std::string_view description);
  CommandLine(CommandLine&&) noexcept;
  ~CommandLine();

  /// `names` as "-c,--config", or "id" for an argument without a dash. A list takes all values that it is
  /// given. A value that is set already is told by --help as the default.
  void option(std::string_view names, Value into, std::string_view help, const OptionRules& rules = {});
  void flag(std::string_view names, bool& into, std::string_view help);
  /// -c, --config: the folder of main.cf and master.cf, in all commands.
  void config_directory(std::string& into);
  /// What --help ends with: examples, exit codes.
  void footer(std::string_view text);

  /// A subcommand, of which exactly one must be called; options of this command may stand behind it as well.
  /// Lives as long as this.
  CommandLine& subcommand(std::string_view name, std::string_view description);

  /// Nothing: the values are set, go on. Else the exit code to end with: EX_OK after --help, EX_USAGE after a
  /// mistake, which has been told on stderr.
  [[nodiscard]] std::optional<int> parse(int argc, char** argv);

  /// After parse(): whether this subcommand was called.
  bool called() const;
  /// After parse(): whether this option, by one of its names, was given.
  bool given(const std::string& option) const;

 private:
  explicit CommandLine(CLI::App& app);

  std::unique_ptr<CLI::App> owned_;  // of the outermost alone
  CLI::App* app_;
  std::vector<std::unique_ptr<CommandLine>> subcommands_;
};

}  // namespace hikyaku::cmd
