#include "cmd/probe_send.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/base64_stream.h"
#include "base/escape.h"
#include "cmd/secret_source.h"
#include "cmd/send_connection.h"
#include "cmd/send_sources.h"
#include "cmd/send_surroundings.h"
#include "io/probe_sasl.h"
#include "probe/secret_sink.h"
#include "probe/send_conversation.h"
#include "probe/send_output.h"

namespace hikyaku::cmd {
namespace {

using nlohmann::json;
using probe::SendArguments;
using probe::SendExit;

constexpr std::chrono::milliseconds kForEver = std::chrono::hours(24 * 365);

constexpr const char* kHelp =
#include "cmd/probe_send_help.inc"
    ;

int number(SendExit exit) { return static_cast<int>(exit); }

int refuse(const std::string& text, SendExit exit = SendExit::arguments) {
  std::fprintf(stderr, "*** %s\n", text.c_str());
  return number(exit);
}

/// --output and its kind: "&STDOUT" and "&STDERR" are where those went before.
Result<void> redirect(const SendArguments& arguments) {
  std::string out = arguments.value("output-file-stdout").value_or("");
  std::string error = arguments.value("output-file-stderr").value_or("");
  if (const auto both = arguments.value("output-file")) {
    if (out.empty()) out = *both;
    if (error.empty()) error = *both;
  }
  const int old_out = ::dup(STDOUT_FILENO), old_error = ::dup(STDERR_FILENO);
  std::string failed;
  const auto open = [&](const std::string& path) {
    if (path == "&STDOUT") return ::dup(old_out);
    if (path == "&STDERR") return ::dup(old_error);
    return ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  };
  const auto move = [&](const std::string& path, int onto) {
    if (path.empty()) return;
    const int file = open(path);
    if (file < 0) {
      failed = "can't write " + escaped(path) + ": " + std::strerror(errno);
      return;
    }
    ::dup2(file, onto);
    ::close(file);
  };
  move(out, STDOUT_FILENO);
  if (error == out && !out.empty() && !out.starts_with('&')) {
    ::dup2(STDOUT_FILENO, STDERR_FILENO);
  } else {
    move(error, STDERR_FILENO);
  }
  ::close(old_out);
  ::close(old_error);
  if (!failed.empty()) return fail(Fault::permanent, failed);
  return {};
}

void write_to(std::FILE* file, std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), file);
  std::fflush(file);
}

std::string pem(const std::string& der) {
  std::string out = "-----BEGIN CERTIFICATE-----\n";
  Base64Encoder encoder({.line_length = 64});  // RFC 7468 s. 2
  encoder.feed(der, out);
  encoder.end(out);
  return out + "-----END CERTIFICATE-----\n";
}

/// To a file, or to stdout; 0: it is written.
int give_certificate(const std::optional<std::string>& path, const std::string& der) {
  const auto text = pem(der);
  if (!path) {
    write_to(stdout, text);
    return 0;
  }
  std::FILE* file = std::fopen(path->c_str(), "w");
  if (file == nullptr) return refuse("can't write " + escaped(*path) + ": " + std::strerror(errno));
  const bool put = std::fwrite(text.data(), 1, text.size(), file) == text.size();
  // What is buffered is written now, and may find no room.
  if (std::fclose(file) != 0 || !put)
    return refuse("can't write " + escaped(*path) + ": " + std::strerror(errno));
  return 0;
}

json outcome_json(const probe::SendOutcome& outcome, bool with_certificate) {
  json steps = json::array();
  for (const auto& step : outcome.steps) {
    json one{{"step", step.name}, {"seconds", static_cast<double>(step.took.count()) / 1e6}};
    if (step.code != 0) one["code"] = step.code;
    steps.push_back(std::move(one));
  }
  json out{{"kind", "outcome"}, {"exit", number(outcome.exit)}, {"steps", std::move(steps)}};
  const auto shown = [](const std::vector<std::string>& addresses) {
    json list = json::array();
    for (const auto& address : addresses) list.push_back(probe::shown(address));
    return list;
  };
  out["accepted"] = shown(outcome.accepted);
  out["refused"] = shown(outcome.refused);
  out["unknown"] = shown(outcome.unknown);
  if (!outcome.mechanism.empty()) out["mechanism"] = outcome.mechanism;
  if (outcome.tls) {
    out["tls"] = {{"protocol", outcome.tls->protocol},
                  {"cipher", outcome.tls->cipher},
                  {"bits", outcome.tls->bits},
                  {"trusted", outcome.tls->trusted},
                  {"name_matches", outcome.tls->name_matches}};
    if (with_certificate && !outcome.tls->chain.empty())
      out["tls"]["certificate"] = pem(outcome.tls->chain.front().der);
  }
  return out;
}

