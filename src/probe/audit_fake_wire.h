#pragma once
// For tests only: a server in place of a connection, with faults to be found.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "probe/audit.h"
#include "probe/audit_talk.h"
#include "probe/wire.h"

namespace hikyaku::probe::testing_support {

/// What a fake server does wrong, in any protocol. Without faults it is as good as a server can be.
struct Faults {
  /// A line that begins so gets this reply, and means nothing else.
  std::vector<std::pair<std::string, std::string>> replies;
  std::string line_end;       ///< also ends a command
  std::size_t cut = 0;        ///< a longer command is cut in pieces that are lines; 0: it is refused
  bool echoes = false;        ///< tells a name, or a tag, back in full
  bool keeps_buffer = false;  ///< what was sent before the handshake is read under TLS
  bool answers_before_handshake = false;
  bool keeps_state = false;  ///< a transaction goes on under TLS
  bool offers_tls_again = false, tls_again = false;
  bool any_handshake = false;   ///< old versions, bad ciphers
  bool endless_errors = false;  ///< no limit for bad commands
  bool plain_login = false;     ///< logins without TLS
  bool tells_users = false;     ///< an unknown user fails otherwise than a wrong password
  bool hears_http = false;
  std::string silent_from;  ///< from the moment that it hears this it says nothing more
};

/// The half of a fake server that all protocols share. Time passes only by waiting.
class FakeWire : public Wire {
 public:
  explicit FakeWire(Faults faults) : faults_(std::move(faults)) {}

  Result<void> send(std::string_view octets) override {
    if (closed_ || ended_) return fail(Fault::temporary, "the connection is closed");
    silent_ = silent_ ||
              (!faults_.silent_from.empty() && octets.find(faults_.silent_from) != std::string_view::npos);
    if (silent_) return {};
    in_ += octets;
    if (!waits_for_handshake_ || faults_.answers_before_handshake) serve();
    return {};
  }

  Result<Heard> receive(std::string& into, std::chrono::milliseconds limit) override {
    if (!out_.empty()) {
      into += std::exchange(out_, {});
      greeted_ = true;
      return Heard::octets;
    }
    if (closed_ || ended_) return Heard::closed;
    now_ += limit;
    return Heard::silence;
  }

  Result<TlsReport> start_tls(const TlsWish& wish, std::size_t& injected) override {
    injected = out_.size();
    out_.clear();
    waits_for_handshake_ = false;
    if (!faults_.any_handshake) {
      if (wish.maximum_version == 0x0301 || wish.maximum_version == 0x0302)
        return fail(Fault::permanent, "TLS handshake: alert protocol version");
      if (wish.cipher_list.find("NULL") != std::string::npos)
        return fail(Fault::permanent, "TLS handshake: alert handshake failure");
    }
    if (!faults_.keeps_buffer) in_.clear();
    tls_ = true;
    tls_started();
    serve();
    return TlsReport{.protocol = "TLSv1.3", .cipher = "TLS_AES_256_GCM_SHA384"};
  }

  bool under_tls() const override { return tls_; }
  void end_output() override { ended_ = true; }
  void abort() override { closed_ = true; }
  std::chrono::milliseconds now() const { return now_; }

 protected:
  /// Takes what it can out of `in_`.
  virtual void serve() = 0;
  virtual void tls_started() {}

  void say(std::string_view line) { out_ += std::string(line) + "\r\n"; }
  void close(std::string_view line) {
    say(line);
    closed_ = true;
    in_.clear();
  }

  enum class Line : unsigned char { none, good, bad };
  /// The next line without its end; `bad`: too long, or with octets that have no place in one.
  Line take_line(std::string& line, std::size_t limit) {
    if (faults_.cut > 0) limit = faults_.cut;
    auto end = in_.find("\r\n");
    std::size_t size = 2;
    if (!faults_.line_end.empty()) {
      if (const auto other = in_.find(faults_.line_end); other < end)
        end = other, size = faults_.line_end.size();
    }
    if (faults_.cut > 0 && std::min(end, in_.size()) > faults_.cut) end = faults_.cut, size = 0;
    if (end == std::string::npos) return in_.size() > limit ? Line::bad : Line::none;
    line = in_.substr(0, end);
    in_.erase(0, end + size);
    if (line.size() > limit) return Line::bad;
    using namespace std::string_view_literals;
    return line.find_first_of("\r\n\0"sv) == std::string::npos ? Line::good : Line::bad;
  }

  /// The reply that a fault has for a line; nullptr: none.
  const std::string* fault_for(std::string_view line) const {
    const auto found =
        std::ranges::find_if(faults_.replies, [&](const auto& one) { return line.starts_with(one.first); });
    return found == faults_.replies.end() ? nullptr : &found->second;
  }

  Faults faults_;
  std::string in_, out_;
  bool closed_ = false, ended_ = false, tls_ = false, greeted_ = false, waits_for_handshake_ = false,
       silent_ = false;
  int errors_ = 0;

 private:
  std::chrono::milliseconds now_{0};
};

/// Runs a case against a fake.
inline AuditFinding run(const AuditCase& one, FakeWire& wire, const AuditTarget& target) {
  AuditTalk talk(wire, {}, [&wire] { return wire.now(); });
  return one.run(talk, target);
}

/// The case of this name; a name that is none ends the test.
inline AuditCase case_of(AuditProtocol protocol, std::string_view id) {
  for (auto& one : audit_cases(protocol)) {
    if (one.id == id) return one;
  }
  throw std::invalid_argument("no case " + std::string(id));
}

/// One row: what a case says of a server with faults, and of a good one.
struct AuditRow {
  std::string id;  ///< without the protocol
  Faults faults;
  AuditFinding::Verdict bad = AuditFinding::Verdict::fail;
  AuditFinding::Verdict good = AuditFinding::Verdict::pass;
};

}  // namespace hikyaku::probe::testing_support
