#include "cmd/send_connection.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <tuple>

#include "base/escape.h"
#include "io/resolver.h"

extern char** environ;

namespace hikyaku::cmd {
namespace {

constexpr int kEndMilliseconds = 5000;  ///< for a command of --pipe to end, each time

using Family = probe::SendTarget::Family;

std::string end_of(const io::ProbeTarget& target) {
  if (!target.unix_path.empty()) return target.unix_path;
  const bool colon = target.host.find(':') != std::string::npos;
  return (colon ? '[' + target.host + ']' : target.host) + ':' + std::to_string(target.port);
}

io::ProbeTarget::Family family_of(Family family) {
  if (family == Family::ipv4) return io::ProbeTarget::Family::ipv4;
  return family == Family::ipv6 ? io::ProbeTarget::Family::ipv6 : io::ProbeTarget::Family::any;
}

/// The hosts that take mail for a domain (RFC 5321 s. 5.1), best first.
Result<std::vector<std::string>> mail_hosts(const std::string& domain, const std::string& dns_server) {
  if (!dns_server.empty() && !io::Resolver::is_server(dns_server))
    return fail(Fault::malformed, "--dns-server: '" + escaped(dns_server) + "' is no address of a server");
  boost::asio::io_context context;
  io::Resolver::Settings settings;
  settings.forward = dns_server;
  io::Resolver resolver(settings);
  auto asked =
      boost::asio::co_spawn(context, resolver.query(domain, io::Resolver::Type::mx), boost::asio::use_future);
  context.run();
  auto reply = asked.get();
  using Status = io::DnsReply::Status;
  if (reply.status == Status::temporary)
    return fail(Fault::temporary, "the DNS can't tell the mail servers of " + escaped(domain) + " now");
  if (reply.status == Status::malformed)
    return fail(Fault::malformed, escaped(domain) + " is no domain that the DNS can be asked for");
  if (reply.status == Status::none) return std::vector{domain};
  std::ranges::sort(reply.records, {}, [](const auto& mx) { return std::tie(mx.preference, mx.text); });
  std::vector<std::string> hosts;
  for (auto& record : reply.records) {
    if (record.text.empty() || record.text == ".")
      return fail(Fault::permanent, escaped(domain) + " takes no mail (null MX, RFC 7505)");
    hosts.push_back(std::move(record.text));
  }
  return hosts;
}

/// Starts a command of the shell with `end` as its stdin and stdout.
Result<pid_t> spawn(const std::string& command, int end) {
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, end, STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, end, STDOUT_FILENO);
  // We ignore SIGPIPE, which is nothing for a program that may count on it.
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  sigset_t usual;
  ::sigemptyset(&usual);
  ::sigaddset(&usual, SIGPIPE);
  ::posix_spawnattr_setsigdefault(&attributes, &usual);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
  std::string shell = "/bin/sh", option = "-c", text = command;
  std::array<char*, 4> words{shell.data(), option.data(), text.data(), nullptr};
  pid_t child = -1;
  const int error = ::posix_spawn(&child, shell.c_str(), &actions, &attributes, words.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  ::posix_spawnattr_destroy(&attributes);
  if (error != 0)
    return fail(Fault::temporary, "can't start " + escaped(command) + ": " + std::strerror(error));
  return child;
}

}  // namespace

Result<SendConnection> SendConnection::start(const std::string& command, std::chrono::milliseconds limit,
                                             const Note& note) {
  note("Trying pipe to " + escaped(command) + "...");
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return fail(Fault::temporary, std::string("can't make a pair of sockets: ") + std::strerror(errno));
  const auto child = spawn(command, ends[1]);
  ::close(ends[1]);
  if (!child) {
    ::close(ends[0]);
    return std::unexpected(child.error());
  }
  io::ProbeConnection connection;
  connection.wire = io::probe_wire(ends[0], limit);
  connection.peer = command;
  note("Connected to " + escaped(command) + '.');
  return SendConnection(std::move(connection), *child);
}

Result<SendConnection> SendConnection::to_host(io::ProbeTarget target, const Note& note) {
  note("Trying " + escaped(end_of(target)) + "...");
  auto made = io::connect_probe(target);
  if (!made) return std::unexpected(made.error());
  note("Connected to " + escaped(target.unix_path.empty() ? target.host : target.unix_path) + '.');
  return SendConnection(*std::move(made), -1);
}

Result<SendConnection> SendConnection::open(const probe::SendTarget& target, std::chrono::milliseconds limit,
                                            const Note& note) {
  if (!target.pipe.empty()) return start(target.pipe, limit, note);
  io::ProbeTarget place;
  place.host = target.host;
  place.port = target.port;
  place.unix_path = target.unix_path;
  place.family = family_of(target.family);
  place.local_address = target.local_address;
  place.local_port = target.local_port;
  place.limit = limit;
  if (!place.unix_path.empty() || !place.host.empty()) return to_host(std::move(place), note);
  const auto hosts = mail_hosts(target.domain, target.dns_server);
  if (!hosts) return std::unexpected(hosts.error());
  std::string failures;
  for (const auto& host : *hosts) {
    place.host = host;
    auto made = to_host(place, note);
    if (made) return made;
    failures += (failures.empty() ? "" : "; ") + made.error().text;
  }
  return fail(Fault::temporary, failures);
}

SendConnection::~SendConnection() {
  connection_.wire.reset();
  if (child_ < 0) return;
  // It has read the end of what it was sent. Who does not end by that is asked to, and then made to.
  const int end = static_cast<int>(::syscall(SYS_pidfd_open, child_, 0));
  for (const int signal : {0, SIGTERM, SIGKILL}) {
    if (signal != 0) ::kill(child_, signal);
    pollfd one{end, POLLIN, 0};
    if (end >= 0 && ::poll(&one, 1, kEndMilliseconds) > 0) break;
  }
  if (end >= 0) ::close(end);
  ::waitpid(child_, nullptr, 0);
}

}  // namespace hikyaku::cmd
