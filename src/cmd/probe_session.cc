#include "cmd/probe_session.h"

#include <poll.h>
#include <sysexits.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>

#include "cmd/probe_options.h"
#include "probe/words.h"

namespace hikyaku::cmd {
namespace {

using Got = probe::LineReader::Got;

constexpr std::size_t kMostHeard = 1000;  // lines

constexpr std::array kHelp{
    "Each line goes to the server as you type it. Ctrl-] at the start of a line makes it a command to "
    "hikyaku:",
    "  ^]help              this",
    "  ^]quit              close the connection without a word",
    "  ^]end               end our half of the stream; what the server still says is shown",
    "  ^]starttls          the STARTTLS of this protocol, the handshake, and the greeting after it",
    "  ^]tls               what is to say about TLS, once more",
    "  ^]auth MECH [USER]  authenticate; all: try each mechanism on connections of their own",
    "  ^]raw TEXT          send octets without a line end; r, n, t, 0 and xHH behind a backslash are octets",
    "Ctrl-D on an empty line ends, as ^]quit does.",
};

}  // namespace

std::optional<std::string> unescaped_octets(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      out += text[i];
      continue;
    }
    if (++i == text.size()) return std::nullopt;
    static constexpr std::string_view kNames("rnt0\\");
    static constexpr std::string_view kOctets("\r\n\t\0\\", 5);
    if (const auto known = kNames.find(text[i]); known != kNames.npos) {
      out += kOctets[known];
      continue;
    }
    unsigned octet = 0;
    const auto digits = text.substr(i + 1, 2);
    const auto [stop, code] = std::from_chars(digits.data(), digits.data() + digits.size(), octet, 16);
    if (text[i] != 'x' || code != std::errc{} || stop != digits.data() + 2) return std::nullopt;
    out += static_cast<char>(octet);
    i += 2;
  }
  return out;
}

void ProbeSession::print(std::string_view line) {
  if (editor_) {
    editor_->print_above(line);
    return;
  }
  std::fwrite(line.data(), 1, line.size(), stdout);
  std::fflush(stdout);
}

std::string ProbeSession::prompt() const { return conversation_.wire().under_tls() ? " ~> " : " -> "; }

bool ProbeSession::is_control(std::string_view line) const {
  return settings_.has_control && line.starts_with(kControl) &&
         (settings_.on_terminal || !conversation_.dialogue().in_content());
}

int ProbeSession::run() { return settings_.on_terminal ? run_terminal() : run_pipe(); }

ProbeSession::Next ProbeSession::broken(const Error& error) {
  conversation_.failure(error.text);
  code_ = probe_exit_code(error);
  return Next::broken;
}

/// What is there, without waiting; of a flood only so much that what was typed has its turn.
ProbeSession::Next ProbeSession::hear_all() {
  more_ = false;
  for (std::size_t lines = 0; lines < kMostHeard; ++lines) {
    const auto got = conversation_.hear(std::chrono::milliseconds{0});
    if (!got) return broken(got.error());
    if (*got == Got::closed) {
      conversation_.note("the server closed the connection");
      return Next::end;
    }
    if (*got == Got::silence) return Next::go_on;
  }
  more_ = true;
  return Next::go_on;
}

/// The lines that came together with others and were read already: no poll() tells of them.
ProbeSession::Next ProbeSession::hear_read() {
  while (conversation_.lines().has_line()) {
    if (const auto got = conversation_.hear(std::chrono::milliseconds{0}); !got) return broken(got.error());
  }
  return Next::go_on;
}

ProbeSession::Next ProbeSession::wait_for_answer() {
  while (conversation_.dialogue().waits()) {
    const auto answer = conversation_.answer();
    if (!answer) return broken(answer.error());
  }
  return Next::go_on;
}

ProbeSession::Next ProbeSession::send(const std::string& line) {
  if (is_control(line)) return control(std::string_view(line).substr(1));
  echoed_ = settings_.on_terminal;
  auto sent = conversation_.send_line(line);
  echoed_ = false;
  return sent ? Next::go_on : broken(sent.error());
}

