#include "cmd/filter_trial.h"

#include <fmt/format.h>
#include <sysexits.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <fstream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>

#include "base/escape.h"
#include "cmd/administer.h"
#include "cmd/exit_code.h"
#include "cmd/filter_trial_print.h"
#include "cmd/milter_message.h"
#include "config/multiplexer_settings.h"
#include "io/system_clock.h"
#include "serve/multiplexer_configuration.h"
#include "serve/session_player.h"
#include "serve/session_recording.h"

namespace hikyaku::cmd {

using nlohmann::json;
using End = serve::PlayedSession::End;

struct FilterTrial::Options {
  std::string spec;
  MilterMessage message;
  unsigned version = milter::kVersion;
  std::size_t at_once = 1, repeat = 1;
  unsigned connect_timeout = 30, command_timeout = 30, content_timeout = 300;
  std::string record, replay;
  bool as_json = false;
};

namespace {

constexpr const char* kExamples =
    "Examples:\n"
    "  hikyaku milters test inet:127.0.0.1:8891 --file message.eml\n"
    "  hikyaku milters test unix:/run/opendkim/opendkim.sock --mail-from 'joe@example.com SIZE=12' \\\n"
    "      --rcpt-to bob@example.org --header 'From: joe@example.com' --body 'hello'\n"
    "  hikyaku milters test inet:10025@[127.0.0.1] --macro 'rcpt:{rcpt_host}=mx.example.org' --json\n"
    "  hikyaku milters test inet:127.0.0.1:8891 --concurrency 20 --repeat 5000\n"
    "  hikyaku milters test inet:127.0.0.1:8891 --replay session.jsonl\n"
    "Ends with 0 when the message passes (also changed or held), 77 when it is refused with 5xx or thrown "
    "away,\n"
    "75 when it is refused with 4xx, 69 when the filter can't be reached or fails; after --replay 0 when "
    "all\n"
    "answers are the recorded ones, 65 when not; with --repeat 0 when no session failed.";

int exit_code(const serve::PlayedSession& played) {
  switch (played.end) {
    case End::passed:
    case End::held:
      return EX_OK;
    case End::discarded:
      return EX_NOPERM;
    case End::refused:
      return played.reply.code < 500 ? EX_TEMPFAIL : EX_NOPERM;
    case End::failed:
      break;
  }
  return EX_UNAVAILABLE;
}

Result<std::string> read_whole(const std::string& name) {
  std::ifstream file(name, std::ios::binary);
  if (!file) return fail(Fault::not_found, "read " + name + ": there is no such file, or no access to it");
  return std::string(std::istreambuf_iterator<char>(file), {});
}

Result<void> write_recording(const std::string& name, const milter::Offer& offer,
                             const std::vector<milter::SessionEvent>& events,
                             const serve::PlayedSession& played) {
  std::ofstream file(name, std::ios::binary | std::ios::trunc);
  file << serve::recording_head(offer, io::SystemClock().now());
  for (const auto& one : played.events)
    file << serve::recording_line(events[one.number], one.answer, one.took);
  file.close();
  if (file) return {};
  return fail(Fault::permanent,
              "write the recording " + name + ": the disk is full, or there is no access to it");
}

/// What several sessions came to.
class Summary {
 public:
  explicit Summary(std::chrono::steady_clock::time_point begin) : begin_(begin) {}
  void add(const serve::PlayedSession& played) {
    took_.push_back(static_cast<std::uint32_t>(std::min<std::int64_t>(played.took.count(), UINT32_MAX)));
    ++ends_[std::string(end_name(played.end))];
    if (played.end == End::failed && failures_.size() < kFailures) ++failures_[played.failure];
  }
  json row() {
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin_;
    std::ranges::sort(took_);
    json row{{"sessions", took_.size()},
             {"seconds", seconds.count()},
             {"sessions_per_second", static_cast<double>(took_.size()) / std::max(seconds.count(), 1e-9)},
             {"ends", ends_},
             {"failures", failures_}};
    for (const auto& [name, share] :
         {std::pair("p50", 0.5), std::pair("p90", 0.9), std::pair("p99", 0.99), std::pair("max", 1.0)})
      row["milliseconds"][name] = milliseconds(share);
    return row;
  }
  bool failed() const { return ends_.contains(std::string(end_name(End::failed))); }

