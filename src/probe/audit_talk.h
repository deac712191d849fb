#pragma once
#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "probe/wire.h"

namespace hikyaku::probe {

/// Text of the server as a finding quotes it: its first `limit` octets, made safe by shown().
std::string shown_start(std::string_view text, std::size_t limit);

/// What two answers have in common when they say the same: `text` without the words that name one answer or
/// session, such as "1c4-20a9.5" or a time of day. Codes, as in "535 5.7.8", stay.
std::string wording(std::string_view text);

/// What was sent or came in one go.
struct AuditStep {
  enum class Kind : unsigned char {
    sent,
    received,
    note,  ///< what happened to the connection
  };
  Kind kind = Kind::note;
  bool tls = false;
  std::string octets;    ///< as they are; at most AuditTalk::kKept of them. Secrets are masked.
  std::size_t size = 0;  ///< all octets that there were
};

/// The conversation of one case over a wire: lines out of octets, within limits of time and size, with a
/// record. Whatever a server does, a case ends: after Limits::total, or when the server sent more than kMost.
class AuditTalk {
 public:
  static constexpr std::size_t kKept = 2048;         ///< octets of a step that are recorded
  static constexpr std::size_t kSteps = 400;         ///< steps that are recorded
  static constexpr std::size_t kLine = 64 * 1024;    ///< octets of a line; a longer one comes in pieces
  static constexpr std::size_t kMost = 4096 * 1024;  ///< octets that a server may send in one case

  struct Limits {
    std::chrono::milliseconds answer{10000};  ///< to wait for a line
    std::chrono::milliseconds total{60000};   ///< for the whole case
  };
  /// A clock that only goes forward.
  using Now = std::function<std::chrono::milliseconds()>;

  /// `wire` must outlive the talk.
  AuditTalk(Wire& wire, Limits limits, Now now);

  enum class State : unsigned char { open, silent, closed, flooded };
  /// Why the last line() gave none.
  State state() const { return state_; }
  /// "closed the connection", "said nothing within 10 s": the state in words, behind "the server".
  std::string state_text() const;

  /// Sends it all. False: the connection broke; what came before can still be read. `shown` is recorded
  /// instead, for what holds a secret.
  bool send(std::string_view octets, std::string_view shown = {});
  /// The next line, without its line end (CR LF, or a bare LF). Nothing: state() tells why.
  std::optional<std::string> line();

  /// The handshake. What the server sent before and was not read is dropped and counted in injected().
  bool start_tls(const TlsWish& wish);
  /// With what is usual; the name is for SNI.
  bool start_tls(const std::string& server_name);
  bool under_tls() const { return wire_.under_tls(); }
  const TlsReport& tls_report() const { return tls_report_; }  ///< after start_tls() was true
  const std::string& tls_error() const { return tls_error_; }  ///< after it was false; escaped
  std::size_t injected() const { return injected_; }

  /// Ends the sending half.
  void end_output();
  void note(std::string text);

  std::chrono::milliseconds now() const { return now_(); }
  const std::vector<AuditStep>& steps() const { return steps_; }

 private:
  bool receive();
  void record(AuditStep::Kind kind, std::string_view octets);

  Wire& wire_;
  Limits limits_;
  Now now_;
  std::chrono::milliseconds end_;
  State state_ = State::open;
  std::string in_;
  std::size_t received_ = 0, injected_ = 0;
  TlsReport tls_report_;
  std::string tls_error_;
  std::vector<AuditStep> steps_;
};

}  // namespace hikyaku::probe
