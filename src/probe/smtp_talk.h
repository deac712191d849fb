#pragma once
#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "probe/conversation.h"

namespace hikyaku::probe {

/// How long one step of a conversation took: from the command to the end of its reply.
struct SendStep {
  std::string name;  ///< "connect", "banner", "EHLO", "TLS", "content"
  std::chrono::microseconds took{0};
  int code = 0;  ///< of the reply; 0: none
};

/// Commands and replies of SMTP or LMTP, each recorded and timed. For one thread.
class SmtpTalk {
 public:
  struct Reply {
    enum class State : unsigned char {
      reply,
      silence,    ///< no whole reply came in time
      closed,     ///< the server ended the connection, or it broke
      malformed,  ///< no reply of SMTP; nothing more can be understood
    };
    State state = State::closed;
    int code = 0;
    std::vector<std::string> lines;  ///< without code
    bool whole() const { return state == State::reply; }
    bool success() const { return whole() && code / 100 == 2; }
    bool intermediate() const { return whole() && code / 100 == 3; }
  };

  /// `timeout` for each reply as a whole; 0: for ever. Wire and sink outlive this.
  SmtpTalk(Wire& wire, Sink& sink, Speech speech, const Elapsed& elapsed, std::chrono::seconds timeout);

  /// Begins the step that the next hear() ends.
  void begin(std::string step);
  void end_step(int code);
  /// Sends a line. What became of it hear() tells.
  void say(std::string_view line) { say_together({std::string(line)}); }
  /// Sends lines in one piece.
  void say_together(const std::vector<std::string>& lines);
  /// Sends octets that are no commands, and records `told` for them. False: they could not be sent.
  bool send(std::string_view octets, const std::vector<std::string_view>& told);
  /// Waits for one reply.
  Reply hear();

  Conversation& conversation() { return conversation_; }
  void note(std::string text) { conversation_.note(std::move(text)); }
  void failure(std::string text) { conversation_.failure(std::move(text)); }
  const std::vector<SendStep>& steps() const { return steps_; }

 private:
  Reply::State wait_for_reply();

  Sink& sink_;
  Conversation conversation_;
  std::string step_;
  std::chrono::microseconds step_began_{0};
  std::vector<SendStep> steps_;
};

}  // namespace hikyaku::probe
