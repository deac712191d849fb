#include "probe/audit_smtp.h"

#include <algorithm>

#include "base/base64.h"
#include "probe/words.h"

namespace hikyaku::probe {
namespace {

constexpr std::size_t kMostAnswers = 1000;
constexpr std::size_t kMostLines = 500;

/// The code of a line of a reply; 0: it is none.
int code_of(std::string_view line) {
  if (line.size() < 3) return 0;
  int code = 0;
  for (const char c : line.substr(0, 3)) {
    if (c < '0' || c > '9') return 0;
    code = code * 10 + (c - '0');
  }
  if (code < 100 || code > 599) return 0;
  return line.size() == 3 || line[3] == ' ' || line[3] == '-' ? code : 0;
}

bool ends_session(const SmtpAnswer& answer) { return answer.code == 221 || answer.code == 421; }

/// What MAIL and RCPT were refused for decides what the user of the audit has to do.
AuditFinding needs_other_addresses(const SmtpAnswer& answer, std::string_view what) {
  if (answer.none()) return unsure("the server " + answer.text + " after " + std::string(what));
  if (answer.code == 530)
    return not_applicable(
        "the server takes mail only after a login or TLS: give --user and --password-file (" +
        answer.quoted() + ")");
  if (answer.code < 500)
    return unsure(std::string(what) +
                  " was deferred, perhaps by greylisting; run the case again later: " + answer.quoted());
  return not_applicable(std::string(what) + " was refused; the case needs --from and --to that the server " +
                        "accepts: " + answer.quoted());
}

}  // namespace

std::string SmtpAnswer::quoted() const {
  if (none()) return "no answer: the server " + text;
  std::string line = text;
  std::ranges::replace(line, '\n', ' ');
  return "\"" + shown_start(line, 100) + "\"";
}

AuditFinding must_refuse(const AuditTalk& talk, const SmtpAnswer& answer, std::string_view harm) {
  if (answer.refused()) return passed("refused: " + answer.quoted());
  if (answer.taken()) return failed(std::string(harm) + ": " + answer.quoted());
  if (talk.state() == AuditTalk::State::closed) return passed("the server closed the connection");
  return unsure("the server " + answer.text);
}

std::string audit_message(std::string_view subject) {
  return "From: <postmaster@audit.invalid>\r\nSubject: hikyaku probe audit: " + std::string(subject) +
         "\r\nAuto-Submitted: auto-generated\r\n\r\n"
         "An audit of this server, started by who owns it, left this message behind. It can be deleted.\r\n";
}

// ---- answers ----

SmtpAnswer AuditSmtpTalk::answer() {
  SmtpAnswer answer;
  for (std::size_t lines = 0; lines < kMostLines; ++lines) {
    const auto line = talk_.line();
    if (!line) return {0, talk_.state_text()};
    const int code = code_of(*line);
    if (code == 0) return {0, "sent what is no reply: \"" + shown_start(*line, 80) + "\""};
    if (!answer.text.empty()) answer.text += '\n';
    answer.text += *line;
    answer.code = code;
    if (line->size() == 3 || (*line)[3] == ' ') return answer;
  }
  return {0, "sent a reply of more than " + std::to_string(kMostLines) + " lines"};
}

SmtpAnswer AuditSmtpTalk::command(std::string_view line) {
  talk_.send(std::string(line) + "\r\n");
  return answer();
}

std::vector<SmtpAnswer> AuditSmtpTalk::read_on() {
  std::vector<SmtpAnswer> all;
  while (all.size() < kMostAnswers) {
    auto one = answer();
    if (one.none() && talk_.state() != AuditTalk::State::open) break;
    const bool over = one.code == 221;
    ended_ = ended_ || ends_session(one);
    if (!ends_session(one)) all.push_back(std::move(one));
    if (over) break;
  }
  return all;
}

std::vector<SmtpAnswer> AuditSmtpTalk::rest() {
  talk_.send("QUIT\r\n");
  return read_on();
}

std::vector<SmtpAnswer> AuditSmtpTalk::rest_at_end_of_input() {
  talk_.end_output();
  return read_on();
}

AuditSmtpTalk::Obstacle AuditSmtpTalk::unheard() const {
  const bool flooded = talk_.state() == AuditTalk::State::flooded;
  if (flooded || (talk_.state() == AuditTalk::State::silent && !ended_))
    return unsure("the server " + talk_.state_text());
  return std::nullopt;
}

// ---- the steps of a session ----

AuditSmtpTalk::Obstacle AuditSmtpTalk::greeted() {
  if (target_.tls_at_once && !talk_.start_tls(target_.server_name))
    return unsure("no TLS: " + talk_.tls_error());
  const auto greeting = answer();
  if (greeting.code != 220) return unsure("no greeting: " + greeting.quoted());
  // Only what can be a name: it is sent back in addresses, and shown.
  constexpr std::string_view kOfNames = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-";
  const auto name = std::string_view(greeting.text).substr(std::min<std::size_t>(4, greeting.text.size()));
  greeting_name_ = name.substr(0, std::min<std::size_t>(name.find_first_not_of(kOfNames), 255));
  return std::nullopt;
}

AuditSmtpTalk::Obstacle AuditSmtpTalk::hello() {
  const auto answer = command("EHLO " + std::string(kAuditName));
  keywords_.clear();
  if (answer.code != 250) return unsure("EHLO was not taken: " + answer.quoted());
  std::string_view left = answer.text;
  for (bool first = true; !left.empty(); first = false) {
    const auto line = left.substr(0, left.find('\n'));
    left.remove_prefix(std::min(left.size(), line.size() + 1));
    if (!first && line.size() > 4) keywords_.emplace_back(line.substr(4));
  }
  return std::nullopt;
}

AuditSmtpTalk::Obstacle AuditSmtpTalk::introduced() {
  if (auto no = greeted()) return no;
  return hello();
}

AuditSmtpTalk::Obstacle AuditSmtpTalk::start_tls() {
  if (const auto answer = command("STARTTLS"); answer.code != 220)
    return unsure("STARTTLS was offered, but not done: " + answer.quoted());
  if (!talk_.start_tls(target_.server_name)) return unsure("no TLS: " + talk_.tls_error());
  return std::nullopt;
}

AuditSmtpTalk::Obstacle AuditSmtpTalk::secured() {
  if (auto no = introduced()) return no;
  if (talk_.under_tls() || !offers("STARTTLS")) return std::nullopt;
  if (auto no = start_tls()) return no;
  return hello();
}

AuditSmtpTalk::Obstacle AuditSmtpTalk::logged_in() {
  if (auto no = secured()) return no;
  if (target_.user.empty()) return std::nullopt;
  if (!talk_.under_tls()) return not_applicable("no password is sent without TLS, and the server has none");
  if (!offers_mechanism("PLAIN")) return not_applicable("the login needs AUTH PLAIN, which is not offered");
  const std::string message = std::string(1, '\0') + target_.user + std::string(1, '\0') + target_.password;
  talk_.send("AUTH PLAIN " + base64_encode(message) + "\r\n", "AUTH PLAIN (the password of the user)\r\n");
  if (const auto reply = answer(); reply.code != 235)
    return unsure("the login of " + shown_start(target_.user, 60) + " was refused: " + reply.quoted());
  return std::nullopt;
}

AuditSmtpTalk::Obstacle AuditSmtpTalk::with_sender() {
  if (auto no = logged_in()) return no;
  if (const auto answer = command(mail_command()); answer.code != 250)
    return needs_other_addresses(answer, mail_command());
  return std::nullopt;
}

AuditSmtpTalk::Obstacle AuditSmtpTalk::with_recipient() {
  if (auto no = with_sender()) return no;
  if (const auto answer = command(recipient_command()); answer.code != 250 && answer.code != 251)
    return needs_other_addresses(answer, recipient_command());
  return std::nullopt;
}

AuditSmtpTalk::Obstacle AuditSmtpTalk::with_data() {
  if (auto no = with_recipient()) return no;
  if (const auto answer = command("DATA"); answer.code != 354)
    return not_applicable("DATA was refused: " + answer.quoted());
  return std::nullopt;
}

// ---- what is offered ----

bool AuditSmtpTalk::offers(std::string_view keyword) const {
  return std::ranges::any_of(keywords_, [&](std::string_view line) {
    return same_word(line.substr(0, line.find_first_of(" =")), keyword);
  });
}

std::string AuditSmtpTalk::parameter(std::string_view keyword) const {
  for (const std::string_view line : keywords_) {
    const auto end = line.find_first_of(" =");
    if (same_word(line.substr(0, end), keyword) && end != std::string_view::npos)
      return std::string(line.substr(end + 1));
  }
  return "";
}

bool AuditSmtpTalk::offers_mechanism(std::string_view mechanism) const {
  std::string_view left;
  const auto all = parameter("AUTH");
  for (left = all; !left.empty();) {
    const auto word = left.substr(0, left.find(' '));
    if (same_word(word, mechanism)) return true;
    left.remove_prefix(std::min(left.size(), word.size() + 1));
  }
  return false;
}

std::string AuditSmtpTalk::local_domain() const {
  if (!target_.local_domain.empty()) return target_.local_domain;
  if (const auto at = target_.recipient.rfind('@'); at != std::string::npos)
    return target_.recipient.substr(at + 1);
  return greeting_name_;
}

}  // namespace hikyaku::probe
