#include "config/milter_settings.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/escape.h"
#include "config/group.h"
#include "config/parameters.h"
#include "config/validate.h"
#include "table/fold.h"

namespace hikyaku::config {
namespace {

constexpr std::uint32_t kOldest = milter::kOldestVersion;
constexpr std::size_t kMostResults = 20;  // of tables that are told of
/// The tables that are read as a whole in any case. Others may be large, or ask others.
constexpr std::array<std::string_view, 5> kReadWhole{"inline", "texthash", "cidr", "pcre", "regexp"};

Result<void> set_timeout(std::chrono::seconds& timeout, std::string_view name, std::string_view text) {
  const auto read = read_duration(text, 's');
  if (!read || read->count() <= 0)
    return fail(Fault::malformed, std::string(name) + ": \"" + escaped(text, 60) +
                                      "\" is no time for a milter: write a number and s, m or h, as 30s");
  timeout = *read;
  return {};
}

/// "6", "6 no_header_reply".
Result<void> set_protocol(Milter& milter, const std::string& text) {
  milter.no_header_reply = false;
  bool versioned = false;
  for (const auto& word : Main::split({text, {}})) {
    const auto number = read_integer(word.text);
    if (word.text == "no_header_reply") {
      milter.no_header_reply = true;
    } else if (!versioned && number && *number >= kOldest && *number <= milter::kVersion) {
      milter.protocol = static_cast<std::uint32_t>(*number);
      versioned = true;
    } else {
      return fail(Fault::malformed, "\"" + escaped(word.text, 60) +
                                        "\" is no version of the milter protocol: 2 to 6 are, "
                                        "which no_header_reply may follow");
    }
  }
  if (!versioned) return fail(Fault::malformed, "the version of the milter protocol is missing: write 6");
  return {};
}

Result<void> set_attribute(Milter& milter, std::string_view name, const std::string& value) {
  if (name == "connect_timeout") return set_timeout(milter.connect_timeout, name, value);
  if (name == "command_timeout") return set_timeout(milter.command_timeout, name, value);
  if (name == "content_timeout") return set_timeout(milter.content_timeout, name, value);
  if (name == "default_action") {
    const auto action = milter::parse_default_action(value);
    if (!action) return std::unexpected(action.error());
    milter.default_action = *action;
    return {};
  }
  if (name == "protocol") return set_protocol(milter, value);
  return fail(Fault::malformed,
              "\"" + escaped(name, 60) +
                  "\" is nothing that one milter has: connect_timeout, command_timeout, content_timeout, "
                  "default_action and protocol are");
}

Result<Milter> read_one(const MilterSettings& settings, const Value& element) {
  Milter milter = settings.defaults;
  milter.origin = element.origin;
  auto parts = braced(element.text) ? Main::split(inside(element)) : std::vector{element};
  if (parts.empty()) return fail(Fault::malformed, "{} is no milter: write { inet:host:port, name=value }");
  milter.name = parts.front().text;
  auto endpoint = milter::Endpoint::parse(milter.name);
  if (!endpoint) return std::unexpected(endpoint.error());
  milter.endpoint = *std::move(endpoint);
  if (auto& path = milter.endpoint.path; milter.endpoint.local()) {
    const bool absolute = path.starts_with('/');
    if (!absolute || settings.chroot) {
      path = settings.directory + (absolute ? "" : "/") + path;
      milter.name = milter.endpoint.text();
    }
  }
  for (std::size_t i = 1; i < parts.size(); ++i) {
    const auto attribute = attribute_of(parts[i].text);
    if (!attribute)
      return fail(Fault::malformed,
                  "\"" + escaped(parts[i].text, 60) + "\" behind a milter: write name=value");
    if (auto set = set_attribute(milter, attribute->first, attribute->second); !set)
      return std::unexpected(set.error());
  }
  return milter;
}

class Reader {
 public:
  Reader(const Main& main, table::Opener& opener, Diagnostics& diagnostics)
      : main_(main), opener_(opener), diagnostics_(diagnostics) {}

  void fault(std::string_view name, Origin origin, unsigned column, const std::string& text) {
    diagnostics_.add({.level = Diagnostic::Level::error,
                      .where = origin,
                      .column = column,
                      .text = std::string(name) + ": " + text});
  }

  MilterSettings common(std::string_view setting) {
    MilterSettings out;
    out.setting = setting;
    out.directory = main_.text("queue_directory").text;
    out.hostname = main_.text("myhostname").text;
    out.daemon_name = main_.text("milter_macro_daemon_name").text;
    out.version = main_.text("milter_macro_v").text;
    auto& defaults = out.defaults;
    defaults.connect_timeout = timeout("milter_connect_timeout");
    defaults.command_timeout = timeout("milter_command_timeout");
    defaults.content_timeout = timeout("milter_content_timeout");
    const auto& action = main_.text("milter_default_action");
    if (const auto read = milter::parse_default_action(action.text)) {
      defaults.default_action = *read;
    } else {
      fault("milter_default_action", action.origin, 0, read.error().text);
    }
    const auto& version = main_.text("milter_protocol");
    if (const auto read = set_protocol(defaults, version.text); !read)
      fault("milter_protocol", version.origin, 0, read.error().text);
    defaults.tell_ahead = main_.boolean("hikyaku_milter_tell_ahead");
    macros(out);
    out.header_checks = {"milter_header_checks", "milter.header_checks", maps("milter_header_checks"),
                         main_.origin("milter_header_checks")};
    return out;
  }

