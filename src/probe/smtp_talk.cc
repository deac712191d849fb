#include "probe/smtp_talk.h"

#include <algorithm>

#include "base/base64.h"

namespace hikyaku::probe {
namespace {

using std::chrono::microseconds;

// A line of a reply has 512 octets (RFC 5321 s. 4.5.3.1.5); ReplyReader takes 2048.
constexpr std::size_t kLongestLine = 4096;
constexpr std::size_t kMostSteps = 10'000;
constexpr microseconds kForEver = std::chrono::hours(24 * 365);

/// What a challenge says in base64, put beside it.
void decode_challenge(Entry& entry) {
  if (!entry.text.starts_with("334 ")) return;
  auto decoded = base64_decode(std::string_view(entry.text).substr(4));
  if (!decoded || decoded->empty()) return;
  entry.has_decoded = true;
  entry.decoded = *std::move(decoded);
}

}  // namespace

SmtpTalk::SmtpTalk(Wire& wire, Sink& sink, Elapsed elapsed, std::chrono::seconds timeout)
    : wire_(wire), sink_(sink), elapsed_(std::move(elapsed)), timeout_(timeout) {}

void SmtpTalk::put(Entry::Kind kind, std::string text) {
  Entry entry;
  entry.kind = kind;
  entry.text = std::move(text);
  entry.tls = wire_.under_tls();
  entry.at = elapsed_();
  sink_.put(entry);
}

void SmtpTalk::begin(std::string step) {
  step_ = std::move(step);
  step_began_ = elapsed_();
}

void SmtpTalk::end_step(int code) {
  if (steps_.size() < kMostSteps) steps_.push_back({step_, elapsed_() - step_began_, code});
  // A step that has several replies, as content over LMTP, goes on from here.
  step_began_ = elapsed_();
}

void SmtpTalk::record_sent(std::string_view line, std::size_t secret_from) {
  Entry entry;
  entry.kind = Entry::Kind::sent;
  entry.text = line;
  entry.tls = wire_.under_tls();
  entry.at = elapsed_();
  entry.secret_from = secret_from;
  sink_.put(entry);
}

bool SmtpTalk::send(std::string_view octets) {
  const auto sent = wire_.send(octets);
  if (!sent) failure(sent.error().text);
  return sent.has_value();
}

bool SmtpTalk::say(std::string_view line, std::size_t secret_from) {
  record_sent(line, secret_from);
  return send(std::string(line) + "\r\n");
}

SmtpTalk::Line SmtpTalk::read_line(std::string& line, microseconds until) {
  while (true) {
    if (const auto end = arrived_.find('\n'); end != std::string::npos) {
      line.assign(arrived_, 0, end);
      if (line.ends_with('\r')) line.pop_back();
      arrived_.erase(0, end + 1);
      return line.size() > kLongestLine ? Line::endless : Line::line;
    }
    if (arrived_.size() > kLongestLine) {
      line = std::exchange(arrived_, {}).substr(0, kLongestLine);
      return Line::endless;
    }
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - elapsed_());
    if (left.count() <= 0) return Line::silence;
    const auto heard = wire_.receive(arrived_, left);
    if (!heard) failure(heard.error().text);
    if (!heard || *heard == Wire::Heard::closed) return Line::closed;
  }
}

SmtpTalk::Answer SmtpTalk::read_reply(std::vector<std::string>& lines) {
  using State = Answer::State;
  const auto until = elapsed_() + (timeout_.count() == 0 ? kForEver : timeout_ + microseconds(999));
  smtp::ReplyReader reader;
  while (true) {
    std::string line;
    switch (read_line(line, until)) {
      case Line::silence:
        return {State::silence, {}};
      case Line::closed:
        return {State::closed, {}};
      case Line::endless:
        lines.push_back(std::move(line));
        return {State::malformed, {}};
      case Line::line:
        break;
    }
    lines.push_back(line);
    const auto state = reader.add(line);
    if (state == smtp::ReplyReader::State::malformed) return {State::malformed, {}};
    if (state == smtp::ReplyReader::State::complete) return {State::reply, reader.take()};
  }
}

void SmtpTalk::record_reply(const std::vector<std::string>& lines, bool expected) {
  for (const auto& line : lines) {
    Entry entry;
    entry.kind = Entry::Kind::received;
    entry.text = line;
    entry.tls = wire_.under_tls();
    entry.unexpected = !expected;
    entry.at = elapsed_();
    decode_challenge(entry);
    sink_.put(entry);
  }
}

SmtpTalk::Answer SmtpTalk::hear(std::string_view wanted) {
  using State = Answer::State;
  std::vector<std::string> lines;
  auto answer = read_reply(lines);
  const auto first = static_cast<char>('0' + answer.reply.code / 100);
  const bool expected = answer.state == State::reply && wanted.find(first) != std::string_view::npos;
  end_step(answer.reply.code);
  record_reply(lines, expected);
  if (answer.state == State::silence)
    failure("no reply to " + step_ + " within " +
            std::to_string(std::chrono::duration_cast<std::chrono::seconds>(timeout_).count()) + " s");
  if (answer.state == State::closed)
    failure("the server closed the connection where a reply to " + step_ + " was due");
  if (answer.state == State::malformed) failure("that is no reply of SMTP");
  return answer;
}

}  // namespace hikyaku::probe
