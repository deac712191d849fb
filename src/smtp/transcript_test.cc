// Runs the dialogues of tests/transcripts/{smtp,lmtp,submission}*.txt against a ServerSession: whole groups
// of lines at once, one octet at a time, and in random cuts. The answer must be the same each time.
//
//   # text            the first one is the title
//   C: line           the client says line CR LF; lines in a row are sent together
//   C| octets         the same without CR LF; \r \n \0 \\ and \xHH are read
//   C* count octets   the octets so many times
//   S: line           the next line that the server says
//   S~ regex          the same
//   E: event          this event is among those since the last E: (see Driver::note)
//   @ set NAME VALUE  a setting, before the first line; see set()
//   @ answer EVENT REPLY   how the driver answers the next EVENT
//   @ nothing         the server has said nothing more
//   @ whole           this dialogue makes no sense in cuts
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <random>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include "base/escape.h"
#include "base/transcript.h"
#include "smtp/sasl.h"
#include "smtp/server_session.h"

namespace hikyaku::smtp {
namespace {

using namespace testing_support;

using Session = ServerSession;

/// Answers the events as a hub would that likes everybody, and notes them.
class Driver {
 public:
  Driver(const ServerSettings& settings, Session::Client client) : session_(settings, client) { pump(); }

  void feed(std::string_view octets) {
    if (closed_) return;
    session_.feed(octets);
    pump();
  }
  void answer_next(const std::string& event, const Reply& reply) { answers_[event].push_back(reply); }

  std::string output;
  std::vector<std::string> events;

 private:
  void pump() {
    for (bool more = !closed_; more;) {
      auto event = session_.next();
      more = std::visit([this](auto& one) { return handle(one); }, event);
    }
    output += session_.take_output();
  }

  void note(std::string text) { events.push_back(std::move(text)); }
  void answer(const std::string& event, Reply reply) {
    auto& queue = answers_[event];
    if (!queue.empty()) {
      reply = queue.front();
      queue.pop_front();
    }
    session_.reply(reply);
  }

  bool handle(Session::NeedBytes&) { return false; }
  bool handle(Session::Connected&) { return answer("connected", {220, {}, ""}), true; }
  bool handle(Session::Hello& hello) {
    static constexpr const char* kVerbs[] = {"helo", "ehlo", "lhlo"};
    note(std::string(kVerbs[static_cast<int>(hello.verb)]) + " " + hello.name);
    return answer("hello", {250, {}, ""}), true;
  }
  bool handle(Session::StartTls&) {
    note("starttls");
    output += session_.take_output();
    session_.tls_started();
    return true;
  }
  bool handle(Session::Auth& auth) {
    note("auth " + auth.mechanism + (auth.initial ? " with an initial response" : ""));
    exchange_ = make_password_exchange(auth.mechanism);
    step(auth.initial);
    return true;
  }
  bool handle(Session::AuthAnswer& answer) { return step(answer.octets), true; }
  bool handle(Session::AuthCancelled&) { return note("auth cancelled"), true; }
  void step(std::optional<std::string_view> response) {
    const auto step = exchange_->step(response);
    if (const auto* challenge = std::get_if<SaslExchange::Challenge>(&step))
      return session_.challenge(challenge->octets);
    if (const auto* who = std::get_if<SaslExchange::Credentials>(&step)) {
      const bool known = who->user == "username" && who->password == "password";
      return answer("auth", known ? Reply{235, {2, 7, 0}, "Authentication successful"}
                                  : Reply{535, {5, 7, 8}, "Error: authentication failed"});
    }
    answer("auth", {501, {5, 5, 2}, "Error: authentication failed: malformed response"});
  }
  bool handle(Session::Sender& sender) {
    EXPECT_NE(sender.as_written.path, "");
    std::string text = "sender " + sender.path.text();
    sender.parameters.append_to(text);
    note(text);
    return answer("sender", {250, {2, 1, 0}, "Ok"}), true;
  }
  bool handle(Session::Recipient& recipient) {
    std::string text = "recipient " + recipient.path.text();
    recipient.parameters.append_to(text);
    note(text);
    return answer("recipient", {250, {2, 1, 5}, "Ok"}), true;
  }
  bool handle(Session::Data& data) {
    message_.clear();
    note(data.chunked ? "bdat" : "data");
    return answer("data", {354, {}, ""}), true;
  }
  bool handle(Session::Content& content) {
    EXPECT_FALSE(content.octets.empty());
    return message_ += content.octets, true;
  }
  bool handle(Session::ContentEnd& end) {
    EXPECT_EQ(end.size, message_.size());
    note("message " + escaped(message_));
    const auto replies =
        session_.with_protocol(false).starts_with("LMTP") ? session_.accepted_recipients() : 1;
    for (std::size_t i = 0; i < replies; ++i) answer("end", {250, {2, 0, 0}, "Ok: queued as 1"});
    return true;
  }
  bool handle(Session::ContentRefused& refused) {
    return note("message refused " + refused.reply.line()), true;
  }
  bool handle(Session::Reset&) { return note("reset"), true; }
  bool handle(Session::Verify& verify) {
    note("vrfy " + verify.text);
    return answer("vrfy", {252, {2, 0, 0}, verify.text}), true;
  }
  bool handle(Session::Etrn& etrn) {
    note("etrn " + etrn.text);
    return answer("etrn", {250, {2, 0, 0}, "Queuing started"}), true;
  }
  bool handle(Session::Xclient& xclient) {
    std::string text = "xclient";
    for (const auto& attribute : xclient.attributes) {
      text +=
          " " + attribute.name + "=" + attribute.value.value_or(attribute.temporary ? "(later)" : "(none)");
    }
    note(text);
    return answer("xclient", {220, {}, ""}), true;
  }
  bool handle(Session::Unknown& unknown) {
    note("unknown " + unknown.command);
    return answer("unknown", {502, {5, 5, 2}, "Error: command not recognized"}), true;
  }
  bool handle(Session::Pause& pause) { return note("pause " + std::to_string(pause.time.count())), true; }
  bool handle(Session::Close& close) {
    note("close " + close.reason);
    closed_ = true;
    return false;
  }

