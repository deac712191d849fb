#pragma once
// For tests only: a POP3 server with one message, and faults to be found.
#include <string>
#include <string_view>

#include "base/base64.h"
#include "probe/audit_fake_wire.h"

namespace hikyaku::probe::testing_support {

class FakePop3 final : public FakeWire {
 public:
  explicit FakePop3(Faults faults) : FakeWire(std::move(faults)) { say("+OK ready"); }

 private:
  static constexpr std::size_t kLine = 512;

  void serve() override {
    while (!closed_ && (!waits_for_handshake_ || faults_.answers_before_handshake) && step()) {
    }
  }

  bool step() {
    std::string line;
    const auto kind = take_line(line, kLine);
    if (kind == Line::none) return false;
    if (const auto* reply = fault_for(line)) {
      auth_ = false;
      say(*reply);
    } else if (kind == Line::bad && faults_.line_end.empty() && faults_.cut == 0) {
      close("-ERR bad line");
    } else if (std::exchange(auth_, false)) {
      answer_auth(line);
    } else {
      command(line);
    }
    return true;
  }

  void error(std::string_view text) {
    if (++errors_ >= 10 && !faults_.endless_errors) return close("-ERR too many errors");
    say("-ERR " + std::string(text));
  }

  bool may_log_in() const { return tls_ || faults_.plain_login; }

  void command(std::string_view line) {
    const auto verb = line.substr(0, line.find(' '));
    const auto rest = line.substr(std::min(line.size(), verb.size() + 1));
    if (verb == "POST" && !faults_.hears_http) return close("-ERR no");
    if (verb == "CAPA") return capabilities();
    if (verb == "QUIT") return close("+OK bye");
    if (verb == "STLS") {
      if (tls_ && !faults_.tls_again) return error("TLS is there");
      say("+OK go on");
      waits_for_handshake_ = true;
      return;
    }
    if (verb == "USER") {
      if (!may_log_in()) return error("TLS first");
      name_ = rest;
      return say("+OK " + std::string(faults_.tells_users && rest != "u" ? "perhaps" : "go on"));
    }
    if (verb == "PASS") {
      if (name_ != "u" || rest != "p") return error("wrong");
      in_mailbox_ = true;
      return say("+OK 1 message");
    }
    if (verb == "AUTH") return auth(rest);
    if (in_mailbox_ && line == "RETR 1") {
      say("+OK");
      say("Subject: one");
      return say(".");
    }
    error("no");
  }

  void capabilities() {
    say("+OK");
    if (!tls_ || faults_.offers_tls_again) say("STLS");
    if (may_log_in()) {
      say("USER");
      say("SASL PLAIN");
    }
    say(".");
  }

  void auth(std::string_view rest) {
    if (!may_log_in()) return error("TLS first");
    if (rest == "PLAIN") {
      auth_ = true;
      return say("+ ");
    }
    answer_auth(rest.substr(std::min<std::size_t>(rest.size(), 6)));
  }

  void answer_auth(std::string_view answer) {
    const auto message = base64_decode(answer);
    error(message ? "wrong" : "no base64");
  }

  bool auth_ = false, in_mailbox_ = false;
  std::string name_;
};

}  // namespace hikyaku::probe::testing_support
