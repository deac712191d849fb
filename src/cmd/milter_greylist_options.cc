#include "cmd/milter_greylist_options.h"

#include "base/escape.h"
#include "config/greylist_conf.h"

namespace hikyaku::cmd {
namespace {

using greylist::Configuration;

void prefer(const Configuration& given, Configuration& configuration) {
  const auto one = [](const auto& from, auto& to) {
    if (from.given()) to = from;
  };
  one(given.socket, configuration.socket);
  one(given.greylist, configuration.greylist);
  one(given.autowhite, configuration.autowhite);
  one(given.dumpfile, configuration.dumpfile);
  one(given.pidfile, configuration.pidfile);
  one(given.user, configuration.user);
  one(given.subnetmatch, configuration.subnetmatch);
  one(given.subnetmatch6, configuration.subnetmatch6);
  one(given.noauth, configuration.noauth);
  one(given.nospf, configuration.nospf);
  one(given.testmode, configuration.testmode);
  one(given.quiet, configuration.quiet);
  one(given.nodetach, configuration.nodetach);
  one(given.verbose, configuration.verbose);
}

}  // namespace

void MilterGreylistOptions::add_to(CommandLine& command) {
  command_ = &command;
  for (auto& value : values_) command.option(value.names, &value.given, value.help);
  for (auto& flag : flags_) command.flag(flag.name, flag.given, flag.help);
}

void MilterGreylistOptions::apply(Configuration& configuration, config::Diagnostics& diagnostics,
                                  SourceCatalogue& sources) const {
  // The file's own reader takes the value: it knows the forms, and tells what is wrong with one.
  const auto take = [&](std::string_view option, const std::string& line) {
    const auto source = sources.add("option " + std::string(option));
    prefer(config::read_greylist_conf(line, source, diagnostics), configuration);
  };
  for (const auto& value : values_) {
    const auto option = value.names.substr(0, 2);
    if (!command_->given(std::string(option))) continue;
    const bool in_quotes = !value.after.empty();
    if (value.given.find_first_of(in_quotes ? "\"\r\n" : " \t\"\r\n#") != std::string::npos) {
      const Origin where{sources.add("option " + std::string(option)), 1};
      diagnostics.error(where, "one value is expected, and this is none: " + escaped(value.given));
      continue;
    }
    take(option, std::string(value.before) + value.given + std::string(value.after) + '\n');
  }
  for (const auto& flag : flags_) {
    if (!flag.given) continue;
    if (!flag.setting.empty()) {
      take(flag.name, std::string(flag.setting) + '\n');
    } else {
      const Origin where{sources.add("option " + std::string(flag.name)), 1};
      diagnostics.warning(where, "rules are not logged one by one; `hikyaku greylist check` tells of each");
    }
  }
}

}  // namespace hikyaku::cmd
