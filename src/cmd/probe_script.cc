#include "cmd/probe_script.h"

#include <sysexits.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/escape.h"
#include "cmd/probe_options.h"
#include "cmd/secret_source.h"
#include "cmd/send_sources.h"
#include "io/probe_sasl.h"
#include "io/probe_wire.h"
#include "probe/script_run.h"

namespace hikyaku::cmd {
namespace {

using nlohmann::json;
using probe::ScriptOutcome;

constexpr int kFailed = 1, kNoConnection = 2, kSilence = 3, kBroken = 4;

constexpr const char* kExamples =
    "Examples:\n"
    "  hikyaku probe smtp mx.example.com --script checks/mx.script\n"
    "  hikyaku probe submission mail.example.com --script login.script --tls-verify --json\n"
    "  printf 'S: 220 *\\nC: QUIT\\nS: 221 *\\n' | hikyaku probe smtp mx.example.com --script -\n"
    "A script has lines 'C: what is sent', 'S: what must come' (* is any text), 'S~ regex', 'S+ PATTERN' for "
    "a line\n"
    "somewhere in the answer, and '@ starttls', '@ auth PLAIN joe file:PATH', '@ timeout 5s'.\n"
    "docs/probe-script.md has all of them.\n"
    "Ends with 0 when all held, 1 when an expectation did not, 2 without a connection, 3 when no answer came "
    "in\n"
    "time, 4 when the connection broke; 64, 65 and 66 for mistakes in the options, in the script, for no "
    "script.";

class Played {
 public:
  int run(int argc, char** argv);

 private:
  /// Nothing: `code` is the exit code for why.
  std::optional<probe::Script> read_script(int& code) const;
  int play(const probe::Script& script);
  int usage(const Error& error) const;
  void print(const ScriptOutcome& outcome, int code) const;

