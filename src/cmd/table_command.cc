#include "cmd/table_command.h"

#include <fmt/format.h>
#include <sysexits.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "base/escape.h"
#include "cmd/command_line.h"
#include "cmd/configuration_files.h"
#include "config/files.h"
#include "config/rewrite_settings.h"
#include "config/table_elements.h"
#include "io/system_random.h"
#include "io/table_files.h"
#include "rewrite/local_domains.h"
#include "table/address_lookup.h"
#include "table/maps.h"
#include "table/row_review.h"
#include "table/spec.h"

namespace hikyaku::cmd {
namespace {

using Json = nlohmann::ordered_json;
using table::KeyHit;

struct Options {
  std::string directory;
  std::string as = "raw";
  std::string setting;
  std::string table;                ///< of query: one or several, as in a setting
  std::vector<std::string> tables;  ///< of check
  std::vector<std::string> keys;
  bool json = false;
  bool quiet = false;
};

int exit_code(const Error& error) {
  switch (error.fault) {
    case Fault::temporary:
      return EX_TEMPFAIL;
    case Fault::not_found:
      return EX_NOINPUT;
    case Fault::malformed:
    case Fault::corrupt:
      return EX_DATAERR;
    case Fault::permanent:
      break;
  }
  return EX_UNAVAILABLE;
}

/// Keys and values need not be UTF-8; what is not becomes a replacement mark.
void print(const Json& json) {
  const auto line = json.dump(-1, ' ', false, Json::error_handler_t::replace) + '\n';
  std::fwrite(line.data(), 1, line.size(), stdout);
}

/// What of main.cf decides on keys.
struct KeyFacts {
  table::Delimiters delimiters;
  table::Parents transport_parents = table::Parents::by_dot;
  table::Parents access_parents = table::Parents::by_name;
  std::unique_ptr<table::LocalDomains> local =
      std::make_unique<rewrite::OwnDomains>("", table::StringMatchList(), std::vector<table::Ip>());
};

std::vector<table::Ip> machine_addresses(const config::System& system) {
  std::vector<table::Ip> all;
  for (const auto& interface : system.interfaces) {
    if (const auto ip = table::Ip::parse(interface.address)) all.push_back(*ip);
  }
  return all;
}

/// Without a directory on the command line a missing default directory means built-in defaults.
Result<KeyFacts> read_facts(const Options& options, SourceCatalogue& sources, table::Opener& opener) {
  KeyFacts facts;
  if (options.as == "raw") return facts;
  const std::string directory = options.directory.empty() ? kDefaultDirectory : options.directory;
  if (options.directory.empty() && !std::filesystem::exists(directory + "/main.cf")) return facts;
  const auto texts = read_configuration(directory);
  if (!texts) return std::unexpected(texts.error());
  config::Diagnostics diagnostics;
  const auto system = system_facts(directory);
  const auto main = config::Main::parse(texts->main_text, texts->main_name, sources, diagnostics, system);
  if (const auto* first = diagnostics.first_error()) {
    return fail(Fault::malformed, sources.text(first->where) + ": " + first->text);
  }
  facts.delimiters = {main.text("recipient_delimiter").text, main.boolean("owner_request_special"),
                      main.text("double_bounce_sender").text};
  const auto by_name = main.list("parent_domain_matches_subdomains");
  const auto parents = [&](std::string_view setting) {
    const bool named = std::ranges::any_of(by_name, [&](const auto& value) { return value.text == setting; });
    return named ? table::Parents::by_name : table::Parents::by_dot;
  };
  facts.transport_parents = parents("transport_maps");
  facts.access_parents = parents("smtpd_access_maps");
  auto destinations = table::StringMatchList::compile(config::elements(main.list("mydestination")), opener);
  if (!destinations) return std::unexpected(destinations.error());
  facts.local = std::make_unique<rewrite::OwnDomains>(
      main.text("myorigin").text, std::move(*destinations),
      config::own_addresses(main, machine_addresses(system), diagnostics));
  return facts;
}

std::string_view text(KeyHit::By by) {
  switch (by) {
    case KeyHit::By::address:
      return "address";
    case KeyHit::By::without_extension:
      return "address without extension";
    case KeyHit::By::user:
      return "user";
    case KeyHit::By::user_without_extension:
      return "user without extension";
    case KeyHit::By::domain:
      return "domain";
    case KeyHit::By::parent:
      return "parent";
    case KeyHit::By::wildcard:
      return "wildcard";
  }
  return "";
}

std::vector<std::string> tried(const KeyTrail& trail) {
  std::vector<std::string> keys;
  for (std::string_view rest = trail.joined(); !rest.empty();) {
    const auto key = rest.substr(0, rest.find('\0'));
    keys.emplace_back(key);
    rest.remove_prefix(std::min(rest.size(), key.size() + 1));
  }
  return keys;
}

class Query {
 public:
  explicit Query(Options options) : options_(std::move(options)) {}