ProbeSession::Next ProbeSession::control(std::string_view line) {
  const auto verb = probe::word_at(line, 0);
  const auto rest = line.substr(probe::word_at(line, probe::behind(verb)).at);
  const auto is = [&](std::string_view name) { return probe::same_word(verb.text, name); };
  if (is("quit")) return Next::end;
  if (is("end")) {
    conversation_.wire().end_output();
    return Next::go_on;
  }
  if (is("starttls")) return start_tls();
  if (is("tls")) {
    actions_.tell_tls();
  } else if (is("auth")) {
    actions_.authenticate(std::string(rest));
  } else if (is("raw")) {
    return send_raw(rest);
  } else {
    if (!is("help")) conversation_.failure("there is no command ^]" + std::string(verb.text));
    for (const auto* text : kHelp) conversation_.note(text);
  }
  return Next::go_on;
}

ProbeSession::Next ProbeSession::start_tls() {
  if (conversation_.wire().under_tls()) {
    conversation_.failure("TLS is on already");
    return Next::go_on;
  }
  if (const auto next = wait_for_answer(); next != Next::go_on) return next;
  const auto started = probe::start_tls_now(conversation_, settings_.speech, settings_.wish, opening_);
  if (!started) return broken(started.error());
  if (*started) actions_.tell_tls();
  return Next::go_on;
}

ProbeSession::Next ProbeSession::send_raw(std::string_view text) {
  const auto octets = unescaped_octets(text);
  if (!octets) {
    conversation_.failure(
        "raw: behind a backslash stands r, n, t, 0, another backslash, or x and two digits");
    return Next::go_on;
  }
  auto sent = conversation_.send_raw(*octets);
  return sent ? Next::go_on : broken(sent.error());
}

/// An answer that is a password: typed, in base64, where nobody sees it.
ProbeSession::Next ProbeSession::send_unseen() {
  conversation_.note("the password is wanted now, in base64: what you type is not shown");
  const auto line = editor_->read_secret(prompt());
  return line ? send(*line) : Next::end;
}

int ProbeSession::run_terminal() {
  conversation_.note("type; Ctrl-] help tells what else there is");
  editor_ = std::make_unique<LineEditor>("hikyaku", kControl, [this] { return prompt(); });
  auto next = Next::go_on;
  while (next == Next::go_on) {
    std::array<pollfd, 2> ready{pollfd{STDIN_FILENO, POLLIN, 0},
                                pollfd{conversation_.wire().descriptor(), POLLIN, 0}};
    const bool unheard = more_ || conversation_.lines().has_line();
    if (::poll(ready.data(), ready.size(), unheard ? 0 : -1) < 0) {
      if (errno == EINTR) continue;
      break;
    }
    if (unheard || ready[1].revents != 0) next = hear_all();
    if (next == Next::go_on && conversation_.dialogue().next_is_secret()) {
      next = send_unseen();
      continue;
    }
    if (next != Next::go_on || ready[0].revents == 0) continue;
    std::string line;
    const auto state = editor_->read(line);
    if (state == LineEditor::State::ended) break;
    if (state == LineEditor::State::typing) continue;
    next = send(line);
    // What nobody should see nobody should find again.
    if (!conversation_.sent_secret()) editor_->remember(line);
  }
  editor_.reset();
  return next == Next::broken ? code_ : EX_OK;
}

/// The next line of the pipe, once the server has answered to the one before.
ProbeSession::Next ProbeSession::send_next(const std::string& line) {
  if (!conversation_.dialogue().in_content()) {
    const auto heard = hear_all();
    if (heard == Next::end)
      return broken({Fault::temporary, "the server closed the connection before all was sent"});
    if (heard != Next::go_on) return heard;
  }
  return send(line);
}

int ProbeSession::run_pipe() {
  TypedLines lines(STDIN_FILENO);
  for (auto next = Next::go_on;;) {
    if (next == Next::go_on) next = wait_for_answer();
    if (next == Next::go_on) next = hear_read();
    if (next != Next::go_on) return next == Next::end ? EX_OK : code_;
    const auto line = lines.next();
    if (!line) {
      conversation_.failure(line.error().text);
      return EX_DATAERR;
    }
    if (*line) {
      next = send_next(**line);
      continue;
    }
    if (lines.ended()) return EX_OK;
    std::array<pollfd, 2> ready{pollfd{lines.descriptor(), POLLIN, 0},
                                pollfd{conversation_.wire().descriptor(), POLLIN, 0}};
    if (::poll(ready.data(), ready.size(), more_ ? 0 : -1) < 0 && errno != EINTR) return EX_OSERR;
    if (more_ || ready[1].revents != 0) next = hear_all();
    if (ready[0].revents == 0) continue;
    if (const auto read = lines.read(); !read) {
      conversation_.failure(read.error().text);
      return EX_NOINPUT;
    }
  }
}

}  // namespace hikyaku::cmd
