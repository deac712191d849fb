// Runs the dialogues of tests/transcripts/pop3*.txt against a Pop3Session: whole groups of lines at once, one
// octet at a time, and in random cuts. The answer must be the same each time.
//
//   # text            the first one is the title
//   C: line           the client says line CR LF; lines in a row are sent together
//   C| octets         the same without CR LF; \r \n \0 \\ and \xHH are read
//   C* count octets   the octets so many times
//   S: line           the next line that the server says
//   E: event          this event is among those since the last E: (see Driver)
//   @ set NAME VALUE  a setting, before the first line; see set()
//   @ message UID OCTETS   a message of the mailbox, before the first line
//   @ refuse TEXT     the next login, reading or update is refused with this
//   @ cut UID SIZE    of this message only so many octets can be read
//   @ shut TEXT       the driver ends the talk
//   @ nothing         the server has said nothing more
//   @ whole           this dialogue makes no sense in cuts
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "access/pop3_session.h"
#include "base/escape.h"
#include "base/transcript.h"
#include "smtp/sasl.h"

namespace hikyaku::access {
namespace {

using namespace testing_support;

using Session = Pop3Session;

struct Mailbox {
  std::map<std::uint32_t, std::string> messages;
  std::map<std::uint32_t, std::uint64_t> cuts;
};

/// Answers the events as a hub whose only user is "username" with "password", and notes them.
class Driver {
 public:
  Driver(const Pop3Settings& settings, Session::Client client, const Mailbox& mailbox)
      : session_(settings, client), mailbox_(mailbox) {
    pump();
  }

  void feed(std::string_view octets) {
    if (closed_) return;
    session_.feed(octets);
    pump();
  }
  void shut(std::string_view text) {
    session_.shut_down(text, "shut down");
    pump();
  }

  std::string output, refusal;
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
  bool refused() {
    if (refusal.empty()) return false;
    session_.refuse(std::exchange(refusal, {}));
    return true;
  }

  bool handle(Session::NeedBytes&) { return false; }
  bool handle(Session::Send&) {
    EXPECT_TRUE(session_.has_output());
    output += session_.take_output();
    return true;
  }
  bool handle(Session::StartTls&) {
    note("starttls");
    output += session_.take_output();
    session_.tls_started();
    return true;
  }
  bool handle(Session::Auth& auth) {
    note("auth " + auth.mechanism + (auth.initial ? " with an initial response" : ""));
    exchange_ = smtp::make_password_exchange(auth.mechanism);
    return step(auth.initial);
  }
  bool handle(Session::AuthAnswer& answer) { return step(answer.octets); }
  bool handle(Session::AuthCancelled&) { return note("auth cancelled"), true; }
  bool step(std::optional<std::string_view> response) {
    using Exchange = smtp::SaslExchange;
    const auto step = exchange_->step(response);
    if (const auto* challenge = std::get_if<Exchange::Challenge>(&step)) {
      session_.challenge(challenge->octets);
    } else if (const auto* who = std::get_if<Exchange::Credentials>(&step)) {
      if (who->user == "username" && who->password == "password") {
        if (!refused()) session_.open(maildrop());
      } else {
        note("wrong " + escaped(who->user) + " " + escaped(who->password));
        session_.refuse("[AUTH] authentication failed");
      }
    } else {
      session_.refuse("malformed authentication message");
    }
    return true;
  }
  Maildrop maildrop() const {
    std::vector<Maildrop::Message> all;
    for (const auto& [uid, octets] : mailbox_.messages) all.push_back({uid, false, octets.size()});
    return {1795564100, std::move(all)};
  }
  bool handle(Session::Read& read) {
    EXPECT_GT(read.length, 0U);
    const auto& message = mailbox_.messages.at(read.uid);
    EXPECT_LE(read.offset + read.length, message.size());
    if (refused()) return true;
    const auto cut = mailbox_.cuts.find(read.uid);
    const auto there =
        std::string_view(message).substr(0, cut == mailbox_.cuts.end() ? message.size() : cut->second);
    session_.content(there.substr(std::min<std::size_t>(read.offset, there.size()), read.length));
    return true;
  }
  bool handle(Session::Update& update) {
    std::string text = "update";
    for (const auto uid : update.uids) text += " " + std::to_string(uid);
    note(text);
    if (!refused()) session_.updated();
    return true;
  }
  bool handle(Session::Close& close) {
    note("close " + close.reason);
    const auto& totals = session_.totals();
    note("retrieved " + std::to_string(totals.retrieved) + "/" + std::to_string(totals.retrieved_octets) +
         ", deleted " + std::to_string(totals.deleted) + "/" + std::to_string(session_.maildrop().size()));
    closed_ = true;
    return false;
  }

