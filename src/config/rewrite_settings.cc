#include "config/rewrite_settings.h"

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "config/spelling.h"
#include "config/table_elements.h"
#include "mail/header.h"
#include "rewrite/local_domains.h"

namespace hikyaku::config {
namespace {

using rewrite::AddressClass;

bool same(std::string_view a, std::string_view b) { return mail::same_header_name(a, b); }

/// Reads the settings one by one; what is wrong with one does not keep the next from being read.
class Reader {
 public:
  Reader(const Main& main, table::Opener& opener, Diagnostics& diagnostics)
      : main_(main), opener_(opener), diagnostics_(diagnostics) {}

  bool failed() const { return !first_fault_.empty(); }
  const std::string& first_fault() const { return first_fault_; }

  rewrite::Text text(std::string_view name) const { return {main_.text(name).text, main_.text(name).origin}; }
  rewrite::Switch yes_or_no(std::string_view name) const { return {main_.boolean(name), main_.origin(name)}; }
  std::size_t number(std::string_view name) const {
    return static_cast<std::size_t>(std::max<std::int64_t>(main_.integer(name), 0));
  }

  table::Maps maps(std::string_view name) {
    auto maps = table::Maps::open(elements(main_.list(name)), opener_);
    if (maps) return std::move(*maps);
    fault(main_.origin(name), std::string(name) + ": " + maps.error().text);
    return {};
  }
  rewrite::Checks checks(std::string_view name, std::string_view step) {
    return {name, step, maps(name), main_.origin(name)};
  }
  rewrite::AddressMap map(std::string_view name, std::string_view step, std::string_view classes) {
    rewrite::AddressMap map{step, name, maps(name), {}, main_.origin(name)};
    if (!classes.empty()) map.classes = this->classes(classes);
    return map;
  }
  table::StringMatchList strings(std::string_view name) {
    auto list = table::StringMatchList::compile(elements(main_.list(name)), opener_);
    if (list) return std::move(*list);
    fault(main_.origin(name), std::string(name) + ": " + list.error().text);
    return {};
  }
  table::NetworkList networks(std::string_view name) {
    const auto parents = main_.list("parent_domain_matches_subdomains");
    const bool by_parent =
        std::any_of(parents.begin(), parents.end(), [name](const Value& v) { return v.text == name; });
    auto list =
        table::NetworkList::compile(elements(main_.list(name)), opener_,
                                    by_parent ? table::Subdomains::by_parent_too : table::Subdomains::by_dot);
    if (list) return std::move(*list);
    fault(main_.origin(name), std::string(name) + ": " + list.error().text);
    return {};
  }

  /// One word of `names` in any case: its index. A misspelled one is a fault.
  template <std::size_t N>
  std::optional<std::size_t> word(const Value& value, std::string_view setting,
                                  const std::array<std::string_view, N>& names) {
    for (std::size_t i = 0; i < N; ++i) {
      if (same(value.text, names[i])) return i;
    }
    std::string text = std::string(setting) + ": \"" + value.text + "\" is unknown; ";
    const auto near = nearest(value.text, names);
    if (!near.empty()) {
      text += "did you mean " + std::string(near) + "?";
    } else {
      text += "there is";
      for (std::size_t i = 0; i < N; ++i) text += (i == 0 ? " " : ", ") + std::string(names[i]);
    }
    fault(value.origin, std::move(text), value.text);
    return std::nullopt;
  }

  rewrite::AddressClasses classes(std::string_view name) {
    static constexpr std::array<std::string_view, 4> kNames = {"envelope_sender", "envelope_recipient",
                                                               "header_sender", "header_recipient"};
    rewrite::AddressClasses classes{0, main_.origin(name)};
    for (const auto& value : main_.list(name)) {
      if (const auto index = word(value, name, kNames)) {
        classes.bits = static_cast<std::uint8_t>(classes.bits | (1U << *index));
      }
    }
    return classes;
  }

