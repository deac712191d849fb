#include "milter/client_session.h"

#include <cstdint>
#include <cstdlib>
#include <string>

// A hostile filter: whatever it says, each event of a whole connection gets its verdict, what is sent is
// packets, and nothing grows past its bound. The first octets choose the settings and the cuts.
namespace {

using namespace hikyaku::milter;
using Session = ClientSession;

void check(bool holds) {
  if (!holds) std::abort();
}

class Mta {
 public:
  Mta(const Session::Settings& settings, bool ahead, std::string_view filter, std::size_t cut)
      : settings_(settings), session_(settings), filter_(filter), cut_(cut) {
    if (ahead) session_.tell_ahead({true, true, true, true});
  }

  void run() {
    answer();
    MacroTable macros;
    macros.set("j", "hub");
    macros.set("i", "4Q");
    session_.connect("", {ClientAddress::Family::inet, 25, "192.0.2.1"}, macros), answer();
    session_.helo("mx", macros), answer();
    for (int message = 0; message < 3; ++message) {
      edits_ = 0;
      const std::vector<std::string> parameters{"SIZE=1"};
      session_.mail("<a@a>", parameters, macros), answer();
      session_.rcpt("<b@b>", {}, Session::Recipient::rejected, macros), answer();
      session_.rcpt("<c@c>", {}, Session::Recipient::accepted, macros), answer();
      session_.unknown("FOO", macros), answer();
      session_.data(macros), answer();
      session_.header("A:  b\r\n c", macros), answer();
      session_.header("A: b", macros), answer();
      session_.end_of_headers(macros), answer();
      for (int chunk = 0; chunk < 2; ++chunk) {
        const auto behind = message + chunk == 2 ? Session::Behind::nothing : Session::Behind::unknown;
        check(session_.body("body\r\n", macros, behind) == 6);
        answer();
      }
      session_.end_of_message(macros), answer();
      check(!session_.may_speak());
      if (message == 1) session_.abort();
    }
    session_.quit();
    take();
    check(!session_.has_output());
  }

 private:
  void take() {
    auto output = session_.take_output();
    PacketReader reader;
    reader.feed(output.head.append(output.body));
    for (;;) {
      const auto packet = reader.next();
      check(packet.has_value());
      if (!*packet) break;
      check(command_of((*packet)->kind).has_value());
      check((*packet)->data.size() <= kDataSize);
    }
    check(reader.pending() == 0);
  }
  void answer() {
    for (;;) {
      auto event = session_.next();
      take();
      if (auto* edit = std::get_if<Edit>(&event)) {
        check(!failed_);
        if (!std::holds_alternative<ReplaceBody>(*edit)) edits_ += octets(*edit);
        check(edits_ <= settings_.limits.edit_octets);
        continue;
      }
      if (auto* verdict = std::get_if<Session::Verdict>(&event)) return check_verdict(*verdict);
      if (filter_.empty()) {
        (cut_ & 1) != 0 ? session_.timed_out() : session_.connection_lost("closed");
        continue;
      }
      session_.feed(filter_.substr(0, cut_));
      filter_.remove_prefix(std::min(cut_, filter_.size()));
    }
  }
  void check_verdict(const Session::Verdict& verdict) {
    using Kind = Session::Verdict::Kind;
    check(!failed_ || !verdict.failure.empty());
    failed_ = failed_ || !verdict.failure.empty();
    const bool has_reply = verdict.kind == Kind::reply || verdict.kind == Kind::shutdown;
    check(has_reply == (verdict.reply.code != 0));
    check(!has_reply || (verdict.reply.code >= 400 && verdict.reply.code < 600));
    check(verdict.kind != Kind::shutdown || verdict.reply.code == 421);
    check(session_.notes().size() <= 20);
  }

  const Session::Settings& settings_;
  Session session_;
  std::string_view filter_;
  std::size_t cut_, edits_ = 0;
  bool failed_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  Session::Settings settings;
  settings.limits.edit_octets = 2000;
  settings.limits.packet = 1000;
  settings.default_action = static_cast<DefaultAction>(data[0] % 5);
  settings.offer = Offer::of_version(2 + (data[0] >> 5));
  const bool ahead = (data[0] & 16) != 0;
  const std::string_view filter(reinterpret_cast<const char*>(data + 2), size - 2);
  Mta(settings, ahead, filter, data[1] == 0 ? filter.size() + 1 : data[1]).run();
  return 0;
}
