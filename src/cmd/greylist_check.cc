#include "cmd/greylist_check.h"

#include <fmt/format.h>
#include <sysexits.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <ctime>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/escape.h"
#include "cmd/administer.h"
#include "cmd/exit_code.h"
#include "cmd/print_entries.h"
#include "config/greylist_conf.h"
#include "config/greylist_unasked.h"
#include "greylist/reply.h"
#include "greylist/rule_text.h"
#include "greylist/tuple.h"
#include "io/stable_file.h"
#include "io/system_clock.h"
#include "serve/access_decision.h"
#include "serve/client_identity.h"
#include "serve/greylist_decision.h"
#include "serve/greylist_rules.h"

namespace hikyaku::cmd {
namespace {

using nlohmann::json;

constexpr std::string_view kName = "hikyaku greylist check";

/// The header lines and the rest of a message, as `header` and `body` clauses see them.
void take_message(const std::string& text, greylist::Facts& facts) {
  std::string with_ends;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\n' && (i == 0 || text[i - 1] != '\r')) with_ends += '\r';
    with_ends += text[i];
  }
  facts.message_size = static_cast<std::int64_t>(with_ends.size());
  const auto end = with_ends.find("\r\n\r\n");
  const std::string_view header =
      std::string_view(with_ends).substr(0, end == std::string::npos ? end : end + 2);
  for (std::size_t from = 0; from < header.size();) {
    auto next = header.find("\r\n", from);
    // A folded line belongs to the one before.
    while (next != std::string_view::npos && next + 2 < header.size() &&
           (header[next + 2] == ' ' || header[next + 2] == '\t'))
      next = header.find("\r\n", next + 2);
    next = next == std::string_view::npos ? header.size() : next + 2;
    facts.header_lines.emplace_back(header.substr(from, next - from));
    from = next;
  }
  facts.body_pieces.emplace_back("\r\n");
  if (end != std::string::npos) facts.body_pieces.push_back(with_ends.substr(end + 4));
}

/// Asks the rules one stage after the other.
class Trial {
 public:
  Trial(const greylist::Configuration& configuration, const SourceCatalogue& sources,
        const std::string& dns_server)
      : configuration_(configuration), sources_(sources), resolver_(lookups(dns_server)) {}

  greylist::Facts facts;
  json country = nullptr;

  /// The verified name of the client, as an MTA finds it; "[192.0.2.7]" where there is none.
  std::string name_of(const std::string& address) {
    serve::ClientIdentity client;
    client.address = address;
    wait_for(serve::look_up_client_name(resolver_, client));
    return client.name_status == policy::NameStatus::ok ? client.name : "[" + address + "]";
  }

  json decide(greylist::Stage stage) {
    Explanation why;
    greylist::FormatContext context;
    const serve::GreylistQuestion question{stage, configuration_, facts, properties_, context};
    auto decision = wait_for(serve::decide_by_rules(resolver_, question, answers_, &why));
    auto row = told(stage, decision, context);
    row["ledger"] = entries_json(why.entries(), sources_);
    properties_ = std::move(decision.properties);
    return row;
  }

 private:
  static io::Resolver::Settings lookups(const std::string& dns_server) {
    io::Resolver::Settings settings;
    settings.forward = dns_server;
    return settings;
  }

  template <class T>
  static T wait_for(boost::asio::awaitable<T> work) {
    boost::asio::io_context context;
    auto ended = boost::asio::co_spawn(context, std::move(work), boost::asio::use_future);
    context.run();
    return ended.get();
  }

  json told(greylist::Stage stage, const greylist::Decision& decision,
            greylist::FormatContext& context) const {
    json row{{"stage", text(stage)}, {"action", text(decision.action)}, {"country", country}};
    if (stage == greylist::Stage::recipient)
      row["recipient"] = std::string(greylist::without_brackets(facts.recipient));
    row["rule"] = decision.rule == nullptr ? json("default") : json(text(*decision.rule, configuration_));
    if (decision.rule != nullptr) {
      row["file"] = sources_.file(decision.rule->origin);
      row["line"] = decision.rule->origin.line;
    }
    if (decision.action == greylist::Action::greylist) {
      row["delay"] = decision.delay.count();
      row["autowhite"] = decision.autowhite.count();
      context.remaining = decision.delay;
    }
    if (decision.action == greylist::Action::greylist || decision.action == greylist::Action::blacklist)
      row["reply"] = greylist::reply_of(decision, configuration_, facts, context).line();
    row["log"] = decision.log_lines;
    return row;
  }

  const greylist::Configuration& configuration_;
  const SourceCatalogue& sources_;
  io::Resolver resolver_;
  greylist::Answers answers_;
  greylist::Properties properties_;
};

void print_row(const json& row) {
  const auto what = row.contains("recipient") ? "<" + escaped(row["recipient"].get<std::string>()) + ">"
                                              : std::string("end of the message");
  fmt::print("{}: {}\n", what, row["action"].get<std::string>());
  if (row.contains("delay"))
    fmt::print("  a first attempt is put off for {} s; after it has passed the same passes for {} s\n",
               row["delay"].get<std::int64_t>(), row["autowhite"].get<std::int64_t>());
  if (row.contains("reply")) fmt::print("  answered: {}\n", escaped(row["reply"].get<std::string>()));
  print_entries(row["ledger"]);
}

/// The country of the client, by the databases that the file names.
void look_up_country(const greylist::Configuration& configuration, const SourceCatalogue& sources,
                     greylist::Facts& facts, json& country) {
  const auto databases = serve::countries_of(configuration, sources);
  if (!databases) return;
  for (const auto& notice : databases->refresh(facts.now))
    if (notice.level == io::GeoDatabases::Notice::Level::warning)
      fmt::print(stderr, "{}: {}\n", kName, escaped(notice.text));
  const auto found = databases->country(*facts.client);
  facts.country = found.code;
  country = {{"code", found.code}};
  if (found.origin) country["file"] = found.origin->path;
  if (found.origin && found.origin->built) country["built"] = iso_text(*found.origin->built);
}

}  // namespace

