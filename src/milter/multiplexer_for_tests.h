#pragma once
// For tests only: an MTA (our client end) and filters (our filter end) around a multiplexer, without sockets.
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "milter/client_session.h"
#include "milter/filter_session.h"
#include "milter/multiplexer.h"

namespace hikyaku::milter::testing_support {

/// A file that is a string.
class SpoolInMemory : public MessageSpool {
 public:
  Result<void> append(std::string_view octets) override {
    if (full) return fail(Fault::temporary, "no space left");
    file += octets;
    most = std::max(most, file.size());
    return {};
  }
  Result<std::string> read(std::uint64_t offset, std::size_t size) override {
    if (broken) return fail(Fault::temporary, "input/output error");
    return file.substr(static_cast<std::size_t>(offset), size);
  }
  void clear() override { file.clear(); }
  std::string file;
  std::size_t most = 0;
  bool full = false, broken = false;
};

/// A filter that does what `act` says, and continues where that does not answer.
class ScriptedFilter {
 public:
  using Session = FilterSession;
  using Act = std::function<void(Session&, const Session::Event&)>;
  enum class Way : unsigned char { answers, hangs, refuses_connection, raw };

  Wishes wishes;
  Act act = [](Session&, const Session::Event&) {};
  Way way = Way::answers;
  /// As libmilter does: after a decision on a message nothing of it is answered any more.
  bool deaf_after_decision = false;
  std::string raw;  ///< sent instead of the answer to the next event
  std::vector<std::string> heard;
  int connections = 0;

  void connect() {
    ++connections;
    decided_ = deaf_ = false;
    session_.emplace(settings_);
    open = true;
  }
  /// What it says to these octets.
  std::string feed(std::string_view octets) {
    if (!session_) return {};
    session_->feed(octets);
    return go_on();
  }
  std::string go_on() {
    if (session_ && way != Way::hangs && std::exchange(owes_, false))
      session_->answer(Session::Answer::go_on);
    std::string said;
    while (session_ && open && way != Way::hangs) {
      const auto event = session_->next();
      if (std::holds_alternative<Session::NeedBytes>(event)) break;
      handle(event);
      auto answer = session_->take_output();
      if (!deaf_) said += answer;
      deaf_ = deaf_after_decision && decided_;
      if (way == Way::raw && !std::holds_alternative<Session::Negotiate>(event)) {
        way = Way::hangs;
        return raw;
      }
    }
    return session_ ? said + session_->take_output() : said;
  }
  Session& session() { return *session_; }
  bool open = false;

 private:
  void handle(const Session::Event& event) {
    using S = Session;
    if (std::holds_alternative<S::Negotiate>(event)) {
      EXPECT_TRUE(session_->negotiate(wishes));
      return;
    }
    heard.push_back(text(event));
    if (std::holds_alternative<S::Mail>(event)) decided_ = deaf_ = false;
    if (std::holds_alternative<S::Close>(event)) open = false;
    if (std::holds_alternative<S::Close>(event) || std::holds_alternative<S::Abort>(event)) return;
    act(*session_, event);
    owes_ = way == Way::hangs;
    const bool of_content = std::holds_alternative<S::Header>(event) ||
                            std::holds_alternative<S::Body>(event) ||
                            std::holds_alternative<S::EndOfHeaders>(event);
    if (!owes_ && !session_->answer(S::Answer::go_on) && of_content) decided_ = true;  // it has answered
  }
  static std::string path(std::string_view word, std::string_view path,
                          const std::vector<std::string>& rest) {
    std::string out(word);
    out += ' ';
    out += path;
    for (const auto& one : rest) out += ' ' + one;
    return out;
  }
  static std::string text(const Session::Event& event) {
    using S = Session;
    if (const auto* one = std::get_if<S::Connect>(&event)) return "connect " + one->name;
    if (const auto* one = std::get_if<S::Helo>(&event)) return "helo " + one->name;
    if (const auto* one = std::get_if<S::Mail>(&event)) return path("mail", one->path, one->parameters);
    if (const auto* one = std::get_if<S::Rcpt>(&event))
      return path(one->rejected ? "rejected" : "rcpt", one->path, one->parameters);
    if (std::holds_alternative<S::Data>(event)) return "data";
    if (const auto* one = std::get_if<S::Unknown>(&event)) return "unknown " + one->command;
    if (const auto* one = std::get_if<S::Header>(&event)) return one->header.name + ':' + one->header.value;
    if (std::holds_alternative<S::EndOfHeaders>(event)) return "eoh";
    if (const auto* one = std::get_if<S::Body>(&event))
      return "body " +
             (one->octets.size() > 100 ? std::to_string(one->octets.size()) : std::string(one->octets));
    if (std::holds_alternative<S::EndOfMessage>(event)) return "eom";
    if (std::holds_alternative<S::Abort>(event)) return "abort";
    const auto* close = std::get_if<S::Close>(&event);
    return close != nullptr ? "close " + close->reason : "new connection";
  }

  Session::Settings settings_;
  std::optional<Session> session_;
  bool owes_ = false;  // an answer
  bool decided_ = false, deaf_ = false;
};

/// The multiplexer between an MTA and filters.
class Rig {
 public:
  explicit Rig(
      std::size_t count, const std::function<void(Rig&)>& prepare = [](Rig&) {})
      : filters(count) {
    for (std::size_t i = 0; i < count; ++i)
      settings.children.push_back({.name = "f" + std::to_string(i), .tell_ahead = false});
    prepare(*this);
    mux = std::make_unique<Multiplexer>(settings, spool);
    mta = std::make_unique<ClientSession>(mta_settings);
    const auto verdict = hear();
    EXPECT_EQ(verdict.failure, "");
  }

