#include "cmd/probe_talk.h"

#include <sysexits.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <functional>
#include <memory>

#include "cmd/exit_code.h"
#include "cmd/probe_ldap.h"
#include "cmd/probe_login.h"
#include "cmd/probe_options.h"
#include "cmd/probe_session.h"
#include "cmd/probe_verdict.h"
#include "cmd/secret_source.h"
#include "io/probe_wire.h"
#include "probe/authenticate.h"
#include "probe/conversation.h"
#include "probe/opening.h"
#include "probe/record.h"
#include "probe/secret_sink.h"
#include "probe/words.h"

namespace hikyaku::cmd {
namespace {

constexpr const char* kExamples =
    "Examples:\n"
    "  hikyaku probe smtp mx.example.com                 talk by hand; STARTTLS where it is offered\n"
    "  hikyaku probe submission mail.example.com --auth all --user joe\n"
    "  hikyaku probe imaps mail.example.com < commands   each line waits for the answer to the one before\n"
    "  hikyaku probe smtp '[2001:db8::1]:2525' --starttls required --tls-verify --sni mx.example.com\n"
    "  hikyaku probe lmtp unix:/run/dovecot/lmtp\n"
    "Besides talking by hand (each has a --help of its own):\n"
    "  hikyaku probe send --server mx.example.com --to joe@example.com     one message, by swaks' options; "
    "also\n"
    "                                                    behind smtp, submission, smtps and lmtp HOST\n"
    "  hikyaku probe smtp mx.example.com --script FILE   a dialogue of expectations, for monitoring\n"
    "  hikyaku probe audit mx.example.com:25             attack cases, for servers of your own\n"
    "What you type goes to the server as it is. Ctrl-] at the start of a line makes it a command to hikyaku\n"
    "(Ctrl-] help); in a pipe that is the octet 0x1d.\n"
    "Ends with 0 when the conversation ended as it should, 64 for usage, also a login that can't be tried "
    "so,\n"
    "65 for what is none of the protocol or has no end, 68 for no such host, 75 when the connection broke\n"
    "or was too slow, 69 when the server refused or TLS could not be had, 77 when a login was refused.";

/// Leaves out what the person sees on the terminal already, and hides what was a secret on its way out where
/// the server, or a note of ours about it, repeats it.
class TerminalSink final : public probe::Sink {
 public:
  TerminalSink(probe::Sink& inner, bool show_secrets) : hiding_(inner), show_secrets_(show_secrets) {}
  void put(const probe::Entry& entry) override {
    using Kind = probe::Entry::Kind;
    if (entry.kind == Kind::sent) {
      keep(entry.text, entry.secret_from);
      keep(entry.decoded, entry.decoded_secret_from);
    }
    if (session_ != nullptr && session_->is_echoed() && entry.kind == Kind::sent && !entry.has_decoded)
      return;
    auto told = entry;
    if (entry.kind == Kind::note || entry.kind == Kind::failure)
      told.text = hiding_.safe_note(entry.text, show_secrets_);
    hiding_.put(told);
  }
  void follow(ProbeSession* session) { session_ = session; }

 private:
  /// SecretSink marks what is received; a note is replaced.
  class Hiding final : public probe::SecretSink {
   public:
    using SecretSink::SecretSink;
    std::string safe_note(const std::string& text, bool show_secrets) const {
      probe::Entry entry{.text = text};
      mark(entry);
      if (show_secrets || entry.secret_from == probe::Entry::kNothing) return text;
      return text.substr(0, entry.secret_from) + "<secret>";
    }
  };
  static constexpr std::size_t kMost = 100;  // secrets of one conversation

  void keep(const std::string& text, std::size_t from) {
    if (from >= text.size() || kept_ == kMost) return;
    ++kept_;
    hiding_.hide(text.substr(from));
  }

  Hiding hiding_;
  bool show_secrets_;
  std::size_t kept_ = 0;
  ProbeSession* session_ = nullptr;
};

class Talk {
 public:
  int run(int argc, char** argv);

 private:
  int converse();
  int converse_ldap(probe::Wire& wire);
  int talk(probe::Conversation& conversation, probe::Opening& opening);
  void tell_tls(const probe::Opening& opening);
  Result<void> check() const;
  int log_in(probe::Conversation& conversation, const probe::Opening& opening, const std::string& mechanism);
  int try_all(probe::Conversation& conversation, const probe::Opening& opening);
  Result<void> on_own_connection(const std::function<void(probe::Conversation&, const probe::Opening&)>& use);
  int tell(const Error& error);
  void print(std::string_view line);

