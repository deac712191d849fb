#include "config/milter_manager_conf.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <span>

#include "base/escape.h"
#include "config/command_words.h"
#include "config/spelling.h"

namespace hikyaku::config {
namespace {

using std::chrono::milliseconds;

std::string quoted(std::string_view text) { return "\"" + escaped(text, 200) + "\""; }

constexpr double kLongestTime = 365.0 * 24 * 3600;  // seconds

/// One row: its words, and where it was said.
class Row {
 public:
  Row(const PlainValue::List& parts, Origin where) : parts_(parts), origin(where) {}
  std::string_view text(std::size_t place) const {
    const auto* text = place < parts_.size() ? parts_[place].text() : nullptr;
    return text != nullptr ? std::string_view(*text) : std::string_view();
  }
  const PlainValue& value(std::size_t place) const {
    static const PlainValue nothing;
    return place < parts_.size() ? parts_[place] : nothing;
  }

 private:
  const PlainValue::List& parts_;

 public:
  const Origin origin;
};

/// Reads the value of one setting into its place; what is wrong is told in words, empty where nothing is.
template <class T>
std::string read(const PlainValue& value, Setting<T>& to);

template <>
std::string read(const PlainValue& value, Setting<bool>& to) {
  if (const auto* word = value.text(); word != nullptr && *word != "true" && *word != "false")
    return "true or false is meant";
  if (value.text() != nullptr) {
    to.value = *value.text() == "true";
    return {};
  }
  // Ruby's truth.
  to.value = !value.nothing() && (value.truth() == nullptr || *value.truth());
  return {};
}
template <>
std::string read(const PlainValue& value, Setting<std::string>& to) {
  if (!value.nothing() && value.text() == nullptr) return "a string or nil is meant";
  to.value = value.nothing() ? "" : *value.text();
  return {};
}
template <>
std::string read(const PlainValue& value, Setting<std::size_t>& to) {
  if (!value.nothing() && (value.integer() == nullptr || *value.integer() < 0))
    return "a number from 0 is meant";
  to.value = value.nothing() ? 0 : static_cast<std::size_t>(*value.integer());
  return {};
}
template <>
std::string read(const PlainValue& value, Setting<milliseconds>& to) {
  const double seconds = value.integer() != nullptr ? static_cast<double>(*value.integer())
                         : value.real() != nullptr  ? *value.real()
                                                    : std::numeric_limits<double>::quiet_NaN();
  if (!(seconds > 0 && seconds <= kLongestTime)) return "a number of seconds is meant, more than 0";
  to.value = milliseconds(std::llround(seconds * 1000));
  return {};
}
template <>
std::string read(const PlainValue& value, Setting<FallbackStatus>& to) {
  const auto status = value.text() != nullptr ? fallback_status(*value.text()) : std::nullopt;
  if (!status) return "accept, temporary-failure, reject or discard is meant";
  to.value = *status;
  return {};
}
template <>
std::string read(const PlainValue& value, Setting<ConnectionSpec>& to) {
  if (value.text() == nullptr) return "a socket is meant, such as \"inet:10026@[127.0.0.1]\"";
  const auto spec = ConnectionSpec::parse(*value.text());
  if (!spec) return spec.error().text;
  to.value = *spec;
  return {};
}
template <>
std::string read(const PlainValue& value, Setting<std::vector<std::string>>& to) {
  to.value.clear();
  if (value.nothing()) return {};
  if (value.text() != nullptr) {
    auto words = command_words(*value.text());
    if (!words) return words.error().text;
    to.value = std::move(*words);
    return {};
  }
  const auto* items = value.list();
  if (items == nullptr) return "a list of strings is meant";
  for (const auto& item : *items) {
    if (item.text() == nullptr || item.text()->find('\0') != std::string::npos)
      return "a list of strings is meant";
    to.value.push_back(*item.text());
  }
  return {};
}

std::string read_mode(const PlainValue& value, Setting<unsigned>& to) {
  std::int64_t mode = -1;
  if (value.integer() != nullptr) mode = *value.integer();
  if (mode < 0 || mode > 0777) return "the rights of a file are meant, such as 0660";
  to.value = static_cast<unsigned>(mode);
  return {};
}

template <class T>
std::string read_optional(const PlainValue& value, std::optional<Setting<T>>& to, Origin origin) {
  if (value.nothing()) {
    to.reset();
    return {};
  }
  Setting<T> read_one;
  auto wrong = read(value, read_one);
  if (wrong.empty()) to = {std::move(read_one.value), origin};
  return wrong;
}

/// A setting that there is: how it is read, or why it does nothing here.
template <class Target>
struct Known {
  const char* name;
  const char* fallback;  ///< what it reads as in Ruby while it is not set; "(call)": it is a call
  std::string (*read)(const PlainValue& value, Target& target, Origin origin);  ///< nullptr: no effect
  const char* about;  ///< what it is for; without effect: why
};

template <auto Member, class Target>
std::string into(const PlainValue& value, Target& target, Origin origin) {
  auto wrong = read(value, target.*Member);
  if (wrong.empty()) (target.*Member).origin = origin;
  return wrong;
}

// The same for a listener's settings.
template <ListenerSettings MultiplexerSettings::*Which, auto Member>
std::string listener(const PlainValue& value, MultiplexerSettings& target, Origin origin) {
  return into<Member>(value, target.*Which, origin);
}
template <ListenerSettings MultiplexerSettings::*Which>
std::string listener_mode(const PlainValue& value, MultiplexerSettings& target, Origin origin) {
  auto wrong = read_mode(value, (target.*Which).unix_socket_mode);
  if (wrong.empty()) (target.*Which).unix_socket_mode.origin = origin;
  return wrong;
}
std::string manager_spec(const PlainValue& value, MultiplexerSettings& target, Origin origin) {
  if (value.nothing()) {
    target.manager.connection = MultiplexerSettings::defaults().manager.connection;
    return {};
  }
  return read_optional(value, target.manager.connection, origin);
}
std::string controller_spec(const PlainValue& value, MultiplexerSettings& target, Origin origin) {
  return read_optional(value, target.controller.connection, origin);
}
std::string chunk_size(const PlainValue& value, MultiplexerSettings& target, Origin origin) {
  if (value.integer() == nullptr || *value.integer() < 1 || *value.integer() > 65535)
    return "a number from 1 to 65535 is meant";
  return into<&MultiplexerSettings::chunk_size>(value, target, origin);
}
std::string second_spec(const PlainValue& value, ChildSettings& target, Origin origin) {
  return read_optional(value, target.second_connection, origin);
}

using S = MultiplexerSettings;
using Listener = ListenerSettings;
constexpr auto kManager = &S::manager, kController = &S::controller;
using SettingOfAll = Known<S>;
using SettingOfChild = Known<ChildSettings>;

constexpr SettingOfAll kManagerSettings[] = {
    {"connection_spec", "", manager_spec, "where the MTA connects; nil: inet:10025@[127.0.0.1]"},
    {"unix_socket_mode", "0660", listener_mode<kManager>, "the rights of that socket"},
    {"unix_socket_group", "", listener<kManager, &Listener::unix_socket_group>, "its group"},
    {"remove_unix_socket_on_create", "true", listener<kManager, &Listener::remove_unix_socket_on_create>,
     "one that is left over is removed at the start"},
    {"remove_unix_socket_on_close", "true", listener<kManager, &Listener::remove_unix_socket_on_close>,
     "it is removed at the end"},
    {"daemon", "false", into<&S::daemon>, "the program goes into the background"},
    {"pid_file", "", into<&S::pid_file>, "the file for the number of the process"},
    {"fallback_status", "accept", into<&S::fallback_status>,
     "the answer when the filters together can give none"},
    {"fallback_status_at_disconnect", "temporary-failure", into<&S::fallback_status_at_disconnect>,
     "that of a filter whose connection ends within a message"},
    {"max_connections", "0", into<&S::max_connections>, "so many sessions at a time; 0: no limit"},
    {"max_file_descriptors", "0", into<&S::max_file_descriptors>,
     "so many open files; 0: what the system gives"},
    {"max_open_files", "0", into<&S::max_file_descriptors>, "so many open files; 0: what the system gives"},
    {"suspend_time_on_unacceptable", "5", into<&S::suspend_time_on_unacceptable>,
     "how long no connection is taken after one could not be"},
    {"n_workers", "0", into<&S::n_workers>, "so many threads; 0: one"},
    {"chunk_size", "65535", chunk_size, "the octets of a body that a filter gets at a time"},
    {"event_loop_backend", "glib", nullptr, "there is one event loop"},
    {"packet_buffer_size", "0", nullptr, "packets are always gathered"},
    {"maintenance_interval", "10", nullptr, "there is no garbage to collect"},
    {"max_pending_finished_sessions", "0", nullptr, "a finished session is closed at once"},
    {"connection_check_interval", "0", nullptr, "a closed connection is seen when its turn to speak comes"},
    {"custom_configuration_directory", "", nullptr, "the configuration is what its files say"},
    {"use_netstat_connection_checker", "(call)", nullptr,
     "a closed connection is seen when its turn to speak comes"},
    {"define_connection_checker", "(call)", nullptr,
     "a closed connection is seen when its turn to speak comes"},
    {"report_memory_statistics", "(call)", nullptr, "the metrics tell the memory"},
    {"report_memory_profile", "(call)", nullptr, "the metrics tell the memory"},
    {"maintained", "(call)", nullptr, "there is no maintenance that it could run after"},
    {"event_loop_created", "(call)", nullptr, "Ruby has no part in the event loop"},
};
constexpr SettingOfAll kControllerSettings[] = {
    {"connection_spec", "", controller_spec, "where hikyaku milters stats asks"},
    {"unix_socket_mode", "0660", listener_mode<kController>, "the rights of that socket"},
    {"unix_socket_group", "", listener<kController, &Listener::unix_socket_group>, "its group"},
    {"remove_unix_socket_on_create", "true", listener<kController, &Listener::remove_unix_socket_on_create>,
     "one that is left over is removed at the start"},
    {"remove_unix_socket_on_close", "true", listener<kController, &Listener::remove_unix_socket_on_close>,
     "it is removed at the end"},
};
constexpr SettingOfAll kSecuritySettings[] = {
    {"privilege_mode", "false", into<&S::privilege_mode>, "filters may be started by their command"},
    {"effective_user", "", into<&S::effective_user>, "the user that the program becomes"},
    {"effective_group", "", into<&S::effective_group>, "its group"},
};
constexpr SettingOfAll kLogSettings[] = {
    {"level", "default", into<&S::log_level>,
     "what the log has: default, all, or words such as info|error|statistics"},
    {"path", "", into<&S::log_path>, "the file of the log"},
    {"use_syslog", "true", into<&S::use_syslog>, "the log goes to syslog"},
    {"syslog_facility", "mail", into<&S::syslog_facility>, "its facility"},
};
constexpr SettingOfAll kPackageSettings[] = {
    {"platform", "debian", nullptr, "filters are not looked for"},
    {"options", "", nullptr, "filters are not looked for"},
};
constexpr const char* kNoDatabase = "there is no database here: write what it holds into the configuration";
constexpr SettingOfAll kDatabaseSettings[] = {
    {"type", "", nullptr, kNoDatabase},        {"name", "", nullptr, kNoDatabase},
    {"host", "", nullptr, kNoDatabase},        {"port", "", nullptr, kNoDatabase},
    {"path", "", nullptr, kNoDatabase},        {"user", "", nullptr, kNoDatabase},
    {"password", "", nullptr, kNoDatabase},    {"extra_options", "", nullptr, kNoDatabase},
    {"setup", "(call)", nullptr, kNoDatabase}, {"load_models", "(call)", nullptr, kNoDatabase},
};
using C = ChildSettings;
constexpr SettingOfChild kMilterSettings[] = {
    {"connection_spec", "", into<&C::connection>, "where the filter listens"},
    {"second_connection_spec", "", second_spec,
     "where it listens as well, when it can't be reached there; not in milter-manager"},
    {"description", "", into<&C::description>, "what it is, for people"},
    {"enabled", "true", into<&C::enabled>, "it is asked"},
    {"fallback_status", "accept", into<&C::fallback_status>,
     "its answer when it fails: accept, temporary-failure, reject, discard"},
    {"evaluation_mode", "false", into<&C::evaluation_mode>,
     "it sees all and changes nothing; what it would have done is told"},
    {"reputation_mode", "false", into<&C::evaluation_mode>, "the older name of evaluation_mode"},
    {"command", "", into<&C::command>, "the program that is started when it does not run"},
    {"command_options", "", into<&C::command_options>, "the options of that"},
    {"user_name", "", into<&C::user_name>, "the user of that"},
    {"working_directory", "", into<&C::working_directory>, "the folder of that; not in milter-manager"},
    {"connection_timeout", "297", into<&C::connection_timeout>, "how long connecting may take"},
    {"writing_timeout", "7", into<&C::writing_timeout>, "how long it may take nothing"},
    {"reading_timeout", "7", into<&C::reading_timeout>, "how long an answer may take"},
    {"end_of_message_timeout", "297", into<&C::end_of_message_timeout>,
     "how long the answer to a message's end may take"},
    {"max_connections", "0", into<&C::max_connections>,
     "so many connections to it at a time; 0: no limit; not in milter-manager"},
    {"breaker_failures", "0", into<&C::breaker_failures>,
     "after so many failures in a row it is not asked for a while; 0: always; not in milter-manager"},
    {"breaker_time", "30", into<&C::breaker_time>, "how long that while is; not in milter-manager"},
    {"ignore_added_headers", "false", into<&C::ignore_added_headers>,
     "headers that it adds are left out; not in milter-manager"},
    {"tell_ahead", "true", into<&C::tell_ahead>,
     "it is told several events at once where it hardly decides; not in milter-manager"},
};

struct Section {
  const char* name;
  std::span<const SettingOfAll> settings;
};
constexpr Section kSections[] = {
    {"manager", kManagerSettings}, {"controller", kControllerSettings}, {"security", kSecuritySettings},
    {"log", kLogSettings},         {"package", kPackageSettings},       {"database", kDatabaseSettings},
};

/// "true", "0660", "5", "" and words as the values that Ruby sees.
PlainValue ruby_default(std::string_view text) {
  if (text.empty()) return {};
  if (text == "true" || text == "false") return text == "true";
  if (std::ranges::all_of(text, [](char octet) { return octet >= '0' && octet <= '9'; }))
    return std::int64_t{std::stoll(std::string(text), nullptr, text.size() > 1 && text[0] == '0' ? 8 : 10)};
  return text;
}

template <class T>
PlainValue names_of(std::span<const Known<T>> settings) {
  PlainValue::Map names;
  for (const auto& setting : settings) {
    names.items.emplace_back(setting.name);
    names.items.push_back(ruby_default(setting.fallback));
  }
  return names;
}

template <class T>
void add_words(std::string_view object, std::span<const Known<T>> settings,
               std::vector<MilterManagerWord>& words) {
  for (const auto& setting : settings) {
    const bool call = std::string_view(setting.fallback) == "(call)";
    words.push_back(
        {object, setting.name, call ? "" : setting.fallback, setting.about, setting.read != nullptr, call});
  }
}

class Reading {
 public:
  Reading(SourceCatalogue& sources, Diagnostics& diagnostics, const Surroundings& surroundings)
      : settings_(MultiplexerSettings::defaults()),
        conditions_(policy::builtin_conditions()),
        sources_(sources),
        diagnostics_(diagnostics) {
    settings_.stress_threshold = surroundings.stress;
    tables_ = surroundings.tables;
  }

