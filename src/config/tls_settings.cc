#include "config/tls_settings.h"

#include <algorithm>
#include <utility>

#include "config/tls_words.h"

namespace hikyaku::config {

/// Reads the settings one by one; what is wrong with one does not keep the next from being read.
class TlsReader {
 public:
  TlsReader(const Main& main, table::Opener& opener, Diagnostics& diagnostics)
      : main_(main), opener_(opener), diagnostics_(diagnostics) {}

  TlsServerSettings server();
  TlsClientConfiguration client(const std::string& prefix);

 private:
  using Level = TlsClientPolicy::Level;
  using Grades = std::map<std::string, std::string, std::less<>>;

  const std::string& text(const std::string& name) const { return main_.text(name).text; }
  bool is_on(const std::string& name) const { return main_.find(name) != nullptr && main_.boolean(name); }
  void error(const std::string& name, const std::string& what, std::string_view token = {}) {
    diagnostics_.error(main_.origin(name), name + ": " + what, token);
  }

  std::vector<std::string> words(const std::string& name) const {
    std::vector<std::string> result;
    for (auto& value : main_.list(name)) result.push_back(std::move(value.text));
    return result;
  }
  table::Maps maps(const std::string& name) {
    std::vector<table::Element> elements;
    for (auto& value : main_.list(name)) elements.push_back({std::move(value.text), value.origin});
    auto opened = table::Maps::open(elements, opener_);
    if (opened) return std::move(*opened);
    error(name, opened.error().text);
    return {};
  }
  TlsVersions versions(const std::string& name) {
    auto parsed = parse_tls_protocols(text(name));
    if (!parsed) {
      error(name, parsed.error().text);
      return {};
    }
    if (parsed->raised) {
      diagnostics_.warning(main_.origin(name), name + ": protocols below TLS 1.2 are not spoken");
    }
    return parsed->versions;
  }
  Grades grades() const {
    Grades all;
    for (const auto grade : kTlsGrades) all.emplace(grade, text("tls_" + std::string(grade) + "_cipherlist"));
    return all;
  }
  std::string grade(const std::string& name) {
    auto word = lower_case(text(name));
    if (std::ranges::find(kTlsGrades, word) != kTlsGrades.end()) return word;
    error(name, "\"" + text(name) + "\" is no grade of ciphers: write high or medium", text(name));
    return "medium";
  }
  std::string groups() const {
    std::string all;
    for (const auto& word : words("tls_eecdh_auto_curves")) all += (all.empty() ? "" : ":") + word;
    return all;
  }

  void files(const std::string& prefix, TlsParameters& parameters);
  smtp::ServerSettings::Tls server_level();
  void sni_maps(TlsServerSettings& settings);
  Level client_level(const std::string& prefix);
  TlsClientPolicy::Terms terms(const std::string& prefix, const std::string& mandatory);
  void fingerprints(const std::string& prefix, TlsClientPolicy& policy);

  const Main& main_;
  table::Opener& opener_;
  Diagnostics& diagnostics_;
};

void TlsReader::files(const std::string& prefix, TlsParameters& parameters) {
  parameters.ca_file = text(prefix + "_tls_CAfile");
  parameters.ca_path = text(prefix + "_tls_CApath");
  parameters.system_cas = main_.boolean("tls_append_default_CA");
  parameters.groups = groups();
  parameters.chain_files = words(prefix + "_tls_chain_files");
  if (!parameters.chain_files.empty()) return;
  for (const auto* kind : {"", "d", "ec"}) {
    const auto& certificate = text(prefix + "_tls_" + kind + "cert_file");
    if (certificate.empty() || certificate == "none") continue;
    parameters.identities.push_back({certificate, text(prefix + "_tls_" + kind + "key_file")});
  }
}

smtp::ServerSettings::Tls TlsReader::server_level() {
  using Tls = smtp::ServerSettings::Tls;
  const std::string name = "smtpd_tls_security_level";
  const auto level = lower_case(text(name));
  if (level.empty())
    return is_on("smtpd_enforce_tls") ? Tls::encrypt : is_on("smtpd_use_tls") ? Tls::may : Tls::none;
  if (level == "none") return Tls::none;
  if (level == "may") return Tls::may;
  if (level == "encrypt") return Tls::encrypt;
  if (level == "fingerprint" || level == "verify" || level == "secure" || level == "dane" ||
      level == "dane-only") {
    diagnostics_.warning(main_.origin(name),
                         name + ": \"" + level + "\" is for clients; a server takes it as encrypt",
                         text(name));
    return Tls::encrypt;
  }
  error(name, "\"" + text(name) + "\" is no level: write none, may or encrypt", text(name));
  return Tls::none;
}

/// A name that can be in a table of certificates: what clients send is not to be trusted.
bool host_name_like(std::string_view name) {
  return !name.empty() && name.size() <= 255 && name.front() != '.' && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
  });
}

