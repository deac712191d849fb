#include "probe/script_run.h"

#include <utility>

#include "probe/script_sink.h"

namespace hikyaku::probe {
namespace {

using End = ScriptOutcome::End;
using Kind = ScriptStep::Kind;

class Player {
 public:
  Player(const Script& script, Wire& wire, Sink& sink, const Elapsed& elapsed, const ScriptSettings& settings)
      : script_(script),
        settings_(settings),
        sink_(sink),
        elapsed_(elapsed),
        limit_(settings.limit),
        conversation_(wire, sink_, settings.speech, elapsed, settings.limit) {}

  ScriptOutcome run();

 private:
  /// How a step came out: nothing, or the end of all.
  using Stop = std::optional<End>;
  struct Heard {
    Entry entry;
    bool ends_answer = false;
  };

  Stop play(std::size_t& at);
  Stop send(const ScriptStep& step);
  Stop expect_line(const ScriptStep& step);
  Stop expect_all(const ScriptStep& step);
  Stop expect_answer(std::size_t& at);
  Stop start_tls(const ScriptStep& step);
  Stop handshake(const ScriptStep& step);
  Stop authenticate_by(const ScriptStep& step);
  Stop set(const ScriptStep& step);
  Stop expect_end(const ScriptStep& step);

  Result<bool> matches(const ScriptStep& step, const Heard& heard);
  /// The next line; nothing: stop, and why is in `problem_` and `end_`.
  std::optional<Heard> next(std::chrono::milliseconds within);
  bool read_more(std::chrono::milliseconds within);
  std::string told(const Heard& heard) const { return shown_text(heard.entry, settings_.show_secrets); }
  /// Adds a finding.
  Stop held(const ScriptStep& step, std::string got);
  Stop failed(const ScriptStep& step, std::string got, End end = End::failed);
  /// Before a step that asks by itself: nothing may be left that a line of the script should have read.
  Stop all_read(const ScriptStep& step);
  /// The lines of a step that asked by itself; false: they were more than is kept.
  bool forget_lines() {
    lines_.clear();
    const bool all = !sink_.overflowed();
    sink_.take();
    return all;
  }