  using Verdict = ClientSession::Verdict;
  /// Until the MTA's event is answered, or all wait.
  Verdict hear() {
    for (;;) {
      auto event = mta->next();
      if (auto* edit = std::get_if<Edit>(&event)) {
        edits.push_back(*edit);
      } else if (auto* verdict = std::get_if<Verdict>(&event)) {
        if (!gathers) run();
        waits = false;
        return *verdict;
      } else {
        progress += std::get<ClientSession::NeedBytes>(event).renewed ? 1 : 0;
        if (!run()) {
          waits = true;
          return {};
        }
      }
    }
  }
  Verdict connect() { return mta->connect("mx.example", kClientAddress, macros), hear(); }
  Verdict helo() { return mta->helo("mx.example", macros), hear(); }
  Verdict mail(const std::vector<std::string>& parameters = {}) {
    return mta->mail("<a@a.example>", parameters, macros), hear();
  }
  Verdict rcpt(std::string_view path = "<b@b.example>", const std::vector<std::string>& parameters = {}) {
    return mta->rcpt(path, parameters, ClientSession::Recipient::accepted, macros), hear();
  }
  Verdict data() { return mta->data(macros), hear(); }
  Verdict header(std::string_view text) { return mta->header(text, macros), hear(); }
  Verdict end_of_headers() { return mta->end_of_headers(macros), hear(); }
  Verdict body(std::string_view octets) {
    while (!octets.empty()) {
      octets.remove_prefix(mta->body(octets, macros));
      if (auto verdict = hear(); verdict != Verdict{} || waits) return verdict;
      if (!mta->active()) break;
    }
    return {};
  }
  Verdict end_of_message() { return edits.clear(), mta->end_of_message(macros), hear(); }
  void envelope() { connect(), helo(), mail(), rcpt(), data(); }
  /// A whole message; the first answer that is not "continue" ends it.
  Verdict message() {
    envelope();
    return content();
  }
  Verdict content() {
    if (auto verdict = header("Subject: x"); verdict != Verdict{}) return verdict;
    if (auto verdict = end_of_headers(); verdict != Verdict{}) return verdict;
    if (auto verdict = body("text\r\n"); verdict != Verdict{}) return verdict;
    return end_of_message();
  }
  void abort() { mta->abort(), run(); }
  void quit() { mta->quit(), run(); }

  void pass(std::chrono::milliseconds time) { now += time; }
  /// Whether anything moved.
  bool run() {
    bool any = false;
    for (bool moved = true; moved;) {
      moved = step();
      any = any || moved;
    }
    return any;
  }

  static inline const ClientAddress kClientAddress{ClientAddress::Family::inet, 2525, "192.0.2.1"};
  Multiplexer::Settings settings;
  ClientSession::Settings mta_settings;
  SpoolInMemory spool;
  std::vector<ScriptedFilter> filters;
  std::unique_ptr<Multiplexer> mux;
  std::unique_ptr<ClientSession> mta;
  MacroTable macros;
  std::vector<Edit> edits;
  std::vector<MultiplexerReport> reports;
  std::function<void(const Multiplexer::Decide&)> decide = [](const auto&) {};
  Multiplexer::NeedOctets need;
  Multiplexer::Moment now{};
  std::optional<std::string> ended;
  bool waits = false;
  bool gathers = false;  ///< the MTA sends what is not answered with what follows
  int progress = 0;

  const ChildReport& child(std::size_t number) const { return reports.back().children.at(number); }

 private:
  bool step() {
    bool moved = events();
    if (const auto said = mta->take_output(); !said.head.empty() || !said.body.empty()) {
      mux->feed_parent(said.head);
      mux->feed_parent(said.body);
      moved = true;
    }
    if (const auto said = mux->take_parent_output(); !said.empty()) mta->feed(said), moved = true;
    for (std::size_t i = 0; i < filters.size(); ++i) {
      const auto told = mux->take_output(i);
      const auto said = told.empty() ? filters[i].go_on() : filters[i].feed(told);
      if (!said.empty()) mux->feed_child(i, said);
      moved = moved || !told.empty() || !said.empty();
    }
    return moved;
  }
  bool events() {
    for (bool moved = false;; moved = true) {
      auto event = mux->next(now);
      if (const auto* wanted = std::get_if<Multiplexer::NeedOctets>(&event)) {
        need = *wanted;
        return moved;
      }
      if (const auto* end = std::get_if<Multiplexer::End>(&event)) {
        ended = end->reason;
        return moved;
      }
      if (const auto* connect = std::get_if<Multiplexer::Connect>(&event)) {
        auto& filter = filters[connect->child];
        if (filter.way == ScriptedFilter::Way::refuses_connection) {
          mux->connection_failed(connect->child, "connection refused");
        } else {
          EXPECT_FALSE(filter.open) << "it was not left before";
          filter.connect();
          mux->connected(connect->child);
        }
      } else if (const auto* left = std::get_if<Multiplexer::Disconnect>(&event)) {
        filters[left->child].feed(left->farewell);
        filters[left->child].open = false;
      } else if (const auto* asked = std::get_if<Multiplexer::Decide>(&event)) {
        decide(*asked);
        mux->decided();
      } else {
        reports.push_back(std::get<MultiplexerReport>(std::move(event)));
      }
    }
  }
};

}  // namespace hikyaku::milter::testing_support
