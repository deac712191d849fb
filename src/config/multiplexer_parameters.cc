#include "config/multiplexer_parameters.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/escape.h"
#include "config/command_words.h"
#include "config/group.h"
#include "config/parameters.h"
#include "config/spelling.h"

namespace hikyaku::config {
namespace {

using std::chrono::milliseconds;

constexpr std::string_view kAttributes[] = {"accounts",
                                            "breaker_failures",
                                            "breaker_time",
                                            "command",
                                            "conditions",
                                            "description",
                                            "enabled",
                                            "end_of_message_timeout",
                                            "evaluation",
                                            "ignore_added_headers",
                                            "fallback_status",
                                            "max_connections",
                                            "name",
                                            "connection_timeout",
                                            "reading_timeout",
                                            "second",
                                            "tell_ahead",
                                            "user",
                                            "working_directory",
                                            "writing_timeout"};

/// "remote-network" and "Remote Network" are one name.
bool same_name(std::string_view left, std::string_view right) {
  const auto plain = [](char octet) {
    if (octet == '-' || octet == '_') return ' ';
    return octet >= 'A' && octet <= 'Z' ? static_cast<char>(octet - 'A' + 'a') : octet;
  };
  return std::ranges::equal(left, right, {}, plain, plain);
}

std::string quoted(std::string_view text) { return "\"" + escaped(text, 100) + "\""; }

/// "hash:/etc/accounts", as no address and no /expression/ looks.
bool names_table(std::string_view text) {
  const auto colon = text.find(':');
  return colon != 0 && colon != std::string_view::npos &&
         std::ranges::all_of(text.substr(0, colon), [](char octet) { return octet >= 'a' && octet <= 'z'; });
}

class Reader {
 public:
  Reader(const Main& main, Diagnostics& diagnostics, const Surroundings& surroundings)
      : main_(main),
        diagnostics_(diagnostics),
        settings_(MultiplexerSettings::defaults()),
        conditions_(policy::builtin_conditions()) {
    settings_.stress_threshold = surroundings.stress;
    tables_ = surroundings.tables;
  }

  MultiplexerSettings read() {
    if (main_.is_set("hikyaku_milters_listen"))
      if (auto spec = socket("hikyaku_milters_listen")) settings_.manager.connection = std::move(spec);
    if (!main_.text("hikyaku_milters_control").text.empty())
      settings_.controller.connection = socket("hikyaku_milters_control");
    status("hikyaku_milters_fallback_status", settings_.fallback_status);
    status("hikyaku_milters_fallback_status_at_disconnect", settings_.fallback_status_at_disconnect);
    number("hikyaku_milters_max_connections", settings_.max_connections);
    if (main_.is_set("hikyaku_milters_stress_sessions"))
      number("hikyaku_milters_stress_sessions", settings_.stress_threshold);
    built_in_conditions();
    for (const auto& element : main_.list("hikyaku_milters")) child(element);
    settings_.conditions = policy::ApplicableConditions(std::move(conditions_));
    check(settings_, diagnostics_);
    return std::move(settings_);
  }

 private:
  void fault(std::string_view parameter, const Value& at, const std::string& text) {
    diagnostics_.add({.level = Diagnostic::Level::error,
                      .where = at.origin,
                      .column = at.column,
                      .text = std::string(parameter) + ": " + text});
  }

  std::optional<Setting<ConnectionSpec>> socket(std::string_view parameter) {
    const auto& value = main_.text(parameter);
    auto spec = ConnectionSpec::parse(value.text);
    if (spec) return Setting<ConnectionSpec>{std::move(*spec), value.origin};
    fault(parameter, value, spec.error().text);
    return std::nullopt;
  }
  void status(std::string_view parameter, Setting<FallbackStatus>& to) {
    const auto& value = main_.text(parameter);
    if (const auto read = fallback_status(value.text))
      to = {*read, main_.origin(parameter)};
    else
      fault(parameter, value,
            quoted(value.text) + " is none of accept, temporary-failure, reject and discard");
  }
  void number(std::string_view parameter, Setting<std::size_t>& to) {
    to = {static_cast<std::size_t>(main_.size(parameter)), main_.origin(parameter)};
  }