  ProbeOptions options_;
  std::string path_;
  bool quiet_ = false;
  const probe::Protocol* protocol_ = nullptr;
  io::ProbeTarget target_;
  probe::ScriptSettings settings_;
  probe::Elapsed elapsed_;
  std::unique_ptr<probe::Sink> sink_;
};

/// Says nothing of what goes well.
class QuietSink final : public probe::Sink {
 public:
  void put(const probe::Entry& entry) override {
    if (entry.kind == probe::Entry::Kind::failure)
      std::fprintf(stderr, "*** %s\n", probe::shown_text(entry, false).c_str());
  }
};

int Played::usage(const Error& error) const {
  std::fprintf(stderr, "hikyaku probe: %s\n", error.text.c_str());
  return EX_USAGE;
}

Result<std::string> secret_of(const probe::SecretPlace& place) {
  if (place.kind == probe::SecretPlace::Kind::environment) {
    const char* value = std::getenv(place.name.c_str());
    if (value == nullptr) return fail(Fault::not_found, "the environment has no " + escaped(place.name));
    return std::string(value);
  }
  return secret_from_file(place.name);
}

std::optional<probe::Script> Played::read_script(int& code) const {
  TerminalSources sources;
  const auto text = path_ == "-" ? sources.input() : sources.file(path_);
  if (!text) {
    std::fprintf(stderr, "hikyaku probe: %s\n", text.error().text.c_str());
    code = EX_NOINPUT;
    return std::nullopt;
  }
  auto script = probe::Script::parse(*text);
  if (script) return *std::move(script);
  std::fprintf(stderr, "hikyaku probe: %s: %s\n", escaped(path_).c_str(), script.error().text.c_str());
  code = EX_DATAERR;
  return std::nullopt;
}

int Played::run(int argc, char** argv) {
  CommandLine line("hikyaku probe",
                   "Hold a dialogue that is expected of a server, and tell what came instead.");
  options_.add_to(line);
  line.option("--script", &path_, "the file of the dialogue; -: stdin", {.required = true});
  line.flag("--quiet", quiet_, "tell only what did not hold");
  line.footer(kExamples);
  if (const auto end = line.parse(argc, argv)) return *end;
  const auto protocol = options_.protocol();
  if (!protocol) return usage(protocol.error());
  protocol_ = *protocol;
  if (protocol_->speech == probe::Speech::ldap)
    return usage({Fault::malformed, "ldap is no protocol of lines: there is no script for it"});
  if (line.given("--starttls") && options_.starttls != "never")
    return usage(
        {Fault::malformed, "--starttls: where TLS begins is for the script to say, by '@ starttls'"});
  for (const auto* about : {"--no-dns", "--dns-server", "--dns-anchor"}) {
    if (line.given(about))
      return usage({Fault::malformed,
                    std::string(about) + ": a script asks no DNS: DANE and MTA-STS are not looked for"});
  }
  if (line.given("--ehlo"))
    return usage({Fault::malformed, "--ehlo: our name is for the script to say, in its own EHLO"});
  auto target = options_.target(*protocol_);
  if (!target) return usage(target.error());
  target_ = *std::move(target);
  const auto wish = options_.wish(*protocol_, target_);
  if (!wish) return usage(wish.error());
  int code = EX_OK;
  const auto script = read_script(code);
  if (!script) return code;
  settings_.speech = protocol_->speech;
  settings_.tls = wish->handshake;
  settings_.tls_at_once =
      wish->tls == probe::TlsUse::at_once || (protocol_->tls_at_once && wish->tls != probe::TlsUse::never);
  settings_.verify = options_.tls_verify;
  settings_.show_secrets = options_.show_secrets;
  settings_.limit = target_.limit;
  settings_.secret = secret_of;
  return play(*script);
}

int exit_code(ScriptOutcome::End end) {
  switch (end) {
    case ScriptOutcome::End::held:
      return EX_OK;
    case ScriptOutcome::End::failed:
      return kFailed;
    case ScriptOutcome::End::silence:
      return kSilence;
    case ScriptOutcome::End::broken:
      break;
  }
  return kBroken;
}

void Played::print(const ScriptOutcome& outcome, int code) const {
  const auto seconds = [](std::chrono::microseconds time) { return static_cast<double>(time.count()) / 1e6; };
  if (options_.as_json) {
    for (const auto& finding : outcome.findings) {
      if (quiet_ && finding.held) continue;
      json row{{"kind", "expectation"}, {"line", finding.line}, {"expected", probe::shown(finding.expected)},
               {"held", finding.held},  {"got", finding.got},   {"seconds", seconds(finding.took)}};
      if (!finding.about.empty()) row["about"] = probe::shown(finding.about);
      std::printf("%s\n", row.dump().c_str());
    }
    json last{{"kind", "outcome"},
              {"exit", code},
              {"expectations", outcome.findings.size()},
              {"seconds", seconds(elapsed_())}};
    if (outcome.tls)
      last["tls"] = {{"protocol", outcome.tls->protocol},
                     {"cipher", outcome.tls->cipher},
                     {"trusted", outcome.tls->trusted},
                     {"name_matches", outcome.tls->name_matches}};
    std::printf("%s\n", last.dump().c_str());
  } else if (!quiet_ && code == EX_OK) {
    std::printf("=== all %zu expectations held, in %.3f s\n", outcome.findings.size(), seconds(elapsed_()));
  }
}

int Played::play(const probe::Script& script) {
  const auto start = std::chrono::steady_clock::now();
  elapsed_ = [start] {
    return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - start);
  };
  const auto write = [](std::string_view text) {
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
  };
  if (quiet_) {
    sink_ = std::make_unique<QuietSink>();
  } else if (options_.as_json) {
    sink_ = std::make_unique<probe::JsonSink>(options_.show_secrets, write);
  } else {
    sink_ = std::make_unique<probe::TextSink>(probe::TextSink::Style{.show_secrets = options_.show_secrets,
                                                                     .show_time = options_.show_time,
                                                                     .colour = ::isatty(STDOUT_FILENO) == 1},
                                              write);
  }
  auto connected = io::connect_probe(target_);
  if (!connected) {
    sink_->put({.kind = probe::Entry::Kind::failure, .text = connected.error().text, .at = elapsed_()});
    print({}, kNoConnection);
    return kNoConnection;
  }
  sink_->put({.kind = probe::Entry::Kind::note, .text = "connected to " + connected->peer, .at = elapsed_()});
  const auto library = io::ProbeSasl::open();
  settings_.client = [&](const std::string& mechanism, const probe::Identity& identity,
                         const probe::TlsReport* tls) -> Result<std::unique_ptr<probe::AuthClient>> {
    if (!library) return std::unexpected(library.error());
    return (*library)->client(mechanism, identity, tls, target_.host, target_.port);
  };
  const auto outcome = probe::run_script(script, *connected->wire, *sink_, elapsed_, settings_);
  const int code = exit_code(outcome.end);
  print(outcome, code);
  return code;
}

}  // namespace

int probe_script(int argc, char** argv) { return Played().run(argc, argv); }

bool asks_for_script(int argc, char** argv) {
  return std::any_of(argv + 1, argv + argc, [](const char* word) {
    const std::string_view text = word;
    return text == "--script" || text.starts_with("--script=");
  });
}

}  // namespace hikyaku::cmd