  ProbeOptions options_;
  SecretSource secret_;
  std::unique_ptr<ProbeLogin> login_;
  std::string auth_, user_, authorize_as_, domain_;
  bool no_control_ = false;
  const probe::Protocol* protocol_ = nullptr;
  io::ProbeTarget target_;
  probe::OpeningWish wish_;
  std::unique_ptr<probe::Sink> printed_;
  std::unique_ptr<TerminalSink> sink_;
  probe::Elapsed elapsed_;
  ProbeSession* session_ = nullptr;
};

/// Options that say nothing together.
Result<void> Talk::check() const {
  if (protocol_->speech == probe::Speech::ldap) {
    if (!authorize_as_.empty())
      return fail(Fault::malformed, "--authorize-as: a simple bind has no place for another name to act as");
    if (!auth_.empty() && !probe::same_word(auth_, "simple"))
      return fail(Fault::malformed, "ldap has --auth simple here, with the name to bind as in --user");
  }
  if (options_.tls_verify && wish_.tls == probe::TlsUse::never)
    return fail(Fault::malformed, "--tls-verify: with --starttls never there is no certificate");
  if (domain_.empty()) return {};
  if (!has_policy(*protocol_))
    return fail(Fault::malformed,
                "--domain: MTA-STS is for smtp alone, not for " + std::string(protocol_->name));
  if (options_.no_dns) return fail(Fault::malformed, "--domain: with --no-dns no policy is looked for");
  return {};
}

int Talk::run(int argc, char** argv) {
  CommandLine line("hikyaku probe",
                   "Talk to a server of mail, directories, files or the web, by hand or from a pipe.");
  options_.add_to(line);
  line.option("--auth", &auth_, "authenticate by this mechanism; all: try each that the server offers");
  line.option("--domain", &domain_, "the mail domain whose policy of MTA-STS is looked at");
  line.option("--user", &user_, "the name to authenticate with");
  line.option("--authorize-as", &authorize_as_, "the name to act as, if it is another one");
  secret_.add_to(line);
  line.flag("--no-control", no_control_, "0x1d at the start of a line is for the server too");
  line.footer(kExamples);
  if (const auto end = line.parse(argc, argv)) return *end;
  const auto usage = [&](const Error& error) {
    std::fprintf(stderr, "hikyaku probe: %s\n", error.text.c_str());
    return EX_USAGE;
  };
  const auto protocol = options_.protocol();
  if (!protocol) return usage(protocol.error());
  protocol_ = *protocol;
  auto target = options_.target(*protocol_);
  if (!target) return usage(target.error());
  target_ = std::move(*target);
  auto wish = options_.wish(*protocol_, target_);
  if (!wish) return usage(wish.error());
  wish_ = std::move(*wish);
  if (const auto checked = check(); !checked) return usage(checked.error());
  login_ = std::make_unique<ProbeLogin>(*protocol_, target_, secret_);
  login_->user = user_;
  login_->authorize_as = authorize_as_;
  const auto start = std::chrono::steady_clock::now();
  elapsed_ = [start] {
    return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - start);
  };
  const auto write = [this](std::string_view text) { print(text); };
  if (options_.as_json) {
    printed_ = std::make_unique<probe::JsonSink>(options_.show_secrets, write);
  } else {
    printed_ =
        std::make_unique<probe::TextSink>(probe::TextSink::Style{.show_secrets = options_.show_secrets,
                                                                 .show_time = options_.show_time,
                                                                 .colour = ::isatty(STDOUT_FILENO) == 1},
                                          write);
  }
  sink_ = std::make_unique<TerminalSink>(*printed_, options_.show_secrets);
  return converse();
}

void Talk::print(std::string_view line) {
  if (session_ != nullptr) {
    session_->print(line);
    return;
  }
  std::fwrite(line.data(), 1, line.size(), stdout);
  std::fflush(stdout);
}

int Talk::tell(const Error& error) {
  sink_->put({.kind = probe::Entry::Kind::failure, .text = error.text, .at = elapsed_()});
  return probe_exit_code(error);
}

void Talk::tell_tls(const probe::Opening& opening) {
  const auto& name = wish_.handshake.server_name;
  for (const auto& finding : tls_verdict(options_, *protocol_, target_, opening, name, domain_)) {
    if (options_.as_json) {
      print(finding.json());
      continue;
    }
    const bool bad = finding.grade == probe::Finding::Grade::bad;
    sink_->put({.kind = bad ? probe::Entry::Kind::failure : probe::Entry::Kind::note,
                .text = finding.line(),
                .at = elapsed_()});
  }
}

/// A connection that is there for one attempt; what is said on it is in the record like all else.
Result<void> Talk::on_own_connection(
    const std::function<void(probe::Conversation&, const probe::Opening&)>& use) {
  auto connected = io::connect_probe(target_);
  if (!connected) return std::unexpected(std::move(connected.error()));
  probe::Conversation conversation(*connected->wire, *sink_, protocol_->speech, elapsed_, target_.limit);
  conversation.note("a connection of its own to " + connected->peer);
  const auto opening = probe::open_conversation(conversation, *protocol_, wish_);
  if (!opening) return std::unexpected(opening.error());
  use(conversation, *opening);
  return {};
}

int Talk::try_all(probe::Conversation& conversation, const probe::Opening& opening) {
  const auto all = login_->try_all(opening, [this](const auto& use) { return on_own_connection(use); });
  using End = ProbeLogin::Tried::End;
  const ProbeLogin::Tried* told = nullptr;  // whose end is that of all: one that works, was refused, broke
  for (const auto& one : all) {
    if (one.end == End::works) {
      conversation.note(ProbeLogin::text(one));
    } else {
      conversation.failure(ProbeLogin::text(one));
    }
    static constexpr std::array kRanks{0, 1, 3, 2};  // of works, in_vain, unusable, broken
    const auto rank = [](End end) { return kRanks[static_cast<std::size_t>(end)]; };
    if (told == nullptr || rank(one.end) < rank(told->end)) told = &one;
  }
  if (told != nullptr) return told->exit_code();
  conversation.failure("the server offers no login");
  return EX_UNAVAILABLE;
}

/// An exit code.
int Talk::log_in(probe::Conversation& conversation, const probe::Opening& opening,
                 const std::string& mechanism) {
  if (probe::same_word(mechanism, "all")) return try_all(conversation, opening);
  const auto tried =
      login_->log_in(conversation, opening, probe::same_word(mechanism, "auto") ? "" : mechanism);
  if (tried.end == ProbeLogin::Tried::End::works) {
    conversation.note("logged in by " + tried.mechanism);
  } else {
    conversation.failure(ProbeLogin::text(tried));
  }
  return tried.exit_code();
}

int Talk::converse() {
  auto connected = io::connect_probe(target_);
  if (!connected) return tell(connected.error());
  const auto put = [&](probe::Entry::Kind kind, const std::string& text) {
    sink_->put({.kind = kind, .text = text, .at = elapsed_()});
  };
  for (const auto& failed : connected->failed) put(probe::Entry::Kind::failure, failed);
  put(probe::Entry::Kind::note, "connected to " + connected->peer);
  if (protocol_->speech == probe::Speech::ldap) return converse_ldap(*connected->wire);
  probe::Conversation conversation(*connected->wire, *sink_, protocol_->speech, elapsed_, target_.limit);
  auto opening = probe::open_conversation(conversation, *protocol_, wish_);
  if (!opening) return tell(opening.error());
  tell_tls(*opening);
  if (!auth_.empty()) {
    if (const int code = log_in(conversation, *opening, auth_); code != EX_OK) return code;
  }
  // The attempts had connections of their own, this one is as it was.
  if (probe::same_word(auth_, "all") && ::isatty(STDIN_FILENO) == 1) return EX_OK;
  return talk(conversation, *opening);
}

int Talk::converse_ldap(probe::Wire& wire) {
  ProbeLdap ldap(wire, *sink_, elapsed_, target_.limit, secret_);
  const bool at_once =
      (protocol_->tls_at_once && wish_.tls != probe::TlsUse::never) || wish_.tls == probe::TlsUse::at_once;
  const auto opening = ldap.open(at_once, wish_);
  if (!opening) return tell(opening.error());
  tell_tls(*opening);
  if (!auth_.empty()) {
    const auto password = ldap.password(user_);
    if (!password) {
      tell(password.error());
      return EX_USAGE;
    }
    const auto bound = ldap.bind(user_, *password);
    if (!bound) return tell(bound.error());
    if (!*bound) return EX_NOPERM;
  }
  return ldap.run(::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1 && !options_.as_json);
}

int Talk::talk(probe::Conversation& conversation, probe::Opening& opening) {
  const bool on_terminal = ::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1 && !options_.as_json;
  const auto authenticate = [&](const std::string& words) {
    const auto mechanism = probe::word_at(words, 0);
    const auto user = probe::word_at(words, probe::behind(mechanism)).text;
    if (!user.empty()) login_->user = user;
    log_in(conversation, opening, std::string(mechanism.text));
  };
  ProbeSession session(
      conversation, opening,
      {.speech = protocol_->speech, .wish = wish_, .has_control = !no_control_, .on_terminal = on_terminal},
      {.tell_tls = [&] { tell_tls(opening); }, .authenticate = authenticate});
  session_ = &session;
  sink_->follow(&session);
  secret_.ask_by([&](const std::string& prompt) {
    return session.editor() == nullptr ? read_secret_from_terminal(prompt)
                                       : session.editor()->read_secret(prompt);
  });
  const int code = session.run();
  secret_.ask_by({});
  sink_->follow(nullptr);
  session_ = nullptr;
  return code;
}

}  // namespace

int probe_talk(int argc, char** argv) { return Talk().run(argc, argv); }

}  // namespace hikyaku::cmd