  Session session_;
  const Mailbox& mailbox_;
  std::unique_ptr<smtp::SaslExchange> exchange_;
  bool closed_ = false;
};

class Playback {
 public:
  Playback(const std::vector<Line>& lines, Cuts cuts, unsigned seed) : cuts_(cuts), random_(seed) {
    settings_.hostname = "mail.example.com";
    settings_.mechanisms = settings_.tls_mechanisms = {"PLAIN", "LOGIN"};
    for (const auto& line : lines) play(line);
    send();
    EXPECT_EQ(driver().output.substr(read_), "") << "left over at the end";
  }

 private:
  Driver& driver() {
    if (!driver_) driver_ = std::make_unique<Driver>(settings_, client_, mailbox_);
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
      std::istringstream in(line.text);
      int count = 0;
      std::string octets;
      in >> count >> octets;
      while (count-- > 0) waiting_ += unescaped(octets);
    } else if (line.kind == "@") {
      direct(line.text);
    } else {
      send();
      if (line.kind == "E:") return expect_event(line.text);
      ASSERT_EQ(line.kind, "S:");
      EXPECT_EQ(next_line(), line.text);
    }
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
    in >> what;
    if (what == "whole") return;
    if (what == "refuse" || what == "shut") {
      send();
      std::getline(in >> std::ws, rest);
      if (what == "refuse") driver().refusal = rest;
      if (what == "shut") driver().shut(rest);
      return;
    }
    if (what == "nothing") {
      send();
      EXPECT_EQ(next_line(), "(nothing)");
      return;
    }
    in >> name;
    std::getline(in >> std::ws, rest);
    if (what == "set") return set(name, rest);
    const auto uid = static_cast<std::uint32_t>(std::stoul(name));
    if (what == "cut") {
      mailbox_.cuts[uid] = std::stoul(rest);
    } else {
      ASSERT_EQ(what, "message");
      mailbox_.messages[uid] = unescaped(rest);
    }
  }
  void set(const std::string& name, const std::string& value) {
    const std::map<std::string, bool*> switches = {
        {"tls", &settings_.tls}, {"tls_auth_only", &settings_.tls_auth_only}, {"tls_active", &client_.tls}};
    const std::map<std::string, std::size_t*> sizes = {{"line", &settings_.line_limit},
                                                       {"auth_line", &settings_.auth_line_limit},
                                                       {"piece", &settings_.piece},
                                                       {"output", &settings_.output}};
    if (const auto found = switches.find(name); found != switches.end()) {
      *found->second = value == "yes";
    } else if (const auto size = sizes.find(name); size != sizes.end()) {
      *size->second = std::stoul(value);
    } else if (name == "errors") {
      settings_.error_limit = static_cast<unsigned>(std::stoul(value));
    } else {
      auto& list = name == "mechanisms" ? settings_.mechanisms : settings_.tls_mechanisms;
      ASSERT_TRUE(name == "mechanisms" || name == "tls_mechanisms") << "no setting " << name;
      std::istringstream words(value);
      list.assign(std::istream_iterator<std::string>(words), {});
    }
  }

  Cuts cuts_;
  std::minstd_rand random_;
  Pop3Settings settings_;
  Session::Client client_;
  Mailbox mailbox_;
  std::unique_ptr<Driver> driver_;
  std::string waiting_;
  std::size_t read_ = 0, seen_ = 0;
};

class Pop3Transcript : public testing::TestWithParam<std::filesystem::path> {};

TEST_P(Pop3Transcript, GivesTheSameInAnyCuts) { play_in_any_cuts<Playback>(GetParam()); }

std::vector<std::filesystem::path> these() {
  return transcripts(HIKYAKU_SOURCE_DIR "/tests/transcripts", {"pop3"});
}

INSTANTIATE_TEST_SUITE_P(, Pop3Transcript, testing::ValuesIn(these()),
                         [](const auto& row) { return row.param.stem().string(); });

TEST(Pop3Transcripts, AreMany) { EXPECT_GE(these().size(), 15U); }

}  // namespace
}  // namespace hikyaku::access