std::unique_ptr<probe::Sink> make_sink(const SendArguments& arguments, probe::SendOutputStyle style) {
  const auto out = [](std::string_view line) { write_to(stdout, line); };
  if (arguments.has("json")) return std::make_unique<probe::JsonSink>(style.show_secrets, out);
  return std::make_unique<probe::SendOutput>(std::move(style), out,
                                             [](std::string_view line) { write_to(stderr, line); });
}

/// The conversation itself, from the connection on.
probe::SendOutcome converse(const probe::SendRequest& request, probe::Sink& shown) {
  probe::SecretSink sink(shown);
  sink.hide(request.password);
  const auto began = std::chrono::steady_clock::now();
  const probe::Elapsed elapsed = [began] {
    return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - began);
  };
  const auto put = [&](probe::Entry::Kind kind, std::string text) {
    sink.put({.kind = kind, .text = std::move(text), .at = elapsed()});
  };
  const auto limit = request.timeout.count() == 0 ? kForEver : std::chrono::milliseconds(request.timeout);
  auto connection = SendConnection::open(
      request.target, limit, [&](std::string text) { put(probe::Entry::Kind::note, std::move(text)); });
  const probe::SendStep connect{"connect", elapsed(), 0};
  if (!connection) {
    put(probe::Entry::Kind::failure, "Error connecting: " + connection.error().text);
    probe::SendOutcome outcome;
    outcome.exit = SendExit::connect;
    outcome.steps.push_back(connect);
    return outcome;
  }
  const auto library = io::ProbeSasl::open();
  const probe::MakeSasl make_sasl =
      [&](const std::string& mechanism,
          const probe::TlsReport* tls) -> Result<std::unique_ptr<probe::AuthClient>> {
    if (!library) return std::unexpected(library.error());
    return (*library)->client(mechanism, {.user = request.user, .password = request.password}, tls,
                              request.target.host, request.target.port);
  };
  auto outcome = probe::send_message(request, connection->wire(), sink, elapsed, make_sasl);
  outcome.steps.insert(outcome.steps.begin(), connect);
  return outcome;
}

constexpr std::array kOfLines{"show-time-lapse",    "hide-all",      "hide-send",         "hide-receive",
                              "hide-informational", "silent",        "no-hints",          "no-send-hints",
                              "no-receive-hints",   "no-info-hints", "auth-hide-password"};

/// From a file or a descriptor; else warns of one that stands on the command line.
Result<std::optional<std::string>> take_password(const SendArguments& arguments, bool seen_by_all,
                                                 std::vector<std::string>& warnings) {
  if (const auto path = arguments.value("password-file")) {
    auto password = secret_from_file(*path);
    if (!password) return fail(Fault::malformed, "--password-file: " + password.error().text);
    return *std::move(password);
  }
  if (const auto text = arguments.value("password-fd")) {
    int descriptor = -1;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), descriptor);
    if (error != std::errc() || end != text->data() + text->size() || descriptor < 0)
      return fail(Fault::malformed, "--password-fd: '" + escaped(*text) + "' is no number of a descriptor");
    auto password = secret_from_descriptor(descriptor, "descriptor " + escaped(*text));
    if (!password) return fail(Fault::malformed, "--password-fd: " + password.error().text);
    return *std::move(password);
  }
  if (seen_by_all && !arguments.has("hide-all") && !arguments.has("silent")) {
    warnings.emplace_back(
        "a password among the arguments can be read by all users of this machine; --password-file, "
        "--password-fd or the prompt keep it");
  }
  return std::nullopt;
}

/// `seen_by_all`: a password stands on the command line.
int send(SendArguments& arguments, bool seen_by_all) {
  TerminalSources sources;
  std::vector<std::string> warnings;
  const auto password = take_password(arguments, seen_by_all, warnings);
  if (!password) return refuse(password.error().text);
  if (auto fetched = probe::fetch_contents(arguments, sources, warnings); !fetched)
    return refuse(fetched.error().text);
  if (arguments.has("json")) {
    for (const auto* option : kOfLines) {
      if (arguments.has(option))
        return refuse("--" + std::string(option) + " is about lines for people; --json has each of them");
    }
  }
  auto style = probe::output_style_of(arguments);
  if (!style) return refuse(style.error().text);
  auto plan = probe::plan_of(arguments, send_surroundings(arguments), sources, warnings);
  if (!plan) {
    for (const auto& warning : warnings) std::fprintf(stderr, "*** %s\n", warning.c_str());
    return refuse(plan.error().text, plan.error().exit);
  }
  if (*password) plan->request.password = **password;
  if (auto moved = redirect(arguments); !moved) return refuse(moved.error().text);
  if (arguments.has("dump-mail")) {
    for (const auto& warning : warnings) std::fprintf(stderr, "*** %s\n", warning.c_str());
    write_to(stdout, probe::drafted_text(plan->draft, plan->facts));
    return 0;
  }
  const auto sink = make_sink(arguments, *std::move(style));
  for (auto& warning : warnings) sink->put({.kind = probe::Entry::Kind::failure, .text = std::move(warning)});
  plan->request.content = probe::drafted(plan->draft, plan->facts);
  plan->request.suppress_content = arguments.has("suppress-data");
  const auto outcome = converse(plan->request, *sink);
  const auto* wanted = arguments.last("tls-get-peer-cert");
  const bool none = !outcome.tls || outcome.tls->chain.empty();
  if (wanted != nullptr && none)
    sink->put(
        {.kind = probe::Entry::Kind::failure, .text = "--tls-get-peer-cert: the server has shown none"});
  if (arguments.has("json"))
    write_to(stdout, outcome_json(outcome, wanted != nullptr && !wanted->value).dump() + '\n');
  if (wanted == nullptr || none || (arguments.has("json") && !wanted->value)) return number(outcome.exit);
  const int failed = give_certificate(wanted->value, outcome.tls->chain.front().der);
  return failed != 0 ? failed : number(outcome.exit);
}

