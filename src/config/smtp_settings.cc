#include "config/smtp_settings.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>

#include "config/table_elements.h"

namespace hikyaku::config {
namespace {

constexpr std::size_t kShortestLineLimit = 512;  // RFC 5321 s. 4.5.3.1.4
constexpr std::size_t kLongestLineLimit = 65536;
/// The one table that smtpd_forbidden_commands has by default: a line whose first octet is no letter.
constexpr std::string_view kNoLetterFirst = "regexp:{{/^[^A-Z]/ Bogus}}";

bool letter(char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); }

std::string lower(std::string_view text) {
  std::string out(text);
  for (auto& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}
std::string upper(std::string_view text) {
  std::string out(text);
  for (auto& c : out) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return out;
}

/// Reads the settings one by one; what is wrong with one does not keep the next from being read.
class Reader {
 public:
  Reader(const Main& main, table::Opener& opener, Diagnostics& diagnostics)
      : main_(main), opener_(opener), diagnostics_(diagnostics) {}

  const Main& main() const { return main_; }
  bool failed() const { return !first_fault_.empty(); }
  const std::string& first_fault() const { return first_fault_; }

  template <class Number>
  Number count(std::string_view name) const {
    return static_cast<Number>(std::clamp<std::int64_t>(main_.integer(name), 0, INT32_MAX));
  }

  table::Maps maps(std::string_view name) {
    auto maps = table::Maps::open(elements(main_.list(name)), opener_);
    if (maps) return std::move(*maps);
    fault(name, maps.error().text);
    return {};
  }
  table::NetworkList networks(std::string_view name) {
    auto list = table::NetworkList::compile(elements(main_.list(name)), opener_);
    if (list) return std::move(*list);
    fault(name, list.error().text);
    return {};
  }

  smtp::EhloKeywords keywords(std::string_view name) {
    smtp::EhloKeywords keywords;
    for (const auto& word : main_.list(name)) {
      const auto bit = smtp::EhloKeywords::bit(word.text);
      if (bit == 0)
        diagnostics_.warning(word.origin, std::string(name) + ": not an EHLO keyword that is ever offered",
                             word.text);
      keywords.bits = static_cast<std::uint16_t>(keywords.bits | bit);
    }
    return keywords;
  }

  /// The words of `options_name`, with the filter of `filter_name` on top.
  smtp::SaslRules sasl_rules(std::string_view options_name, std::string_view filter_name) {
    smtp::SaslRules rules;
    const std::pair<std::string_view, bool smtp::SaslRules::*> options[] = {
        {"noplaintext", &smtp::SaslRules::no_plaintext},
        {"noactive", &smtp::SaslRules::no_active},
        {"nodictionary", &smtp::SaslRules::no_dictionary},
        {"noanonymous", &smtp::SaslRules::no_anonymous},
        {"mutual_auth", &smtp::SaslRules::mutual},
        {"forward_secrecy", &smtp::SaslRules::forward_secrecy}};
    for (const auto& word : main_.list(options_name)) {
      for (const auto& [option, member] : options) {
        if (lower(word.text) == option) rules.*member = true;
      }
    }
    const auto filter = main_.list(filter_name);
    if (filter.empty()) return rules;
    auto list = table::StringMatchList::compile(elements(filter), opener_);
    if (!list) {
      fault(filter_name, list.error().text);
      return rules;
    }
    // A filter that can't be asked lets nothing through.
    rules.accepts = [list = std::move(*list)](std::string_view mechanism) {
      const auto match = list.match(lower(mechanism), nullptr);
      return match && match->has_value();
    };
    return rules;
  }

  /// smtpd_forbidden_commands: words, and tables that are asked for words.
  void forbidden_commands(smtp::ServerSettings& settings) {
    settings.forbidden_commands.clear();
    bool no_letter_first = false;
    std::vector<table::Element> tables;
    for (const auto& element : main_.list("smtpd_forbidden_commands")) {
      if (element.text == kNoLetterFirst) {
        no_letter_first = true;
      } else if (element.text.find(':') != std::string::npos || element.text.front() == '!' ||
                 element.text.front() == '/') {
        tables.push_back({element.text, element.origin});
      } else {
        settings.forbidden_commands.push_back(upper(element.text));
      }
    }
    if (tables.empty()) {
      if (no_letter_first)
        settings.forbidden_pattern = [](std::string_view word) { return !letter(word.front()); };
      return;
    }
    auto list = table::StringMatchList::compile(tables, opener_);
    if (!list) return fault("smtpd_forbidden_commands", list.error().text);
    settings.forbidden_pattern = [list = std::move(*list), no_letter_first](std::string_view word) {
      if (no_letter_first && !letter(word.front())) return true;
      const auto match = list.match(word, nullptr);
      return match && match->has_value();
    };
  }

 private:
  void fault(std::string_view name, const std::string& text) {
    auto told = std::string(name) + ": " + text;
    diagnostics_.error(main_.origin(name), told);
    if (first_fault_.empty()) first_fault_ = std::move(told);
  }

  const Main& main_;
  table::Opener& opener_;
  Diagnostics& diagnostics_;
  std::string first_fault_;
};

smtp::ServerSettings::Tls server_tls(const Main& main) {
  using Tls = smtp::ServerSettings::Tls;
  const auto level = lower(main.text("smtpd_tls_security_level").text);
  if (level == "none") return Tls::none;
  if (level == "may") return Tls::may;
  if (!level.empty()) return Tls::encrypt;
  // The older names count only when the level is not set.
  if (main.boolean("smtpd_enforce_tls")) return Tls::encrypt;
  return main.boolean("smtpd_use_tls") ? Tls::may : Tls::none;
}

void read_limits(const Reader& reader, smtp::ServerSettings& settings) {
  const auto& main = reader.main();
  settings.message_size_limit =
      static_cast<std::uint64_t>(std::max<std::int64_t>(main.size("message_size_limit"), 0));
  settings.line_limit =
      std::clamp(reader.count<std::size_t>("line_length_limit"), kShortestLineLimit, kLongestLineLimit);
  settings.auth_line_limit = std::clamp(reader.count<std::size_t>("smtpd_sasl_response_limit"),
                                        settings.line_limit, kLongestLineLimit);
  settings.recipient_limit = reader.count<std::size_t>("smtpd_recipient_limit");
  settings.recipient_overshoot_limit = reader.count<std::size_t>("smtpd_recipient_overshoot_limit");
  settings.soft_error_limit = reader.count<unsigned>("smtpd_soft_error_limit");
  settings.hard_error_limit = std::max(reader.count<unsigned>("smtpd_hard_error_limit"), 1U);
  settings.junk_command_limit = reader.count<unsigned>("smtpd_junk_command_limit");
  settings.error_sleep = main.duration("smtpd_error_sleep_time");
  settings.soft_bounce = main.boolean("soft_bounce");
}

}  // namespace

Result<SmtpServerSettings> smtp_server_settings(const Main& main, smtp::Protocol protocol,
                                                const std::vector<std::string>& mechanisms,
                                                table::Opener& opener, Diagnostics& diagnostics) {
  Reader reader(main, opener, diagnostics);
  SmtpServerSettings out;
  auto& session = out.session;
  session.protocol = protocol;
  session.hostname = main.text("myhostname").text;
  session.banner = main.text("smtpd_banner").text;
  read_limits(reader, session);
  session.helo_required = main.boolean("smtpd_helo_required");
  session.strict_envelopes = main.boolean("strict_rfc821_envelopes");
  session.vrfy = !main.boolean("disable_vrfy_command");
  session.smtputf8 = main.boolean("smtputf8_enable");
  session.strict_smtputf8 = main.boolean("strict_smtputf8");
  session.tls = server_tls(main);
  session.auth = main.boolean("smtpd_sasl_auth_enable");
  session.tls_auth_only =
      main.boolean("smtpd_tls_auth_only") || session.tls == smtp::ServerSettings::Tls::encrypt;
  session.broken_auth_clients = main.boolean("broken_sasl_auth_clients");
  session.mechanisms =
      reader.sasl_rules("smtpd_sasl_security_options", "smtpd_sasl_mechanism_filter").allowed(mechanisms);
  session.tls_mechanisms =
      reader.sasl_rules("smtpd_sasl_tls_security_options", "smtpd_sasl_mechanism_filter").allowed(mechanisms);
  session.discard = reader.keywords("smtpd_discard_ehlo_keywords");
  for (const auto& word : main.list("smtpd_noop_commands")) session.noop_commands.push_back(upper(word.text));
  reader.forbidden_commands(session);

  out.timeout = main.duration("smtpd_timeout");
  out.starttls_timeout = main.duration("smtpd_starttls_timeout");
  out.wrapper_mode = main.boolean("smtpd_tls_wrappermode");
  out.xclient_hosts = reader.networks("smtpd_authorized_xclient_hosts");
  out.auth_exceptions = reader.networks("smtpd_sasl_exceptions_networks");
  out.discard_maps = reader.maps("smtpd_discard_ehlo_keyword_address_maps");
  if (reader.failed()) return fail(Fault::malformed, reader.first_fault());
  return out;
}

Result<SmtpClientSettings> smtp_client_settings(const Main& main, smtp::Protocol protocol,
                                                table::Opener& opener, Diagnostics& diagnostics) {
  const bool lmtp = protocol == smtp::Protocol::lmtp;
  Reader reader(main, opener, diagnostics);
  SmtpClientSettings out;
  const auto name = [&](std::string_view rest) { return (lmtp ? "lmtp_" : "smtp_") + std::string(rest); };
  const auto yes = [&](std::string_view rest) { return main.boolean(name(rest)); };
  const auto time = [&](std::string_view rest) { return main.duration(name(rest)); };

  auto& session = out.session;
  session.protocol = protocol;
  session.helo_name = main.text(lmtp ? "lmtp_lhlo_name" : "smtp_helo_name").text;
  const auto level = lower(main.text(name("tls_security_level")).text);
  session.tls = level.empty() && yes("enforce_tls") ? smtp::ClientSession::Options::Tls::required
                : level.empty() && yes("use_tls")   ? smtp::ClientSession::Options::Tls::when_offered
                                                    : client_tls(level);
  session.tls_active = yes("tls_wrappermode");
  session.ehlo = lmtp || !main.boolean("smtp_never_send_ehlo");
  session.quote_envelope = yes("quote_rfc821_envelope");
  session.skip_5xx_greeting = yes("skip_5xx_greeting");
  session.wait_for_quit = !yes("skip_quit_response");
  session.discard = reader.keywords(lmtp ? "lmtp_discard_lhlo_keywords" : "smtp_discard_ehlo_keywords");

  out.timeouts = {time("connect_timeout"),   lmtp ? time("lhlo_timeout") : time("helo_timeout"),
                  time("starttls_timeout"),  time("mail_timeout"),
                  time("rcpt_timeout"),      time("data_init_timeout"),
                  time("data_xfer_timeout"), time("data_done_timeout"),
                  time("rset_timeout"),      time("quit_timeout")};
  out.line_length_limit =
      static_cast<std::size_t>(std::max<std::int64_t>(main.size(name("line_length_limit")), 0));
  out.session_limit = reader.count<unsigned>(name("mx_session_limit"));
  out.connection_cache = yes("connection_cache_on_demand");
  out.reuse_count_limit = reader.count<unsigned>(name("connection_reuse_count_limit"));
  out.reuse_time_limit = time("connection_reuse_time_limit");
  out.cache_time_limit = time("connection_cache_time_limit");

  out.auth = yes("sasl_auth_enable");
  out.sender_dependent_auth = yes("sender_dependent_authentication");
  out.auth_failure_is_temporary = yes("sasl_auth_soft_bounce");
  out.passwords = reader.maps(name("sasl_password_maps"));
  const auto filter = name("sasl_mechanism_filter");
  out.sasl_rules = reader.sasl_rules(name("sasl_security_options"), filter);
  out.sasl_tls_rules = reader.sasl_rules(name("sasl_tls_security_options"), filter);
  out.sasl_verified_rules = reader.sasl_rules(name("sasl_tls_verified_security_options"), filter);
  out.discard_maps =
      reader.maps(lmtp ? "lmtp_discard_lhlo_keyword_address_maps" : "smtp_discard_ehlo_keyword_address_maps");
  if (out.auth && out.passwords.empty()) {
    diagnostics.warning(main.origin(name("sasl_auth_enable")),
                        name("sasl_auth_enable") + " is on, but " + name("sasl_password_maps") +
                            " is empty: nothing will ever be authenticated");
  }
  if (reader.failed()) return fail(Fault::malformed, reader.first_fault());
  return out;
}

smtp::EhloKeywords ehlo_keywords(std::string_view words) {
  smtp::EhloKeywords keywords;
  constexpr std::string_view kSeparators = ", \t\r\n";
  while (true) {
    const auto begin = words.find_first_not_of(kSeparators);
    if (begin == std::string_view::npos) return keywords;
    words.remove_prefix(begin);
    const auto word = words.substr(0, words.find_first_of(kSeparators));
    words.remove_prefix(word.size());
    keywords.bits = static_cast<std::uint16_t>(keywords.bits | smtp::EhloKeywords::bit(word));
  }
}

smtp::ClientSession::Options::Tls client_tls(std::string_view level) {
  using Tls = smtp::ClientSession::Options::Tls;
  const auto name = lower(level);
  if (name.empty() || name == "none") return Tls::never;
  return name == "may" ? Tls::when_offered : Tls::required;
}

}  // namespace hikyaku::config