 private:
  static constexpr std::size_t kFailures = 10;  // different ones
  /// The longest of the shortest `share`.
  double milliseconds(double share) const {
    if (took_.empty()) return 0;
    const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(took_.size())));
    return took_[std::max<std::size_t>(rank, 1) - 1] / 1000.0;
  }

  std::chrono::steady_clock::time_point begin_;
  std::vector<std::uint32_t> took_;  // microseconds
  std::map<std::string, std::size_t> ends_, failures_;
};

void print_summary(const json& row) {
  fmt::print("{} sessions in {:.2f} s: {:.0f} a second\n", row["sessions"].get<std::size_t>(),
             row["seconds"].get<double>(), row["sessions_per_second"].get<double>());
  const auto& took = row["milliseconds"];
  fmt::print("a session took p50 {:.2f} ms, p90 {:.2f} ms, p99 {:.2f} ms, at most {:.2f} ms\n",
             took["p50"].get<double>(), took["p90"].get<double>(), took["p99"].get<double>(),
             took["max"].get<double>());
  for (const auto& [end, count] : row["ends"].items()) fmt::print("  {} {}\n", count.get<std::size_t>(), end);
  for (const auto& [failure, count] : row["failures"].items())
    fmt::print("  {} times: {}\n", count.get<std::size_t>(), failure);
}

serve::PlayedSession play_once(const std::vector<milter::SessionEvent>& events,
                               const serve::MilterConnection::Settings& settings) {
  serve::PlayedSession played;
  serve::play_all(events, settings, 1, 1, [&played](serve::PlayedSession one) { played = std::move(one); });
  return played;
}

/// Each event whose answer is not the recorded one.
json differences(const serve::SessionRecording& recording, const serve::PlayedSession& played) {
  json rows = json::array();
  std::vector<const serve::PlayedEvent*> by_number(recording.events.size(), nullptr);
  for (const auto& one : played.events) by_number[one.number] = &one;
  for (std::size_t i = 0; i < recording.events.size(); ++i) {
    // What is never answered can't differ.
    if (recording.events[i].command == milter::Command::abort) continue;
    const auto now = by_number[i] == nullptr ? json() : serve::answer_json(by_number[i]->answer);
    if (now == recording.answers[i]) continue;
    rows.push_back({{"line", i + 2},
                    {"event", milter::text(recording.events[i].command)},
                    {"text", escaped(recording.events[i].text, 100)},
                    {"recorded", recording.answers[i]},
                    {"now", now}});
  }
  return rows;
}

}  // namespace

FilterTrial::FilterTrial(CommandLine& app) : options_(std::make_unique<Options>()) {
  auto& test =
      app.subcommand("test", "speak to a filter as an MTA does, and show what it answers and changes");
  auto& message = options_->message;
  test.option("spec", &options_->spec, "where the filter listens: inet:HOST:PORT, inet:PORT@HOST, unix:PATH",
              {.required = true});
  test.option("--connect-name,--connect-host", &message.client_name, "the client's name; empty: it has none");
  test.option("--connect-address", &message.client_address, "its IP address, or unix:PATH");
  test.option("--connect-port", &message.client_port, "its port");
  test.option("--helo,--helo-fqdn", &message.helo, "the name in HELO");
  test.option("--unknown", &message.unknown, "a command before MAIL that the MTA does not know; repeatable");
  test.option("--mail-from,--envelope-from,--from", &message.sender,
              "the sender, with ESMTP parameters behind it: 'a@b.example SIZE=12'");
  test.option("--rcpt-to,--envelope-recipient,--recipient", &message.recipients,
              "a recipient, with ESMTP parameters behind it; repeatable (default: <recipient@example.com>)");
  test.option("--header", &message.headers, "a header, 'Name: value'; repeatable");
  test.option("--body", &message.body, "text of the body; repeatable, one line each");
  test.option("--file,--mail-file", &message.file, "a file with the whole message", {.without = "--header"});
  test.option("--macro", &message.macros,
              "NAME=VALUE, a macro of all stages, or STAGE:NAME=VALUE of connect, helo, mail, rcpt, data,\n"
              "end-of-headers, end-of-message or unknown; repeatable");
  test.option("--authenticated-name", &message.authenticated_name, "the login: {auth_authen}");
  test.option("--authenticated-type", &message.authenticated_type, "its mechanism: {auth_type}");
  test.option("--authenticated-author", &message.authenticated_author, "its sender: {auth_author}");
  test.option("--name", &message.mta_name, "the name of the MTA: the macros j and {daemon_name}");
  test.option("--negotiate-version", &options_->version,
              "the version of the protocol that is offered, 2 to 6");
  test.option("--concurrency,--n-threads", &options_->at_once,
              "so many sessions at the same time, --repeat in all");
  test.option("--repeat", &options_->repeat, "so many sessions; then rates and percentiles are told");
  test.option("--connect-timeout,--connection-timeout", &options_->connect_timeout, "seconds to connect in");
  test.option("--command-timeout", &options_->command_timeout, "seconds for an answer up to DATA");
  test.option("--content-timeout,--end-of-message-timeout", &options_->content_timeout,
              "seconds for an answer from the headers on");
  test.option("--record", &options_->record, "write events, macros, answers and times into this file");
  test.option("--replay", &options_->replay,
              "tell the filter a recorded session instead, and show which answers differ",
              {.without = "--record"});
  test.flag("--json", options_->as_json, "one JSON object");
  test.footer(kExamples);
}

