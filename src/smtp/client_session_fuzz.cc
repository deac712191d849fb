#include "smtp/client_session.h"

#include <cstdint>
#include <cstdlib>

#include "smtp/sasl.h"

// A hostile server: whatever it says, each transaction is finished once, the session ends once, and only
// lines that end in CR LF are sent.
namespace {

using hikyaku::smtp::ClientSession;

void check(bool holds) {
  if (!holds) std::abort();
}

class Hub {
 public:
  explicit Hub(ClientSession::Options options) : session_(std::move(options)) {}
  bool pump() {
    for (;;) {
      auto event = session_.next();
      if (!std::visit([this](auto& one) { return handle(one); }, event)) break;
    }
    check_output(session_.take_output());
    return !over_;
  }
  void feed(std::string_view octets) { session_.feed(octets); }
  void lose() {
    session_.connection_lost("gone");
    for (int i = 0; i < 10 && pump(); ++i) {
    }
    check(over_ && open_ == 0);
  }

 private:
  static void check_output(std::string_view out) {
    while (!out.empty()) {
      const auto end = out.find("\r\n");
      check(end != std::string_view::npos);
      check(out.substr(0, end).find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos);
      out.remove_prefix(end + 2);
    }
  }
  bool handle(ClientSession::NeedBytes&) { return false; }
  bool handle(ClientSession::StartTls&) {
    check_output(session_.take_output());
    session_.tls_started();
    return true;
  }
  bool handle(ClientSession::NeedAuth& auth) {
    sasl_ =
        auth.mechanisms.empty() ? nullptr : hikyaku::smtp::make_password_client(auth.mechanisms[0], "u", "p");
    if (!sasl_) {
      session_.without_auth();
      return true;
    }
    const auto initial = sasl_->initial();
    session_.auth(sasl_->mechanism(), initial ? std::optional<std::string_view>(*initial) : std::nullopt);
    return true;
  }
  bool handle(ClientSession::AuthChallenge& challenge) {
    const auto answer = sasl_->answer(challenge.octets);
    if (answer) {
      session_.auth_answer(*answer);
    } else {
      session_.auth_cancel();
    }
    return true;
  }
  bool handle(ClientSession::Authenticated&) { return true; }
  bool handle(ClientSession::Ready&) {
    check(open_ == 0);
    if (++sent_ > 3) {
      session_.quit();
      return true;
    }
    ClientSession::Transaction transaction;
    transaction.sender = hikyaku::mail::Address::from_internal("a b@a.example").value();
    for (unsigned i = 0; i < (sent_ == 2 ? 150U : 2U); ++i) {
      transaction.recipients.push_back({hikyaku::mail::Address::from_internal("b@b.example").value()});
    }
    transaction.size = 100;
    transaction.eight_bit = true;
    transaction.smtputf8 = sent_ == 3;
    open_ = transaction.recipients.size();
    session_.send(std::move(transaction));
    return true;
  }
  bool handle(ClientSession::SendContent&) {
    session_.content_sent();
    return true;
  }
  bool handle(ClientSession::Finished& finished) {
    check(open_ > 0 && finished.recipients.size() == open_);
    for (const auto& one : finished.recipients) check(one.reply.code >= 200 && one.reply.code < 600);
    open_ = 0;
    return true;
  }
  bool handle(ClientSession::Failed&) {
    over_ = true;
    return false;
  }
  bool handle(ClientSession::Closed&) {
    over_ = true;
    return false;
  }

  ClientSession session_;
  std::unique_ptr<hikyaku::smtp::SaslClient> sasl_;
  std::size_t open_ = 0;
  unsigned sent_ = 0;
  bool over_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  ClientSession::Options options;
  const auto choice = data[0];
  options.protocol = (choice & 1) != 0 ? hikyaku::smtp::Protocol::lmtp : hikyaku::smtp::Protocol::smtp;
  options.tls =
      (choice & 2) != 0 ? ClientSession::Options::Tls::when_offered : ClientSession::Options::Tls::never;
  options.auth = (choice & 4) != 0;
  options.pipelining = (choice & 8) == 0;
  options.wait_for_quit = (choice & 16) != 0;
  Hub hub(options);
  std::string_view left(reinterpret_cast<const char*>(data + 2), size - 2);
  const std::size_t cut = data[1] == 0 ? left.size() : data[1];
  bool open = hub.pump();
  while (open && !left.empty()) {
    hub.feed(left.substr(0, cut));
    left.remove_prefix(std::min(cut, left.size()));
    open = hub.pump();
  }
  if (open) hub.lose();
  return 0;
}
