#include "cmd/greylist_check.h"

#include <fmt/format.h>
#include <sysexits.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <chrono>
#include <ctime>
#include <future>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/escape.h"
#include "cmd/administer.h"
#include "cmd/exit_code.h"
#include "cmd/print_entries.h"
#include "config/greylist_conf.h"
#include "config/greylist_unasked.h"
#include "greylist/client_name.h"
#include "greylist/dkim_word.h"
#include "greylist/needs.h"
#include "greylist/reply.h"
#include "greylist/rule_text.h"
#include "greylist/tuple.h"
#include "io/dkim_check.h"
#include "io/stable_file.h"
#include "io/system_clock.h"
#include "serve/access_decision.h"
#include "serve/client_identity.h"
#include "serve/dkim_lookup.h"
#include "serve/dns_lookup.h"
#include "serve/greylist_decision.h"
#include "serve/greylist_rules.h"

namespace hikyaku::cmd {

using nlohmann::json;

namespace {
constexpr std::string_view kName = "hikyaku greylist check";
constexpr std::string_view kLineEnd = "\r\n";
}  // namespace

/// Asks the rules one stage after the other.
class GreylistTrial {
 public:
  GreylistTrial(const greylist::Configuration& configuration, const SourceCatalogue& sources,
                const std::string& dns_server)
      : configuration_(configuration),
        sources_(sources),
        resolver_(lookups(dns_server)),
        checks_([](const std::string& text) { fmt::print(stderr, "{}: {}\n", kName, text); }) {}

  const greylist::Configuration& configuration() const { return configuration_; }

  greylist::Facts facts;
  std::vector<std::pair<std::string, std::string>> macros;  ///< what facts.macro tells
  json country = nullptr;

  /// The verified name of the client, as an MTA finds it; "[192.0.2.7]" where there is none.
  std::string name_of(const std::string& address) {
    serve::ClientIdentity client;
    client.address = address;
    wait_for(serve::look_up_client_name(resolver_, client));
    if (client.name_status == policy::NameStatus::ok) return client.name;
    return unbracketed("[" + address + "]");
  }

  /// As `unbracket` has it.
  std::string unbracketed(const std::string& name) {
    const auto question = greylist::unbracket_question(name);
    if (!configuration_.unbracket.value || !question) return name;
    wait_for(serve::look_up(resolver_, answers_.dns, *question));
    const auto* const answer = answers_.dns.find(*question);
    return answer == nullptr ? name : greylist::unbracketed_name(*answer).value_or(name);
  }

  /// Verifies the signatures of the message that the facts have.
  void check_dkim() {
    io::DkimCheck check;
    for (const std::string_view line : facts.header_lines) {
      const auto colon = line.find(':');
      if (colon == std::string_view::npos) continue;
      auto value = line.substr(colon + 1);
      if (value.ends_with(kLineEnd)) value.remove_suffix(kLineEnd.size());
      check.header(line.substr(0, colon), value);
    }
    // The first piece is the empty line before the body.
    for (std::size_t i = 1; i < facts.body_pieces.size(); ++i) check.body(facts.body_pieces[i]);
    dkim_ = wait_for(serve::finish_dkim(resolver_, check));
    answers_.dkim = greylist::dkim_word(dkim_);
  }