  void take(const PlainValue& row) {
    const auto* parts = row.list();
    if (parts == nullptr || parts->size() < 3) return broken();
    const auto* file = (*parts)[parts->size() - 2].text();
    const auto* line = parts->back().integer();
    if (file == nullptr || line == nullptr) return broken();
    Origin origin;
    if (!file->empty())
      origin = {sources_.add(*file),
                static_cast<std::uint32_t>(std::clamp<std::int64_t>(*line, 0, 1'000'000))};
    const Row one(*parts, origin);
    const auto kind = one.text(0);
    for (const auto& [name, reader] : kRows)
      if (kind == name) return (this->*reader)(one);
    broken();
  }

  MultiplexerSettings result() {
    for (auto* rule : rules<policy::StressNotify>()) rule->threshold = *settings_.stress_threshold;
    for (auto* rule : rules<policy::NoStress>()) rule->threshold = *settings_.stress_threshold;
    settings_.conditions = policy::ApplicableConditions(std::move(conditions_));
    check(settings_, diagnostics_);
    return std::move(settings_);
  }

  void broken() {
    diagnostics_.error({},
                       "the configuration was not understood: Ruby told something that it has no words for");
  }

 private:
  template <class T>
  void set(const Known<T>& known, std::string_view name, const Row& row, T& target) {
    if (known.read == nullptr) {
      diagnostics_.warning(row.origin, std::string(name) + " has no effect here: " + known.about, known.name);
      return;
    }
    if (const auto wrong = known.read(row.value(4), target, row.origin); !wrong.empty())
      diagnostics_.error(row.origin, std::string(name) + " = " + text(row.value(4)) + ": " + wrong,
                         known.name);
  }

