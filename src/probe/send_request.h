#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "probe/wire.h"

namespace hikyaku::probe {

/// Points of a conversation at which it can be made to end, in their order.
enum class StopPoint : unsigned char {
  none,
  banner,
  first_helo,
  xclient,
  tls,
  helo,
  auth,
  mail,
  rcpt,
  data,
  dot
};

/// How much something is wanted.
enum class Want : unsigned char {
  no,
  optional,         ///< go on without it
  optional_strict,  ///< go on when the server does not offer it; fail when it was tried in vain
  required,
};

/// How a run of the sending command ends: swaks' numbers.
enum class SendExit : unsigned char {
  ok = 0,
  arguments = 1,
  connect = 2,
  pipe = 4,
  closed = 6,
  prerequisite = 10,
  banner = 21,
  helo = 22,
  mail = 23,
  rcpt = 24,  ///< no recipient was taken
  data = 25,
  content = 26,  ///< with LMTP: for no recipient
  auth = 28,
  tls = 29,
  prdr = 30,
  helo_after_tls = 32,
  xclient = 33,
  helo_after_xclient = 34,
  proxy_arguments = 35,
  proxy = 36,
};

struct SendTarget {
  enum class Family : unsigned char { any, ipv4, ipv6 };
  std::string host;        ///< empty: the mail servers of `domain`
  std::string domain;      ///< of the last recipient, or --copy-routing
  std::string dns_server;  ///< asked for those instead of the system\'s: "192.0.2.53", "192.0.2.53@5353"
  std::uint16_t port = 25;
  std::string unix_path;  ///< instead of host and port
  std::string pipe;       ///< a command, instead of all those
  Family family = Family::any;
  std::string local_address;
  std::uint16_t local_port = 0;
};

struct SendXclient {
  std::string text;                     ///< what stands behind XCLIENT
  std::vector<std::string> attributes;  ///< that the server must offer; none for --xclient
};

/// One conversation that hands in one message, or a part of one.
struct SendRequest {
  enum class Protocol : unsigned char { smtp, esmtp, lmtp };

  SendTarget target;
  Protocol protocol = Protocol::esmtp;
  std::string helo;
  std::string from;             ///< without angle brackets; empty: the null sender
  std::vector<std::string> to;  ///< likewise
  StopPoint quit_after = StopPoint::none;
  StopPoint drop_after = StopPoint::none;
  StopPoint drop_after_send = StopPoint::none;
  std::chrono::seconds timeout{30};  ///< for each reply; 0: for ever

  Want tls = Want::no;  ///< STARTTLS
  bool tls_on_connect = false;
  TlsWish tls_wish;
  bool verify_chain = false, verify_name = false;

  Want auth = Want::no;
  std::vector<std::string> mechanisms;  ///< upper case, in order; empty: what the server offers
  std::vector<std::pair<std::string, std::string>> mechanism_aliases;  ///< the server's name, what it is
  std::string user, password;

  Want xclient = Want::no;
  std::vector<SendXclient> xclient_commands;
  bool xclient_unverified = false;
  bool xclient_before_tls = false;

  std::string proxy_header;  ///< octets; empty: none
  bool pipeline = false;
  bool prdr = false;

  std::string content;            ///< the content of DATA as it goes over the wire
  bool suppress_content = false;  ///< the record has the number of its lines alone
};

}  // namespace hikyaku::probe
