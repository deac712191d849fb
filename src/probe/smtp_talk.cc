#include "probe/smtp_talk.h"

#include <utility>

namespace hikyaku::probe {
namespace {

constexpr std::size_t kMostSteps = 10'000;
constexpr std::chrono::milliseconds kForEver = std::chrono::hours(24 * 365);

}  // namespace

SmtpTalk::SmtpTalk(Wire& wire, Sink& sink, Speech speech, const Elapsed& elapsed,
                   std::chrono::seconds timeout)
    : sink_(sink), conversation_(wire, sink, speech, elapsed, timeout.count() == 0 ? kForEver : timeout) {}

void SmtpTalk::begin(std::string step) {
  step_ = std::move(step);
  step_began_ = conversation_.elapsed()();
}

void SmtpTalk::end_step(int code) {
  const auto now = conversation_.elapsed()();
  if (steps_.size() < kMostSteps) steps_.push_back({step_, now - step_began_, code});
  // A step that has several replies, as content over LMTP, goes on from here.
  step_began_ = now;
}

void SmtpTalk::say_together(const std::vector<std::string>& lines) {
  std::string octets;
  for (const auto& line : lines) {
    Entry entry{.kind = Entry::Kind::sent,
                .text = line,
                .tls = conversation_.wire().under_tls(),
                .at = conversation_.elapsed()()};
    conversation_.dialogue().sent(entry);
    sink_.put(entry);
    octets += line + "\r\n";
  }
  if (const auto sent = conversation_.wire().send(octets); !sent) failure(sent.error().text);
}

bool SmtpTalk::send(std::string_view octets, const std::vector<std::string_view>& told) {
  for (const auto line : told)
    sink_.put({.kind = Entry::Kind::sent,
               .text = std::string(line),
               .tls = conversation_.wire().under_tls(),
               .at = conversation_.elapsed()()});
  const auto sent = conversation_.wire().send(octets);
  if (!sent) failure(sent.error().text);
  return sent.has_value();
}

SmtpTalk::Reply::State SmtpTalk::wait_for_reply() {
  using State = Reply::State;
  const auto& now = conversation_.elapsed();
  auto& dialogue = conversation_.dialogue();
  const auto before = dialogue.answers();
  const auto until = now() + conversation_.limit();
  while (dialogue.answers() == before) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - now());
    if (left.count() <= 0) return State::silence;
    const auto got = conversation_.hear(left);
    if (!got) failure(got.error().text);
    if (!got) return got.error().fault == Fault::malformed ? State::malformed : State::closed;
    if (*got == LineReader::Got::closed && dialogue.answers() == before) return State::closed;
  }
  return dialogue.last().code == 0 ? State::malformed : State::reply;
}

SmtpTalk::Reply SmtpTalk::hear() {
  Reply reply{wait_for_reply(), 0, {}};
  if (reply.whole()) {
    const auto& answer = conversation_.dialogue().last();
    reply.code = answer.code;
    for (const auto& line : answer.lines) reply.lines.push_back(line.size() > 4 ? line.substr(4) : "");
  }
  end_step(reply.code);
  const auto limit = std::chrono::duration_cast<std::chrono::seconds>(conversation_.limit()).count();
  if (reply.state == Reply::State::silence)
    failure("no reply to " + step_ + " within " + std::to_string(limit) + " s");
  if (reply.state == Reply::State::closed)
    failure("the server closed the connection where a reply to " + step_ + " was due");
  if (reply.state == Reply::State::malformed) failure("that is no reply of SMTP");
  return reply;
}

}  // namespace hikyaku::probe
