#include <algorithm>
#include <span>
#include <utility>

#include "probe/send_flow.h"

namespace hikyaku::probe {

SendExit SendFlow::drop() {
  talk_.note("Dropping connection");
  wire().abort();
  return SendExit::ok;
}

SendExit SendFlow::quit(SendExit exit) {
  talk_.begin("QUIT");
  talk_.say("QUIT");
  const auto reply = talk_.hear();
  if (reply.state == Reply::State::closed) return exit == SendExit::ok ? SendExit::closed : exit;
  wire().end_output();
  talk_.note("Connection closed with remote host.");
  return exit;
}

SendExit SendFlow::refused(const Reply& reply, SendExit exit) {
  if (reply.state != Reply::State::closed) return quit(exit);
  wire().abort();
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

SendFlow::End SendFlow::judge_mail(const Reply& reply) {
  if (!reply.success()) return refused(reply, SendExit::mail);
  return stop_at(StopPoint::mail);
}

SendFlow::End SendFlow::judge_data(const Reply& reply) {
  if (!reply.intermediate()) return refused(reply, SendExit::data);
  return stop_at(StopPoint::data);
}

SendFlow::End SendFlow::one_by_one() {
  talk_.begin("MAIL");
  talk_.say(mail_command());
  if (drops_after_sending(StopPoint::mail)) return drop();
  if (auto end = judge_mail(talk_.hear())) return end;
  Reply last;
  for (const auto& to : request_.to) {
    talk_.begin("RCPT");
    talk_.say(rcpt_command(to));
    const bool is_last = &to == &request_.to.back();
    if (is_last && drops_after_sending(StopPoint::rcpt)) return drop();
    last = talk_.hear();
    if (!last.whole()) return refused(last, SendExit::rcpt);
    (last.success() ? outcome_.accepted : outcome_.refused).push_back(to);
  }
  if (outcome_.accepted.empty()) return refused(last, SendExit::rcpt);
  if (auto end = stop_at(StopPoint::rcpt)) return end;
  talk_.begin("DATA");
  talk_.say("DATA");
  if (drops_after_sending(StopPoint::data)) return drop();
  return judge_data(talk_.hear());
}

SendFlow::End SendFlow::pipelined() {
  // RFC 2920: all that needs no reply of its own goes in one piece.
  const auto stops_at = [&](StopPoint point) {
    return request_.quit_after == point || request_.drop_after == point;
  };
  const bool with_data = !stops_at(StopPoint::rcpt);
  std::vector<std::string> lines{mail_command()};
  for (const auto& to : request_.to) lines.push_back(rcpt_command(to));
  if (with_data) lines.emplace_back("DATA");
  talk_.begin("MAIL");
  talk_.say_together(lines);
  if (drops_after_sending(StopPoint::rcpt) || drops_after_sending(StopPoint::data)) return drop();
  const auto mail = talk_.hear();
  if (!mail.whole()) return refused(mail, SendExit::mail);
  Reply last;
  for (const auto& to : request_.to) {
    talk_.begin("RCPT");
    last = talk_.hear();
    if (!last.whole()) return refused(last, SendExit::rcpt);
    (last.success() ? outcome_.accepted : outcome_.refused).push_back(to);
  }
  const auto verdict = !mail.success()             ? SendExit::mail
                       : outcome_.accepted.empty() ? SendExit::rcpt
                                                   : SendExit::ok;
  if (!with_data) return verdict == SendExit::ok ? stop_at(StopPoint::rcpt) : End(quit(verdict));
  talk_.begin("DATA");
  const auto data = talk_.hear();
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
  std::string_view content = request_.content;
  // The dot is a line of the conversation: with it ends what is none.
  const bool ends = content.ends_with("\r\n.\r\n") || content == ".\r\n";
  if (ends) content.remove_suffix(3);
  const auto count = std::ranges::count(request_.content, '\n');
  const auto summary = std::to_string(count) + " lines sent";
  std::vector<std::string_view> told;
  if (request_.suppress_content) told.emplace_back(summary);
  for (auto rest = content; !request_.suppress_content && !rest.empty();) {
    const auto end = std::min(rest.find('\n'), rest.size());
    auto line = rest.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    told.push_back(line);
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  talk_.begin("content");
  if (talk_.send(content, told) && ends) talk_.say(".");
}

SendFlow::End SendFlow::content_replies() {
  const auto asked = std::exchange(outcome_.accepted, {});
  const auto place = [&](const Reply& reply, std::span<const std::string> whom) {
    auto& list = !reply.whole() ? outcome_.unknown : reply.success() ? outcome_.accepted : outcome_.refused;
    list.insert(list.end(), whom.begin(), whom.end());
  };
  const bool lmtp = request_.protocol == SendRequest::Protocol::lmtp;
  bool each = lmtp;
  Reply last;
  if (!lmtp) {
    last = talk_.hear();
    each = request_.prdr && last.whole() && last.code == 353;
    if (!each) place(last, asked);
  }
  for (std::span<const std::string> left = asked; each && !left.empty(); left = left.subspan(1)) {
    last = talk_.hear();
    place(last, last.whole() ? left.first(1) : left);
    if (!last.whole()) break;
  }
  if (each && !lmtp) {
    // The last reply of PRDR is for all: without it nobody has the message.
    if (last.whole()) last = talk_.hear();
    if (!last.success()) place(last, std::exchange(outcome_.accepted, {}));
  }
  if (outcome_.accepted.empty() || !last.whole()) return refused(last, SendExit::content);
  return stop_at(StopPoint::dot);
}

SendFlow::End SendFlow::content() {
  send_content();
  if (drops_after_sending(StopPoint::dot)) {
    outcome_.unknown = std::exchange(outcome_.accepted, {});
    return drop();
  }
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