FilterTrial::~FilterTrial() = default;

int FilterTrial::run() {
  const auto& options = *options_;
  const auto refuse = [](const Error& error) {
    return tell_error("hikyaku milters test", {error.fault, escaped(error.text)});
  };
  std::signal(SIGPIPE, SIG_IGN);
  serve::MilterConnection::Settings settings;
  const auto spec = config::ConnectionSpec::parse(options.spec);
  if (!spec) return refuse(spec.error());
  settings.endpoint = serve::endpoint_of(*spec);
  if (options.version < milter::kOldestVersion || options.version > milter::kVersion)
    return refuse({Fault::malformed, "--negotiate-version: 2 to 6 are known"});
  if (options.at_once == 0 || options.repeat == 0)
    return refuse({Fault::malformed, "--concurrency and --repeat: at least 1 is wanted"});
  const bool many = options.at_once > 1 || options.repeat > 1;
  if (many && !(options.record.empty() && options.replay.empty()))
    return refuse(
        {Fault::malformed, "--record and --replay are of one session: leave out --concurrency and --repeat"});
  if (!options_->message.file.empty() && !options_->message.body.empty())
    return refuse({Fault::malformed, "--file has the whole message: leave out --body"});
  settings.session.offer = milter::Offer::of_version(options.version);
  settings.connect_timeout = std::chrono::seconds{options.connect_timeout};
  settings.command_timeout = std::chrono::seconds{options.command_timeout};
  settings.content_timeout = std::chrono::seconds{options.content_timeout};

  if (!options.replay.empty()) {
    const auto text = read_whole(options.replay);
    if (!text) return refuse(text.error());
    const auto recording = serve::parse_recording(*text);
    if (!recording) return refuse({Fault::corrupt, options.replay + ": " + recording.error().text});
    settings.session.offer = recording->offer;
    settings.session.macros.reset();  // those of the recording, all of them
    const auto played = play_once(recording->events, settings);
    const auto rows = differences(*recording, played);
    if (played.end == End::failed)
      std::fprintf(stderr, "hikyaku milters test: the filter failed: %s\n", played.failure.c_str());
    if (options.as_json) {
      print_json({{"events", recording->events.size()}, {"differences", rows}});
    } else {
      print_differences(rows, recording->events.size());
    }
    return rows.empty() ? EX_OK : EX_DATAERR;
  }

  auto& message = options_->message;
  if (message.recipients.empty()) message.recipients = {"<recipient@example.com>"};
  const auto script = milter_script(message, rfc5322_text(io::SystemClock().now()));
  if (!script) return refuse(script.error());
  settings.session.macros = script->macros;
  if (many) {
    Summary summary(std::chrono::steady_clock::now());
    serve::play_all(script->events, settings, std::max(options.repeat, options.at_once), options.at_once,
                    [&summary](const serve::PlayedSession& played) { summary.add(played); });
    const auto row = summary.row();
    if (options.as_json) {
      print_json(row);
    } else {
      print_summary(row);
    }
    return summary.failed() ? EX_UNAVAILABLE : EX_OK;
  }
  const auto played = play_once(script->events, settings);
  const auto row = played_json(settings.endpoint.text(), *script, played);
  if (options.as_json) {
    print_json(row);
  } else {
    print_played(row);
  }
  if (!options.record.empty()) {
    if (auto written = write_recording(options.record, settings.session.offer, script->events, played);
        !written)
      return refuse(written.error());
  }
  return exit_code(played);
}

}  // namespace hikyaku::cmd
