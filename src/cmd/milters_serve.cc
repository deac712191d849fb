#include "cmd/milters_serve.h"

#include <sys/resource.h>
#include <sysexits.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>

#include "base/escape.h"
#include "cmd/exit_code.h"
#include "cmd/process_setup.h"
#include "io/interfaces.h"

namespace hikyaku::cmd {
namespace {

/// A session has a socket for the MTA and one for each filter.
void raise_file_limit(std::size_t wanted) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = wanted == 0 ? limit.rlim_max : std::min<rlim_t>(wanted, limit.rlim_max);
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

MiltersServe::MiltersServe(CommandLine& app)
    : app_(app.subcommand("serve", "be one filter towards the MTA, and many behind one socket")) {
  source_.add_options(app_);
  app_.option(
      "--log", &options_.log.file,
      "the file of the log, - for stderr (default: log.path of the configuration, else syslog, else stderr)");
  options_.log.name = "milter-manager";
  app_.option("--log-name", &options_.log.name,
              "the program's name in the log: milter-manager-log-analyzer reads its own");
  app_.option("--control", &options_.control,
              "the socket that `milters stats` asks at (default: controller.connection_spec)");
  app_.option("--http-listen", &options_.http_listen, "address and port of the metrics, 127.0.0.1:9155");
  app_.option("--verdict-file", &options_.verdict_file,
              "keep what each filter made of each message here, as lines of JSON by queue id (default: "
              "hikyaku_milters_verdict_file with -c, else it is not kept)");
  app_.option("--verdict-limit", &options_.verdict_limit, "octets of that file and its predecessor, NAME.1");
  app_.option("--spool-directory", &options_.spool_folder, "where messages past 5 MiB are kept meanwhile");
  app_.option("--record", &options_.record_folder,
              "record the first 1,000 sessions in this folder, each in a file for `milters test --replay`");
  app_.option("--dns-server", &options_.dns_server, "the DNS server that conditions ask, 192.0.2.53@5353");
  app_.footer(
      "Examples:\n"
      "  hikyaku milters serve -f /etc/milter-manager/milter-manager.conf\n"
      "  hikyaku milters serve -c /etc/hikyaku --verdict-file /var/lib/hikyaku/verdicts\n"
      "Prints `ready` on stderr (and tells systemd) when it takes connections. SIGTERM ends it; SIGHUP, or "
      "a\n"
      "changed file, has it read the configuration again and keep the old one if the new one is bad. Exit\n"
      "codes: 78 the configuration is bad, 66 it can't be read, 69 the socket can't be had.");
}

int MiltersServe::run() {
  const auto refuse = [](const Error& error) {
    return tell_error("hikyaku milters serve", {error.fault, escaped(error.text)});
  };
  std::signal(SIGPIPE, SIG_IGN);
  config::Diagnostics diagnostics;
  auto sources = std::make_shared<SourceCatalogue>();
  auto loaded = source_.load(diagnostics, *sources);
  std::fputs(config::text(diagnostics, *sources).c_str(), stderr);
  if (!loaded) return refuse(loaded.error());
  if (diagnostics.failed()) return EX_CONFIG;
  loaded->sources = sources;

  auto& log = options_.log;
  log.tags = false;
  if (log.file.empty()) log.file = *loaded->settings.log_path;
  const bool syslog = *loaded->settings.use_syslog && ::access("/dev/log", W_OK) == 0;
  if (log.file.empty() && !syslog) log.file = "-";
  if (options_.verdict_file.empty()) options_.verdict_file = loaded->verdict_file;
  const auto host = io::host_name();
  log.hostname = host.substr(0, host.find('.'));
  const auto& controller = loaded->settings.controller.connection;
  if (options_.control.empty() && controller &&
      controller->value.family == config::ConnectionSpec::Family::local)
    options_.control = controller->value.path;
  raise_file_limit(*loaded->settings.max_file_descriptors);
  const auto pid_file = *loaded->settings.pid_file;
  const NamedIn user{*loaded->settings.effective_user, "security.effective_user"};
  const NamedIn group{*loaded->settings.effective_group, "security.effective_group"};
  const auto owner = ids_of(user, group);
  if (!owner) return refuse(owner.error());
  if (*owner) options_.owner = {(*owner)->user, (*owner)->group};

  const auto load = [this](config::Diagnostics& told, SourceCatalogue& catalogue) {
    return source_.load(told, catalogue);
  };
  auto server = serve::MultiplexerServer::open(*std::move(loaded), load, options_);
  if (!server) return refuse(server.error());
  if (auto written = write_process_number(pid_file, "manager.pid_file"); !written)
    return refuse(written.error());
  if (auto became = become(user, group); !became) return refuse(became.error());
  const int code = (*server)->run([] {
    std::fputs("ready\n", stderr);
    std::fflush(stderr);
  });
  // Another user than the one who made it may not: then the next run takes its place.
  if (!pid_file.empty()) ::unlink(pid_file.c_str());
  return code;
}

}  // namespace hikyaku::cmd