  rewrite::CompletionSettings completion() {
    return {text("myorigin"),
            text("mydomain"),
            text("remote_header_rewrite_domain"),
            yes_or_no("append_at_myorigin"),
            yes_or_no("append_dot_mydomain"),
            yes_or_no("swap_bangpath"),
            yes_or_no("allow_percent_hack")};
  }

  rewrite::LookupSettings lookup(std::vector<table::Ip> own) {
    static constexpr std::array<std::string_view, 6> kNames = {"canonical", "virtual", "alias",
                                                               "forward",   "include", "generic"};
    rewrite::LookupSettings lookup;
    lookup.local_domains = std::make_shared<rewrite::OwnDomains>(main_.text("myorigin").text,
                                                                 strings("mydestination"), std::move(own));
    lookup.delimiters = {main_.text("recipient_delimiter").text, main_.boolean("owner_request_special"),
                         main_.text("double_bounce_sender").text};
    lookup.propagate_canonical = lookup.propagate_virtual = lookup.propagate_generic = false;
    for (const auto& value : main_.list("propagate_unmatched_extensions")) {
      const auto index = word(value, "propagate_unmatched_extensions", kNames);
      if (index == 0U) lookup.propagate_canonical = true;
      if (index == 1U) lookup.propagate_virtual = true;
      if (index == 5U) lookup.propagate_generic = true;
    }
    return lookup;
  }

  rewrite::MasqueradeSettings masquerade() {
    rewrite::MasqueradeSettings settings;
    for (const auto& value : main_.list("masquerade_domains")) {
      rewrite::MasqueradeDomain rule{{}, false, value.origin};
      std::string_view domain = value.text;
      for (; domain.starts_with('!'); domain.remove_prefix(1)) rule.exempt = !rule.exempt;
      for (const char c : domain) {
        rule.domain += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
      }
      if (!rule.domain.empty()) settings.domains.push_back(std::move(rule));
    }
    settings.exceptions = strings("masquerade_exceptions");
    settings.exceptions_origin = main_.origin("masquerade_exceptions");
    settings.classes = classes("masquerade_classes");
    return settings;
  }

  std::vector<rewrite::ClientRule> client_rules() {
    constexpr std::string_view kSetting = "local_header_rewrite_clients";
    static constexpr std::array<std::string_view, 6> kNames = {
        "permit_inet_interfaces", "permit_mynetworks",          "permit_sasl_authenticated",
        "permit_tls_clientcerts", "permit_tls_all_clientcerts", "check_address_map"};
    std::vector<rewrite::ClientRule> rules;
    const auto list = main_.list(kSetting);
    for (std::size_t i = 0; i < list.size(); ++i) {
      const auto& value = list[i];
      using Kind = rewrite::ClientRule::Kind;
      if (value.text.find(':') != std::string::npos) {
        rules.push_back({Kind::address_map, value.text, value.origin, table(value)});
        continue;
      }
      const auto index = word(value, kSetting, kNames);
      if (!index) continue;
      if (*index < 5) {
        rules.push_back({static_cast<Kind>(*index), value.text, value.origin, nullptr});
      } else if (i + 1 < list.size() && list[i + 1].text.find(':') != std::string::npos) {
        ++i;
        rules.push_back({Kind::address_map, value.text + " " + list[i].text, value.origin, table(list[i])});
      } else {
        fault(value.origin, std::string(kSetting) + ": check_address_map needs a table after it, type:name",
              value.text);
      }
    }
    std::erase_if(rules, [](const rewrite::ClientRule& rule) {
      return rule.kind == rewrite::ClientRule::Kind::address_map && !rule.map;
    });
    return rules;
  }

  rewrite::Text undisclosed() {
    auto header = text("undisclosed_recipients_header");
    if (!header.text.empty() && !mail::read_header(header.text)) {
      fault(header.origin, "undisclosed_recipients_header: \"" + header.text +
                               "\" is no header; write \"To: undisclosed-recipients:;\"");
    }
    return header;
  }

 private:
  std::shared_ptr<const table::Table> table(const Value& value) {
    auto opened = opener_.open(value.text, value.origin);
    if (opened) return std::move(*opened);
    fault(value.origin, opened.error().text, value.text);
    return nullptr;
  }
  void fault(Origin where, std::string text, std::string_view token = {}) {
    if (first_fault_.empty()) first_fault_ = text;
    diagnostics_.error(where, std::move(text), token);
  }