  void setting(const Row& row) {
    const auto section = row.text(1), key = row.text(3);
    if (section == "milter") {
      auto* child = find_child(row.text(2));
      const auto known = std::ranges::find(kMilterSettings, key, &SettingOfChild::name);
      if (child == nullptr || known == std::end(kMilterSettings)) return broken();
      return set(*known, "milter." + std::string(key), row, *child);
    }
    for (const auto& [name, settings] : kSections) {
      if (section != name) continue;
      const auto known = std::ranges::find(settings, key, &SettingOfAll::name);
      if (known == settings.end()) return broken();
      return set(*known, std::string(section) + "." + std::string(key), row, settings_);
    }
    broken();
  }

  void milter(const Row& row) {
    const auto name = row.text(1);
    if (find_child(name) != nullptr) return;
    if (name.empty()) return diagnostics_.error(row.origin, "define_milter: the name is empty");
    ChildSettings child;
    child.name = name;
    child.origin = row.origin;
    settings_.children.push_back(std::move(child));
  }
  void remove_milter(const Row& row) {
    std::erase_if(settings_.children, [&](const auto& child) { return child.name == row.text(1); });
  }

  void conditions(const Row& row) {
    auto* child = find_child(row.text(1));
    const auto* names = row.value(2).list();
    if (child == nullptr || names == nullptr) return broken();
    child->conditions.clear();
    for (const auto& name : *names)
      if (name.text() != nullptr) add(*child, *name.text(), row.origin);
  }
  void add_condition(const Row& row) {
    auto* child = find_child(row.text(1));
    if (child == nullptr) return broken();
    add(*child, row.text(2), row.origin);
  }
  void add(ChildSettings& child, std::string_view name, Origin origin) {
    const auto found = std::ranges::find(conditions_, name, &policy::ApplicableCondition::name);
    if (found != conditions_.end()) {
      child.conditions.push_back({static_cast<std::size_t>(found - conditions_.begin()), origin});
      return;
    }
    std::vector<std::string_view> known;
    for (const auto& condition : conditions_) known.push_back(condition.name);
    const auto near = nearest(name, known);
    diagnostics_.error(
        origin,
        "no applicable condition is named " + quoted(name) +
            (near.empty() ? "; define it before it is used" : "; did you mean " + quoted(near) + "?"),
        name);
  }

