#include "probe/tls_verdict.h"

#include <algorithm>
#include <array>

#include "probe/record.h"

namespace hikyaku::probe {
namespace {

using Grade = Finding::Grade;
using State = DnsFacts::State;

Time time_of(std::int64_t seconds) { return Time(std::chrono::seconds(seconds)); }

Finding version_finding(const TlsReport& report) {
  if (report.protocol == "TLSv1.3" || report.protocol == "TLSv1.2")
    return {Grade::good, "version", shown(report.protocol)};
  return {Grade::bad, "version", shown(report.protocol) + " is broken and forbidden (RFC 8996)"};
}

Finding cipher_finding(const TlsReport& report) {
  const auto text = shown(report.cipher) + ", " + std::to_string(report.bits) + " bits" +
                    (report.group.empty() ? "" : ", key exchange " + shown(report.group));
  static constexpr std::array<std::string_view, 9> kBroken{"RC4", "DES",   "NULL", "EXP", "MD5",
                                                           "ADH", "AECDH", "IDEA", "RC2"};
  const bool broken =
      std::ranges::any_of(kBroken, [&](std::string_view one) { return report.cipher.contains(one); });
  if (broken || report.bits < 112) return {Grade::bad, "cipher", text + ": can be broken"};
  const bool fresh = report.protocol == "TLSv1.3" || report.cipher.contains("DHE-");
  if (!fresh)
    return {Grade::warning, "cipher", text + ": no forward secrecy, who gets the key later reads it all"};
  return {Grade::good, "cipher", text};
}

std::string chain_text(const TlsReport& report) {
  std::string out;
  for (const auto& one : report.chain) out += (out.empty() ? "" : " <- ") + shown(one.subject);
  if (!report.chain.empty() && report.chain.back().subject != report.chain.back().issuer)
    out += " <- " + shown(report.chain.back().issuer) + " (not sent)";
  return out;
}

Finding chain_finding(const TlsReport& report) {
  const auto text = chain_text(report);
  if (report.trusted) return {Grade::good, "chain", text};
  return {Grade::bad, "chain", report.trust_error + (text.empty() ? "" : ": " + text)};
}

/// Why the names of the certificate don't do.
std::string why_no_name(const TlsCertificate& leaf, std::string_view name) {
  if (leaf.names.empty())
    return "it has no names but its subject " + shown(leaf.subject) + ", which counts for nothing (RFC 9525)";
  std::string names;
  static constexpr std::size_t kShown = 10;
  for (std::size_t i = 0; i < leaf.names.size() && i < kShown; ++i)
    names += (i == 0 ? "" : ", ") + shown(leaf.names[i]);
  if (leaf.names.size() > kShown) names += " and " + std::to_string(leaf.names.size() - kShown) + " more";
  std::string out = "it is for " + names;
  const bool deep = std::ranges::any_of(leaf.names, [&](const std::string& one) {
    return one.starts_with("*.") && name.ends_with(std::string_view(one).substr(1));
  });
  if (deep) out += "; a wildcard stands for one label alone";
  const bool ascii = std::ranges::all_of(name, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
  if (!ascii) out += "; names of certificates are in ASCII: ask for the xn-- form";
  return out;
}

Finding name_finding(const TlsReport& report, std::string_view name) {
  if (report.chain.empty()) return {Grade::bad, "name", "there is no certificate"};
  if (name.empty()) return {Grade::unknown, "name", "no name was asked for; --sni gives one"};
  if (report.name_matches) return {Grade::good, "name", shown(name)};
  return {Grade::bad, "name", "not " + shown(name) + ": " + why_no_name(report.chain.front(), name)};
}

std::string days_text(std::chrono::days days) {
  return days.count() == 1 ? "1 day" : std::to_string(days.count()) + " days";
}

Finding validity_finding(const TlsReport& report, Time now) {
  if (report.chain.empty()) return {Grade::bad, "validity", "there is no certificate"};
  auto worst = Finding{Grade::good, "validity", "until " + iso_text(time_of(report.chain.front().not_after))};
  for (const auto& one : report.chain) {
    const auto begin = time_of(one.not_before);
    const auto end = time_of(one.not_after);
    const auto whose = shown(one.subject);
    if (now < begin) return {Grade::bad, "validity", whose + " begins only at " + iso_text(begin)};
    if (now > end) return {Grade::bad, "validity", whose + " has expired at " + iso_text(end)};
    if (end - now < kExpiresSoon && worst.grade == Grade::good)
      worst = {Grade::warning, "validity",
               whose + " expires in " + days_text(std::chrono::floor<std::chrono::days>(end - now)) +
                   ", at " + iso_text(end)};
  }
  return worst;
}

Finding staple_finding(const TlsReport& report) {
  switch (report.staple) {
    case TlsReport::Staple::none:
      return {Grade::told, "stapling", "the server sends no OCSP response"};
    case TlsReport::Staple::good:
      return {Grade::good, "stapling", "the authority says that the certificate is good"};
    case TlsReport::Staple::revoked:
      return {Grade::bad, "stapling", "the certificate was revoked"};
    case TlsReport::Staple::unknown:
      return {Grade::warning, "stapling", "the authority does not know the certificate"};
    case TlsReport::Staple::unusable:
      break;
  }
  return {Grade::warning, "stapling", "the OCSP response can't be used: " + shown(report.staple_error)};
}

std::optional<Finding> starttls_finding(const Opening& opening) {
  if (opening.injected > 0)
    return Finding{Grade::bad, "STARTTLS",
                   std::to_string(opening.injected) + " octets were injected before the handshake"};
  if (opening.taken_unoffered)
    return Finding{Grade::bad, "STARTTLS",
                   opening.overwritten
                       ? "the offer was overwritten on the way, and the server takes it all the same"
                       : "not offered, and taken all the same: the offer may be stripped on the way"};
  if (opening.overwritten) return Finding{Grade::bad, "STARTTLS", "the offer was overwritten on the way"};
  if (opening.report) return std::nullopt;
  if (opening.preauthenticated)
    return Finding{Grade::bad, "STARTTLS", "the server says PREAUTH, which leaves no place for it"};
  if (!opening.refusal.empty()) return Finding{Grade::bad, "STARTTLS", "refused: " + shown(opening.refusal)};
  if (!opening.offered)
    return Finding{Grade::warning, "STARTTLS", "not offered: what is said can be read on the way"};
  return Finding{Grade::told, "STARTTLS", "offered, and not used"};
}

Finding dane_finding(const DnsFacts& facts, const TlsReport& report, Time now) {
  const auto& name = facts.tlsa_name;
  switch (facts.tlsa_state) {
    case State::not_asked:
      return {Grade::unknown, "DANE", "not asked"};
    case State::no_answer:
      return {Grade::unknown, "DANE", "no answer about " + shown(name) + ": " + shown(facts.tlsa_error)};
    case State::none:
      return {Grade::told, "DANE", shown(name) + " has no TLSA records"};
    case State::found:
      break;
  }
  if (!facts.tlsa_secure)
    return {Grade::warning, "DANE",
            shown(name) + " has TLSA records, but without DNSSEC they count for nothing"};
  std::string records;
  std::size_t unusable = 0;
  for (const auto& one : facts.tlsa) {
    records += (records.empty() ? "" : ", ") + one.text();
    const auto match = dane_match(one, report, now);
    if (match == DaneMatch::yes)
      return {Grade::good, "DANE", "the chain is what " + shown(name) + " says: " + one.text()};
    if (match == DaneMatch::unusable) ++unusable;
  }
  if (unusable == facts.tlsa.size())
    return {Grade::warning, "DANE", "no TLSA record of " + shown(name) + " can be used: " + records};
  return {Grade::bad, "DANE", "the chain is not what " + shown(name) + " says: " + records};
}

Finding sts_finding(const Opening& opening, const DnsFacts& facts, std::string_view name) {
  const auto domain = shown(facts.sts_domain);
  switch (facts.sts_state) {
    case State::not_asked:
      return {Grade::unknown, "MTA-STS", "not asked"};
    case State::no_answer:
      return {Grade::unknown, "MTA-STS",
              "no answer about _mta-sts." + domain + ": " + shown(facts.sts_error)};
    case State::none:
      return {Grade::told, "MTA-STS", domain + " announces no policy"};
    case State::found:
      break;
  }
  if (!facts.sts_policy)
    return {Grade::bad, "MTA-STS",
            domain + " announces a policy that can't be had: " + shown(facts.sts_error)};
  static constexpr std::array<std::string_view, 3> kModes{"enforce", "testing", "none"};
  const auto mode = "the policy of " + domain + " (" +
                    std::string(kModes[static_cast<std::size_t>(facts.sts_policy->mode)]) + ") ";
  const auto bad = facts.sts_policy->mode == StsPolicy::Mode::enforce ? Grade::bad : Grade::warning;
  if (facts.sts_policy->mode == StsPolicy::Mode::none)
    return {Grade::told, "MTA-STS", mode + "asks for nothing"};
  if (!facts.sts_policy->names(name)) return {bad, "MTA-STS", mode + "does not name " + shown(name)};
  if (!opening.report) return {bad, "MTA-STS", mode + "asks for TLS, and there is none"};
  if (!opening.report->trusted || !opening.report->name_matches)
    return {bad, "MTA-STS", mode + "asks for a trusted certificate of this name, which it is not"};
  return {Grade::good, "MTA-STS", mode + "is kept"};
}

std::string_view grade_text(Grade grade) {
  static constexpr std::array<std::string_view, 5> kTexts{"ok: ", "", "WARNING: ", "WRONG: ", "unknown: "};
  return kTexts[static_cast<std::size_t>(grade)];
}

}  // namespace

std::string Finding::line() const { return "TLS " + topic + ": " + std::string(grade_text(grade)) + text; }

std::string Finding::json() const {
  static constexpr std::array<std::string_view, 5> kNames{"good", "told", "warning", "bad", "unknown"};
  return "{\"kind\":\"verdict\",\"topic\":" + json_quoted(topic) +
         ",\"grade\":" + json_quoted(kNames[static_cast<std::size_t>(grade)]) +
         ",\"text\":" + json_quoted(text) + "}\n";
}

std::vector<Finding> judge_tls(const Opening& opening, std::string_view name, Time now) {
  std::vector<Finding> out;
  if (auto found = starttls_finding(opening)) out.push_back(std::move(*found));
  if (!opening.report) return out;
  const auto& report = *opening.report;
  out.push_back(version_finding(report));
  out.push_back(cipher_finding(report));
  out.push_back(chain_finding(report));
  out.push_back(name_finding(report, name));
  out.push_back(validity_finding(report, now));
  out.push_back(staple_finding(report));
  if (report.client_certificate_asked)
    out.push_back({Grade::told, "client", "the server asks for our certificate"});
  return out;
}

std::vector<Finding> judge_dns(const Opening& opening, const DnsFacts& facts, std::string_view name,
                               Time now) {
  std::vector<Finding> out;
  if (opening.report) {
    out.push_back(dane_finding(facts, *opening.report, now));
  } else if (facts.tlsa_state == State::found && facts.tlsa_secure) {
    out.push_back({Grade::bad, "DANE", shown(facts.tlsa_name) + " has TLSA records, and there is no TLS"});
  }
  if (facts.sts_state != State::not_asked) out.push_back(sts_finding(opening, facts, name));
  return out;
}

}  // namespace hikyaku::probe
