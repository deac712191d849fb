#include "cmd/probe_talk.h"

#include <sysexits.h>
#include <unistd.h>

#include <chrono>
#include <memory>

#include "cmd/exit_code.h"
#include "cmd/probe_options.h"
#include "cmd/probe_session.h"
#include "cmd/secret_source.h"
#include "io/probe_sasl.h"
#include "io/probe_wire.h"
#include "probe/authenticate.h"
#include "probe/conversation.h"
#include "probe/opening.h"
#include "probe/record.h"

namespace hikyaku::cmd {
namespace {

constexpr const char* kExamples =
    "Examples:\n"
    "  hikyaku probe smtp mx.example.com                 talk by hand; STARTTLS where it is offered\n"
    "  hikyaku probe submission mail.example.com --auth all --user joe\n"
    "  hikyaku probe imaps mail.example.com < commands   each line waits for the answer to the one before\n"
    "  hikyaku probe smtp '[2001:db8::1]:2525' --starttls required --tls-verify --sni mx.example.com\n"
    "  hikyaku probe lmtp unix:/run/dovecot/lmtp\n"
    "What you type goes to the server as it is. Ctrl-] at the start of a line makes it a command to hikyaku\n"
    "(Ctrl-] help); in a pipe that is the octet 0x1d.\n"
    "Ends with 0 when the conversation ended as it should, 68 for no such host, 75 when the connection "
    "broke\n"
    "or was too slow, 69 when the server refused or TLS could not be had, 77 when a login was refused.";

/// Leaves out what the person sees on the terminal already.
class TerminalSink final : public probe::Sink {
 public:
  explicit TerminalSink(probe::Sink& inner) : inner_(inner) {}
  void put(const probe::Entry& entry) override {
    if (session_ != nullptr && session_->is_echoed() && entry.kind == probe::Entry::Kind::sent &&
        !entry.has_decoded)
      return;
    inner_.put(entry);
  }
  void follow(ProbeSession* session) { session_ = session; }

 private:
  probe::Sink& inner_;
  ProbeSession* session_ = nullptr;
};

class Talk {
 public:
  int run(int argc, char** argv);

 private:
  int converse();
  int tell(const Error& error);
  void print(std::string_view line);

  ProbeOptions options_;
  SecretSource secret_;
  std::string auth_, user_, authorize_as_;
  bool no_control_ = false;
  const probe::Protocol* protocol_ = nullptr;
  io::ProbeTarget target_;
  probe::OpeningWish wish_;
  std::unique_ptr<probe::Sink> printed_;
  std::unique_ptr<TerminalSink> sink_;
  probe::Elapsed elapsed_;
  ProbeSession* session_ = nullptr;
};

int Talk::run(int argc, char** argv) {
  CommandLine line("hikyaku probe",
                   "Talk to a server of mail, directories, files or the web, by hand or from a pipe.");
  options_.add_to(line);
  line.option("--auth", &auth_, "authenticate by this mechanism; all: try each that the server offers");
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
  sink_ = std::make_unique<TerminalSink>(*printed_);
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

int Talk::converse() {
  auto connected = io::connect_probe(target_);
  if (!connected) return tell(connected.error());
  probe::Conversation conversation(*connected->wire, *sink_, protocol_->speech, elapsed_, target_.limit);
  for (const auto& failed : connected->failed) conversation.failure(failed);
  conversation.note("connected to " + connected->peer);
  auto opening = probe::open_conversation(conversation, *protocol_, wish_);
  if (!opening) return tell(opening.error());
  ProbeSession session(
      conversation, *opening,
      {.speech = protocol_->speech,
       .wish = wish_,
       .has_control = !no_control_,
       .on_terminal = ::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1 && !options_.as_json},
      {.tell_tls = [] {}, .authenticate = [](const std::string&) {}});
  session_ = &session;
  sink_->follow(&session);
  const int code = session.run();
  sink_->follow(nullptr);
  session_ = nullptr;
  return code;
}

}  // namespace

int probe_talk(int argc, char** argv) { return Talk().run(argc, argv); }

}  // namespace hikyaku::cmd
