#include "cmd/greylist_serve.h"

#include <sysexits.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <utility>

#include "base/escape.h"
#include "cmd/exit_code.h"
#include "cmd/process_setup.h"
#include "config/greylist_conf.h"
#include "config/greylist_unasked.h"
#include "io/interfaces.h"
#include "io/stable_file.h"

namespace hikyaku::cmd {
namespace {

constexpr std::string_view kName = "hikyaku greylist serve";

/// "user" or "user:group" of the setting.
std::pair<NamedIn, NamedIn> process_owner(const std::string& user) {
  const auto colon = user.find(':');
  return {{user.substr(0, colon), "user"},
          {colon == std::string::npos ? "" : user.substr(colon + 1), "user"}};
}

}  // namespace

GreylistServe::GreylistServe(CommandLine& app)
    : app_(app.subcommand("serve", "be a greylisting filter (milter) for an MTA")) {
  options_.file = "/etc/milter-greylist/greylist.conf";
  options_.log.name = "milter-greylist";
  options_.log.tags = false;
  // What mail filters and people look for in X-Greylist headers.
  options_.names.product = "milter-greylist-4.6.4";
  options_.names.version = "4.6.4";
  app_.option("-f,--file", &options_.file, "greylist.conf");
  app_.option("-p,--socket", &socket_,
              "where the MTA connects, in place of the file's: /run/g.sock, inet:7890@127.0.0.1");
  app_.option("--state", &state_,
              "the folder of what is remembered (default: the file's dumpfile, with .state behind it)");
  app_.option("--save", &save_, "milliseconds that a change may be in memory alone");
  app_.option("--log", &options_.log.file,
              "the file of the log, - for stderr (default: syslog, else stderr)");
  app_.option("--dns-server", &options_.dns_server,
              "the DNS server to ask, 192.0.2.53@5353 (default: /etc/resolv.conf)");
  app_.footer(
      "Example: hikyaku greylist serve -f /etc/milter-greylist/greylist.conf\n"
      "Prints `ready` on stderr (and tells systemd) when it takes connections. SIGTERM ends it; SIGHUP, or a "
      "changed\n"
      "file, has it read the file again and keep what is in force if the new one is bad. What was remembered "
      "is in the\n"
      "folder of --state; the dumpfile is read when that is new, and written for milter-greylist to go on "
      "with. Exit\n"
      "codes: 78 the file is bad, 66 it can't be read, 69 the socket or the state can't be had.");
}

int GreylistServe::run() {
  const auto refuse = [](const Error& error) {
    return tell_error(kName, {error.fault, escaped(error.text)});
  };
  std::signal(SIGPIPE, SIG_IGN);
  const auto load = [this](config::Diagnostics& diagnostics,
                           SourceCatalogue& sources) -> Result<greylist::Configuration> {
    const auto file = io::read_stable_file(options_.file);
    if (!file) return std::unexpected(file.error());
    auto configuration = config::read_greylist_conf(file->text, sources.add(options_.file), diagnostics);
    config::warn_of_unasked_checks(configuration, diagnostics);
    if (!socket_.empty()) configuration.socket.set(socket_, configuration.socket.origin);
    return configuration;
  };
  config::Diagnostics diagnostics;
  auto sources = std::make_shared<SourceCatalogue>();
  auto configuration = load(diagnostics, *sources);
  std::fputs(config::text(diagnostics, *sources).c_str(), stderr);
  if (!configuration) return refuse(configuration.error());
  if (diagnostics.failed()) return EX_CONFIG;

  const auto host = io::host_name();
  options_.names.host_name = host;
  options_.log.hostname = host.substr(0, host.find('.'));
  if (options_.log.file.empty() && ::access("/dev/log", W_OK) != 0) options_.log.file = "-";
  options_.state = state_.empty() ? configuration->dumpfile.value + ".state" : state_;
  options_.save = std::chrono::milliseconds(save_);
  const auto owner = process_owner(configuration->user.value);
  const auto pid_file = configuration->pidfile.value;
  if (auto made = make_folder_for(options_.state, owner.first); !made) return refuse(made.error());
  options_.drop_privileges = [&owner, &pid_file]() -> Result<void> {
    if (auto written = write_process_number(pid_file, "pidfile"); !written) return written;
    return become(owner.first, owner.second);
  };
  auto server = serve::GreylistServer::open(std::move(*configuration), std::move(sources), load, options_);
  if (!server) return refuse(server.error());
  const int code = (*server)->run([] {
    std::fputs("ready\n", stderr);
    std::fflush(stderr);
  });
  // Another user than the one who made it may not: then the next run takes its place.
  if (!pid_file.empty()) ::unlink(pid_file.c_str());
  return code;
}

}  // namespace hikyaku::cmd
