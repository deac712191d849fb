#pragma once
#include <chrono>
#include <string>

#include "base/result.h"
#include "probe/send_arguments.h"
#include "probe/send_request.h"

namespace hikyaku::probe {

/// A host and perhaps a port as swaks writes them: "host:25", "[2001:db8::1]:25", "host/25", "2001:db8::1".
/// The port is a number or one of the names smtp, submission, smtps, submissions, lmtp; 0: none was given.
struct HostAndPort {
  std::string host;
  std::uint16_t port = 0;
  static Result<HostAndPort> parse(const std::string& text);
};
Result<std::uint16_t> parse_port(const std::string& text);

/// "30", "30s", "3m", "1h".
Result<std::chrono::seconds> parse_timeout(const std::string& text);

/// Where the options say to connect; `usual` is the port of the protocol. The domain is left empty when a
/// server is named.
Result<SendTarget> target_of(const SendArguments& arguments, std::uint16_t usual);

/// The versions of --tls-protocol: "tlsv1_2,tlsv1_3", "no_tlsv1".
Result<void> set_tls_versions(const std::string& list, TlsWish& wish);

}  // namespace hikyaku::probe
