// milter_load SOCKET SESSIONS COUNT SIZE [hold|rcpt]: an MTA's end that speaks to the filter at the Unix
// socket SOCKET in SESSIONS sessions at a time, COUNT in all, each a connection with one message of SIZE
// octets. Prints one JSON object: sessions a second, what failed, and how long a session took. With "hold"
// each session stops before its end of message until all have come so far and a line comes on standard input
// ("held" is printed before): the memory of so many open sessions can then be read. With "rcpt" a session is
// one recipient of a sender of its own, taken or refused, and what is timed is the answer to it alone: what a
// greylisting filter adds to a client's wait.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <latch>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "milter/client_session.h"

namespace {

using namespace hikyaku::milter;
using Clock = std::chrono::steady_clock;

struct Load {
  sockaddr_un filter{};
  std::string body;
  std::latch* held = nullptr;  // counts down by each session that is open
  std::latch* go_on = nullptr;
  bool recipient_alone = false;
};

class Session {
 public:
  Session(const Load& load, int number)
      : load_(load), number_(number), socket_(::socket(AF_UNIX, SOCK_STREAM, 0)), session_(settings_) {}
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session() { ::close(socket_); }

  /// How long the recipient took to be answered, in ms.
  double decision() const { return decision_; }
  /// Empty, or what went wrong.
  std::string run() {
    auto failure = talk();
    if (failure.empty()) {
      session_.quit();
      send();
    }
    return failure;
  }

 private:
  std::string talk() {
    if (::connect(socket_, reinterpret_cast<const sockaddr*>(&load_.filter), sizeof load_.filter) != 0)
      return std::string("connect: ") + std::strerror(errno);
    if (!passes()) return failure_;
    MacroTable macros;
    macros.set("j", "hub.example");
    macros.set("_", "mx.example [192.0.2.1]");
    session_.connect("mx.example", {ClientAddress::Family::inet, 2525, "192.0.2.1"}, macros);
    if (!passes()) return failure_;
    session_.helo("mx.example", macros);
    if (!passes()) return failure_;
    macros.sender("a@a.example", "a.example", "smtp");
    const auto sender =
        load_.recipient_alone ? "<a" + std::to_string(number_) + "@a.example>" : "<a@a.example>";
    session_.mail(sender, {}, macros);
    if (!passes()) return failure_;
    macros.recipient("b@b.example", "b.example", "smtp");
    const auto asked = Clock::now();
    session_.rcpt("<b@b.example>", {}, ClientSession::Recipient::accepted, macros);
    const bool taken = passes();
    decision_ = std::chrono::duration<double, std::milli>(Clock::now() - asked).count();
    if (load_.recipient_alone) return refused_ ? "" : failure_;
    if (!taken) return failure_;
    macros.accepted_recipient("4QABC");
    session_.data(macros);
    if (!passes()) return failure_;
    for (const auto* header :
         {"From: a@a.example", "To: b@b.example", "Subject: load", "Date: Mon, 2 Nov 2026 10:00:00 +0000"}) {
      session_.header(header, macros);
      if (!passes()) return failure_;
    }
    session_.end_of_headers(macros);
    if (!passes()) return failure_;
    for (std::string_view rest = load_.body; !rest.empty() && session_.active();) {
      rest.remove_prefix(session_.body(rest, macros));
      if (!send()) return std::strerror(errno);
      if (!passes()) return failure_;
    }
    if (load_.held != nullptr) {
      load_.held->count_down();
      load_.go_on->wait();
    }
    session_.end_of_message(macros);
    return passes() ? "" : failure_;
  }

  bool send() {
    const auto output = session_.take_output();
    for (std::string_view part : {std::string_view(output.head), output.body}) {
      while (!part.empty()) {
        const auto size = ::send(socket_, part.data(), part.size(), MSG_NOSIGNAL);
        if (size <= 0) return false;
        part.remove_prefix(static_cast<std::size_t>(size));
      }
    }
    return true;
  }