  std::optional<policy::Matcher> matcher(std::string_view parameter, const Value& element) {
    const auto& text = element.text;
    if (text.size() < 2 || text.front() != '/') return text;
    const auto end = text.rfind('/');
    const auto flags = std::string_view(text).substr(end + 1);
    if (end == 0 || !(flags.empty() || flags == "i")) {
      fault(parameter, element,
            quoted(text) + " is no regular expression: write /expression/ or /expression/i");
      return std::nullopt;
    }
    auto pattern =
        table::RubyPattern::compile(std::string_view(text).substr(1, end - 1), {.ignore_case = flags == "i"});
    if (pattern) return std::move(*pattern);
    fault(parameter, element, pattern.error().text);
    return std::nullopt;
  }
  void matchers(std::string_view parameter, std::vector<policy::Matcher>& to) {
    for (const auto& element : main_.list(parameter))
      if (auto one = matcher(parameter, element)) to.push_back(std::move(*one));
  }
  void networks(std::string_view parameter, std::vector<table::Network>& to) {
    for (const auto& element : main_.list(parameter)) {
      if (auto network = table::Network::parse(element.text))
        to.push_back(*network);
      else
        fault(parameter, element, network.error().text);
    }
  }

  void built_in_conditions() {
    for (auto& condition : conditions_) {
      if (auto* s25r = std::get_if<policy::S25r>(&condition.rule)) {
        s25r->only_ipv4 = !main_.boolean("hikyaku_milters_s25r_ipv6");
        matchers("hikyaku_milters_s25r_whitelist", s25r->whitelist);
        matchers("hikyaku_milters_s25r_blacklist", s25r->blacklist);
      } else if (auto* remote = std::get_if<policy::RemoteNetwork>(&condition.rule)) {
        networks("hikyaku_milters_local_networks", remote->local);
        networks("hikyaku_milters_remote_networks", remote->remote);
      } else if (auto* notify = std::get_if<policy::StressNotify>(&condition.rule)) {
        notify->threshold = *settings_.stress_threshold;
      } else if (auto* none = std::get_if<policy::NoStress>(&condition.rule)) {
        none->threshold = *settings_.stress_threshold;
      } else if (auto* trust = std::get_if<policy::Trust>(&condition.rule)) {
        trust->domains.clear();
        matchers("hikyaku_milters_trusted_domains", trust->domains);
      } else if (auto* dnsbl = std::get_if<policy::Dnsbl>(&condition.rule)) {
        services(*dnsbl);
      }
    }
  }
  void services(policy::Dnsbl& dnsbl) {
    constexpr std::string_view kName = "hikyaku_milters_dnsbl";
    if (!main_.is_set(kName)) return;
    dnsbl.services.clear();
    for (const auto& element : main_.list(kName)) {
      const auto equals = element.text.find('=');
      policy::Dnsbl::Service service{element.text.substr(0, equals), std::nullopt};
      if (equals != std::string::npos) {
        const auto network = table::Network::parse(element.text.substr(equals + 1));
        if (!network) {
          fault(kName, element, network.error().text);
          continue;
        }
        service.expected = *network;
      }
      dnsbl.services.push_back(std::move(service));
    }
  }

  void child(const Value& element) {
    constexpr std::string_view kName = "hikyaku_milters";
    const auto parts = braced(element.text) ? Main::split(inside(element)) : std::vector{element};
    if (parts.empty()) return fault(kName, element, "{} is no filter: write { inet:port@host, name=word }");
    auto spec = ConnectionSpec::parse(parts.front().text);
    if (!spec) return fault(kName, parts.front(), spec.error().text);
    ChildSettings child;
    child.origin = element.origin;
    child.connection = {std::move(*spec), parts.front().origin};
    child.name = child.connection->text();
    for (std::size_t part = 1; part < parts.size(); ++part) {
      const auto attribute = attribute_of(parts[part].text);
      const auto wrong = attribute ? set(child, attribute->first, attribute->second, parts[part])
                                   : quoted(parts[part].text) + " behind a filter: write name=value";
      if (!wrong.empty()) fault(kName, parts[part], wrong);
    }
    const auto twin = std::ranges::find(settings_.children, child.name, &ChildSettings::name);
    if (twin != settings_.children.end())
      return fault(kName, element, "two filters are named " + quoted(child.name) + ": give one a name=");
    settings_.children.push_back(std::move(child));
  }

