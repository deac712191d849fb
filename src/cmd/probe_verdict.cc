#include "cmd/probe_verdict.h"

#include <algorithm>

#include "io/probe_dns.h"
#include "io/system_clock.h"
#include "probe/record.h"

namespace hikyaku::cmd {
namespace {

bool is_address(std::string_view host) {
  return host.contains(':') ||
         std::ranges::all_of(host, [](char c) { return (c >= '0' && c <= '9') || c == '.'; });
}

/// A policy is of the domain that mail is for, which a host does not tell: its own name, then the one above.
std::string domain_above(const std::string& host) {
  const auto dot = host.find('.');
  if (dot == host.npos || host.find('.', dot + 1) == host.npos) return {};
  return host.substr(dot + 1);
}

/// What came of --alpn.
probe::Finding protocol_finding(const std::string& asked, const probe::TlsReport& report) {
  using Grade = probe::Finding::Grade;
  const auto& agreed = report.application_protocol;
  if (!agreed.empty()) return {Grade::good, "ALPN", probe::shown(agreed)};
  return {Grade::warning, "ALPN", "the server does not agree on " + probe::shown(asked)};
}

}  // namespace

bool has_policy(const probe::Protocol& protocol) {
  return protocol.speech == probe::Speech::smtp && protocol.port == 25;
}

std::vector<probe::Finding> tls_verdict(const ProbeOptions& options, const probe::Protocol& protocol,
                                        const io::ProbeTarget& target, const probe::Opening& opening,
                                        const std::string& name, const std::string& domain) {
  const auto now = io::SystemClock().now();
  auto findings = probe::judge_tls(opening, name, now);
  if (!options.alpn.empty() && opening.report)
    findings.push_back(protocol_finding(options.alpn, *opening.report));
  if (options.no_dns) return findings;
  const io::ProbeDnsSettings settings{.forward = options.resolver,
                                      .trust_anchor_file = options.trust_anchor,
                                      .authorities_file = options.tls_ca};
  const bool named = !is_address(name) && name.contains('.');
  // What the DNS has of a host is found by its name, a policy by the domain alone.
  if (!named && domain.empty()) return findings;
  auto facts = io::ask_dns(settings, named ? name : "", target.port,
                           !has_policy(protocol) ? ""
                           : domain.empty()      ? name
                                                 : domain);
  const auto above = domain.empty() ? domain_above(name) : std::string{};
  if (has_policy(protocol) && facts.sts_state == probe::DnsFacts::State::none && !above.empty()) {
    const auto other = io::ask_dns(settings, {}, 0, above);
    facts.sts_state = other.sts_state;
    facts.sts_domain = other.sts_domain;
    facts.sts_policy = other.sts_policy;
    facts.sts_error = other.sts_error;
  }
  std::ranges::move(probe::judge_dns(opening, facts, name, now), std::back_inserter(findings));
  return findings;
}

}  // namespace hikyaku::cmd