  bool passes() {
    for (;;) {
      auto event = session_.next();
      if (const auto* verdict = std::get_if<ClientSession::Verdict>(&event)) {
        if (!verdict->failure.empty())
          failure_ = verdict->failure;
        else if (verdict->kind == ClientSession::Verdict::Kind::reply)
          failure_ = verdict->reply.line(), refused_ = true;
        return failure_.empty();
      }
      if (!std::holds_alternative<ClientSession::NeedBytes>(event)) continue;
      // As MTAs do: what waits for no reply goes with what follows.
      if (!send()) {
        session_.connection_lost(std::strerror(errno));
        continue;
      }
      char octets[16384];
      const auto size = ::recv(socket_, octets, sizeof octets, 0);
      if (size > 0)
        session_.feed({octets, static_cast<std::size_t>(size)});
      else
        session_.connection_lost(size == 0 ? "the filter closed" : std::strerror(errno));
    }
  }

  const Load& load_;
  const int number_;
  int socket_;
  const ClientSession::Settings settings_;
  ClientSession session_;
  std::string failure_;
  double decision_ = 0;
  bool refused_ = false;
};

}  // namespace

int main(int count, char** words) {
  if (count < 5 || count > 6) {
    std::fprintf(stderr, "usage: milter_load SOCKET SESSIONS COUNT SIZE [hold|rcpt]\n");
    return 64;
  }
  Load load;
  load.filter.sun_family = AF_UNIX;
  if (std::strlen(words[1]) >= sizeof load.filter.sun_path) {
    std::fprintf(stderr, "the path %s is too long for a socket\n", words[1]);
    return 64;
  }
  std::strcpy(load.filter.sun_path, words[1]);
  const int sessions = std::atoi(words[2]), messages = std::atoi(words[3]);
  if (sessions < 1 || messages < sessions) {
    std::fprintf(stderr, "at least one session, and a message each\n");
    return 64;
  }
  while (load.body.size() < static_cast<std::size_t>(std::atoll(words[4])))
    load.body += "a line of a message that is passed on and looked at by filters, 72 long\r\n";
  std::latch held(sessions), go_on(1);
  load.recipient_alone = count == 6 && std::strcmp(words[5], "rcpt") == 0;
  if (count == 6 && !load.recipient_alone) load.held = &held, load.go_on = &go_on;

  std::mutex adding;
  std::vector<double> times;
  std::string failure;
  int failures = 0, left = messages;
  const auto work = [&] {
    for (;;) {
      int number = 0;
      {
        const std::lock_guard lock(adding);
        if (left == 0) return;
        number = left--;
      }
      const auto began = Clock::now();
      Session session(load, number);
      auto wrong = session.run();
      const double whole = std::chrono::duration<double, std::milli>(Clock::now() - began).count();
      const double took = load.recipient_alone ? session.decision() : whole;
      const std::lock_guard lock(adding);
      times.push_back(took);
      if (wrong.empty()) continue;
      ++failures;
      failure = std::move(wrong);
      // One that could not come so far must not keep the others waiting.
      if (load.held != nullptr && !held.try_wait()) held.count_down();
    }
  };
  const auto began = Clock::now();
  std::vector<std::jthread> threads;
  for (int number = 0; number < sessions; ++number) threads.emplace_back(work);
  if (load.held != nullptr) {
    held.wait();
    std::puts("held");
    std::fflush(stdout);
    static_cast<void>(std::getchar());
    go_on.count_down();
  }
  threads.clear();
  const double seconds = std::chrono::duration<double>(Clock::now() - began).count();
  std::ranges::sort(times);
  const auto at = [&](double share) {
    return times[static_cast<std::size_t>(share * static_cast<double>(times.size() - 1))];
  };
  std::printf("{\"sessions_per_second\": %.1f, \"failures\": %d, \"p50_ms\": %.3f, \"p99_ms\": %.3f}\n",
              messages / seconds, failures, at(0.5), at(0.99));
  if (failures != 0) std::fprintf(stderr, "the last failure: %s\n", failure.c_str());
  return failures == 0 ? 0 : 1;
}