  void filters(MilterSettings& out, std::string_view name) {
    for (const auto& element : main_.list(name)) {
      auto milter = read_one(out, element);
      if (milter) {
        out.filters.push_back(*std::move(milter));
      } else {
        fault(name, element.origin, element.column, milter.error().text);
      }
    }
  }

  /// What a table of smtpd_milter_maps is known to answer, and nobody can be asked by.
  void results(const MilterSettings& out) {
    std::size_t count = 0;
    const auto look_at = [&](std::string_view key, std::string_view value, Origin origin) {
      if (count >= kMostResults || table::ascii_lower(value) == "disable") return;
      for (const auto& one : read_milters(out, value, origin)) {
        if (one.fault.empty()) continue;
        ++count;
        diagnostics_.warning(origin,
                             "smtpd_milter_maps: the result for " + std::string(key.substr(0, 60)) +
                                 " is neither DISABLE nor a list of filters: " + one.fault,
                             value);
        return;
      }
    };
    for (const auto& table : out.by_client.tables()) {
      const auto type = std::string_view(table->name()).substr(0, table->name().find(':'));
      if (type == "static") {
        if (const auto found = table->find("static"); found && *found)
          look_at("every client", (*found)->value, (*found)->origin);
      } else if (std::ranges::find(kReadWhole, type) != kReadWhole.end()) {
        table->visit([&](const table::Row& row) {
          const bool of_the_key = table->kind() == table::Table::Kind::pattern && row.value.contains('$');
          if (!of_the_key) look_at(row.key, row.value, row.origin);
        });
      }
    }
  }

  table::Maps maps(std::string_view name) {
    std::vector<table::Element> elements;
    for (const auto& value : main_.list(name)) elements.push_back({value.text, value.origin});
    auto maps = table::Maps::open(elements, opener_);
    if (maps) return *std::move(maps);
    fault(name, main_.origin(name), 0, maps.error().text);
    return {};
  }

 private:
  std::chrono::seconds timeout(std::string_view name) {
    const auto time = main_.duration(name);
    if (time.count() > 0) return time;
    fault(name, main_.origin(name), 0,
          "a milter that gets no time can't answer; write a time over 0, as 30s");
    return std::chrono::seconds{1};
  }

  milter::MacroNames names(std::string_view setting) const {
    milter::MacroNames names;
    for (const auto& name : main_.list(setting)) names.push_back(name.text);
    return names;
  }

  void macros(MilterSettings& out) {
    using milter::Stage;
    out.macros[Stage::connect] = names("milter_connect_macros");
    out.macros[Stage::helo] = names("milter_helo_macros");
    out.macros[Stage::mail] = names("milter_mail_macros");
    out.macros[Stage::rcpt] = names("milter_rcpt_macros");
    out.macros[Stage::data] = names("milter_data_macros");
    out.macros[Stage::end_of_headers] = names("milter_end_of_header_macros");
    out.macros[Stage::end_of_message] = names("milter_end_of_data_macros");
    out.macros[Stage::unknown] = names("milter_unknown_command_macros");
    for (const auto& element : main_.list("milter_macro_defaults")) macro_default(out, element);
  }

  void macro_default(MilterSettings& out, const Value& element) {
    constexpr std::string_view kSetting = "milter_macro_defaults";
    auto pair = attribute_of(element.text);
    if (!pair)
      return fault(kSetting, element.origin, element.column,
                   "\"" + escaped(element.text, 60) + "\": write name=value, or { name = a value }");
    const auto name = milter::canonical_macro(pair->first);
    const bool again = std::ranges::any_of(
        out.macro_defaults, [&](const auto& one) { return milter::canonical_macro(one.first) == name; });
    if (!again) {
      out.macro_defaults.push_back(*std::move(pair));
      return;
    }
    diagnostics_.add({.level = Diagnostic::Level::warning,
                      .where = element.origin,
                      .column = element.column,
                      .text = std::string(kSetting) + ": \"" + escaped(element.text, 60) +
                              "\" has no effect: this macro has a default already"});
  }

  const Main& main_;
  table::Opener& opener_;
  Diagnostics& diagnostics_;
};

}  // namespace

MilterSettings smtpd_milter_settings(const Main& main, table::Opener& opener, Diagnostics& diagnostics) {
  Reader read(main, opener, diagnostics);
  auto out = read.common("smtpd_milters");
  out.chroot = main.chroot().smtpd;
  read.filters(out, "smtpd_milters");
  out.by_client = read.maps("smtpd_milter_maps");
  out.by_client_origin = main.origin("smtpd_milter_maps");
  read.results(out);
  const auto overrides = main.list("receive_override_options");
  if (std::ranges::any_of(overrides, [](const Value& one) { return one.text == "no_milters"; })) {
    out.filters.clear();
    out.by_client = {};
  }
  return out;
}

MilterSettings non_smtpd_milter_settings(const Main& main, table::Opener& opener, Diagnostics& diagnostics) {
  Reader read(main, opener, diagnostics);
  auto out = read.common("non_smtpd_milters");
  out.chroot = main.chroot().cleanup;
  read.filters(out, "non_smtpd_milters");
  return out;
}

std::vector<Milter> read_milters(const MilterSettings& settings, std::string_view text, Origin origin) {
  std::vector<Milter> filters;
  for (const auto& element : Main::split({std::string(text), origin})) {
    if (auto milter = read_one(settings, element)) {
      filters.push_back(*std::move(milter));
    } else {
      auto& none = filters.emplace_back(settings.defaults);
      none.name = escaped(element.text, 100);
      none.origin = origin;
      none.fault = milter.error().text;
    }
  }
  return filters;
}

}  // namespace hikyaku::config