/// Whether TLS is spoken of, also by one of swaks' names of protocols.
bool says_tls(const SendArguments& arguments, std::string_view protocol) {
  constexpr std::array<std::string_view, 5> kAboutTls{"starttls", "tls", "tls-optional",
                                                      "tls-optional-strict", "tls-on-connect"};
  return std::ranges::any_of(kAboutTls, [&](auto name) { return arguments.has(name); }) ||
         arguments.value("protocol").value_or("") != protocol;
}

int read_and_send(std::span<const std::string> words, bool target, std::string_view protocol,
                  std::string_view port) {
  std::signal(SIGPIPE, SIG_IGN);
  TerminalSources sources;
  SendArguments arguments;
  if (auto read = add_send_defaults(words, target, sources, arguments); !read)
    return refuse(read.error().text);
  // What the protocol's name implies is weaker than what the command line says.
  if (!protocol.empty()) arguments.set("protocol", std::string(protocol));
  if (!port.empty()) arguments.set("port", std::string(port));
  if (auto read = arguments.add_words(words, target); !read) return refuse(read.error().text);
  if (target && !says_tls(arguments, protocol)) arguments.set("starttls", "auto");  // as the other probes
  if (arguments.has("help")) {
    write_to(stdout, kHelp);
    return 0;
  }
  if (arguments.has("version")) {
    write_to(stdout, "hikyaku probe send, with the options of swaks 20201014.0\n");
    return 0;
  }
  SendArguments typed;
  const bool seen = typed.add_words(words, target) && typed.value("auth-password");
  return send(arguments, seen);
}

std::vector<std::string> words_of(int argc, char** argv) { return {argv + 1, argv + argc}; }

struct Named {
  std::string_view name, protocol, port;
};
constexpr std::array<Named, 4> kNamed{
    {{"smtp", "", ""}, {"submission", "ESMTP", "587"}, {"smtps", "SSMTP", ""}, {"lmtp", "LMTP", ""}}};

constexpr std::array<std::string_view, 15> kSending{
    "to",         "from",   "data",       "body",       "attach",          "attach-body",
    "add-header", "header", "quit-after", "drop-after", "drop-after-send", "dump-mail",
    "pipeline",   "prdr",   "protocol"};

}  // namespace

int probe_send_command(int argc, char** argv) { return read_and_send(words_of(argc, argv), false, "", ""); }

int probe_send_by_protocol(int argc, char** argv) {
  const auto named = std::ranges::find(kNamed, std::string_view(argv[0]), &Named::name);
  if (named == kNamed.end())
    return refuse("a message is sent by smtp, submission, smtps or lmtp, and not by " + escaped(argv[0]));
  const auto words = words_of(argc, argv);
  for (const std::string ambiguous : {"--tls", "-tls"}) {
    if (std::ranges::find(words, ambiguous) != words.end())
      return refuse(ambiguous +
                    " is STARTTLS to swaks (hikyaku probe send), and TLS before the first word to the other "
                    "probes: say "
                    "--starttls required or --tls-on-connect");
  }
  return read_and_send(words, true, named->protocol, named->port);
}

bool asks_to_send(int argc, char** argv) {
  for (const auto& word : words_of(argc, argv)) {
    if (!word.starts_with('-') || word == "-") continue;
    SendArguments arguments;
    const auto name = word.substr(0, word.find('='));
    // Each word by itself: its value is not looked at.
    const std::vector<std::string> words{name, "x"};
    if (!arguments.add_words(words, true) || arguments.all().empty()) continue;
    const auto option = arguments.all().front().option->name();
    if (std::ranges::find(kSending, option) != kSending.end() || option.starts_with("xclient") ||
        option.starts_with("proxy"))
      return true;
  }
  return false;
}

}  // namespace hikyaku::cmd