  Session session_;
  std::unique_ptr<SaslExchange> exchange_;
  std::map<std::string, std::deque<Reply>> answers_;
  std::string message_;
  bool closed_ = false;
};

void set(ServerSettings& settings, Session::Client& client, const std::string& name,
         const std::string& value) {
  const bool yes = value == "yes";
  const std::map<std::string, bool*> switches = {{"helo_required", &settings.helo_required},
                                                 {"strict_envelopes", &settings.strict_envelopes},
                                                 {"strict_smtputf8", &settings.strict_smtputf8},
                                                 {"smtputf8", &settings.smtputf8},
                                                 {"vrfy", &settings.vrfy},
                                                 {"soft_bounce", &settings.soft_bounce},
                                                 {"auth", &settings.auth},
                                                 {"tls_auth_only", &settings.tls_auth_only},
                                                 {"broken_auth_clients", &settings.broken_auth_clients},
                                                 {"tls_active", &client.tls},
                                                 {"xclient", &client.xclient},
                                                 {"ask_unknown", &client.ask_unknown}};
  const std::map<std::string, unsigned*> limits = {{"soft", &settings.soft_error_limit},
                                                   {"hard", &settings.hard_error_limit},
                                                   {"junk", &settings.junk_command_limit}};
  const std::map<std::string, std::size_t*> sizes = {{"line", &settings.line_limit},
                                                     {"recipients", &settings.recipient_limit},
                                                     {"overshoot", &settings.recipient_overshoot_limit}};
  if (const auto found = switches.find(name); found != switches.end()) {
    *found->second = yes;
  } else if (const auto limit = limits.find(name); limit != limits.end()) {
    *limit->second = static_cast<unsigned>(std::stoul(value));
  } else if (const auto size = sizes.find(name); size != sizes.end()) {
    *size->second = std::stoul(value);
  } else if (name == "size") {
    settings.message_size_limit = std::stoul(value);
  } else if (name == "lmtp") {
    settings.protocol = Protocol::lmtp;
  } else if (name == "tls") {
    settings.tls = value == "encrypt" ? ServerSettings::Tls::encrypt : ServerSettings::Tls::may;
  } else if (name == "discard") {
    client.discard.bits = static_cast<std::uint16_t>(client.discard.bits | EhloKeywords::bit(value));
  } else if (name == "noop") {
    settings.noop_commands.push_back(value);
  } else {
    ADD_FAILURE() << "no setting " << name;
  }
}

class Playback {
 public:
  Playback(const std::vector<Line>& lines, Cuts cuts, unsigned seed) : cuts_(cuts), random_(seed) {
    settings_.mechanisms = settings_.tls_mechanisms = {"PLAIN", "LOGIN"};
    settings_.hostname = "mail.example.com";
    settings_.banner = "mail.example.com ESMTP Hikyaku";
    for (const auto& line : lines) play(line);
    send();
    EXPECT_EQ(driver().output.substr(read_), "") << "left over at the end";
  }

