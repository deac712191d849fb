// Runs the dialogues of tests/transcripts/client_*.txt against a ClientSession, with the server's lines
// whole, one octet at a time, and in random cuts.
//
//   S: line           the server says line CR LF; lines in a row come together
//   S| octets         the same without CR LF; \r \n \0 and \xHH are read
//   C: line           the next line that the client says
//   E: event          the next event (see Driver::note)
//   @ set NAME VALUE  an option, before the first line
//   @ send SENDER RECIPIENT... [key=value...]   a transaction: size= eight_bit= smtputf8= envid= ret=; a
//   recipient
//                     may have ",success" behind it (NOTIFY=SUCCESS)
//   @ content OCTETS  written when SendContent comes
//   @ stop TEXT       content_failed() at the next SendContent
//   @ login NAME PASSWORD, @ quit, @ lost TEXT
//   @ nothing         the client has said nothing more
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "base/escape.h"
#include "base/transcript.h"
#include "smtp/client_session.h"
#include "smtp/data_encoder.h"
#include "smtp/sasl.h"

namespace hikyaku::smtp {
namespace {

using namespace testing_support;

using Session = ClientSession;

std::string_view kind_text(Session::Outcome::Kind kind) {
  switch (kind) {
    case Session::Outcome::Kind::delivered:
      return "delivered";
    case Session::Outcome::Kind::temporary:
      return "temporary";
    case Session::Outcome::Kind::permanent:
      return "permanent";
    case Session::Outcome::Kind::lost_before_end:
      return "lost before the end";
    case Session::Outcome::Kind::lost_after_end:
      return "lost after the end";
  }
  return "?";
}

class Driver {
 public:
  explicit Driver(Session::Options options) : session(std::move(options)) { pump(); }

  void feed(std::string_view octets) {
    if (closed_) return;
    session.feed(octets);
    pump();
  }
  void pump() {
    for (bool more = !closed_; more;) {
      auto event = session.next();
      more = std::visit([this](auto& one) { return handle(one); }, event);
    }
    output += session.take_output();
  }

  Session session;
  std::string output, user, password, content, stop;
  std::vector<std::string> events;

 private:
  void note(std::string text) { events.push_back(std::move(text)); }

  bool handle(Session::NeedBytes&) { return false; }
  bool handle(Session::StartTls&) {
    note("starttls");
    output += session.take_output();
    session.tls_started();
    return true;
  }
  bool handle(Session::NeedAuth& auth) {
    std::string text = "need auth";
    for (const auto& mechanism : auth.mechanisms) text += " " + mechanism;
    note(text);
    for (const auto& mechanism : auth.mechanisms) {
      sasl_ = make_password_client(mechanism, user, password);
      if (!sasl_) continue;
      const auto initial = sasl_->initial();
      session.auth(sasl_->mechanism(), initial ? std::optional<std::string_view>(*initial) : std::nullopt);
      return true;
    }
    session.without_auth();
    return true;
  }
  bool handle(Session::AuthChallenge& challenge) {
    note("challenge " + challenge.octets);
    const auto answer = sasl_->answer(challenge.octets);
    if (answer) {
      session.auth_answer(*answer);
    } else {
      session.auth_cancel();
    }
    return true;
  }
  bool handle(Session::Authenticated&) { return note("authenticated"), true; }
  bool handle(Session::Ready&) { return note("ready"), true; }
  bool handle(Session::SendContent&) {
    note("content");
    output += session.take_output();
    if (!stop.empty()) {
      session.content_failed(stop);
      return true;
    }
    DataEncoder encoder;
    const auto sink = [this](std::string_view piece) { output += piece; };
    encoder.encode(content, sink);
    encoder.finish(sink);
    session.content_sent();
    return true;
  }
  bool handle(Session::Finished& finished) {
    for (const auto& one : finished.recipients) {
      note(std::string(one.from_server ? "server " : "we ") + std::string(kind_text(one.kind)) + " " +
           one.reply.line());
    }
    return note("finished"), true;
  }
  bool handle(Session::Failed& failed) {
    closed_ = true;
    note("failed " + std::string(failed.attack ? "attack " : "") + std::string(kind_text(failed.kind)) + " " +
         failed.reply.line());
    return false;
  }
  bool handle(Session::Closed&) {
    closed_ = true;
    return note("closed"), false;
  }

  std::unique_ptr<SaslClient> sasl_;
  bool closed_ = false;
};

class Playback {
 public:
  Playback(const std::vector<Line>& lines, Cuts cuts, unsigned seed) : cuts_(cuts), random_(seed) {
    options_.helo_name = "client.example";
    for (const auto& line : lines) play(line);
    send();
    EXPECT_EQ(driver().output.substr(read_), "") << "left over at the end";
    EXPECT_EQ(seen_, driver().events.size())
        << "events left over, first: " << driver().events[std::min(seen_, driver().events.size() - 1)];
  }

