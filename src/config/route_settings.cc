#include "config/route_settings.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "base/escape.h"
#include "config/rewrite_settings.h"
#include "config/table_elements.h"
#include "mail/header.h"
#include "rewrite/completion.h"
#include "route/next_hop.h"
#include "route/router.h"

namespace hikyaku::config {
namespace {

constexpr std::size_t kMostWarnings = 20;  // of one table

bool names_parents(const Main& main, std::string_view setting) {
  const auto names = main.list("parent_domain_matches_subdomains");
  return std::any_of(names.begin(), names.end(), [setting](const Value& v) { return v.text == setting; });
}

/// Why `text` is no list of next hops; with the advice to drop a transport that stands before it.
std::optional<std::string> no_next_hop(const std::string& text) {
  if (text.empty() || mail::same_header_name(text, "DUNNO")) return std::nullopt;
  const auto hops = route::NextHop::parse_list(text);
  if (hops) return std::nullopt;
  const auto parts = route::split_transport(text);
  if (!parts.nexthop.empty() && route::NextHop::parse_list(parts.nexthop)) {
    return "\"" + escaped(text, 200) +
           "\" looks like transport:nexthop; here stands a next hop alone: write \"" +
           escaped(parts.nexthop, 200) + "\"";
  }
  return hops.error().text;
}

class Reader {
 public:
  Reader(const Main& main, table::Opener& opener, Diagnostics& diagnostics)
      : main_(main), opener_(opener), diagnostics_(diagnostics) {}

  const std::string& first_fault() const { return first_fault_; }

  route::Text text(std::string_view name) const { return {main_.text(name).text, main_.text(name).origin}; }
  route::Tables tables(std::string_view name,
                       table::Substitution substitution = table::Substitution::allowed) {
    auto maps = table::Maps::open(elements(main_.list(name)), opener_, substitution);
    if (maps) return {std::move(*maps), main_.origin(name)};
    fault(name, maps.error());
    return {{}, main_.origin(name)};
  }
  route::Domains<table::StringMatchList> strings(std::string_view name) {
    auto list = table::StringMatchList::compile(elements(main_.list(name)), opener_);
    if (list) return {std::move(*list), main_.origin(name)};
    fault(name, list.error());
    return {{}, main_.origin(name)};
  }
  route::Domains<table::DomainList> domains(std::string_view name) {
    const auto subdomains =
        names_parents(main_, name) ? table::Subdomains::by_parent_too : table::Subdomains::by_dot;
    auto list = table::DomainList::compile(elements(main_.list(name)), opener_, subdomains);
    if (list) return {std::move(*list), main_.origin(name)};
    fault(name, list.error());
    return {{}, main_.origin(name)};
  }

  std::function<std::string(std::string_view)> completion() const {
    const auto of_text = [this](std::string_view name) {
      return rewrite::Text{main_.text(name).text, main_.origin(name)};
    };
    const auto of_switch = [this](std::string_view name) {
      return rewrite::Switch{main_.boolean(name), main_.origin(name)};
    };
    rewrite::CompletionSettings settings;
    settings.myorigin = of_text("myorigin");
    settings.mydomain = of_text("mydomain");
    settings.append_at_myorigin = of_switch("append_at_myorigin");
    settings.append_dot_mydomain = of_switch("append_dot_mydomain");
    settings.swap_bangpath = of_switch("swap_bangpath");
    settings.allow_percent_hack = of_switch("allow_percent_hack");
    auto completion = std::make_shared<const rewrite::Completion>(std::move(settings));
    return [completion](std::string_view external) {
      return completion->external(external, rewrite::Completion::Context::local);
    };
  }

 private:
  void fault(std::string_view name, const Error& error) {
    auto text = std::string(name) + ": " + error.text;
    if (first_fault_.empty()) first_fault_ = text;
    diagnostics_.error(main_.origin(name), std::move(text));
  }