  /// A condition of this name from here on; one that is built in or was defined before gives its place.
  policy::ApplicableCondition& defined(std::string_view name, Origin origin) {
    auto found = std::ranges::find(conditions_, name, &policy::ApplicableCondition::name);
    if (found == conditions_.end())
      found = conditions_.insert(conditions_.end(), policy::ApplicableCondition{});
    *found = {std::string(name), "", origin, policy::RubyStoppers{}};
    return *found;
  }
  void condition(const Row& row) { defined(row.text(1), row.origin); }
  void remove_condition(const Row& row) {
    // Its number stays, for those that come behind it.
    const auto found = std::ranges::find(conditions_, row.text(1), &policy::ApplicableCondition::name);
    if (found == conditions_.end())
      return diagnostics_.warning(row.origin, "no applicable condition is named " + quoted(row.text(1)));
    const auto number = static_cast<std::size_t>(found - conditions_.begin());
    for (auto& child : settings_.children)
      std::erase_if(child.conditions, [&](const auto& use) { return use.number == number; });
    found->name.clear();
    found->rule = policy::RubyStoppers{};
  }
  void description(const Row& row) {
    const auto found = std::ranges::find(conditions_, row.text(1), &policy::ApplicableCondition::name);
    if (found == conditions_.end()) return broken();
    found->description = row.text(2);
  }
  void stopper(const Row& row) {
    const auto found = std::ranges::find(conditions_, row.text(1), &policy::ApplicableCondition::name);
    const auto* stage = row.value(2).integer();
    const auto* block = row.value(3).integer();
    if (found == conditions_.end() || stage == nullptr || *stage < 0 ||
        *stage >= std::int64_t{policy::kMilterStages} || block == nullptr || *block < 0)
      return broken();
    if (auto* stoppers = std::get_if<policy::RubyStoppers>(&found->rule))
      stoppers->at[*stage].push_back(policy::RubyBlock{static_cast<std::size_t>(*block), row.origin});
  }

