#include <algorithm>

#include "probe/send_flow.h"

namespace hikyaku::probe {

SendExit SendFlow::drop() {
  talk_.note("Dropping connection");
  talk_.wire().abort();
  return SendExit::ok;
}

SendExit SendFlow::quit(SendExit exit) {
  talk_.begin("QUIT");
  talk_.say("QUIT");
  const auto answer = talk_.hear();
  if (answer.state == Answer::State::closed) return exit == SendExit::ok ? SendExit::closed : exit;
  talk_.wire().end_output();
  talk_.note("Connection closed with remote host.");
  return exit;
}

SendExit SendFlow::refused(const Answer& answer, SendExit exit) {
  if (answer.state != Answer::State::closed) return quit(exit);
  talk_.wire().abort();
  return SendExit::closed;
}

SendFlow::End SendFlow::stop_at(StopPoint point) {
  if (request_.quit_after == point) return quit(SendExit::ok);
  if (request_.drop_after == point) return drop();
  return std::nullopt;
}

std::string SendFlow::mail_command() const {
  return "MAIL FROM:<" + request_.from + '>' + (request_.prdr ? " PRDR" : "");
}

SendFlow::End SendFlow::judge_mail(const Answer& answer) {
  if (!answer.success()) return refused(answer, SendExit::mail);
  return stop_at(StopPoint::mail);
}

SendFlow::End SendFlow::judge_data(const Answer& answer) {
  if (!answer.intermediate()) return refused(answer, SendExit::data);
  return stop_at(StopPoint::data);
}

SendFlow::End SendFlow::one_by_one() {
  talk_.begin("MAIL");
  talk_.say(mail_command());
  if (drops_after_sending(StopPoint::mail)) return drop();
  if (auto end = judge_mail(talk_.hear())) return end;
  Answer last;
  for (const auto& to : request_.to) {
    talk_.begin("RCPT");
    talk_.say(rcpt_command(to));
    const bool is_last = &to == &request_.to.back();
    if (is_last && drops_after_sending(StopPoint::rcpt)) return drop();
    last = talk_.hear();
    if (last.state != Answer::State::reply) return refused(last, SendExit::rcpt);
    (last.success() ? outcome_.accepted : outcome_.refused).push_back(to);
  }
  if (outcome_.accepted.empty()) return refused(last, SendExit::rcpt);
  if (auto end = stop_at(StopPoint::rcpt)) return end;
  talk_.begin("DATA");
  talk_.say("DATA");
  if (drops_after_sending(StopPoint::data)) return drop();
  return judge_data(talk_.hear("3"));
}

SendFlow::End SendFlow::pipelined() {
  // RFC 2920: all that needs no answer of its own goes in one piece.
  const auto stops_at = [&](StopPoint point) {
    return request_.quit_after == point || request_.drop_after == point;
  };
  const bool with_data = !stops_at(StopPoint::rcpt);
  std::vector<std::string> lines{mail_command()};
  for (const auto& to : request_.to) lines.push_back(rcpt_command(to));
  if (with_data) lines.emplace_back("DATA");
  std::string octets;
  for (const auto& line : lines) {
    talk_.record_sent(line);
    octets += line + "\r\n";
  }
  talk_.begin("MAIL");
  talk_.send(octets);
  if (drops_after_sending(StopPoint::rcpt) || drops_after_sending(StopPoint::data)) return drop();
  const auto mail = talk_.hear();
  if (mail.state != Answer::State::reply) return refused(mail, SendExit::mail);
  Answer last;
  for (const auto& to : request_.to) {
    talk_.begin("RCPT");
    last = talk_.hear();
    if (last.state != Answer::State::reply) return refused(last, SendExit::rcpt);
    (last.success() ? outcome_.accepted : outcome_.refused).push_back(to);
  }
  const auto verdict = !mail.success()             ? SendExit::mail
                       : outcome_.accepted.empty() ? SendExit::rcpt
                                                   : SendExit::ok;
  if (!with_data) return verdict == SendExit::ok ? stop_at(StopPoint::rcpt) : End(quit(verdict));
  talk_.begin("DATA");
  const auto data = talk_.hear("3");
  if (verdict == SendExit::ok) return judge_data(data);
  if (data.intermediate()) {
    // A server that says 354 all the same waits for an end (RFC 2920 s. 3.1).
    talk_.begin("content");
    talk_.say(".");
    talk_.hear();
  }
  return refused(data, verdict);
}

void SendFlow::send_content() {
  const auto& content = request_.content;
  if (request_.suppress_content) {
    talk_.record_sent(std::to_string(std::ranges::count(content, '\n')) + " lines sent");
  } else {
    for (std::size_t at = 0; at < content.size();) {
      auto end = std::min(content.find('\n', at), content.size());
      auto line = std::string_view(content).substr(at, end - at);
      if (line.ends_with('\r')) line.remove_suffix(1);
      talk_.record_sent(line);
      at = end + 1;
    }
  }
  talk_.begin("content");
  talk_.send(content);
}

SendFlow::End SendFlow::content_replies() {
  std::vector<std::string> taken;
  const auto answers = [&](const std::string& to) {
    const auto answer = talk_.hear();
    if (answer.success()) {
      taken.push_back(to);
    } else {
      outcome_.refused.push_back(to);
    }
    return answer;
  };
  Answer last;
  bool each = request_.protocol == SendRequest::Protocol::lmtp;
  if (!each) {
    last = talk_.hear(request_.prdr ? "23" : "2");
    if (last.success()) taken = outcome_.accepted;
    each = request_.prdr && last.state == Answer::State::reply && last.reply.code == 353;
    if (!each && !last.success())
      outcome_.refused.insert(outcome_.refused.end(), outcome_.accepted.begin(), outcome_.accepted.end());
  }
  if (each) {
    for (const auto& to : outcome_.accepted) {
      last = answers(to);
      if (last.state != Answer::State::reply) break;
    }
    if (request_.protocol != SendRequest::Protocol::lmtp && last.state == Answer::State::reply)
      last = talk_.hear();
  }
  outcome_.accepted = std::move(taken);
  if (outcome_.accepted.empty() || last.state != Answer::State::reply)
    return refused(last, SendExit::content);
  return stop_at(StopPoint::dot);
}

SendFlow::End SendFlow::content() {
  send_content();
  if (drops_after_sending(StopPoint::dot)) return drop();
  return content_replies();
}

SendFlow::End SendFlow::transaction() {
  if (request_.prdr && !offered_.offers("PRDR")) {
    talk_.failure("Host did not advertise PRDR support");
    return quit(SendExit::prdr);
  }
  // What ends after MAIL gains nothing by going in one piece.
  const bool mail_only = request_.quit_after == StopPoint::mail || request_.drop_after == StopPoint::mail ||
                         request_.drop_after_send == StopPoint::mail;
  const bool in_one_piece = request_.pipeline && !mail_only && offered_.offers("PIPELINING");
  if (auto end = in_one_piece ? pipelined() : one_by_one()) return end;
  return content();
}

}  // namespace hikyaku::probe