 private:
  Driver& driver() {
    if (!driver_) driver_ = std::make_unique<Driver>(settings_, client_);
    return *driver_;
  }
  void send() {
    std::string_view left = waiting_;
    while (!left.empty()) {
      const auto size = cuts_ == Cuts::whole    ? left.size()
                        : cuts_ == Cuts::octets ? 1
                                                : std::min<std::size_t>(left.size(), 1 + random_() % 40);
      driver().feed(left.substr(0, size));
      left.remove_prefix(size);
    }
    waiting_.clear();
  }
  std::string next_line() {
    auto& output = driver().output;
    const auto end = output.find("\r\n", read_);
    if (end == std::string::npos) return "(nothing)";
    auto line = output.substr(read_, end - read_);
    read_ = end + 2;
    return line;
  }
  void play(const Line& line) {
    SCOPED_TRACE("line " + std::to_string(line.number) + ": " + line.text);
    if (line.kind == "C:") {
      waiting_ += line.text + "\r\n";
    } else if (line.kind == "C|") {
      waiting_ += unescaped(line.text);
    } else if (line.kind == "C*") {
      repeat(line.text);
    } else if (line.kind == "@") {
      direct(line.text);
    } else {
      send();
      expect(line);
    }
  }
  void expect(const Line& line) {
    if (line.kind == "S:") {
      EXPECT_EQ(next_line(), line.text);
    } else if (line.kind == "S~") {
      match(next_line(), line.text);
    } else if (line.kind == "E:") {
      expect_event(line.text);
    } else {
      ADD_FAILURE() << "no kind of line: " << line.kind;
    }
  }
  void repeat(const std::string& text) {
    std::istringstream in(text);
    int count = 0;
    std::string octets;
    in >> count >> octets;
    while (count-- > 0) waiting_ += unescaped(octets);
  }
  static void match(const std::string& line, const std::string& pattern) {
    EXPECT_TRUE(std::regex_match(line, std::regex(pattern))) << line;
  }
  void expect_event(const std::string& text) {
    const auto& events = driver().events;
    const auto found = std::find(events.begin() + static_cast<std::ptrdiff_t>(seen_), events.end(), text);
    std::string all;
    for (auto i = seen_; i < events.size(); ++i) all += "\n  " + events[i];
    ASSERT_NE(found, events.end()) << "events:" << all;
    seen_ = static_cast<std::size_t>(found - events.begin()) + 1;
  }
  void direct(const std::string& text) {
    std::istringstream in(text);
    std::string what, name, rest;
    in >> what >> name;
    std::getline(in >> std::ws, rest);
    if (what == "set") return set(settings_, client_, name, rest);
    if (what == "whole") return;
    send();
    if (what == "answer") return driver().answer_next(name, Reply::parse(rest).value());
    ASSERT_EQ(what, "nothing");
    EXPECT_EQ(next_line(), "(nothing)");
  }

  Cuts cuts_;
  std::minstd_rand random_;
  ServerSettings settings_;
  Session::Client client_;
  std::unique_ptr<Driver> driver_;
  std::string waiting_;
  std::size_t read_ = 0, seen_ = 0;
};

class Transcript : public testing::TestWithParam<std::filesystem::path> {};

TEST_P(Transcript, GivesTheSameInAnyCuts) { play_in_any_cuts<Playback>(GetParam()); }

std::vector<std::filesystem::path> these() {
  return transcripts(HIKYAKU_SOURCE_DIR "/tests/transcripts", {"smtp", "lmtp", "submission"});
}

INSTANTIATE_TEST_SUITE_P(, Transcript, testing::ValuesIn(these()),
                         [](const auto& row) { return row.param.stem().string(); });

TEST(Transcripts, AreMany) { EXPECT_GE(these().size(), 30U); }

}  // namespace
}  // namespace hikyaku::smtp