  const Main& main_;
  table::Opener& opener_;
  Diagnostics& diagnostics_;
  std::string first_fault_;
};

bool loopback(const table::Ip& ip) {
  static const auto kFour = table::Network::parse("127.0.0.0/8");
  static const auto kSix = table::Ip::parse("::1");
  return (kFour && kFour->contains(ip)) || kSix == ip;
}

}  // namespace

std::vector<table::Ip> own_addresses(const Main& main, std::span<const table::Ip> machine,
                                     Diagnostics& diagnostics) {
  std::vector<table::Ip> own;
  for (const std::string_view name : {"inet_interfaces", "proxy_interfaces"}) {
    for (const auto& value : main.list(name)) {
      std::string_view text = value.text;
      if (same(text, "all")) {
        own.insert(own.end(), machine.begin(), machine.end());
      } else if (same(text, "loopback-only")) {
        std::copy_if(machine.begin(), machine.end(), std::back_inserter(own), loopback);
      } else {
        if (text.starts_with('[') && text.ends_with(']')) text = text.substr(1, text.size() - 2);
        if (const auto ip = table::Ip::parse(text)) {
          own.push_back(*ip);
        } else if (same(text, "localhost")) {
          std::copy_if(machine.begin(), machine.end(), std::back_inserter(own), loopback);
        } else {
          diagnostics.warning(value.origin,
                              std::string(name) + ": write the address of " + value.text +
                                  "; a host name is not looked up here",
                              value.text);
        }
      }
    }
  }
  return own;
}

namespace {

/// receive_override_options: for mail that comes back from a content filter and was treated when it first
/// came.
void override_options(const Main& main, rewrite::Settings& settings) {
  for (const auto& option : main.list("receive_override_options")) {
    if (option.text == "no_address_mappings") {
      settings.sender_canonical = settings.recipient_canonical = settings.canonical = {};
      settings.virtual_alias = settings.sender_bcc = settings.recipient_bcc = {};
      settings.masquerade = {};
      settings.always_bcc = {};
    } else if (option.text == "no_header_body_checks") {
      for (auto* checks : {&settings.header_checks, &settings.mime_header_checks,
                           &settings.nested_header_checks, &settings.body_checks}) {
        checks->maps = {};
      }
    }
  }
}

}  // namespace

Result<rewrite::Settings> rewrite_settings(const Main& main, std::span<const table::Ip> machine,
                                           table::Opener& opener, Diagnostics& diagnostics) {
  Reader read(main, opener, diagnostics);
  rewrite::Settings settings;
  settings.own_addresses = own_addresses(main, machine, diagnostics);
  settings.completion = read.completion();
  settings.lookup = read.lookup(settings.own_addresses);
  settings.sender_canonical =
      read.map("sender_canonical_maps", "rewrite.sender_canonical", "sender_canonical_classes");
  settings.recipient_canonical =
      read.map("recipient_canonical_maps", "rewrite.recipient_canonical", "recipient_canonical_classes");
  settings.canonical = read.map("canonical_maps", "rewrite.canonical", "canonical_classes");
  settings.masquerade = read.masquerade();
  settings.virtual_alias = read.map("virtual_alias_maps", "rewrite.virtual_alias", {});
  settings.virtual_limits = {read.number("virtual_alias_expansion_limit"),
                             read.number("virtual_alias_recursion_limit"),
                             read.number("virtual_alias_address_length_limit")};
  settings.sender_bcc = read.map("sender_bcc_maps", "rewrite.sender_bcc", {});
  settings.recipient_bcc = read.map("recipient_bcc_maps", "rewrite.recipient_bcc", {});
  settings.always_bcc = read.text("always_bcc");
  settings.enable_original_recipient = read.yes_or_no("enable_original_recipient");
  settings.empty_recipient = read.text("empty_address_recipient");

  settings.local_clients = read.client_rules();
  settings.local_clients_setting = read.text("local_header_rewrite_clients");
  settings.mynetworks = read.networks("mynetworks");
  settings.tls_clientcerts = read.maps("relay_clientcerts");

  settings.header_checks = read.checks("header_checks", "rewrite.header_checks");
  settings.mime_header_checks = read.checks("mime_header_checks", "rewrite.mime_header_checks");
  settings.nested_header_checks = read.checks("nested_header_checks", "rewrite.nested_header_checks");
  settings.body_checks = read.checks("body_checks", "rewrite.body_checks");
  settings.body_checks_size = static_cast<std::size_t>(main.size("body_checks_size_limit"));

  settings.always_add_missing_headers = read.yes_or_no("always_add_missing_headers");
  settings.undisclosed_recipients = read.undisclosed();
  for (auto& value : main.list("message_drop_headers"))
    settings.drop_headers.push_back(std::move(value.text));
  settings.drop_headers_origin = main.origin("message_drop_headers");
  settings.address_token_limit = read.number("header_address_token_limit");
  settings.hop_limit = read.number("hopcount_limit");
  settings.hop_limit_origin = main.origin("hopcount_limit");
  settings.hostname = read.text("myhostname");
  override_options(main, settings);
  if (read.failed()) return fail(Fault::malformed, read.first_fault());
  return settings;
}

bool maps_addresses(const Main& main) {
  const auto options = main.list("receive_override_options");
  return std::ranges::none_of(options, [](const Value& one) { return one.text == "no_address_mappings"; });
}

Result<rewrite::OutboundSettings> outbound_settings(const Main& main, ClientProtocol protocol,
                                                    std::span<const table::Ip> machine, table::Opener& opener,
                                                    Diagnostics& diagnostics) {
  Reader read(main, opener, diagnostics);
  const bool smtp = protocol == ClientProtocol::smtp;
  rewrite::OutboundSettings settings;
  settings.completion = read.completion();
  settings.lookup = read.lookup(own_addresses(main, machine, diagnostics));
  settings.generic = read.map(smtp ? "smtp_generic_maps" : "lmtp_generic_maps", "rewrite.generic", {});
  settings.header_checks =
      read.checks(smtp ? "smtp_header_checks" : "lmtp_header_checks", "rewrite.smtp_header_checks");
  settings.mime_header_checks = read.checks(smtp ? "smtp_mime_header_checks" : "lmtp_mime_header_checks",
                                            "rewrite.smtp_mime_header_checks");
  settings.nested_header_checks = read.checks(
      smtp ? "smtp_nested_header_checks" : "lmtp_nested_header_checks", "rewrite.smtp_nested_header_checks");
  settings.body_checks =
      read.checks(smtp ? "smtp_body_checks" : "lmtp_body_checks", "rewrite.smtp_body_checks");
  settings.address_token_limit = read.number("header_address_token_limit");
  if (read.failed()) return fail(Fault::malformed, read.first_fault());
  return settings;
}

Result<rewrite::AliasSettings> alias_settings(const Main& main, std::span<const table::Ip> machine,
                                              table::Opener& opener, Diagnostics& diagnostics) {
  Reader read(main, opener, diagnostics);
  const auto holds = [&main](std::string_view name, std::string_view word) {
    const auto list = main.list(name);
    return std::any_of(list.begin(), list.end(),
                       [word](const Value& value) { return same(value.text, word); });
  };
  rewrite::AliasSettings settings;
  settings.maps = read.maps("alias_maps");
  settings.origin = main.origin("alias_maps");
  settings.lookup = read.lookup(own_addresses(main, machine, diagnostics));
  settings.completion = read.completion();
  settings.propagate = holds("propagate_unmatched_extensions", "alias");
  settings.commands = main.is_set("allow_mail_to_commands") && holds("allow_mail_to_commands", "alias");
  settings.files = main.is_set("allow_mail_to_files") && holds("allow_mail_to_files", "alias");
  settings.expand_owner = main.boolean("expand_owner_alias");
  if (read.failed()) return fail(Fault::malformed, read.first_fault());
  return settings;
}

}  // namespace hikyaku::config
