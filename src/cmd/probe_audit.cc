#include "cmd/probe_audit.h"

#include <fmt/format.h>
#include <sysexits.h>

#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "base/utf8.h"
#include "cmd/administer.h"
#include "cmd/command_line.h"
#include "cmd/exit_code.h"
#include "cmd/probe_audit_print.h"
#include "cmd/progress.h"
#include "cmd/secret_source.h"
#include "io/probe_wire.h"
#include "probe/protocol.h"

namespace hikyaku::cmd {
namespace {

using probe::AuditProtocol;
using Clock = std::chrono::steady_clock;
using Verdict = probe::AuditFinding::Verdict;

constexpr const char* kCommand = "hikyaku probe audit";
constexpr const char* kFooter =
    "Only for servers that you own or may test. A case that needs a transaction sends to --to, which is\n"
    "postmaster of the server itself by default; a server that takes the message keeps it. Nothing is ever\n"
    "sent to anybody else: relaying is judged by the reply to RCPT.\n"
    "Examples:\n"
    "  hikyaku probe audit mail.example.com:25\n"
    "  hikyaku probe audit submission mail.example.com:587 --user joe@example.com --password-file secret\n"
    "  hikyaku probe audit imap mail.example.com:143 --json | jq -c 'select(.verdict != \"pass\")'\n"
    "  hikyaku probe audit mail.example.com:25 --only 'smtp-smuggle-*,smtp-xclient' --show\n"
    "  hikyaku probe audit --list\n"
    "Ends with 0 when no case failed, 1 when some did, 75 when none failed but some could not be judged, 69\n"
    "when the server can't be reached.";

struct Options {
  std::vector<std::string> words;
  std::string from, to = "postmaster", local_domain, relay_domain = "example.org";
  std::string user, password_file, server_name, local_address, only;
  unsigned answer = 20, total = 900, pause = 0;
  bool ipv4 = false, ipv6 = false, list = false, as_json = false, show = false;
};

/// What the words of the command line ask for.
struct Wanted {
  std::optional<AuditProtocol> protocol;
  bool submission = false, tls_at_once = false;
  probe::Place place;
  std::uint16_t port = 0;
};

Result<void> take_protocol(Wanted& wanted, const probe::Protocol& known) {
  switch (known.speech) {
    case probe::Speech::smtp:
      wanted.protocol = AuditProtocol::smtp;
      break;
    case probe::Speech::pop3:
      wanted.protocol = AuditProtocol::pop3;
      break;
    case probe::Speech::imap:
      wanted.protocol = AuditProtocol::imap;
      break;
    default:
      return fail(Fault::malformed, "there are no cases for " + std::string(known.name) +
                                        "; there are for smtp submission smtps pop3 pop3s imap imaps");
  }
  wanted.tls_at_once = known.tls_at_once;
  wanted.submission = known.name == "submission" || known.name == "smtps";
  wanted.port = known.port;
  return {};
}

/// [PROTOCOL] HOST[:PORT]. Without a protocol, the port tells it, if it is one of those that IANA gave.
Result<Wanted> wanted_of(const std::vector<std::string>& words) {
  if (words.empty() || words.size() > 2)
    return fail(Fault::malformed, "say [PROTOCOL] HOST:PORT, or --list; --help has examples");
  Wanted wanted;
  if (words.size() == 2) {
    const auto* known = probe::find_protocol(words[0]);
    if (known == nullptr) return fail(Fault::malformed, "there is no protocol " + words[0]);
    if (auto taken = take_protocol(wanted, *known); !taken) return std::unexpected(taken.error());
  }
  auto place = probe::Place::parse(words.back());
  if (!place) return std::unexpected(place.error());
  wanted.place = *std::move(place);
  if (wanted.place.port) wanted.port = *wanted.place.port;
  if (wanted.port == 0 && wanted.place.path.empty())
    return fail(Fault::malformed, words.back() + ": say the port, or the protocol");
  if (wanted.protocol) return wanted;
  const auto all = probe::protocols();
  const auto known = std::ranges::find(all, wanted.port, &probe::Protocol::port);
  if (known != all.end()) {
    if (auto taken = take_protocol(wanted, *known); !taken) return std::unexpected(taken.error());
  }
  return wanted;
}

/// What a greeting begins with.
std::optional<AuditProtocol> protocol_of(std::string_view greeting) {
  if (greeting.starts_with("220")) return AuditProtocol::smtp;
  if (greeting.starts_with("+OK")) return AuditProtocol::pop3;
  if (greeting.starts_with("* OK")) return AuditProtocol::imap;
  return std::nullopt;
}

/// "192.0.2.1" of "192.0.2.1:25", "IPv6:2001:db8::1" of "[2001:db8::1]:25"; "" of a path.
std::string literal_of(std::string_view peer) {
  if (peer.starts_with('[')) return "IPv6:" + std::string(peer.substr(1, peer.find(']') - 1));
  return peer.starts_with('/') ? "" : std::string(peer.substr(0, peer.rfind(':')));
}

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> words;
  while (!text.empty()) {
    const auto word = text.substr(0, text.find(','));
    if (!word.empty()) words.emplace_back(word);
    text.remove_prefix(std::min(text.size(), word.size() + 1));
  }
  return words;
}

/// "smtp-xclient" is that case, "smtp-relay-*" all that begin so.
bool named(const probe::AuditCase& one, std::string_view name) {
  return name.ends_with('*') ? one.id.starts_with(name.substr(0, name.size() - 1)) : one.id == name;
}

/// The cases that --only names, in their own order; all without it. A name that is none is an error.
Result<std::vector<probe::AuditCase>> chosen(AuditProtocol protocol, const std::string& only) {
  auto all = probe::audit_cases(protocol);
  if (only.empty()) return all;
  const auto names = split(only);
  for (const auto& name : names) {
    if (std::ranges::none_of(all, [&](const auto& one) { return named(one, name); }))
      return fail(Fault::malformed, "--only: there is no case " + name + " for " +
                                        std::string(text(protocol)) + "; --list has all");
  }
  std::erase_if(all, [&](const auto& one) {
    return std::ranges::none_of(names, [&](const auto& name) { return named(one, name); });
  });
  return all;
}

int list_cases(const Options& options) {
  std::vector<AuditProtocol> protocols{AuditProtocol::smtp, AuditProtocol::pop3, AuditProtocol::imap};
  if (options.words.size() > 1)
    return tell_error(kCommand, {Fault::malformed, "--list: say a protocol, and nothing else"});
  if (!options.words.empty()) {
    const auto* known = probe::find_protocol(options.words[0]);
    Wanted wanted;
    if (known == nullptr || !take_protocol(wanted, *known))
      return tell_error(kCommand, {Fault::malformed, "--list: there are no cases for " + options.words[0]});
    protocols = {*wanted.protocol};
  }
  for (const auto protocol : protocols) {
    for (const auto& one : probe::audit_cases(protocol)) {
      if (options.as_json) {
        print_json(json_of(one));
      } else {
        print_audit_case(one);
      }
    }
  }
  return EX_OK;
}

class Audit {
 public:
  Audit(const Options& options, Wanted wanted) : options_(options), wanted_(std::move(wanted)) {
    where_.host = wanted_.place.host;
    where_.port = wanted_.port;
    where_.unix_path = wanted_.place.path;
    where_.local_address = options_.local_address;
    if (options_.ipv4 || options_.ipv6)
      where_.family = options_.ipv4 ? io::ProbeTarget::Family::ipv4 : io::ProbeTarget::Family::ipv6;
    where_.limit = std::chrono::seconds(options_.answer);
    end_ = Clock::now() + std::chrono::seconds(options_.total);
  }

