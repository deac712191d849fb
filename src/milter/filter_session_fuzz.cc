#include "milter/filter_session.h"

#include <cstdint>
#include <cstdlib>
#include <string>

// A hostile MTA: whatever it says, the talk goes on or ends for good, what is sent is packets, and no more of
// them than it asked for. The first octets choose what is agreed on, the answers and the cuts.
namespace {

using namespace hikyaku::milter;
using Session = FilterSession;

void check(bool holds) {
  if (!holds) std::abort();
}

class Filter {
 public:
  Filter(const Session::Settings& settings, Wishes wishes, std::uint8_t moods)
      : wishes_(std::move(wishes)), session_(settings), moods_(moods) {}

  bool feed(std::string_view octets) {
    session_.feed(octets);
    for (;;) {
      auto event = session_.next();
      if (std::holds_alternative<Session::NeedBytes>(event)) break;
      std::visit([this](const auto& one) { handle(one); }, event);
      if (closed_) break;
    }
    take();
    return !closed_;
  }
  void check_closed() {
    session_.feed("anything");
    check(std::holds_alternative<Session::Close>(session_.next()));
    check(!session_.answer(Session::Answer::go_on) && !session_.edit(AddHeader{"X", "y"}) &&
          !session_.has_output());
  }

 private:
  void take() {
    PacketReader reader;
    reader.feed(session_.take_output());
    std::size_t finals = 0;
    for (;;) {
      const auto packet = reader.next();
      check(packet.has_value());
      if (!*packet) break;
      const auto response = response_of((*packet)->kind);
      check(response.has_value());
      if (!is_edit(*response) && *response != Response::progress) ++finals;
    }
    check(reader.pending() == 0 && finals <= events_);
    events_ = 0;
  }
  void answer() {
    check(negotiated_);
    ++events_;
    moods_ = static_cast<std::uint8_t>(moods_ * 5 + 1);
    session_.macro("i");
    session_.progress();
    session_.edit(Quarantine{"why"});
    session_.edit(AddHeader{"X", "y"});
    switch (moods_ % 8) {
      case 0:
        session_.answer(SmtpReply{451, "4.7.1", "100%\nlater"});
        break;
      case 1:
        break;  // forgotten
      case 2:
        session_.answer(Session::Answer::skip);
        break;
      case 3:
        session_.answer(Session::Answer::reject);
        break;
      default:
        session_.answer(Session::Answer::go_on);
    }
  }
  void handle(const Session::NeedBytes&) {}
  void handle(const Session::Negotiate&) {
    check(!negotiated_);
    negotiated_ = session_.negotiate(wishes_).has_value();
    ++events_;
  }
  void handle(const Session::Abort&) { check(!session_.answer(Session::Answer::go_on)); }
  void handle(const Session::NewConnection&) { check(!session_.macro("j")); }
  void handle(const Session::Close&) { closed_ = true; }
  template <class Event>
  void handle(const Event&) {
    answer();
  }

  Wishes wishes_;
  Session session_;
  std::size_t events_ = 0;
  std::uint8_t moods_;
  bool negotiated_ = false, closed_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3) return 0;
  Session::Settings settings;
  settings.packet = 1000;
  settings.macros = 200;
  Wishes wishes;
  wishes.actions = (data[0] & 1) != 0 ? action::add_headers | action::quarantine : 0;
  wishes.steps = (data[0] & 2) != 0 ? step::all & ~step::no_mail : 0;
  Filter filter(settings, wishes, data[1]);
  std::string_view left(reinterpret_cast<const char*>(data + 3), size - 3);
  const std::size_t cut = data[2] == 0 ? left.size() : data[2];
  bool open = true;
  while (open && !left.empty()) {
    open = filter.feed(left.substr(0, cut));
    left.remove_prefix(std::min(cut, left.size()));
  }
  if (!open) filter.check_closed();
  return 0;
}
