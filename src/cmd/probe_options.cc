#include "cmd/probe_options.h"

#include <sysexits.h>

#include <charconv>

#include "io/interfaces.h"
#include "io/resolver.h"

namespace hikyaku::cmd {
namespace {

std::vector<std::string> protocol_names() {
  std::vector<std::string> names;
  for (const auto& one : probe::protocols()) names.emplace_back(one.name);
  return names;
}

}  // namespace

void ProbeOptions::add_to(CommandLine& line) {
  line.option("protocol", &protocol_name, "what is spoken",
              {.required = true, .one_of = protocol_names(), .any_case = true});
  line.option("place", &place_text, "HOST, HOST:PORT, [ADDRESS]:PORT or unix:/PATH", {.required = true});
  line.option("--starttls", &starttls, "TLS by STARTTLS: where it is offered, never, or not without",
              {.one_of = {"auto", "never", "required"}});
  line.flag("--tls", tls, "TLS before the first word, as smtps and imaps have it");
  line.flag("--tls-verify", tls_verify,
            "end when there is no TLS, or its certificate is not trusted or has another name");
  line.option("--tls-version", &tls_version, "1.2 alone, 1.2- and above, -1.2 and below");
  line.option("--tls-cipher", &tls_cipher, "ciphers of TLS 1.2 and below, in OpenSSL's form");
  line.option("--tls-ca", &tls_ca, "a file of authorities to trust instead of the system's");
  line.option("--tls-cert", &tls_certificate, "our certificate with its chain, PEM");
  line.option("--tls-key", &tls_key, "its key, if it is in another file");
  line.option("--alpn", &alpn, "the application protocol to ask for");
  line.option("--sni", &server_name, "the name that the server should have, instead of HOST");
  line.flag("-4", ipv4, "IPv4 alone");
  line.flag("-6", ipv6, "IPv6 alone");
  line.option("--local-address", &local_address, "the address to connect from");
  line.option("--timeout", &timeout, "seconds to wait for a connection, and for each answer");
  line.option("--ehlo", &client_name, "our name in EHLO and LHLO, instead of this host's");
  line.flag("--show-secrets", show_secrets, "show passwords and proofs, which are masked otherwise");
  line.flag("--json", as_json, "one JSON object a line");
  line.flag("--show-time-lapse", show_time, "the time of each line, and since the line before");
  line.flag("--no-dns", no_dns, "ask no DNS about DANE and MTA-STS");
  line.option("--dns-server", &resolver, "the server of DNS to ask about them, instead of the system's");
  line.option("--dns-anchor", &trust_anchor, "a file of trust anchors for DNSSEC, instead of the root's");
}

Result<const probe::Protocol*> ProbeOptions::protocol() const {
  const auto* found = probe::find_protocol(protocol_name);
  if (found != nullptr) return found;
  return fail(Fault::malformed, "there is no protocol \"" + protocol_name + "\" here");
}

Result<io::ProbeTarget> ProbeOptions::target(const probe::Protocol& protocol) const {
  auto place = probe::Place::parse(place_text);
  if (!place) return std::unexpected(std::move(place.error()));
  if (ipv4 && ipv6) return fail(Fault::malformed, "-4 and -6 leave no address");
  if (timeout == 0) return fail(Fault::malformed, "--timeout must be a second at least");
  if (!place->path.empty() && (ipv4 || ipv6 || !local_address.empty()))
    return fail(Fault::malformed, "a Unix socket has no use for -4, -6 and --local-address");
  if (!resolver.empty() && !io::Resolver::is_server(resolver))
    return fail(Fault::malformed,
                "--dns-server \"" + resolver + "\": wanted is an address, perhaps with @PORT behind it");
  io::ProbeTarget target;
  target.host = place->host;
  target.port = place->port.value_or(protocol.port);
  target.unix_path = place->path;
  target.family = ipv4   ? io::ProbeTarget::Family::ipv4
                  : ipv6 ? io::ProbeTarget::Family::ipv6
                         : io::ProbeTarget::Family::any;
  target.local_address = local_address;
  target.limit = std::chrono::seconds{timeout};
  return target;
}

Result<probe::OpeningWish> ProbeOptions::wish(const probe::Protocol& protocol,
                                              const io::ProbeTarget& target) const {
  probe::OpeningWish wish;
  wish.client_name = client_name.empty() ? io::host_name() : client_name;
  wish.verify = tls_verify;
  wish.tls = starttls == "never"      ? probe::TlsUse::never
             : starttls == "required" ? probe::TlsUse::required
                                      : probe::TlsUse::automatic;
  if (tls && wish.tls != probe::TlsUse::automatic)
    return fail(Fault::malformed, "--tls and --starttls say two different things");
  if (protocol.tls_at_once && wish.tls == probe::TlsUse::required)
    return fail(Fault::malformed, std::string(protocol.name) + " has TLS at once, and no STARTTLS");
  if (tls) wish.tls = probe::TlsUse::at_once;
  // Whoever takes the offer away must not have the password in plain text instead.
  if (tls_verify && !protocol.tls_at_once && wish.tls == probe::TlsUse::automatic)
    wish.tls = probe::TlsUse::required;
  auto& handshake = wish.handshake;
  handshake.server_name = server_name.empty() ? target.host : server_name;
  // A name of the DNS may end in a dot, a certificate's never does.
  if (handshake.server_name.ends_with('.')) handshake.server_name.pop_back();
  handshake.cipher_list = tls_cipher;
  handshake.authorities_file = tls_ca;
  handshake.certificate_file = tls_certificate;
  handshake.key_file = tls_key;
  if (!tls_key.empty() && tls_certificate.empty())
    return fail(Fault::malformed, "--tls-key needs --tls-cert");
  if (!alpn.empty()) handshake.protocols.push_back(alpn);
  if (auto used = use_tls_version(tls_version, handshake); !used)
    return std::unexpected(std::move(used.error()));
  return wish;
}

Result<void> use_tls_version(std::string_view text, probe::TlsWish& wish) {
  if (text.empty()) return {};
  const bool up = text.ends_with('-');
  const bool down = text.starts_with('-');
  auto number = text;
  if (up) number.remove_suffix(1);
  if (down) number.remove_prefix(1);
  if ((up && down) || number.size() != 3 || !number.starts_with("1.") || number[2] < '0' || number[2] > '3')
    return fail(Fault::malformed, "--tls-version \"" + std::string(text) +
                                      "\": wanted is 1.0 to 1.3, with a - behind it or before it");
  const int version = 0x0301 + (number[2] - '0');
  if (!down) wish.minimum_version = version;
  if (!up) wish.maximum_version = version;
  return {};
}

int probe_exit_code(const Error& error) {
  switch (error.fault) {
    case Fault::not_found:
      return EX_NOHOST;
    case Fault::temporary:
      return EX_TEMPFAIL;
    case Fault::malformed:
      return EX_DATAERR;
    default:
      return EX_UNAVAILABLE;
  }
}

}  // namespace hikyaku::cmd
