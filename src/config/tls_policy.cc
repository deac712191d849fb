#include <algorithm>
#include <utility>

#include "config/tls_settings.h"
#include "config/tls_words.h"

namespace hikyaku::config {
namespace {

using Level = TlsClientPolicy::Level;

/// The domain or host of a next hop, without brackets, port, and the "inet:" of LMTP: "[mx.example.com]:587".
std::string_view domain_of(std::string_view next_hop) {
  if (next_hop.starts_with("inet:")) next_hop.remove_prefix(5);
  if (next_hop.starts_with('[')) return next_hop.substr(1, std::min(next_hop.find(']'), next_hop.size()) - 1);
  return next_hop.substr(0, next_hop.find(':'));
}

std::string upper_case(std::string_view text) {
  std::string out(text);
  for (auto& c : out) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return out;
}

std::string joined(const std::vector<std::string>& words) {
  std::string all;
  for (const auto& word : words) all += (all.empty() ? "" : ", ") + word;
  return all;
}

std::string outcome(const TlsClientPolicy::Decision& decision) {
  std::string told(text(decision.level));
  if (!decision.names.empty()) told += ", certificate for " + joined(decision.names);
  if (!decision.fingerprints.empty()) told += ", certificate " + joined(decision.fingerprints);
  return told;
}

}  // namespace

std::string_view text(Level level) {
  switch (level) {
    case Level::none:
      return "none";
    case Level::may:
      return "may";
    case Level::encrypt:
      return "encrypt";
    case Level::fingerprint:
      return "fingerprint";
    case Level::verify:
      return "verify";
    case Level::secure:
      return "secure";
  }
  return "none";
}

Result<void> TlsClientPolicy::parse_attribute(std::string_view attribute, Policy& policy) const {
  const auto equals = attribute.find('=');
  const auto name = lower_case(attribute.substr(0, equals));
  const auto value = equals == std::string_view::npos ? std::string_view{} : attribute.substr(equals + 1);
  if (value.empty()) return fail(Fault::malformed, "\"" + std::string(attribute) + "\" is no name=value");
  if (name == "match") {
    auto& match = policy.match ? *policy.match : policy.match.emplace();
    const bool prints = policy.level == Level::fingerprint;
    for (auto& word : tls_words(value, prints ? "|" : ":"))
      match.push_back(prints ? upper_case(word) : std::move(word));
    return {};
  }
  if (name == "protocols") {
    auto parsed = parse_tls_protocols(value);
    if (!parsed) return std::unexpected(std::move(parsed.error()));
    policy.versions = parsed->versions;
    return {};
  }
  if (name == "ciphers") {
    policy.grade = lower_case(value);
    if (grades_.contains(*policy.grade)) return {};
    return fail(Fault::malformed,
                "\"" + std::string(value) + "\" is no grade of ciphers: write high or medium");
  }
  if (name == "exclude") {
    policy.exclude = tls_words(value, ":");
    return {};
  }
  if (name == "servername") {
    policy.server_name = value;
    return {};
  }
  if (name == "connection_reuse") return {};  // connections are kept by our own rules
  return fail(Fault::malformed, "the attribute \"" + name +
                                    "\" is not known: match, protocols, ciphers, exclude and servername are");
}

Result<TlsClientPolicy::Policy> TlsClientPolicy::parse_policy(const table::Found& found) const {
  Policy policy;
  policy.rule = prefix_ + "_tls_policy_maps: " + found.value;
  policy.origin = found.origin;
  const auto words = tls_words(found.value);
  const auto bad = [&](const std::string& what) {
    return fail(Fault::malformed, prefix_ + "_tls_policy_maps: \"" + found.value + "\": " + what);
  };
  if (words.empty()) return bad("there is no level");
  const auto level = lower_case(words.front());
  const auto all = {Level::none,        Level::may,    Level::encrypt,
                    Level::fingerprint, Level::verify, Level::secure};
  const auto named = std::ranges::find(all, level, [](Level one) { return text(one); });
  if (named == all.end())
    return bad("\"" + words.front() +
               "\" is no level that we have: none, may, encrypt, fingerprint, verify or secure");
  policy.level = *named;
  for (std::size_t i = 1; i < words.size(); ++i) {
    if (auto taken = parse_attribute(words[i], policy); !taken) return bad(taken.error().text);
  }
  return policy;
}

Result<TlsClientPolicy::Policy> TlsClientPolicy::look_up(std::string_view next_hop, KeyTrail& keys) const {
  auto found = maps_.find(next_hop, &keys);
  // Only a bare domain has parents: "[mx.example.com]" and "example.com:2525" stand for themselves.
  if (next_hop.find_first_of("[:/") == std::string_view::npos) {
    for (auto dot = next_hop.find('.'); found && !*found && dot != std::string_view::npos;
         dot = next_hop.find('.', dot + 1)) {
      found = maps_.find(next_hop.substr(dot), &keys, table::KeyPart::partial);
    }
  }
  if (!found) return std::unexpected(std::move(found.error()));
  if (*found) return parse_policy(**found);
  Policy policy;
  policy.level = level_;
  policy.rule = prefix_ + "_tls_security_level = " + std::string(text(level_));
  policy.origin = level_origin_;
  return policy;
}

Result<TlsClientPolicy::Decision> TlsClientPolicy::decide_by(const Policy& policy, std::string_view next_hop,
                                                             std::string_view host) const {
  using Tls = smtp::ClientSession::Options::Tls;
  Decision decision;
  decision.level = policy.level;
  decision.origin = policy.origin;
  if (policy.level == Level::none) return decision;
  const auto& terms = policy.level == Level::may ? may_ : mandatory_;
  decision.use = policy.level == Level::may ? Tls::when_offered : Tls::required;
  decision.versions = policy.versions.value_or(terms.versions);
  decision.verify = policy.level == Level::verify || policy.level == Level::secure;
  auto exclude = terms.exclude;
  if (policy.exclude) exclude.insert(exclude.end(), policy.exclude->begin(), policy.exclude->end());
  decision.cipher_list = tls_cipher_list(grades_, policy.grade.value_or(terms.grade), exclude,
                                         decision.verify || policy.level == Level::fingerprint);
  const std::string domain(domain_of(next_hop));
  const auto& sni = policy.server_name ? *policy.server_name : server_name_;
  decision.server_name = sni == "hostname" ? std::string(host) : sni == "nexthop" ? domain : sni;
  if (policy.level == Level::fingerprint) {
    decision.fingerprints = policy.match ? *policy.match : fingerprints_;
    if (!decision.fingerprints.empty()) return decision;
    return fail(Fault::malformed, policy.rule + ": no fingerprints to compare with");
  }
  if (!decision.verify) return decision;
  for (const auto& word : policy.match                    ? *policy.match
                          : policy.level == Level::verify ? verify_match_
                                                          : secure_match_) {
    const auto strategy = lower_case(word);
    decision.names.push_back(strategy == "hostname"      ? std::string(host)
                             : strategy == "nexthop"     ? domain
                             : strategy == "dot-nexthop" ? "." + domain
                                                         : word);
  }
  if (!decision.names.empty()) return decision;
  return fail(Fault::malformed, policy.rule + ": no names to compare the certificate's with");
}

Result<TlsClientPolicy::Decision> TlsClientPolicy::decide(std::string_view next_hop, std::string_view host,
                                                          Explanation* why) const {
  if (!enabled()) return Decision{};
  KeyTrail keys;
  auto policy = look_up(next_hop, keys);
  if (!policy) return std::unexpected(std::move(policy.error()));
  auto decision = decide_by(*policy, next_hop, host);
  if (why != nullptr && decision) {
    const auto told = outcome(*decision);
    why->add({.step = "route.tls_policy",
              .rule = policy->rule,
              .origin = policy->origin,
              .keys = keys.joined(),
              .failed = {},
              .operand = next_hop,
              .outcome = told});
  }
  return decision;
}

}  // namespace hikyaku::config