  const Main& main_;
  table::Opener& opener_;
  Diagnostics& diagnostics_;
  std::string first_fault_;
};

/// Looks through the entries of tables that have their own, up to kMostWarnings remarks on each.
template <class Remark>
void look_through(const table::Maps& maps, Diagnostics& diagnostics, const Remark& remark) {
  for (const auto& table : maps.tables()) {
    if (table->kind() != table::Table::Kind::fixed) continue;
    std::size_t said = 0;
    table->visit([&](const table::Row& row) {
      if (said == kMostWarnings) return;
      if (auto text = remark(row)) {
        diagnostics.warning(row.origin, table->name() + ": " + *text, row.key);
        ++said;
      }
    });
  }
}

void check_next_hops(const Main& main, const route::Settings& settings, Diagnostics& diagnostics) {
  if (const auto wrong = no_next_hop(settings.relayhost.text)) {
    diagnostics.warning(settings.relayhost.origin, "relayhost: " + *wrong, settings.relayhost.text);
  }
  look_through(settings.sender_dependent_relayhost.maps, diagnostics,
               [](const table::Row& row) { return no_next_hop(std::string(row.value)); });
  look_through(settings.sender_dependent_default_transport.maps, diagnostics,
               [](const table::Row& row) -> std::optional<std::string> {
                 const auto parts = route::split_transport(row.value);
                 if (parts.transport.empty() || parts.transport.starts_with('[')) {
                   return "\"" + escaped(row.value, 200) +
                          "\" names no transport; write transport:nexthop, such as smtp:" +
                          escaped(parts.transport.empty() ? parts.nexthop : row.value, 200);
                 }
                 return std::nullopt;
               });
  look_through(settings.transport.maps, diagnostics, [](const table::Row& row) -> std::optional<std::string> {
    if (!row.key.starts_with('@')) return std::nullopt;
    return "the key \"" + escaped(row.key, 200) +
           "\" is never looked up in transport_maps; write the domain without @";
  });
  for (const std::string_view name :
       {"relay_transport", "default_transport", "local_transport", "virtual_transport"}) {
    const auto& value = main.text(name);
    if (value.text.find(' ') != std::string::npos || value.text.empty() || value.text.starts_with(':')) {
      diagnostics.error(value.origin, std::string(name) + ": \"" + escaped(value.text, 100) +
                                          "\" is no transport; write transport or transport:nexthop");
    } else if (value.text.starts_with("hash:/") || value.text.starts_with("texthash:/") ||
               value.text.starts_with("regexp:/")) {
      diagnostics.warning(
          value.origin,
          std::string(name) +
              " names one transport, not a table; a table of transports goes to transport_maps",
          value.text);
    }
  }
}

/// The key under which the null sender is looked up: an address in its internal form, "<>" by default.
mail::Address null_key(const Main& main, std::string_view name, Diagnostics& diagnostics) {
  const auto& value = main.text(name);
  auto key = mail::Address::from_internal(value.text);
  if (key) return std::move(*key);
  diagnostics.error(value.origin, std::string(name) + ": " + key.error().text);
  return {};
}

}  // namespace

Result<route::Settings> route_settings(const Main& main, std::span<const table::Ip> machine,
                                       table::Opener& opener, Diagnostics& diagnostics) {
  Reader read(main, opener, diagnostics);
  route::Settings settings;
  settings.myorigin = main.text("myorigin").text;
  settings.myhostname = main.text("myhostname").text;
  settings.mydestination = read.strings("mydestination");
  settings.own_addresses = own_addresses(main, machine, diagnostics);
  settings.virtual_alias_domains = read.strings("virtual_alias_domains");
  settings.virtual_mailbox_domains = read.strings("virtual_mailbox_domains");
  settings.relay_domains = read.domains("relay_domains");
  settings.local_transport = read.text("local_transport");
  settings.virtual_transport = read.text("virtual_transport");
  settings.relay_transport = read.text("relay_transport");
  settings.default_transport = read.text("default_transport");
  settings.relayhost = read.text("relayhost");
  settings.sender_dependent_default_transport =
      read.tables("sender_dependent_default_transport_maps", table::Substitution::refused);
  settings.null_default_transport_key =
      null_key(main, "empty_address_default_transport_maps_lookup_key", diagnostics);
  settings.sender_dependent_relayhost = read.tables("sender_dependent_relayhost_maps");
  settings.null_relayhost_key = null_key(main, "empty_address_relayhost_maps_lookup_key", diagnostics);
  settings.transport = read.tables("transport_maps", table::Substitution::refused);
  settings.transport_parents =
      names_parents(main, "transport_maps") ? table::Parents::by_name : table::Parents::by_dot;
  settings.relocated = read.tables("relocated_maps");
  settings.default_filter_nexthop = read.text("default_filter_nexthop");
  settings.delimiters = {main.text("recipient_delimiter").text, main.boolean("owner_request_special"),
                         main.text("double_bounce_sender").text};
  settings.empty_recipient = main.text("empty_address_recipient").text;
  settings.swap_bangpath = main.boolean("swap_bangpath");
  settings.percent_hack = main.boolean("allow_percent_hack");
  settings.resolve_dequoted = main.boolean("resolve_dequoted_address");
  settings.resolve_null_domain = main.boolean("resolve_null_domain");
  settings.resolve_numeric_domain = main.boolean("resolve_numeric_domain");
  settings.allow_min_user = main.boolean("allow_min_user");
  settings.show_unknown_table = main.boolean("show_user_unknown_table_name");
  settings.show_unknown_table_origin = main.origin("show_user_unknown_table_name");
  settings.complete = read.completion();
  check_next_hops(main, settings, diagnostics);
  if (!read.first_fault().empty()) return fail(Fault::malformed, read.first_fault());
  return settings;
}

route::TransportLimits transport_limits(const Main& main, std::string_view name, std::size_t process_limit) {
  const auto number = [&](std::string_view suffix, std::string_view fallback) {
    const auto value = main.integer_or(std::string(name) + std::string(suffix), fallback);
    return value < 1 ? std::size_t{1} : static_cast<std::size_t>(value);
  };
  // 0 means "no limit" in Postfix.
  constexpr std::size_t kNoLimit = 1000000;
  const auto limit = [&](std::string_view suffix, std::string_view fallback) {
    const auto value = main.integer_or(std::string(name) + std::string(suffix), fallback);
    return value < 1 ? kNoLimit : static_cast<std::size_t>(value);
  };
  route::TransportLimits limits;
  limits.destination_concurrency_limit =
      limit("_destination_concurrency_limit", "default_destination_concurrency_limit");
  limits.initial_destination_concurrency =
      number("_initial_destination_concurrency", "initial_destination_concurrency");
  limits.destination_rate_delay =
      main.duration_or(std::string(name) + "_destination_rate_delay", "default_destination_rate_delay");
  // Deliveries side by side would not be spaced.
  if (limits.destination_rate_delay.count() > 0) limits.destination_concurrency_limit = 1;
  limits.initial_destination_concurrency =
      std::min(limits.initial_destination_concurrency, limits.destination_concurrency_limit);
  limits.destination_recipient_limit =
      limit("_destination_recipient_limit", "default_destination_recipient_limit");
  if (process_limit == 0)
    process_limit =
        static_cast<std::size_t>(std::max<std::int64_t>(main.integer("default_process_limit"), 1));
  limits.process_limit = process_limit;
  return limits;
}

route::RetrySchedule retry_schedule(const Main& main) {
  route::RetrySchedule schedule;
  const auto read = [&main](std::string_view name, std::chrono::seconds& value, Origin& origin) {
    value = main.duration(name);
    origin = main.origin(name);
  };
  read("minimal_backoff_time", schedule.minimal_backoff, schedule.minimal_backoff_origin);
  read("maximal_backoff_time", schedule.maximal_backoff, schedule.maximal_backoff_origin);
  read("maximal_queue_lifetime", schedule.lifetime, schedule.lifetime_origin);
  read("bounce_queue_lifetime", schedule.bounce_lifetime, schedule.bounce_lifetime_origin);
  read("delay_warning_time", schedule.delay_warning, schedule.delay_warning_origin);
  return schedule;
}

route::SearchSettings search_settings(const Main& main, std::span<const table::Ip> machine, bool lmtp,
                                      Diagnostics& diagnostics) {
  const std::string prefix = lmtp ? "lmtp_" : "smtp_";
  route::SearchSettings settings;
  const auto& port = main.text(prefix + "tcp_port");
  if (const auto number = route::parse_port(port.text)) {
    settings.default_port = *number;
  } else {
    diagnostics.error(port.origin,
                      prefix + "tcp_port: \"" + escaped(port.text, 40) + "\" is no port; write a number",
                      port.text);
  }
  settings.use_dns =
      main.text(prefix + "dns_support_level").text != "disabled" && !main.boolean("disable_dns_lookups");
  const auto protocols = main.list("inet_protocols");
  const auto has = [&](std::string_view name) {
    return std::any_of(protocols.begin(), protocols.end(), [name](const Value& v) {
      return mail::same_header_name(v.text, name) || mail::same_header_name(v.text, "all");
    });
  };
  settings.ipv4 = has("ipv4");
  settings.ipv6 = has("ipv6");
  if (!settings.ipv4 && !settings.ipv6) settings.ipv4 = settings.ipv6 = true;
  using Prefer = route::SearchSettings::Prefer;
  const auto& prefer = main.text(prefix + "address_preference").text;
  settings.prefer = prefer == "ipv4" ? Prefer::ipv4 : prefer == "ipv6" ? Prefer::ipv6 : Prefer::any;
  settings.randomize = main.boolean(prefix + "randomize_addresses");
  settings.ignore_mx_errors = main.boolean("ignore_mx_lookup_error");
  settings.defer_without_mx_address = main.boolean(prefix + "defer_if_no_mx_address_found");
  settings.address_limit =
      static_cast<std::size_t>(std::max<std::int64_t>(main.integer(prefix + "mx_address_limit"), 0));
  settings.own_addresses = own_addresses(main, machine, diagnostics);
  return settings;
}

}  // namespace hikyaku::config