  std::optional<policy::Matcher> matcher(const PlainValue& value, Origin origin) {
    if (value.text() != nullptr) return *value.text();
    if (const auto* block = value.at("block"); block != nullptr && block->integer() != nullptr)
      return policy::RubyBlock{static_cast<std::size_t>(*block->integer()), origin};
    const auto* pattern = value.at("pattern");
    const auto* options = value.at("options");
    if (pattern == nullptr || pattern->text() == nullptr || options == nullptr ||
        options->integer() == nullptr) {
      broken();
      return std::nullopt;
    }
    auto compiled =
        table::RubyPattern::compile(*pattern->text(), {.ignore_case = (*options->integer() & 1) != 0,
                                                       .dot_newline = (*options->integer() & 4) != 0,
                                                       .extended = (*options->integer() & 2) != 0});
    if (compiled) return std::move(*compiled);
    diagnostics_.error(origin, compiled.error().text);
    return std::nullopt;
  }

  std::shared_ptr<const table::Table> open(const PlainValue& spec, Origin origin) {
    if (spec.text() == nullptr) return broken(), nullptr;
    if (tables_ == nullptr) return diagnostics_.error(origin, "tables can't be had here"), nullptr;
    auto opened = tables_->open(*spec.text(), origin);
    if (opened) return *std::move(opened);
    diagnostics_.error(origin, opened.error().text, *spec.text());
    return nullptr;
  }

