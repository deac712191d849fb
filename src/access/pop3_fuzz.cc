#include <cstdint>
#include <cstdlib>
#include <memory>
#include <set>
#include <string>

#include "access/pop3_session.h"
#include "smtp/sasl.h"

// Any octets in any cuts: no crash, bounded output, and what is sent is lines; a message that is read whole
// comes back as it was. The first octets choose the settings and the cuts.
namespace {

using hikyaku::access::Maildrop;
using hikyaku::access::Pop3Session;
using hikyaku::access::Pop3Settings;

void check(bool holds) {
  if (!holds) std::abort();
}

const std::string kMessages[] = {"A: b\r\n\r\n.\r\n..c\r\n", "", "A: b\r\n", "\r\n\r\n\r\n", "no end"};

/// What a client makes of the answer to RETR.
std::string unstuffed(std::string_view answer) {
  std::string message;
  answer.remove_prefix(answer.find("\r\n") + 2);
  for (;;) {
    const auto end = answer.find("\r\n");
    check(end != std::string_view::npos);
    auto line = answer.substr(0, end);
    if (line == ".") return message;
    if (line.starts_with('.')) line.remove_prefix(1);
    message.append(line).append("\r\n");
    answer.remove_prefix(end + 2);
  }
}

/// Opens the mailbox to everybody, and refuses now and then by the octets of the input.
class Hub {
 public:
  Hub(const Pop3Settings& settings, std::uint8_t moods)
      : settings_(settings), session_(settings, {}), moods_(moods) {}

  bool pump() {
    for (;;) {
      auto event = session_.next();
      const bool more = std::visit([this](auto& one) { return handle(one); }, event);
      check_output();
      if (!more) return !closed_;
    }
  }
  void feed(std::string_view octets) { session_.feed(octets); }

 private:
  void check_output() {
    // Between two events no more than one command is answered, and a line of the input is told nowhere.
    if (!session_.has_output()) return;
    const auto out = session_.take_output();
    check(out.size() <= settings_.output + 2 * settings_.piece + 512);
    check(out.ends_with("\r\n") || reading_);
    check(out.find('\0') == std::string::npos);
  }
  bool refuses() {
    moods_ = static_cast<std::uint8_t>(moods_ << 1 | moods_ >> 7);
    return (moods_ & 3) == 3;
  }

  bool handle(Pop3Session::NeedBytes&) {
    reading_ = false;
    return false;
  }
  bool handle(Pop3Session::Close&) {
    const auto& totals = session_.totals();
    check(totals.deleted <= session_.maildrop().size());
    closed_ = true;
    return false;
  }
  bool handle(Pop3Session::Send&) { return true; }
  bool handle(Pop3Session::StartTls&) {
    check_output();
    session_.tls_started();
    return true;
  }
  bool handle(Pop3Session::Auth& auth) {
    exchange_ = hikyaku::smtp::make_password_exchange(auth.mechanism);
    check(exchange_ != nullptr);
    return step(auth.initial);
  }
  bool handle(Pop3Session::AuthAnswer& auth) { return step(auth.octets); }
  bool handle(Pop3Session::AuthCancelled&) { return true; }
  bool step(std::optional<std::string_view> response) {
    const auto step = exchange_->step(response);
    if (const auto* challenge = std::get_if<hikyaku::smtp::SaslExchange::Challenge>(&step)) {
      session_.challenge(challenge->octets);
    } else if (refuses()) {
      session_.refuse("[IN-USE] no");
    } else {
      std::vector<Maildrop::Message> all;
      std::uint32_t uid = 1;
      for (const auto& message : kMessages) all.push_back({uid++, false, message.size()});
      session_.open({7, std::move(all)});
    }
    return true;
  }
  bool handle(Pop3Session::Read& read) {
    const auto& message = kMessages[read.uid - 1];
    check(read.length > 0 && read.offset + read.length <= message.size());
    reading_ = true;
    if (refuses()) {
      session_.refuse("gone");
    } else {
      session_.content(std::string_view(message).substr(read.offset, read.length));
    }
    return true;
  }
  bool handle(Pop3Session::Update& update) {
    const std::set<std::uint32_t> uids(update.uids.begin(), update.uids.end());
    check(!uids.empty() && uids.size() == update.uids.size());
    check(*uids.begin() >= 1 && *uids.rbegin() <= std::size(kMessages));
    if (refuses()) {
      session_.refuse("[SYS/TEMP] no");
    } else {
      session_.updated();
    }
    return true;
  }

  const Pop3Settings& settings_;
  Pop3Session session_;
  std::unique_ptr<hikyaku::smtp::SaslExchange> exchange_;
  std::uint8_t moods_;
  bool closed_ = false, reading_ = false;
};

/// The input as a message: it has to come back, but for line ends that are none.
void check_message(std::string_view octets) {
  std::string message;
  for (const char c : octets) {
    if (c == '\n') {
      message += "\r\n";
    } else if (c != '\r') {
      message += c;
    }
  }
  if (!message.empty() && !message.ends_with("\r\n")) message += "\r\n";
  Pop3Settings settings;
  settings.mechanisms = {"PLAIN"};
  settings.piece = 1 + octets.size() % 7;
  Pop3Session session(settings, {});
  session.feed("USER a\r\nPASS b\r\nRETR 1\r\n");
  std::string out;
  for (;;) {
    auto event = session.next();
    if (std::holds_alternative<Pop3Session::NeedBytes>(event)) break;
    if (std::holds_alternative<Pop3Session::Auth>(event))
      session.open({1, {{.uid = 1, .size = message.size()}}});
    if (const auto* read = std::get_if<Pop3Session::Read>(&event))
      session.content(std::string_view(message).substr(read->offset, read->length));
    out += session.take_output();
  }
  out += session.take_output();
  for (int lines = 0; lines < 3; ++lines) out.erase(0, out.find("\r\n") + 2);
  check(unstuffed(out) == message);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3) return 0;
  Pop3Settings settings;
  const auto choice = data[0];
  settings.tls = (choice & 1) != 0;
  settings.tls_auth_only = (choice & 2) != 0;
  settings.mechanisms = {"PLAIN", "LOGIN"};
  if ((choice & 4) == 0) settings.tls_mechanisms = {"LOGIN"};
  settings.piece = 1 + (choice >> 5);
  settings.output = 32;
  Hub hub(settings, data[1]);
  std::string_view left(reinterpret_cast<const char*>(data + 3), size - 3);
  check_message(left);
  const std::size_t cut = data[2] == 0 ? left.size() : data[2];
  bool open = hub.pump();
  while (open && !left.empty()) {
    hub.feed(left.substr(0, cut));
    left.remove_prefix(std::min(cut, left.size()));
    open = hub.pump();
  }
  return 0;
}
