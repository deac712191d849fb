#include "smtp/server_session.h"

#include <cstdint>
#include <cstdlib>

#include "smtp/sasl.h"

// Any octets in any cuts: no crash, bounded memory, and what is sent is lines of a reply. The first octets
// choose the settings and the cuts.
namespace {

using hikyaku::smtp::Reply;
using hikyaku::smtp::ServerSession;

void check(bool holds) {
  if (!holds) std::abort();
}

void check_output(std::string_view out) {
  while (!out.empty()) {
    const auto end = out.find("\r\n");
    check(end != std::string_view::npos && end >= 4 && end <= 16384);
    const auto line = out.substr(0, end);
    check(line.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos);
    check(line[0] >= '2' && line[0] <= '5' && (line[3] == ' ' || line[3] == '-'));
    out.remove_prefix(end + 2);
  }
}

/// Accepts or refuses by the octets of the input.
class Hub {
 public:
  Hub(const hikyaku::smtp::ServerSettings& settings, ServerSession::Client client, std::uint8_t moods)
      : settings_(settings), session_(settings, client), moods_(moods) {}

  bool pump() {
    for (;;) {
      auto event = session_.next();
      if (!std::visit([this](auto& one) { return handle(one); }, event)) break;
    }
    check_output(session_.take_output());
    return !closed_;
  }
  void feed(std::string_view octets) { session_.feed(octets); }

 private:
  Reply answer(int good) {
    moods_ = static_cast<std::uint8_t>(moods_ << 1 | moods_ >> 7);
    if ((moods_ & 1) != 0) return {good, {}, "Ok"};
    return (moods_ & 2) != 0 ? Reply{550, {5, 1, 1}, "no\nand no"} : Reply{good, {}, "Ok"};
  }
  bool handle(ServerSession::NeedBytes&) { return false; }
  bool handle(ServerSession::Close&) {
    closed_ = true;
    return false;
  }
  bool handle(ServerSession::StartTls&) {
    check_output(session_.take_output());
    session_.tls_started();
    return true;
  }
  bool handle(ServerSession::Auth& auth) {
    exchange_ = hikyaku::smtp::make_password_exchange(auth.mechanism);
    check(exchange_ != nullptr);
    return step(auth.initial);
  }
  bool handle(ServerSession::AuthAnswer& auth) { return step(auth.octets); }
  bool step(std::optional<std::string_view> response) {
    const auto step = exchange_->step(response);
    if (const auto* challenge = std::get_if<hikyaku::smtp::SaslExchange::Challenge>(&step)) {
      session_.challenge(challenge->octets);
    } else {
      session_.reply(answer(235));
    }
    return true;
  }
  bool handle(ServerSession::Content& content) {
    check(!content.octets.empty() && content.octets.find('\0') == std::string_view::npos);
    received_ += content.octets.size();
    last_ = content.octets.back();
    check(received_ <= settings_.message_size_limit);
    return true;
  }
  bool handle(ServerSession::ContentEnd& end) {
    check(end.size == received_ && (received_ == 0 || last_ == '\n'));
    const auto replies =
        settings_.protocol == hikyaku::smtp::Protocol::lmtp ? session_.accepted_recipients() : 1;
    for (std::size_t i = 0; i < replies; ++i) session_.reply(answer(250));
    return true;
  }
  bool handle(ServerSession::Data&) {
    received_ = 0;
    session_.reply(answer(354));
    return true;
  }
  bool handle(ServerSession::Connected&) {
    session_.reply({220, {}, ""});
    return true;
  }
  bool handle(ServerSession::Xclient&) {
    session_.reply(answer(220));
    return true;
  }
  bool handle(ServerSession::Recipient& recipient) {
    check(!recipient.path.null());
    session_.reply(answer(250));
    return true;
  }
  bool handle(ServerSession::Unknown& unknown) {
    check(!unknown.command.empty());
    session_.reply(answer(502));
    return true;
  }
  template <class Asked>
  requires requires(Asked asked) { asked.name.size(); } || requires(Asked asked) {
    asked.path;
  } || requires(Asked asked) {
    asked.text;
  }
  bool handle(Asked&) {
    session_.reply(answer(250));
    return true;
  }
  template <class Told>
  bool handle(Told&) {
    return true;
  }

  const hikyaku::smtp::ServerSettings& settings_;
  ServerSession session_;
  std::unique_ptr<hikyaku::smtp::SaslExchange> exchange_;
  std::uint64_t received_ = 0;
  std::uint8_t moods_;
  char last_ = 0;
  bool closed_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3) return 0;
  hikyaku::smtp::ServerSettings settings;
  const auto choice = data[0];
  settings.protocol = (choice & 1) != 0 ? hikyaku::smtp::Protocol::lmtp : hikyaku::smtp::Protocol::smtp;
  settings.tls =
      (choice & 2) != 0 ? hikyaku::smtp::ServerSettings::Tls::may : hikyaku::smtp::ServerSettings::Tls::none;
  settings.auth = (choice & 4) != 0;
  settings.mechanisms = settings.tls_mechanisms = {"PLAIN", "LOGIN"};
  settings.strict_envelopes = (choice & 8) != 0;
  settings.message_size_limit = 60;
  settings.hard_error_limit = 50;
  settings.recipient_limit = 3;
  Hub hub(settings, {.xclient = (choice & 16) != 0, .ask_unknown = (choice & 32) != 0}, data[1]);
  std::string_view left(reinterpret_cast<const char*>(data + 3), size - 3);
  const std::size_t cut = data[2] == 0 ? left.size() : data[2];
  bool open = hub.pump();
  while (open && !left.empty()) {
    hub.feed(left.substr(0, cut));
    left.remove_prefix(std::min(cut, left.size()));
    open = hub.pump();
  }
  return 0;
}