void TlsReader::sni_maps(TlsServerSettings& settings) {
  auto tables = maps("tls_server_sni_maps");
  if (tables.empty()) return;
  settings.chain_files_for =
      [tables = std::move(tables)](std::string_view name) -> Result<std::optional<std::string>> {
    auto key = lower_case(name);
    if (key.ends_with('.')) key.pop_back();
    if (!host_name_like(key)) return std::nullopt;
    auto found = tables.find(key, nullptr);
    for (auto dot = key.find('.'); found && !*found && dot != std::string::npos;
         dot = key.find('.', dot + 1)) {
      found = tables.find(std::string_view(key).substr(dot), nullptr, table::KeyPart::partial);
    }
    if (!found) return std::unexpected(std::move(found.error()));
    if (!*found) return std::nullopt;
    return std::move((*found)->value);
  };
}

TlsServerSettings TlsReader::server() {
  TlsServerSettings settings;
  settings.level = server_level();
  settings.wrapper_mode = main_.boolean("smtpd_tls_wrappermode");
  settings.received_header = main_.boolean("smtpd_tls_received_header");
  settings.log_level = static_cast<int>(std::clamp<std::int64_t>(main_.integer("smtpd_tls_loglevel"), 0, 4));
  files("smtpd", settings);
  settings.origin = main_.origin(!settings.chain_files.empty()              ? "smtpd_tls_chain_files"
                                 : main_.is_set("smtpd_tls_cert_file")      ? "smtpd_tls_cert_file"
                                 : main_.is_set("smtpd_tls_eccert_file")    ? "smtpd_tls_eccert_file"
                                 : main_.is_set("smtpd_tls_security_level") ? "smtpd_tls_security_level"
                                 : main_.is_set("smtpd_tls_wrappermode")    ? "smtpd_tls_wrappermode"
                                                                            : "smtpd_use_tls");
  const bool mandatory = settings.wrapper_mode || settings.level == smtp::ServerSettings::Tls::encrypt;
  settings.versions = versions(mandatory ? "smtpd_tls_mandatory_protocols" : "smtpd_tls_protocols");
  auto exclude = words("smtpd_tls_exclude_ciphers");
  if (mandatory) {
    for (auto& word : words("smtpd_tls_mandatory_exclude_ciphers")) exclude.push_back(std::move(word));
  }
  settings.require_client_certificate = main_.boolean("smtpd_tls_req_ccert") && mandatory;
  settings.ask_client_certificate =
      main_.boolean("smtpd_tls_ask_ccert") || main_.boolean("smtpd_tls_req_ccert");
  settings.cipher_list =
      tls_cipher_list(grades(), grade(mandatory ? "smtpd_tls_mandatory_ciphers" : "smtpd_tls_ciphers"),
                      exclude, settings.ask_client_certificate);
  settings.prefer_server_ciphers = main_.boolean("tls_preempt_cipherlist");
  settings.session_lifetime = main_.duration("smtpd_tls_session_cache_timeout");
  settings.session_tickets = settings.session_lifetime.count() > 0;
  sni_maps(settings);
  if (settings.enabled() && settings.chain_files.empty() && settings.identities.empty()) {
    diagnostics_.error(
        settings.origin,
        "TLS is switched on but there is no certificate: set smtpd_tls_chain_files, or smtpd_tls_cert_file "
        "and smtpd_tls_key_file, or smtpd_tls_security_level = none");
  }
  return settings;
}

