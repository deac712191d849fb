#pragma once
#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "probe/record.h"
#include "probe/wire.h"
#include "smtp/reply.h"

namespace hikyaku::probe {

/// How long one step of a conversation took: from the command to the end of its reply.
struct SendStep {
  std::string name;  ///< "connect", "banner", "EHLO", "TLS", "content"
  std::chrono::microseconds took{0};
  int code = 0;  ///< of the reply; 0: none
};

/// Commands and replies of SMTP or LMTP over a Wire, each recorded and timed. For one thread.
class SmtpTalk {
 public:
  using Elapsed = std::function<std::chrono::microseconds()>;  ///< since the conversation began

  struct Answer {
    enum class State : unsigned char {
      reply,
      silence,    ///< no whole reply came in time
      closed,     ///< the server ended the connection, or it broke
      malformed,  ///< no reply of SMTP; nothing more can be understood
    };
    State state = State::closed;
    smtp::Reply reply;
    bool success() const { return state == State::reply && reply.success(); }
    bool intermediate() const { return state == State::reply && reply.intermediate(); }
  };

  /// `timeout` for each reply as a whole; 0: for ever. All outlive this.
  SmtpTalk(Wire& wire, Sink& sink, Elapsed elapsed, std::chrono::seconds timeout);

  /// Begins the step that the next hear() ends.
  void begin(std::string step);
  /// Sends a line; `secret_from` as in Entry. False: it could not be sent, and hear() tells what came before.
  bool say(std::string_view line, std::size_t secret_from = Entry::kNothing);
  /// Records a line without sending it; send() sends octets without recording.
  void record_sent(std::string_view line, std::size_t secret_from = Entry::kNothing);
  bool send(std::string_view octets);
  /// Waits for one reply. It is recorded as expected when its first digit is one of `wanted`.
  Answer hear(std::string_view wanted = "2");

  void note(std::string text) { put(Entry::Kind::note, std::move(text)); }
  void failure(std::string text) { put(Entry::Kind::failure, std::move(text)); }

  Wire& wire() { return wire_; }
  /// What arrived and was not read as a reply, before a handshake.
  std::size_t unread() const { return arrived_.size(); }
  void forget_unread() { arrived_.clear(); }
  const std::vector<SendStep>& steps() const { return steps_; }
  void end_step(int code);

 private:
  void put(Entry::Kind kind, std::string text);
  Answer read_reply(std::vector<std::string>& lines);
  enum class Line : unsigned char { line, silence, closed, endless };
  Line read_line(std::string& line, std::chrono::microseconds until);
  void record_reply(const std::vector<std::string>& lines, bool expected);

  Wire& wire_;
  Sink& sink_;
  Elapsed elapsed_;
  std::chrono::microseconds timeout_;
  std::string arrived_;
  std::string step_;
  std::chrono::microseconds step_began_{0};
  std::vector<SendStep> steps_;
};

}  // namespace hikyaku::probe