  void restrict(const Row& row) {
    const auto* accounts = row.value(2).list();
    const auto* tables = row.value(3).list();
    if (accounts == nullptr || tables == nullptr) return broken();
    policy::RestrictAccounts rule;
    for (const auto& account : *accounts)
      if (auto one = matcher(account, row.origin)) rule.accounts.push_back(std::move(*one));
    for (const auto& table : *tables)
      if (auto one = open(table, row.origin)) rule.tables.push_back(std::move(one));
    if (accounts->empty() && tables->empty())
      diagnostics_.warning(row.origin,
                           "restrict_accounts: the list is empty, so that the filters see no message");
    auto& condition = defined(row.text(1), row.origin);
    condition.description = "only messages to some accounts";
    condition.rule = std::move(rule);
  }

  template <class Rule>
  std::vector<Rule*> rules() {
    std::vector<Rule*> found;
    for (auto& condition : conditions_)
      if (auto* rule = std::get_if<Rule>(&condition.rule)) found.push_back(rule);
    return found;
  }
  void add_matcher(std::vector<policy::Matcher>& to, const Row& row) {
    if (auto one = matcher(row.value(3), row.origin)) to.push_back(std::move(*one));
  }
  std::optional<table::Network> network(std::string_view address, const Row& row) {
    auto parsed = table::Network::parse(address);
    if (parsed) return *parsed;
    diagnostics_.error(row.origin, parsed.error().text, address);
    return std::nullopt;
  }

