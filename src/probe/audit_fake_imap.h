#pragma once
// For tests only: an IMAP server that nobody is logged in to, with faults to be found.
#include <string>
#include <string_view>

#include "base/base64.h"
#include "probe/audit_fake_wire.h"

namespace hikyaku::probe::testing_support {

class FakeImap final : public FakeWire {
 public:
  explicit FakeImap(Faults faults) : FakeWire(std::move(faults)) { say("* OK ready"); }

 private:
  static constexpr std::size_t kLine = 8192;

  void serve() override {
    while (!closed_ && (!waits_for_handshake_ || faults_.answers_before_handshake) && step()) {
    }
  }

  bool step() {
    std::string line;
    const auto dropped = std::min(literal_, in_.size());
    in_.erase(0, dropped);
    literal_ -= dropped;
    if (literal_ > 0) return false;
    const auto kind = take_line(line, kLine);
    if (kind == Line::none) return false;
    if (const auto* reply = fault_for(line)) {
      auth_.clear();
      say(*reply);
    } else if (kind == Line::bad && faults_.line_end.empty() && faults_.cut == 0 && !faults_.echoes) {
      close("* BYE bad line");
    } else if (!auth_.empty()) {
      refuse(std::exchange(auth_, {}), "BAD no");
    } else {
      command(line);
    }
    return true;
  }

  void refuse(std::string_view tag, std::string_view text) {
    if (++errors_ >= 10 && !faults_.endless_errors) return close("* BYE too many errors");
    say(std::string(tag) + " " + std::string(text));
  }

  bool may_log_in() const { return tls_ || faults_.plain_login; }

  void command(std::string_view line) {
    const auto tag = line.substr(0, line.find(' '));
    const auto rest = line.substr(std::min(line.size(), tag.size() + 1));
    const auto verb = rest.substr(0, rest.find(' '));
    if (const auto size = line.find("{13+}"); size != std::string_view::npos) literal_ = 13 + 2;
    if (tag == "POST" && !faults_.hears_http) return close("* BYE no");
    if ((tag == "*" || tag == "+") && !faults_.echoes) return refuse("*", "BAD no tag");
    const std::string ok = std::string(tag) + " OK done";
    if (verb == "NOOP") return say(ok);
    if (verb == "CAPABILITY") {
      say(std::string("* CAPABILITY IMAP4rev1 LITERAL+") +
          (!tls_ || faults_.offers_tls_again ? " STARTTLS" : "") +
          (may_log_in() ? " AUTH=PLAIN" : " LOGINDISABLED"));
      return say(ok);
    }
    if (verb == "LOGOUT") {
      say("* BYE");
      return close(ok);
    }
    if (verb == "STARTTLS" && (!tls_ || faults_.tls_again)) {
      say(ok);
      waits_for_handshake_ = true;
      return;
    }
    if (verb == "LOGIN" && may_log_in() && rest.find('{') == std::string_view::npos)
      return refuse(tag, faults_.tells_users && rest.find("\"u\"") == std::string_view::npos
                             ? "NO [AUTHENTICATIONFAILED] no such user"
                             : "NO [AUTHENTICATIONFAILED] wrong");
    if (verb == "AUTHENTICATE" && may_log_in()) {
      auth_ = tag;
      return say("+ ");
    }
    refuse(tag, "BAD not now");
  }

  std::string auth_;
  std::size_t literal_ = 0;
};

}  // namespace hikyaku::probe::testing_support