  int run() {
    auto maps = open();
    if (!maps) return failed(maps.error());
    auto facts = read_facts(options_, sources_, files_);
    if (!facts) return failed(facts.error());
    int code = EX_OK;
    for (const auto& key : options_.keys) {
      if (key == "-") {
        for (std::string line; std::getline(std::cin, line);) code = std::max(code, ask(*maps, *facts, line));
      } else {
        code = std::max(code, ask(*maps, *facts, key));
      }
    }
    return code;
  }

 private:
  int failed(const Error& error) {
    fmt::print(stderr, "hikyaku table query: {}\n", error.text);
    return exit_code(error);
  }

  Result<table::Maps> open() {
    std::vector<table::Element> tables;
    for (const auto part : table::split_list(options_.table)) tables.push_back({std::string(part), here_});
    if (tables.empty()) return fail(Fault::malformed, "the name of the table is empty");
    return table::Maps::open(tables, files_);
  }

  table::KeyAnswer find(const table::Maps& maps, const KeyFacts& facts, const std::string& key,
                        KeyTrail& trail) {
    const auto address = mail::Address::from_internal(key);
    if (options_.as == "raw" || !address) {
      auto answer = maps.find(key, &trail);
      if (!answer) return std::unexpected(answer.error());
      if (!*answer) return std::optional<KeyHit>{};
      return KeyHit{std::move(**answer), key, KeyHit::By::address, {}};
    }
    if (options_.as == "transport") {
      return find_transport(maps, *address, facts.delimiters, facts.transport_parents, &trail);
    }
    if (options_.as == "address") return find_address(maps, *address, facts.delimiters, *facts.local, &trail);
    if (const auto ip = table::Ip::parse(key)) return find_access_ip(maps, *ip, &trail);
    if (!address->has_domain()) return find_access_domain(maps, key, facts.access_parents, &trail);
    return find_access_address(maps, *address, facts.delimiters, facts.access_parents, &trail);
  }

  int ask(const table::Maps& maps, const KeyFacts& facts, const std::string& key) {
    KeyTrail trail;
    const auto answer = find(maps, facts, key, trail);
    if (options_.json) {
      print(as_json(key, answer, trail));
    } else {
      show(key, answer, trail);
    }
    if (!answer) return EX_TEMPFAIL;  // also for an empty result: mail that meets it is deferred
    return *answer ? EX_OK : 1;
  }

  Json as_json(const std::string& key, const table::KeyAnswer& answer, const KeyTrail& trail) const {
    Json json{{"key", key}, {"found", answer && *answer}};
    if (!answer) json["error"] = answer.error().text;
    if (answer && *answer) {
      const KeyHit& hit = **answer;
      json["value"] = hit.found.value;
      if (!hit.found.origin.built_in()) {
        json["file"] = sources_.file(hit.found.origin);
        if (hit.found.origin.line != 0) json["line"] = hit.found.origin.line;
      }
      json["matched"] = hit.key;
      if (options_.as != "raw") json["by"] = text(hit.by);
      if (!hit.extension.empty()) json["extension"] = hit.extension;
    }
    json["tried"] = tried(trail);
    return json;
  }

  void show(const std::string& key, const table::KeyAnswer& answer, const KeyTrail& trail) const {
    std::string keys;
    for (const auto& one : tried(trail)) keys += (keys.empty() ? "" : ", ") + escaped(one);
    if (!answer) {
      fmt::print(stderr, "hikyaku table query: {}\n", answer.error().text);
      return;
    }
    if (!*answer) {
      if (!options_.quiet) {
        fmt::print(stderr, "{}: not found; tried: {}\n", escaped(key), keys.empty() ? "no key" : keys);
      }
      return;
    }
    const KeyHit& hit = **answer;
    const bool many = options_.keys.size() > 1 || options_.keys.front() == "-";
    fmt::print("{}{}\n", many ? for_output(key) + "\t" : "", for_output(hit.found.value));
    if (options_.quiet) return;
    fmt::print("  from {}; key {}; tried: {}\n", place(hit.found.origin), escaped(hit.key), keys);
    if (!hit.extension.empty()) fmt::print("  unmatched extension: {}\n", escaped(hit.extension));
  }

  /// A script gets the very octets; a terminal must not obey them.
  static std::string for_output(const std::string& text) {
    return ::isatty(STDOUT_FILENO) != 0 ? escaped(text, text.size()) : text;
  }

  std::string place(Origin origin) const {
    if (origin.built_in()) return "the table's name itself";
    return origin.line == 0 ? sources_.file(origin) : sources_.text(origin);
  }

  Options options_;
  SourceCatalogue sources_;
  io::SystemRandom random_;
  io::TableFiles files_{sources_, random_};
  const Origin here_{sources_.add("the command line"), 0};  // not a default
};

class Check {
 public:
  explicit Check(Options options) : options_(std::move(options)) {}

  int run() {
    int code = EX_OK;
    for (const auto& spec : options_.tables) code = std::max(code, check(spec));
    return code;
  }