TlsClientPolicy::Level TlsReader::client_level(const std::string& prefix) {
  const auto name = prefix + "_tls_security_level";
  const auto level = lower_case(text(name));
  if (level.empty()) {
    if (is_on(prefix + "_enforce_tls"))
      return main_.boolean(prefix + "_tls_enforce_peername") ? Level::verify : Level::encrypt;
    return is_on(prefix + "_use_tls") ? Level::may : Level::none;
  }
  for (const auto one :
       {Level::none, Level::may, Level::encrypt, Level::fingerprint, Level::verify, Level::secure}) {
    if (config::text(one) == level) return one;
  }
  error(name,
        level == "dane" || level == "dane-only"
            ? "\"" + level +
                  "\" is not there yet; encrypt asks for TLS, verify and secure for a trusted certificate too"
            : "\"" + text(name) + "\" is no level: write none, may, encrypt, fingerprint, verify or secure",
        text(name));
  return Level::encrypt;
}

TlsClientPolicy::Terms TlsReader::terms(const std::string& prefix, const std::string& mandatory) {
  TlsClientPolicy::Terms terms;
  terms.versions = versions(prefix + "_tls_" + mandatory + "protocols");
  terms.grade = grade(prefix + "_tls_" + mandatory + "ciphers");
  terms.exclude = words(prefix + "_tls_exclude_ciphers");
  if (mandatory.empty()) return terms;
  for (auto& word : words(prefix + "_tls_mandatory_exclude_ciphers"))
    terms.exclude.push_back(std::move(word));
  return terms;
}

void TlsReader::fingerprints(const std::string& prefix, TlsClientPolicy& policy) {
  const auto name = prefix + "_tls_fingerprint_cert_match";
  for (auto& word : words(name)) {
    std::ranges::transform(word, word.begin(), [](char c) {
      return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    });
    policy.fingerprints_.push_back(std::move(word));
  }
  if (policy.level_ == Level::fingerprint && policy.fingerprints_.empty()) {
    error(prefix + "_tls_security_level", "the level fingerprint needs " + name);
  }
  const auto digest = prefix + "_tls_fingerprint_digest";
  if (!policy.fingerprints_.empty() && lower_case(text(digest)) != "sha256") {
    error(main_.is_set(digest) ? digest : name,
          "fingerprints are SHA-256: write " + digest + " = sha256, and such fingerprints");
  }
}

TlsClientConfiguration TlsReader::client(const std::string& prefix) {
  TlsClientConfiguration result;
  auto& policy = result.policy;
  files(prefix, result.settings);
  result.settings.wrapper_mode = main_.boolean(prefix + "_tls_wrappermode");
  result.settings.log_level =
      static_cast<int>(std::clamp<std::int64_t>(main_.integer(prefix + "_tls_loglevel"), 0, 4));
  policy.prefix_ = prefix;
  policy.level_ = client_level(prefix);
  const auto level_name = prefix + "_tls_security_level";
  policy.level_origin_ = main_.origin(level_name);
  policy.maps_ = maps(prefix + "_tls_policy_maps");
  policy.verify_match_ = words(prefix + "_tls_verify_cert_match");
  policy.secure_match_ = words(prefix + "_tls_secure_cert_match");
  policy.server_name_ = text(prefix + "_tls_servername");
  policy.may_ = terms(prefix, "");
  policy.mandatory_ = terms(prefix, "mandatory_");
  policy.grades_ = grades();
  fingerprints(prefix, policy);
  result.settings.versions = policy.may_.versions;
  if (result.settings.wrapper_mode && (policy.level_ == Level::none || policy.level_ == Level::may)) {
    error(prefix + "_tls_wrappermode", "it needs " + level_name + " = encrypt or stronger");
  }
  return result;
}

Result<TlsVersions> parse_tls_versions(std::string_view text) {
  auto parsed = parse_tls_protocols(text);
  if (!parsed) return std::unexpected(std::move(parsed.error()));
  return parsed->versions;
}

TlsServerSettings tls_server_settings(const Main& main, table::Opener& opener, Diagnostics& diagnostics) {
  return TlsReader(main, opener, diagnostics).server();
}

TlsClientConfiguration tls_client_settings(const Main& main, std::string_view prefix, table::Opener& opener,
                                           Diagnostics& diagnostics) {
  return TlsReader(main, opener, diagnostics).client(std::string(prefix));
}

}  // namespace hikyaku::config