  json decide(greylist::Stage stage) {
    Explanation why;
    greylist::FormatContext context;
    if (answers_.dkim) {
      context.dkim_result = mail::text(dkim_.result);
      context.dkim_domain = dkim_.domain;
    }
    const serve::GreylistQuestion question{stage, configuration_, facts, properties_, context};
    auto decision = wait_for(
        serve::decide_by_rules(resolver_, checks_, question, answers_, &why, serve::Explained::always));
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
  T wait_for(boost::asio::awaitable<T> work) {
    context_.restart();
    auto ended = boost::asio::co_spawn(context_, std::move(work), boost::asio::use_future);
    // Not until all is done: what was asked ahead, and is not wanted now, may take longer.
    while (ended.wait_for(std::chrono::seconds(0)) != std::future_status::ready) context_.run_one();
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
    row["updates"] = json::array();
    for (const auto& update : decision.updates)
      row["updates"].push_back({{"nsupdate", configuration_.nsupdates[update.nsupdate].name},
                                {"name", update.name},
                                {"value", update.value}});
    return row;
  }

  const greylist::Configuration& configuration_;
  const SourceCatalogue& sources_;
  boost::asio::io_context context_;  // the resolver and the checks, which go first, answer into it
  io::Resolver resolver_;
  serve::GreylistChecks checks_;
  greylist::Answers answers_;
  mail::DkimVerdict dkim_;
  greylist::Properties properties_;
};

namespace {

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
  if (!file) return refuse(file.error());
  config::Diagnostics diagnostics;
  SourceCatalogue sources;
  const auto configuration = config::read_greylist_conf(file->text, sources.add(file_), diagnostics);
  config::warn_of_unasked_checks(configuration, diagnostics);
  std::fputs(config::text(diagnostics, sources).c_str(), stderr);
  if (diagnostics.failed()) return EX_CONFIG;
  if (client_.empty() && to_.empty()) {
    if (as_json_) {
      print_json({{"file", file_}, {"rules", configuration.rules.size()}});
    } else {
      fmt::print("{}: {} rules, no mistake\n", escaped(file_), configuration.rules.size());
    }
    return EX_OK;
  }
  if (client_.empty() || to_.empty())
    return refuse({Fault::malformed, "rules are asked for a --client and each --to: one of them is missing"});
  if (!dns_server_.empty() && !io::Resolver::is_server(dns_server_))
    return refuse({Fault::malformed, "--dns-server is an address, as 192.0.2.53 or 192.0.2.53@5353"});
  GreylistTrial trial(configuration, sources, dns_server_);
  if (auto known = know(trial); !known) return refuse(known.error());
  look_up_country(configuration, sources, trial.facts, trial.country);
  return decide(trial);
}

int GreylistCheck::refuse(const Error& error) {
  return tell_error(kName, {error.fault, escaped(error.text)});
}

Result<void> GreylistCheck::know(GreylistTrial& trial) const {
  auto& facts = trial.facts;
  facts.client = table::Ip::parse(client_);
  if (!facts.client) return fail(Fault::malformed, client_ + " is not an address");
  facts.now = io::SystemClock().now();
  if (!time_.empty()) {
    const auto time = parse_iso_time(time_);
    if (!time) return fail(Fault::malformed, "--time is as 2026-11-29T12:00Z");
    facts.now = *time;
  }
  const auto seconds = std::chrono::system_clock::to_time_t(facts.now);
  localtime_r(&seconds, &facts.local_time);
  facts.client_name = client_name_.empty() ? trial.name_of(client_) : trial.unbracketed(client_name_);
  facts.helo = helo_;
  facts.raw_sender = greylist::bracketed(from_);
  facts.sender = greylist::tuple_sender(facts.raw_sender);
  for (const auto& one : macros_) {
    const auto equals = one.find('=');
    if (equals == 0 || equals == std::string::npos)
      return fail(Fault::malformed, "--macro is as {auth_authen}=joe");
    trial.macros.emplace_back(one.substr(0, equals), one.substr(equals + 1));
  }
  facts.macro = [&trial](std::string_view name) -> std::optional<std::string_view> {
    for (const auto& [macro, value] : trial.macros)
      if (macro == name) return value;
    return std::nullopt;
  };
  return {};
}

int GreylistCheck::decide(GreylistTrial& trial) const {
  auto& facts = trial.facts;
  const auto tell = [this](const json& row) {
    if (as_json_) {
      print_json(row);
    } else {
      print_row(row);
    }
  };
  for (const auto& recipient : to_) {
    facts.recipient = greylist::tuple_recipient(greylist::bracketed(recipient));
    tell(trial.decide(greylist::Stage::recipient));
    facts.accepted.push_back(facts.recipient);
  }
  const bool wants_dkim = greylist::needs_of(trial.configuration()).dkim;
  if (message_file_.empty()) {
    if (wants_dkim)
      fmt::print(stderr, "{}: DKIM is judged at the end of a message only: give one with --message\n", kName);
    return EX_OK;
  }
  const auto message = io::read_stable_file(message_file_);
  if (!message) return refuse(message.error());
  take_message(message->text, facts);
  if (wants_dkim) trial.check_dkim();
  facts.recipient.clear();
  tell(trial.decide(greylist::Stage::message));
  return EX_OK;
}

}  // namespace hikyaku::cmd