GreylistCheck::GreylistCheck(CommandLine& app)
    : app_(app.subcommand("check", "check a greylist.conf, or tell which line of it decides, and why")) {
  app_.option("-f,--file", &file_, "greylist.conf");
  app_.option("--client", &client_, "the client's address; without it the file alone is checked");
  app_.option("--client-name", &client_name_,
              "the client's name (default: what the DNS says of its address)");
  app_.option("--helo", &helo_, "what it says in HELO");
  app_.option("--from", &from_, "the sender");
  app_.option("--to", &to_, "a recipient; may be given several times");
  app_.option("--macro", &macros_, "a macro of the MTA, as {auth_authen}=joe; may be given several times");
  app_.option("--message", &message_file_, "a file with the message: dacl lines are looked at too");
  app_.option("--time", &time_, "when, as 2026-11-29T12:00Z (default: now)");
  app_.option("--dns-server", &dns_server_,
              "the DNS server to ask, as 192.0.2.53@53 (default: /etc/resolv.conf)");
  app_.flag("--json", as_json_, "one JSON object for each recipient and for the message");
  app_.footer(
      "Example: hikyaku greylist check -f greylist.conf --client 192.0.2.7 --from a@b.example --to "
      "c@d.example\n"
      "Rules are shown in their order: - did not hold, and its first clause that did not; + decided, or went "
      "on.\n"
      "What is remembered of earlier attempts is not looked at. Mistakes in the file go to stderr, with line "
      "and\n"
      "column; it ends with 78 when the file can't be used.");
}

int GreylistCheck::run() const {
  const auto file = io::read_stable_file(file_);
  if (!file) return tell_error(kName, {file.error().fault, escaped(file.error().text)});
  config::Diagnostics diagnostics;
  SourceCatalogue sources;
  const auto configuration = config::read_greylist_conf(file->text, sources.add(file_), diagnostics);
  config::warn_of_unasked_checks(configuration, diagnostics);
  std::fputs(config::text(diagnostics, sources).c_str(), stderr);
  if (diagnostics.failed()) return EX_CONFIG;
  if (client_.empty()) {
    if (!to_.empty()) return tell_error(kName, {Fault::malformed, "--to needs a --client"});
    if (!as_json_) fmt::print("{}: {} rules, no mistake\n", escaped(file_), configuration.rules.size());
    if (as_json_) print_json({{"file", file_}, {"rules", configuration.rules.size()}});
    return EX_OK;
  }
  if (to_.empty())
    return tell_error(kName, {Fault::malformed, "--client needs a --to: rules are asked for each recipient"});
  if (!dns_server_.empty() && !io::Resolver::is_server(dns_server_))
    return tell_error(kName,
                      {Fault::malformed, "--dns-server is an address, as 192.0.2.53 or 192.0.2.53@5353"});

  Trial trial(configuration, sources, dns_server_);
  auto& facts = trial.facts;
  facts.client = table::Ip::parse(client_);
  if (!facts.client) return tell_error(kName, {Fault::malformed, escaped(client_) + " is not an address"});
  facts.now = io::SystemClock().now();
  if (!time_.empty()) {
    const auto time = parse_iso_time(time_);
    if (!time) return tell_error(kName, {Fault::malformed, "--time is as 2026-11-29T12:00Z"});
    facts.now = *time;
  }
  const auto seconds = std::chrono::system_clock::to_time_t(facts.now);
  localtime_r(&seconds, &facts.local_time);
  facts.client_name = client_name_.empty() ? trial.name_of(client_) : client_name_;
  facts.helo = helo_;
  facts.raw_sender = greylist::bracketed(from_);
  facts.sender = greylist::tuple_sender(facts.raw_sender);
  std::vector<std::pair<std::string, std::string>> macros;
  for (const auto& one : macros_) {
    const auto equals = one.find('=');
    if (equals == 0 || equals == std::string::npos)
      return tell_error(kName, {Fault::malformed, "--macro is as {auth_authen}=joe"});
    macros.emplace_back(one.substr(0, equals), one.substr(equals + 1));
  }
  facts.macro = [&macros](std::string_view name) -> std::optional<std::string_view> {
    for (const auto& [macro, value] : macros)
      if (macro == name) return value;
    return std::nullopt;
  };
  look_up_country(configuration, sources, facts, trial.country);

  json rows = json::array();
  for (const auto& recipient : to_) {
    facts.recipient = greylist::tuple_recipient(greylist::bracketed(recipient));
    rows.push_back(trial.decide(greylist::Stage::recipient));
    facts.accepted.push_back(facts.recipient);
  }
  if (!message_file_.empty()) {
    const auto message = io::read_stable_file(message_file_);
    if (!message) return tell_error(kName, {message.error().fault, escaped(message.error().text)});
    take_message(message->text, facts);
    facts.recipient.clear();
    rows.push_back(trial.decide(greylist::Stage::message));
  }
  for (const auto& row : rows) {
    if (as_json_) {
      print_json(row);
    } else {
      print_row(row);
    }
  }
  return EX_OK;
}

}  // namespace hikyaku::cmd