  const Script& script_;
  const ScriptSettings& settings_;
  ScriptSink sink_;
  Elapsed elapsed_;
  std::chrono::milliseconds limit_;
  Conversation conversation_;
  ScriptValues values_;
  std::deque<Heard> lines_;
  std::string problem_;
  End end_ = End::held;
  std::chrono::microseconds began_{0};
  ScriptOutcome outcome_;
};

Player::Stop Player::held(const ScriptStep& step, std::string got) {
  outcome_.findings.push_back(
      {step.line, step.about, step.written, true, std::move(got), elapsed_() - began_});
  return std::nullopt;
}

Player::Stop Player::failed(const ScriptStep& step, std::string got, End end) {
  conversation_.failure("line " + std::to_string(step.line) +
                        (step.about.empty() ? "" : " (" + step.about + ")") + ": expected \"" + step.written +
                        "\", came: " + got);
  outcome_.findings.push_back(
      {step.line, step.about, step.written, false, std::move(got), elapsed_() - began_});
  return end;
}

bool Player::read_more(std::chrono::milliseconds within) {
  const auto answers = conversation_.dialogue().answers();
  const auto got = conversation_.hear(within);
  if (!got) {
    problem_ = shown(got.error().text);
    end_ = got.error().fault == Fault::malformed ? End::failed : End::broken;
    return false;
  }
  if (*got == LineReader::Got::silence) {
    problem_ = "nothing within " + std::to_string(within.count()) + " ms";
    end_ = End::silence;
  }
  if (*got == LineReader::Got::closed) {
    problem_ = "the server closed the connection";
    end_ = End::broken;
  }
  for (auto& entry : sink_.take()) lines_.push_back({std::move(entry), false});
  if (!lines_.empty() && conversation_.dialogue().answers() > answers) lines_.back().ends_answer = true;
  return *got == LineReader::Got::line;
}

std::optional<Player::Heard> Player::next(std::chrono::milliseconds within) {
  if (lines_.empty() && within.count() <= 0) {
    problem_ = "no whole answer in time";
    end_ = End::silence;
    return std::nullopt;
  }
  if (lines_.empty() && !read_more(within)) return std::nullopt;
  auto heard = std::move(lines_.front());
  lines_.pop_front();
  return heard;
}

Result<bool> Player::matches(const ScriptStep& step, const Heard& heard) {
  return step.pattern.matches(heard.entry.text, values_, values_);
}

Player::Stop Player::send(const ScriptStep& step) {
  std::size_t secret_from = 0;
  const auto text = step.text.filled(values_, secret_from);
  if (!text) return failed(step, text.error().text);
  sink_.hide_from(secret_from);
  const auto sent =
      step.kind == Kind::send ? conversation_.send_line(*text) : conversation_.send_octets(*text, *text);
  // What the server said before it closed is still to be read.
  if (!sent) conversation_.failure(sent.error().text);
  return std::nullopt;
}

Player::Stop Player::expect_line(const ScriptStep& step) {
  const auto heard = next(limit_);
  if (!heard) return failed(step, problem_, end_);
  const auto matched = matches(step, *heard);
  if (!matched) return failed(step, matched.error().text);
  return *matched ? held(step, told(*heard)) : failed(step, told(*heard));
}

Player::Stop Player::expect_all(const ScriptStep& step) {
  std::size_t count = 0;
  while (true) {
    auto heard = next(limit_);
    // Behind the end of the stream there is no line that could be another.
    if (!heard && conversation_.closed()) return held(step, std::to_string(count) + " lines");
    if (!heard) return failed(step, problem_, end_);
    const auto matched = matches(step, *heard);
    if (!matched) return failed(step, matched.error().text);
    if (!*matched) {
      lines_.push_front(*std::move(heard));
      return held(step, std::to_string(count) + " lines");
    }
    if (++count == ScriptSink::kMostLines) return failed(step, "lines without an end");
  }
}

Player::Stop Player::expect_answer(std::size_t& at) {
  const auto& steps = script_.steps();
  std::vector<Heard> answer;
  const auto until = elapsed_() + limit_;
  while (answer.empty() || !answer.back().ends_answer) {
    auto heard = next(std::chrono::ceil<std::chrono::milliseconds>(until - elapsed_()));
    if (!heard) return failed(steps[at], problem_, end_);
    if (answer.size() == Answer::kMostLines) return failed(steps[at], "an answer without an end");
    answer.push_back(*std::move(heard));
  }
  const auto is_about_answer = [](const ScriptStep& step) {
    return step.kind == Kind::answer_has || step.kind == Kind::answer_lacks;
  };
  for (; at < steps.size() && is_about_answer(steps[at]); ++at) {
    const Heard* found = nullptr;
    for (const auto& heard : answer) {
      const auto matched = matches(steps[at], heard);
      if (!matched) return failed(steps[at], matched.error().text);
      if (*matched && found == nullptr) found = &heard;
    }
    const bool wanted = steps[at].kind == Kind::answer_has;
    const auto got = found != nullptr ? told(*found) : "no such line among " + std::to_string(answer.size());
    if (auto stop = (found != nullptr) == wanted ? held(steps[at], got) : failed(steps[at], got)) return stop;
  }
  --at;  // the caller goes on with the next
  return std::nullopt;
}

Player::Stop Player::handshake(const ScriptStep& step) {
  std::size_t injected = 0;
  if (!lines_.empty()) return failed(step, "before the handshake there was still: " + told(lines_.front()));
  auto report = conversation_.start_tls(settings_.tls, injected);
  if (!report)
    return failed(step, shown(report.error().text),
                  report.error().fault == Fault::temporary ? End::broken : End::failed);
  if (injected > 0) return failed(step, std::to_string(injected) + " octets before the handshake");
  const auto got = report->protocol + ", " + report->cipher;
  conversation_.note("TLS is on: " + got);
  outcome_.tls = *std::move(report);
  if (settings_.verify && !outcome_.tls->trusted)
    return failed(step, "a certificate that is not trusted: " + shown(outcome_.tls->trust_error));
  if (settings_.verify && !outcome_.tls->name_matches)
    return failed(step, "a certificate that is not for " + shown(settings_.tls.server_name));
  return held(step, got);
}

Player::Stop Player::all_read(const ScriptStep& step) {
  if (lines_.empty() && conversation_.lines().has_line()) read_more(limit_);
  if (!lines_.empty()) return failed(step, "before it there was still: " + told(lines_.front()));
  if (conversation_.dialogue().waits())
    return failed(step, "before it an answer is to come, which no line expects");
  return std::nullopt;
}

Player::Stop Player::start_tls(const ScriptStep& step) {
  const auto command = starttls_command(conversation_, settings_.speech);
  if (command.empty()) return failed(step, "this protocol has no STARTTLS");
  if (auto stop = all_read(step)) return stop;
  const auto answer = conversation_.ask(command);
  if (!forget_lines()) return failed(step, "an answer without an end");
  if (!answer)
    return failed(step, shown(answer.error().text), conversation_.closed() ? End::broken : End::silence);
  if (answer->verdict != Answer::Verdict::good)
    return failed(step,
                  answer->lines.empty() ? "" : sink_.safe(answer->lines.back(), settings_.show_secrets));
  return handshake(step);
}

Player::Stop Player::authenticate_by(const ScriptStep& step) {
  if (auto stop = all_read(step)) return stop;
  std::size_t secret_from = 0;
  auto user = step.text.filled(values_, secret_from);
  if (!user) return failed(step, user.error().text);
  auto secret = settings_.secret(step.secret);
  if (!secret) return failed(step, secret.error().text);
  sink_.hide(*secret);
  const auto client = settings_.client(
      step.name, {.user = *std::move(user), .password = *std::move(secret), .authorize_as = {}},
      outcome_.tls ? &*outcome_.tls : nullptr);
  if (!client) return failed(step, client.error().text);
  const auto outcome = authenticate(conversation_, settings_.speech, **client, {});
  if (!forget_lines()) return failed(step, "an answer without an end");
  if (!outcome)
    return failed(step, shown(outcome.error().text), conversation_.closed() ? End::broken : End::silence);
  const auto wanted = step.refused ? AuthOutcome::End::refused : AuthOutcome::End::accepted;
  auto got = sink_.safe(outcome->text, settings_.show_secrets);
  return outcome->end == wanted ? held(step, std::move(got)) : failed(step, std::move(got));
}

Player::Stop Player::set(const ScriptStep& step) {
  if (step.kind == Kind::secret) {
    auto secret = settings_.secret(step.secret);
    if (!secret) return failed(step, secret.error().text);
    sink_.hide(*secret);
    values_[step.name] = {*std::move(secret), true};
    return std::nullopt;
  }
  std::size_t secret_from = 0;
  auto text = step.text.filled(values_, secret_from);
  if (!text) return failed(step, text.error().text);
  const bool is_secret = secret_from != std::string::npos;
  if (is_secret) sink_.hide(*text);
  values_[step.name] = {*std::move(text), is_secret};
  return std::nullopt;
}

/// @ closed and @ quiet.
Player::Stop Player::expect_end(const ScriptStep& step) {
  const bool quiet = step.kind == Kind::quiet;
  const auto heard = next(quiet ? step.time : limit_);
  if (heard) return failed(step, told(*heard));
  const auto wanted = quiet ? End::silence : End::broken;
  return end_ == wanted ? held(step, problem_) : failed(step, problem_, end_);
}

Player::Stop Player::play(std::size_t& at) {
  const auto& step = script_.steps()[at];
  began_ = elapsed_();
  switch (step.kind) {
    case Kind::send:
    case Kind::send_octets:
      return send(step);
    case Kind::expect:
      return expect_line(step);
    case Kind::expect_all:
      return expect_all(step);
    case Kind::answer_has:
    case Kind::answer_lacks:
      return expect_answer(at);
    case Kind::start_tls:
      return start_tls(step);
    case Kind::handshake:
      return handshake(step);
    case Kind::authenticate:
      return authenticate_by(step);
    case Kind::set:
    case Kind::secret:
      return set(step);
    case Kind::timeout:
      limit_ = step.time;
      return std::nullopt;
    case Kind::closed:
    case Kind::quiet:
      break;
  }
  return expect_end(step);
}

ScriptOutcome Player::run() {
  if (settings_.tls_at_once) {
    ScriptStep step;
    step.written = "(TLS before the first word)";
    began_ = elapsed_();
    if (const auto stop = handshake(step)) {
      outcome_.end = *stop;
      return std::move(outcome_);
    }
  }
  for (std::size_t at = 0; at < script_.steps().size(); ++at) {
    if (const auto stop = play(at)) {
      outcome_.end = *stop;
      break;
    }
  }
  return std::move(outcome_);
}

}  // namespace

ScriptOutcome run_script(const Script& script, Wire& wire, Sink& sink, const Elapsed& elapsed,
                         const ScriptSettings& settings) {
  return Player(script, wire, sink, elapsed, settings).run();
}

}  // namespace hikyaku::probe