  int run() {
    if (auto ready = prepare(); !ready) return tell_error(kCommand, ready.error());
    auto cases = chosen(target_.protocol, options_.only);
    if (!cases) return tell_error(kCommand, cases.error());
    fmt::print(stderr, "{}: {} cases of {} against {}; only for servers that you own or may test\n", kCommand,
               cases->size(), text(target_.protocol), options_.words.back());
    ProgressLine progress("audit of " + options_.words.back());
    for (const auto& one : *cases) {
      std::this_thread::sleep_for(std::chrono::milliseconds(options_.pause));
      progress(static_cast<std::uint64_t>(&one - cases->data()), cases->size());
      const auto result = run_case(one);
      ++counts_[result.finding.verdict];
      progress.clear();
      if (options_.as_json) {
        print_json(json_of(one, result));
      } else {
        print_audit_result(one, result, options_.show);
      }
    }
    progress.clear();
    if (!options_.as_json) fmt::print("{}\n", audit_summary(counts_));
    if (counts_[Verdict::fail] > 0) return 1;
    return counts_[Verdict::unsure] > 0 ? EX_TEMPFAIL : EX_OK;
  }

 private:
  /// A first connection: that there is a server, its address, and what it speaks if nobody said.
  Result<void> prepare() {
    auto connection = io::connect_probe(where_);
    if (!connection) return fail(Fault::permanent, connection.error().text);
    if (!wanted_.protocol) {
      probe::AuditTalk talk(*connection->wire, {std::chrono::seconds(options_.answer)}, now);
      wanted_.protocol = protocol_of(talk.line().value_or(""));
      if (!wanted_.protocol)
        return fail(Fault::malformed, "the greeting is not one of SMTP, POP3 or IMAP: say the protocol");
    }
    target_.protocol = *wanted_.protocol;
    target_.submission = wanted_.submission;
    target_.tls_at_once = wanted_.tls_at_once;
    target_.server_name = options_.server_name.empty() ? wanted_.place.host : options_.server_name;
    target_.literal = literal_of(connection->peer);
    target_.sender = options_.from;
    target_.recipient = options_.to;
    target_.local_domain = options_.local_domain;
    target_.relay_domain = options_.relay_domain;
    target_.user = options_.user;
    if (options_.user.empty()) return {};
    auto password = secret_from_file(options_.password_file);
    if (!password) return std::unexpected(password.error());
    target_.password = *std::move(password);
    return {};
  }

