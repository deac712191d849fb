#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/origin.h"
#include "config/diagnostic.h"
#include "config/main_cf.h"

namespace hikyaku::config {

/// One service of master.cf.
struct Service {
  enum class Kind : unsigned char { inet, unix_socket, fifo, pass, unix_datagram };
  /// What the hub makes of its command.
  enum class Role : unsigned char {
    smtp_server,  ///< smtpd: a listener (inet), or nothing (unix)
    pop3_server,  ///< pop3: the same
    smtp_client,  ///< smtp: a transport
    lmtp_client,  ///< lmtp: a transport
    error,        ///< error (also the retry service): a transport that returns or defers
    discard,      ///< a transport that throws away
    local,        ///< local, virtual: delivery to the mailbox store
    pickup,       ///< takes local mail: of its line the -o settings count alone
    inner,        ///< cleanup, qmgr, rewrite ...: part of the hub, the line has no effect
    unsupported,  ///< pipe, spawn, a program that we do not know: mail for it is deferred
  };

  Kind kind = Kind::unix_socket;
  Role role = Role::unsupported;
  std::string name;        ///< the first field as written: "submission", "127.0.0.1:11025", "relay"
  std::string host;        ///< inet: the host without brackets; empty: the addresses of inet_interfaces
  std::uint16_t port = 0;  ///< inet: the port
  std::string command;     ///< "smtpd"
  std::vector<std::string> args;    ///< the arguments but -o and its value: "flags=DRhu", "user=vmail", "-v"
  std::vector<Override> overrides;  ///< in order; a later one wins
  std::optional<bool> is_private;   ///< y, n, or not told (-)
  std::optional<bool> chroot;       ///< y, n or -: see is_chrooted()
  std::optional<std::int64_t> maxproc;  ///< processes, 0: no limit; not told: default_process_limit
  Origin origin;                        ///< the line that it begins on
};

/// master.cf (master(5)). Syntax of lines is that of main.cf: comments, continuation.
class Master {
 public:
  /// Reads master.cf. Faults go to `diagnostics`, faulty services are left out. A command that the hub does
  /// not have is a warning. Limits as for main.cf.
  static Master parse(std::string_view text, std::string_view file_name, SourceCatalogue& sources,
                      Diagnostics& diagnostics);

  const std::vector<Service>& services() const { return services_; }
  /// A transport by its name ("smtp", "relay", "lmtp", a clone): the service of any type but inet. nullptr:
  /// none.
  const Service* transport(std::string_view name) const;

 private:
  std::vector<Service> services_;
};

/// Whether Postfix would run the service with queue_directory for its root, where that is not told by
/// `not_told` (which compatibility_level decides). Of the hub it changes where sockets of filters are, and
/// nothing else.
inline bool is_chrooted(const Service& service, bool not_told) { return service.chroot.value_or(not_told); }
/// The service that mail comes in through, by the name that main.cf gives it; nullptr if there is none.
const Service* cleanup_of(const Master& master, const Main& main);

/// "smtp" -> 25, "submission" -> 587, "10025" -> 10025; nullopt if it is neither a number from 1 to 65535 nor
/// a service of our table (smtp, submission, smtps, submissions, lmtp, pop3, pop3s, imap, imaps, http, https,
/// ldap, ldaps).
std::optional<std::uint16_t> port_number(std::string_view text);

std::string_view text(Service::Kind kind);
std::string_view text(Service::Role role);

}  // namespace hikyaku::config
