#pragma once
#include <array>
#include <string>
#include <string_view>

#include "base/origin.h"
#include "cmd/command_line.h"
#include "config/diagnostic.h"
#include "greylist/configuration.h"

namespace hikyaku::cmd {

/// milter-greylist's options for what greylist.conf says too. They go before the file.
class MilterGreylistOptions {
 public:
  void add_to(CommandLine& command);
  /// Puts what was given in the place of what the file says: at the start, and at each reload. Mistakes go to
  /// `diagnostics`, with the option in place of a file.
  void apply(greylist::Configuration& configuration, config::Diagnostics& diagnostics,
             SourceCatalogue& sources) const;
  /// -u was given.
  bool names_user() const { return command_->given("-u"); }

 private:
  struct Value {
    std::string_view names, before, after, help;  ///< before and after: of the value in greylist.conf
    std::string given{};
  };
  struct Flag {
    std::string_view name, setting, help;
    bool given = false;
  };

  std::array<Value, 8> values_{{
      {"-p,--socket", "socket \"", "\"", "where the MTA connects: /run/g.sock, inet:7890@127.0.0.1"},
      {"-w", "greylist ", "", "how long a first attempt is put off: 30m"},
      {"-a", "autowhite ", "", "for how long what has passed passes again: 1d"},
      {"-d", "dumpfile \"", "\"", "the dump file"},
      {"-P", "pidfile \"", "\"", "the file for the number of the process"},
      {"-u", "user \"", "\"", "become this user, or user:group"},
      {"-L", "subnetmatch /", "", "so many bits in front make IPv4 clients the same: 24"},
      {"-M", "subnetmatch6 /", "", "the same of IPv6: 64"},
  }};
  std::array<Flag, 7> flags_{{
      {"-A", "noauth", "put off also who has signed in"},
      {"-S", "nospf", "put off also whose SPF passes"},
      {"-T", "testmode", "tell in the log, and put off nothing"},
      {"-q", "quiet", "do not tell clients how long to wait"},
      {"-D", "nodetach", "stay in the foreground"},
      {"-v", "verbose", "more lines in the log"},
      {"-l", "", "each rule's outcome in the log"},
  }};
  const CommandLine* command_ = nullptr;
};

}  // namespace hikyaku::cmd