  AuditResult run_case(const probe::AuditCase& one) {
    if (Clock::now() >= end_) return {probe::unsure("not run: --total-time is over"), {}, {}};
    auto connection = io::connect_probe(where_);
    if (!connection)
      return {
          probe::unsure("could not connect: " + probe::shown_start(connection.error().text, 300)), {}, {}};
    probe::AuditTalk::Limits limits;
    limits.answer = std::chrono::seconds(options_.answer);
    limits.total = std::max(limits.total, 3 * limits.answer);
    probe::AuditTalk talk(*connection->wire, limits, now);
    const auto began = now();
    auto finding = one.run(talk, target_);
    return {std::move(finding), talk.steps(), now() - began};
  }

  static std::chrono::milliseconds now() {
    return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now().time_since_epoch());
  }

  const Options& options_;
  Wanted wanted_;
  io::ProbeTarget where_;
  Clock::time_point end_;
  probe::AuditTarget target_;
  std::map<Verdict, int> counts_;
};

bool plain_text(std::string_view text) {
  while (!text.empty()) {
    const auto length = utf8_length(text);
    const auto first = static_cast<unsigned char>(text[0]);
    if (length == 0 || first < 32 || first == 127) return false;
    text.remove_prefix(length);
  }
  return true;
}

/// Control octets in an address or a name would be commands.
bool all_plain_text(const Options& options) {
  for (const auto* one :
       {&options.from, &options.to, &options.local_domain, &options.relay_domain, &options.user}) {
    if (!plain_text(*one)) return false;
  }
  return true;
}

constexpr std::array kOfARun{"--to",         "--from",          "--local-domain", "--relay-domain",
                             "--user",       "--password-file", "--sni",          "-4",
                             "-6",           "--local-address", "--only",         "--timeout",
                             "--total-time", "--pause",         "--show"};

CommandLine command_line(Options& options) {
  CommandLine app{kCommand, "Attack cases that a mail server must survive: SMTP, POP3 and IMAP"};
  app.option("words", &options.words, "[PROTOCOL] HOST[:PORT]; smtp submission smtps pop3 pop3s imap imaps");
  app.option("--to", &options.to,
             "whom the messages of the cases are for; without a domain the server's own");
  app.option("--from", &options.from,
             "whom they are from; without it the null sender, to which nothing bounces");
  app.option("--local-domain", &options.local_domain,
             "a domain that the server has mailboxes of; without it that of --to, or the server's name");
  app.option("--relay-domain", &options.relay_domain, "a domain that the server must not relay to");
  app.option("--user", &options.user, "who may log in, for the cases behind a login");
  app.option("--password-file", &options.password_file, "its first line is the password of --user");
  app.option("--sni", &options.server_name, "the name to ask for in the handshake, instead of HOST");
  app.flag("-4", options.ipv4, "IPv4 alone");
  app.flag("-6", options.ipv6, "IPv6 alone");
  app.option("--local-address", &options.local_address, "the address to connect from");
  app.option("--only", &options.only,
             "only these cases, with commas between; smtp-relay-* are all that begin so");
  app.option("--timeout", &options.answer, "seconds to wait for an answer");
  app.option("--total-time", &options.total, "seconds for all cases; those that are left then are not run");
  app.option("--pause", &options.pause,
             "milliseconds between two cases, for a server that counts connections");
  app.flag("--list", options.list, "what the cases are, and where they are known from; nothing is run");
  app.flag("--show", options.show, "the conversation of each case, and not only of those that fail");
  app.flag("--json", options.as_json, "one object a line, with the conversation");
  app.footer(kFooter);
  return app;
}

}  // namespace

int probe_audit_command(int argc, char** argv) {
  Options options;
  auto app = command_line(options);
  if (const auto end = app.parse(argc, argv)) return *end;
  if (options.list) {
    for (const auto* of_a_run : kOfARun) {
      if (app.given(of_a_run))
        return tell_error(kCommand, {Fault::malformed,
                                     std::string("--list: nothing is run, and ") + of_a_run + " has no use"});
    }
    return list_cases(options);
  }
  if (options.ipv4 && options.ipv6)
    return tell_error(kCommand, {Fault::malformed, "-4 and -6 leave no address"});
  if (options.user.empty() != options.password_file.empty())
    return tell_error(kCommand, {Fault::malformed, "--user and --password-file go together"});
  if (!all_plain_text(options) || options.answer == 0 || options.total == 0)
    return tell_error(kCommand,
                      {Fault::malformed, "an option has control characters or is no UTF-8, or a time is 0"});
  auto wanted = wanted_of(options.words);
  if (!wanted) return tell_error(kCommand, wanted.error());
  return Audit(options, *std::move(wanted)).run();
}

}  // namespace hikyaku::cmd
