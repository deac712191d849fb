#include <sys/prctl.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <vector>

#include "cmd/command_line.h"
#include "cmd/commands.h"
#include "cmd/configuration_files.h"
#include "cmd/running_configuration.h"
#include "io/capabilities.h"
#include "serve/confinement_wish.h"
#include "serve/hub.h"

namespace hikyaku::cmd {
namespace {

/// As many connections as the system lets us have.
void raise_file_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

int exit_code(const Error& error) {
  return error.fault == Fault::temporary ? EX_TEMPFAIL
         : error.fault == Fault::corrupt ? EX_DATAERR
                                         : EX_OSERR;
}

/// This program once more, with the same sockets and without the capability. Comes back only where that
/// failed.
Error begin_again(serve::ListeningSockets& sockets, char** arguments) {
  if (auto left = sockets.leave_to_next_program(); !left) return left.error();
  std::string name = "hikyaku", command = "serve";
  std::vector<char*> words{name.data(), command.data()};
  for (char** argument = arguments + 1; *argument != nullptr; ++argument) words.push_back(*argument);
  words.push_back(nullptr);
  ::execv("/proc/self/exe", words.data());
  return {Fault::permanent, std::string("start once more without capabilities: ") + std::strerror(errno)};
}

/// A first start's: a confined process can't make them any more.
Result<void> make_folders(const serve::Running& running) {
  for (const auto& folder : {running.queue_directory, running.data_directory}) {
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    if (error) return fail(Fault::permanent, "make the folder " + folder + ": " + error.message());
  }
  return {};
}

/// While this is the only thread: what a process may do is counted for each of them.
Result<serve::Hub::Begun> begin(const serve::Running& running, char** arguments) {
  std::vector<std::string> remarks;
  serve::Hub::Begun begun{serve::ListeningSockets::of_systemd(remarks), std::nullopt};
  for (const auto& remark : remarks) std::fprintf(stderr, "hikyaku: %s\n", remark.c_str());
  for (const auto& listener : running.listeners) {
    if (auto opened = begun.sockets.open(listener->host, listener->port); !opened)
      return std::unexpected(std::move(opened.error()));
  }
  const auto dropped = io::drop_capabilities();
  if (!dropped) return std::unexpected(dropped.error());
  if (*dropped == io::Dropped::at_exec) return std::unexpected(begin_again(begun.sockets, arguments));
  if (!running.files.main.boolean("hikyaku_confinement")) return begun;
  if (auto made = make_folders(running); !made) return std::unexpected(std::move(made.error()));
  auto confined = io::confine(serve::confinement_wish(running));
  if (!confined) return std::unexpected(std::move(confined.error()));
  begun.confinement = *std::move(confined);
  return begun;
}

}  // namespace

int serve_command(int argc, char** argv) {
  CommandLine app{
      "hikyaku serve",
      "Runs the hub in the foreground, on main.cf and master.cf of the configuration folder.\n"
      "Prints `ready` on stderr (and tells systemd) when all listeners accept. SIGTERM ends it, SIGHUP\n"
      "reads the configuration again and keeps the old one if the new one is bad."};
  std::string directory = kDefaultDirectory;
  app.config_directory(directory);
  app.footer("Example: hikyaku serve -c /etc/hikyaku");
  if (const auto end = app.parse(argc, argv)) return *end;

  std::signal(SIGPIPE, SIG_IGN);
  ::prctl(PR_SET_NAME, "hikyaku");  // begun once more, it would be called "exe"
  raise_file_limit();
  io::SystemRandom random;
  auto loaded = load_configuration(directory, random, true);
  if (!loaded.running) return loaded.exit_code;

  auto load = [&](config::Diagnostics& diagnostics) -> std::shared_ptr<const serve::Running> {
    const auto texts = read_configuration(directory);
    if (!texts) {
      diagnostics.error({}, texts.error().text);
      return nullptr;
    }
    return serve::compile(*texts, system_facts(directory), loaded.sources, random, diagnostics);
  };
  auto begun = begin(*loaded.running, argv);
  if (!begun) {
    std::fprintf(stderr, "hikyaku: %s\n", begun.error().text.c_str());
    return exit_code(begun.error());
  }
  auto hub = serve::Hub::open(loaded.running, load, *std::move(begun));
  if (!hub) {
    std::fprintf(stderr, "hikyaku: %s\n", hub.error().text.c_str());
    return exit_code(hub.error());
  }
  return (*hub)->run([] {
    std::fputs("ready\n", stderr);
    std::fflush(stderr);
  });
}

}  // namespace hikyaku::cmd