  /// What is wrong; empty: nothing.
  std::string set(ChildSettings& child, std::string_view name, const std::string& value, const Value& at) {
    const auto text = [&](Setting<std::string>& to) {
      to = {value, at.origin};
      return std::string();
    };
    const auto truth = [&](Setting<bool>& to) -> std::string {
      const auto read = read_boolean(value);
      if (!read) return std::string(name) + ": " + quoted(value) + " is neither yes nor no";
      to = {*read, at.origin};
      return {};
    };
    const auto time = [&](Setting<milliseconds>& to) -> std::string {
      const auto read = read_duration(value, 's');
      if (!read || read->count() <= 0)
        return std::string(name) + ": " + quoted(value) + " is no time; write 30s";
      to = {*read, at.origin};
      return {};
    };
    const auto count = [&](Setting<std::size_t>& to) -> std::string {
      const auto read = read_integer(value);
      if (!read || *read < 0) return std::string(name) + ": " + quoted(value) + " is no number from 0";
      to = {static_cast<std::size_t>(*read), at.origin};
      return {};
    };
    if (name == "name") {
      if (value.empty()) return "name: it is empty";
      child.name = value;
      return {};
    }
    if (name == "second") {
      auto spec = ConnectionSpec::parse(value);
      if (!spec) return "second: " + spec.error().text;
      child.second_connection = {std::move(*spec), at.origin};
      return {};
    }
    if (name == "fallback_status") {
      const auto read = fallback_status(value);
      if (!read)
        return "fallback_status: " + quoted(value) +
               " is none of accept, temporary-failure, reject and discard";
      child.fallback_status = {*read, at.origin};
      return {};
    }
    if (name == "conditions") return conditions(child, value, at);
    if (name == "accounts") return accounts(child, value, at);
    if (name == "command") return command(child, value, at);
    if (name == "user") return text(child.user_name);
    if (name == "working_directory") return text(child.working_directory);
    if (name == "description") return text(child.description);
    if (name == "enabled") return truth(child.enabled);
    if (name == "evaluation") return truth(child.evaluation_mode);
    if (name == "tell_ahead") return truth(child.tell_ahead);
    if (name == "ignore_added_headers") return truth(child.ignore_added_headers);
    if (name == "connection_timeout") return time(child.connection_timeout);
    if (name == "reading_timeout") return time(child.reading_timeout);
    if (name == "writing_timeout") return time(child.writing_timeout);
    if (name == "end_of_message_timeout") return time(child.end_of_message_timeout);
    if (name == "breaker_time") return time(child.breaker_time);
    if (name == "breaker_failures") return count(child.breaker_failures);
    if (name == "max_connections") return count(child.max_connections);
    const auto near = nearest(name, kAttributes);
    return quoted(name) + " is nothing that a filter has" +
           (near.empty() ? std::string() : "; did you mean " + std::string(near) + "?");
  }

  std::string conditions(ChildSettings& child, const std::string& value, const Value& at) {
    std::string wrong;
    for (std::size_t begin = 0; begin <= value.size();) {
      const auto end = std::min(value.find_first_of(",|", begin), value.size());
      const auto name = trimmed(std::string_view(value).substr(begin, end - begin));
      begin = end + 1;
      if (name.empty()) continue;
      const auto found =
          std::ranges::find_if(conditions_, [&](const auto& one) { return same_name(one.name, name); });
      if (found == conditions_.end()) {
        std::vector<std::string_view> known;
        for (const auto& one : conditions_) known.push_back(one.name);
        const auto near = nearest(name, known);
        wrong = "no condition is named " + quoted(name) +
                (near.empty() ? "" : "; did you mean " + quoted(near) + "?");
        continue;
      }
      child.conditions.push_back({static_cast<std::size_t>(found - conditions_.begin()), at.origin});
    }
    return wrong;
  }

  std::string command(ChildSettings& child, const std::string& value, const Value& at) {
    auto words = command_words(value);
    if (!words) return "command: " + words.error().text;
    if (words->empty()) return "command: it is empty";
    child.command = {std::move(*words), at.origin};
    settings_.privilege_mode = {true, at.origin};
    return {};
  }

  std::string accounts(ChildSettings& child, const std::string& value, const Value& at) {
    policy::RestrictAccounts rule;
    for (const auto& account : Main::split({value, at.origin, at.column})) {
      if (names_table(account.text)) {
        if (tables_ == nullptr) return "accounts: tables can't be had here";
        auto table = tables_->open(account.text, account.origin);
        if (!table) return "accounts: " + table.error().text;
        rule.tables.push_back(*std::move(table));
      } else if (auto one = matcher("hikyaku_milters", account)) {
        rule.accounts.push_back(std::move(*one));
      }
    }
    if (rule.accounts.empty() && rule.tables.empty()) return "accounts: there is none";
    child.conditions.push_back({conditions_.size(), at.origin});
    conditions_.push_back(
        {"Restrict Accounts: " + value, "only messages to some accounts", at.origin, std::move(rule)});
    return {};
  }

  const Main& main_;
  Diagnostics& diagnostics_;
  table::Opener* tables_ = nullptr;
  MultiplexerSettings settings_;
  std::vector<policy::ApplicableCondition> conditions_;
};

}  // namespace

MultiplexerSettings multiplexer_settings(const Main& main, Diagnostics& diagnostics,
                                         const Surroundings& surroundings) {
  return Reader(main, diagnostics, surroundings).read();
}

}  // namespace hikyaku::config