  // The built-in conditions' own settings. Where the configuration has defined a condition of that name
  // itself, there is nothing to set.
  void knob(const Row& row) {
    const auto name = row.text(1), knob = row.text(2);
    const auto& value = row.value(3);
    if (name == "s25r") {
      for (auto* rule : rules<policy::S25r>()) {
        if (knob == "whitelist") add_matcher(rule->whitelist, row);
        if (knob == "blacklist") add_matcher(rule->blacklist, row);
        if (knob == "only_ipv4" && value.truth() != nullptr) rule->only_ipv4 = *value.truth();
      }
    } else if (name == "remote_network") {
      if (const auto parsed = network(row.text(3), row))
        for (auto* rule : rules<policy::RemoteNetwork>())
          (knob == "local" ? rule->local : rule->remote).push_back(*parsed);
    } else if (name == "stress") {
      if (value.integer() == nullptr || *value.integer() < 0)
        return diagnostics_.error(
            row.origin, "stress.threshold_n_connections = " + text(value) + ": a number from 0 is meant");
      settings_.stress_threshold = {static_cast<std::size_t>(*value.integer()), row.origin};
    } else if (name == "trust") {
      for (auto* rule : rules<policy::Trust>()) {
        if (knob == "clear") rule->domains.clear();
        if (knob == "domain") add_matcher(rule->domains, row);
      }
    } else if (name == "dnsbl") {
      dnsbl(knob, row);
    } else {
      broken();
    }
  }
  void dnsbl(std::string_view knob, const Row& row) {
    const auto* list = row.value(3).list();
    if (knob == "clear")
      for (auto* rule : rules<policy::Dnsbl>()) rule->services.clear();
    if (knob == "name_servers" && list != nullptr)
      for (const auto& server : *list)
        if (server.text() != nullptr) settings_.dns_servers.push_back(*server.text());
    if (knob != "service" || list == nullptr || list->size() != 2 || list->front().text() == nullptr) return;
    policy::Dnsbl::Service service{*list->front().text(), std::nullopt};
    if (const auto* expected = list->back().text()) {
      service.expected = network(*expected, row);
      if (!service.expected) return;
    }
    for (auto* rule : rules<policy::Dnsbl>()) rule->services.push_back(service);
  }

  void said(const Row& row) {
    const auto level = row.text(1);
    std::string what = escaped(row.text(2));
    if (level == "error") return diagnostics_.error(row.origin, std::move(what));
    if (level == "warning") return diagnostics_.warning(row.origin, std::move(what));
    diagnostics_.note(row.origin, std::move(what));
  }

  ChildSettings* find_child(std::string_view name) {
    const auto found = std::ranges::find(settings_.children, name, &ChildSettings::name);
    return found == settings_.children.end() ? nullptr : &*found;
  }

  using Reader = void (Reading::*)(const Row&);
  static const std::array<std::pair<std::string_view, Reader>, 12> kRows;

  MultiplexerSettings settings_;
  std::vector<policy::ApplicableCondition> conditions_;
  SourceCatalogue& sources_;
  Diagnostics& diagnostics_;
  table::Opener* tables_ = nullptr;
};

const std::array<std::pair<std::string_view, Reading::Reader>, 12> Reading::kRows{{
    {"set", &Reading::setting},
    {"milter", &Reading::milter},
    {"remove_milter", &Reading::remove_milter},
    {"conditions", &Reading::conditions},
    {"add_condition", &Reading::add_condition},
    {"condition", &Reading::condition},
    {"remove_condition", &Reading::remove_condition},
    {"description", &Reading::description},
    {"stopper", &Reading::stopper},
    {"restrict", &Reading::restrict},
    {"knob", &Reading::knob},
    {"said", &Reading::said},
}};

}  // namespace

std::string_view milter_manager_language() {
  static constexpr std::string_view kLanguage =
#include "config/milter_manager_language.inc"
      ;
  return kLanguage;
}

std::vector<MilterManagerWord> milter_manager_words() {
  std::vector<MilterManagerWord> words;
  for (const auto& section : kSections) add_words(section.name, section.settings, words);
  add_words("milter", std::span<const SettingOfChild>(kMilterSettings), words);
  return words;
}

PlainValue milter_manager_names() {
  PlainValue::Map all;
  for (const auto& [name, settings] : kSections) {
    all.items.emplace_back(name);
    all.items.push_back(names_of(settings));
  }
  all.items.emplace_back("milter");
  all.items.push_back(names_of(std::span<const SettingOfChild>(kMilterSettings)));
  return all;
}

PlainValue::List built_in_condition_files() {
  return {"authentication.conf", "dnsbl.conf",  "remote-network.conf", "restrict-accounts.conf",
          "s25r.conf",           "stress.conf", "trust.conf",          "sendmail-compatible.conf"};
}

MultiplexerSettings milter_manager_settings(const PlainValue& rows, SourceCatalogue& sources,
                                            Diagnostics& diagnostics, const Surroundings& surroundings) {
  Reading reading(sources, diagnostics, surroundings);
  const auto* all = rows.list();
  if (all == nullptr)
    reading.broken();
  else
    for (const auto& row : *all) reading.take(row);
  return reading.result();
}

}  // namespace hikyaku::config