 private:
  Driver& driver() {
    if (!driver_) driver_ = std::make_unique<Driver>(options_);
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
    const auto& output = driver().output;
    const auto end = output.find("\r\n", read_);
    if (end == std::string::npos) return "(nothing)";
    auto line = output.substr(read_, end - read_);
    read_ = end + 2;
    return line;
  }
  void play(const Line& line) {
    SCOPED_TRACE("line " + std::to_string(line.number) + ": " + line.text);
    if (line.kind == "S:") {
      waiting_ += line.text + "\r\n";
    } else if (line.kind == "S|") {
      waiting_ += unescaped(line.text);
    } else if (line.kind == "C:") {
      send();
      EXPECT_EQ(next_line(), line.text);
    } else if (line.kind == "E:") {
      send();
      const auto& events = driver().events;
      EXPECT_EQ(seen_ < events.size() ? events[seen_] : "(none)", line.text);
      ++seen_;
    } else {
      direct(line.text);
    }
  }
  void direct(const std::string& text) {
    std::istringstream in(text);
    std::string what;
    in >> what;
    if (what == "set") {
      std::string name, value;
      in >> name >> value;
      return set(name, value);
    }
    if (what == "whole") return;
    send();
    std::string rest;
    if (what == "send") {
      begin(in);
    } else if (what == "login") {
      in >> driver().user >> driver().password;
    } else if (what == "quit") {
      driver().session.quit();
    } else if (what == "nothing") {
      EXPECT_EQ(next_line(), "(nothing)");
    } else {
      std::getline(in >> std::ws, rest);
      if (what == "content") driver().content = unescaped(rest);
      if (what == "stop") driver().stop = rest;
      if (what == "lost") driver().session.connection_lost(rest);
    }
    driver().pump();
  }
  void set(const std::string& name, const std::string& value) {
    if (name == "lmtp") options_.protocol = Protocol::lmtp;
    if (name == "tls")
      options_.tls =
          value == "required" ? Session::Options::Tls::required : Session::Options::Tls::when_offered;
    if (name == "auth") options_.auth = true;
    if (name == "pipelining") options_.pipelining = value == "yes";
    if (name == "quote") options_.quote_envelope = value == "yes";
    if (name == "skip_5xx") options_.skip_5xx_greeting = value == "yes";
    if (name == "wait_for_quit") options_.wait_for_quit = value == "yes";
    if (name == "loop") options_.loop_name = value;
  }
  void begin(std::istringstream& in) {
    Session::Transaction transaction;
    std::string word;
    in >> word;
    transaction.sender = mail::Address::from_internal(word == "<>" ? "" : word).value();
    while (in >> word) {
      const auto equals = word.find('=');
      const auto key = word.substr(0, equals);
      const auto value = equals == std::string::npos ? "" : word.substr(equals + 1);
      if (key == "size") {
        transaction.size = std::stoul(value);
      } else if (key == "eight_bit") {
        transaction.eight_bit = true;
      } else if (key == "smtputf8") {
        transaction.smtputf8 = true;
      } else if (key == "envid") {
        transaction.envid = value;
      } else if (key == "ret") {
        transaction.ret = mail::DsnReturn::headers;
      } else {
        const bool success = word.ends_with(",success");
        if (success) word.resize(word.size() - 8);
        Session::Recipient recipient{mail::Address::from_internal(word).value()};
        if (success) recipient.parameters.notify.bits = mail::Notify::kSuccess;
        transaction.recipients.push_back(recipient);
      }
    }
    driver().session.send(std::move(transaction));
  }

  Cuts cuts_;
  std::minstd_rand random_;
  Session::Options options_;
  std::unique_ptr<Driver> driver_;
  std::string waiting_;
  std::size_t read_ = 0, seen_ = 0;
};

class ClientTranscript : public testing::TestWithParam<std::filesystem::path> {};

TEST_P(ClientTranscript, GivesTheSameInAnyCuts) { play_in_any_cuts<Playback>(GetParam()); }

std::vector<std::filesystem::path> these() {
  return transcripts(HIKYAKU_SOURCE_DIR "/tests/transcripts", {"client_"});
}

INSTANTIATE_TEST_SUITE_P(, ClientTranscript, testing::ValuesIn(these()),
                         [](const auto& row) { return row.param.stem().string(); });

}  // namespace
}  // namespace hikyaku::smtp