 private:
  int check(const std::string& spec) {
    const auto table = files_.open(spec, here_);
    if (!table) {
      if (options_.json) {
        print(Json{{"table", spec}, {"level", "error"}, {"text", table.error().text}});
      } else {
        fmt::print(stderr, "hikyaku table check: {}\n", table.error().text);
      }
      return exit_code(table.error());
    }
    auto diagnostics = files_.take_diagnostics();
    if (!options_.setting.empty()) {
      auto review = table::review_rows(**table, options_.setting);
      std::move(review.begin(), review.end(), std::back_inserter(diagnostics));
    }
    std::ranges::sort(diagnostics, {}, [](const auto& diagnostic) {
      return std::tuple(diagnostic.where.file, diagnostic.where.line, diagnostic.column, diagnostic.text);
    });
    bool broken = false;
    for (const auto& diagnostic : diagnostics) {
      broken = broken || diagnostic.level == table::Diagnostic::Level::error;
      show(spec, diagnostic);
    }
    if (!options_.json && !options_.quiet) {
      std::size_t rows = 0;
      (*table)->visit([&](const table::Row&) { ++rows; });
      fmt::print("{}: {} entries, {} remarks\n", escaped(spec), rows, diagnostics.size());
    }
    return broken ? EX_DATAERR : EX_OK;
  }

  void show(const std::string& spec, const table::Diagnostic& diagnostic) const {
    static constexpr const char* kLevels[] = {"note", "warning", "error"};
    const char* level = kLevels[static_cast<std::size_t>(diagnostic.level)];
    if (options_.json) {
      Json json{{"table", spec}, {"level", level}, {"text", diagnostic.text}};
      if (!diagnostic.where.built_in()) json["file"] = sources_.file(diagnostic.where);
      if (diagnostic.where.line != 0) json["line"] = diagnostic.where.line;
      if (diagnostic.column != 0) json["column"] = diagnostic.column;
      print(json);
      return;
    }
    std::string place = sources_.file(diagnostic.where);
    if (diagnostic.where.line != 0) place += fmt::format(":{}", diagnostic.where.line);
    if (diagnostic.column != 0) place += fmt::format(":{}", diagnostic.column);
    fmt::print("{}: {}: {}\n", place, level, diagnostic.text);
    if (!diagnostic.line.empty()) fmt::print("    {}\n", escaped(diagnostic.line, 200));
  }

  Options options_;
  SourceCatalogue sources_;
  io::SystemRandom random_;
  io::TableFiles files_{sources_, random_};
  const Origin here_{sources_.add("the command line"), 0};  // not a default
};

}  // namespace

int table_command(int argc, char** argv) {
  Options options;
  CommandLine app("hikyaku table", "Look up keys in lookup tables, and check tables for mistakes.");
  app.option("-c,--config,--config-directory", &options.directory,
             "folder of main.cf: recipient_delimiter, mydestination, ...");
  app.footer(
      "Examples:\n"
      "  hikyaku table query hash:/etc/hikyaku/virtual joe@example.org\n"
      "  hikyaku table check hash:/etc/hikyaku/virtual");
  auto& query = app.subcommand("query", "print what a table answers, where that stands, and the keys tried");
  query.option("table", &options.table, "type:name, or several in one argument: \"hash:/a, regexp:/b\"",
               {.required = true});
  query.option("key", &options.keys, "keys; - reads them from standard input, one a line",
               {.required = true});
  query.option(
      "--as", &options.as,
      "how keys are made: raw (as given), address (canonical, virtual, generic, sender_dependent_*), "
      "transport, access",
      {.one_of = {"raw", "address", "transport", "access"}});
  query.flag("--json", options.json, "one JSON object a key");
  query.flag("-q,--quiet", options.quiet, "print the value alone, as postmap -q does");
  query.footer(
      "Exit code: 0 found, 1 not found, 75 the table can't answer.\n\nExamples:\n"
      "  hikyaku table query hash:/etc/hikyaku/virtual joe@example.org\n"
      "  hikyaku table query --as transport -c /etc/hikyaku hash:/etc/hikyaku/transport joe@sub.example.org");
  auto& check = app.subcommand("check", "tell lines that are not in effect, duplicates, rules never reached");
  check.option("table", &options.tables, "type:name", {.required = true});
  check.option(
      "--for", &options.setting,
      "the setting that names the table (transport_maps, ...): also tells results of the wrong form");
  check.flag("--json", options.json, "one JSON object a remark");
  check.flag("-q,--quiet", options.quiet, "no summary");
  check.footer(
      "Exit code: 0 all lines are in effect, 65 some are not, 66 no such file, 75 try again.\n\nExamples:\n"
      "  hikyaku table check hash:/etc/hikyaku/virtual\n"
      "  hikyaku table check --for transport_maps hash:/etc/hikyaku/transport");
  if (const auto end = app.parse(argc, argv)) return *end;
  return query.called() ? Query(std::move(options)).run() : Check(std::move(options)).run();
}

}  // namespace hikyaku::cmd
