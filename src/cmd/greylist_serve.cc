#include "cmd/greylist_serve.h"

#include <sysexits.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <optional>
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

int refuse(const Error& error) { return tell_error(kName, {error.fault, escaped(error.text)}); }

}  // namespace

GreylistServe::GreylistServe(CommandLine& command) : app_(command) {
  options_.greylisting.file = "/etc/milter-greylist/greylist.conf";
  options_.log.name = "milter-greylist";
  options_.log.tags = false;
  // What mail filters and people look for in X-Greylist headers.
  options_.greylisting.names.product = "milter-greylist-4.6.4";
  options_.greylisting.names.version = "4.6.4";
  app_.option("-f,--file", &options_.greylisting.file, "greylist.conf");
  given_.add_to(app_);
  app_.flag("-c", check_only_, "check the file, and end");
  app_.option("--state", &state_,
              "the folder of what is remembered (default: the file's dumpfile, with .state behind it)");
  app_.option("--save", &save_, "milliseconds that a change may be in memory alone");
  app_.flag("--pools", options_.greylisting.learning.sender_pools,
            "take all addresses that send for one domain for one client");
  app_.option("--domain-passes", &options_.greylisting.learning.domain_passes,
              "so many mails of a sending domain that passed after their wait, and its mail waits no more");
  app_.option("--log", &options_.log.file,
              "the file of the log, - for stderr (default: syslog, else stderr)");
  app_.option("--dns-server", &options_.dns_server,
              "the DNS server to ask, 192.0.2.53@5353 (default: /etc/resolv.conf)");
  auto& peers = options_.greylisting.peer_security;
  app_.option("--peer-secret-file", &peers.secret_file,
              "the secret that peers prove to have: they are spoken to under TLS, and never without");
  app_.option("--peer-tls-cert", &peers.certificate_file,
              "the certificate shown to them, with its chain (PEM)");
  app_.option("--peer-tls-key", &peers.key_file, "its key (default: in the file of the certificate)");
  app_.option("--peer-tls-ca", &peers.ca_file,
              "the CA of their certificates, or these themselves where they are signed by nobody else");
  app_.option(
      "--peer-plain", &peers.plain,
      "the host of a peer line that is spoken to in plain, as milter-greylist; may be given several times");
  app_.footer(
      "Example: hikyaku greylist serve -f /etc/milter-greylist/greylist.conf\n"
      "Prints `ready` on stderr (and tells systemd) when it takes connections. SIGTERM ends it; SIGHUP, or a "
      "changed\n"
      "file, has it read the file again and keep what is in force if the new one is bad. What was remembered "
      "is in the\n"
      "folder of --state; the dumpfile is read when that is new, and written for milter-greylist to go on "
      "with.\n"
      "Options of one capital or small letter are milter-greylist's, and go before the file. Called by that "
      "name it leaves\n"
      "the terminal as that does, unless -D or `nodetach` is there. Exit codes: 78 the file is bad, 66 it "
      "can't be read,\n"
      "69 the socket or the state can't be had.");
}

Result<void> GreylistServe::check_peer_security() const {
  const auto& given = options_.greylisting.peer_security;
  const bool files = !given.certificate_file.empty() && !given.ca_file.empty();
  const bool none = given.certificate_file.empty() && given.key_file.empty() && given.ca_file.empty() &&
                    given.plain.empty();
  if (given.secret_file.empty() ? none : files) return {};
  return fail(
      Fault::malformed,
      "--peer-secret-file, --peer-tls-cert and --peer-tls-ca belong together, and the other options of "
      "peers to them: give all three or none");
}

Result<greylist::Configuration> GreylistServe::load(config::Diagnostics& diagnostics,
                                                    SourceCatalogue& sources) const {
  const auto file = io::read_stable_file(options_.greylisting.file);
  if (!file) return std::unexpected(file.error());
  auto configuration =
      config::read_greylist_conf(file->text, sources.add(options_.greylisting.file), diagnostics);
  given_.apply(configuration, diagnostics, sources);
  config::warn_of_unasked_checks(configuration, diagnostics);
  return configuration;
}

int GreylistServe::run() {
  std::signal(SIGPIPE, SIG_IGN);
  config::Diagnostics diagnostics;
  auto sources = std::make_shared<SourceCatalogue>();
  options_.greylisting.stamp = io::stamp_of(options_.greylisting.file);
  auto configuration = load(diagnostics, *sources);
  std::fputs(config::text(diagnostics, *sources).c_str(), stderr);
  if (!configuration) return refuse(configuration.error());
  if (diagnostics.failed()) return EX_CONFIG;
  if (check_only_) {
    std::fputs(("config file \"" + escaped(options_.greylisting.file) + "\" is okay\n").c_str(), stderr);
    return EX_OK;
  }
  if (auto good = check_peer_security(); !good) return refuse(good.error());
  if (given_.names_user() && ::geteuid() != 0)
    return refuse({Fault::malformed, "-u: only root can become another user"});
  return serve(std::move(*configuration), std::move(sources));
}

int GreylistServe::serve(greylist::Configuration configuration,
                         std::shared_ptr<const SourceCatalogue> sources) {
  const auto host = io::host_name();
  options_.greylisting.names.host_name = host;
  options_.log.hostname = host.substr(0, host.find('.'));
  const bool leave = leave_terminal_ && !configuration.nodetach.value;
  if (options_.log.file.empty() && ::access("/dev/log", W_OK) != 0) options_.log.file = "-";
  if (leave && options_.log.file == "-")
    return refuse({Fault::permanent, "no syslog takes the log (/dev/log): give a file with --log, or -D"});
  options_.greylisting.state = state_.empty() ? configuration.dumpfile.value + ".state" : state_;
  options_.greylisting.save = std::chrono::milliseconds(save_);
  const auto owner = process_owner(configuration.user.value);
  const auto pid_file = configuration.pidfile.value;
  if (auto made = make_folder_for(options_.greylisting.state, owner.first); !made)
    return refuse(made.error());
  options_.drop_privileges = [&owner, &pid_file]() -> Result<void> {
    if (auto written = write_process_number(pid_file, "pidfile"); !written) return written;
    return become(owner.first, owner.second);
  };
  std::optional<Background> background;
  if (leave) {
    auto entered = Background::enter();
    if (!entered) return refuse(entered.error());
    background.emplace(std::move(*entered));
  }
  const auto again = [this](config::Diagnostics& diagnostics, SourceCatalogue& catalogue) {
    return load(diagnostics, catalogue);
  };
  options_.greylisting.prefixes = serve::prefixes_of(configuration, options_.greylisting.learning);
  auto rules = std::make_shared<const serve::GreylistRules>(std::move(configuration), std::move(sources));
  auto server = serve::GreylistServer::open(std::move(rules), again, options_);
  if (!server) return refuse(server.error());
  const int code = (*server)->run([&background] {
    std::fputs("ready\n", stderr);
    std::fflush(stderr);
    if (background) background->ready();
  });
  // Another user than the one who made it may not: then the next run takes its place.
  if (!pid_file.empty()) ::unlink(pid_file.c_str());
  return code;
}

}  // namespace hikyaku::cmd
