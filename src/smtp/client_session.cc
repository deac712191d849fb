#include "smtp/client_session.h"

#include <algorithm>
#include <charconv>

#include "base/base64.h"
#include "smtp/client_phases.h"
#include "smtp/server_command.h"

namespace hikyaku::smtp {
namespace {

constexpr std::size_t kMostReplyLine = 2048;  // octets with CRLF that we bear

ClientSession::Outcome ours(ClientSession::Outcome::Kind kind, ClientSession::Phase phase, Reply reply) {
  return {kind, phase, std::move(reply), false};
}

}  // namespace

std::string_view phase_text(ClientSession::Phase phase) {
  using Phase = ClientSession::Phase;
  switch (phase) {
    case Phase::greeting:
      return "receiving the initial server greeting";
    case Phase::hello:
      return "performing the EHLO handshake";
    case Phase::start_tls:
      return "sending STARTTLS";
    case Phase::handshake:
      return "performing the TLS handshake";
    case Phase::auth:
      return "performing the AUTH exchange";
    case Phase::idle:
      return "waiting between messages";
    case Phase::rset:
      return "sending RSET";
    case Phase::mail:
      return "sending MAIL FROM";
    case Phase::rcpt:
      return "sending RCPT TO";
    case Phase::data:
      return "sending DATA command";
    case Phase::content:
      return "sending message body";
    case Phase::final_dot:
      return "sending end of data -- message may be sent more than once";
    case Phase::quit:
      return "sending QUIT";
    case Phase::closed:
      return "closed";
  }
  return "?";
}

ClientSession::Event ClientSession::next() {
  if (greeting_due_) {
    greeting_due_ = false;
    pending_.push_back({Phase::greeting});
  }
  for (;;) {
    if (queued_) return *std::exchange(queued_, std::exchange(queued_after_, std::nullopt));
    if (ended_) return Closed{};
    if (begin_due_) {
      begin_due_ = false;
      if (auto event = begin()) return *std::move(event);
      continue;
    }
    const auto had_input = in_.size();
    if (auto event = read_reply()) return *std::move(event);
    if (in_.size() == had_input && !queued_ && !ended_) {
      if (!lost_) return NeedBytes{};
      if (auto event = on_lost()) return *std::move(event);
    }
  }
}

/// One line of input, if there is a whole one; at the last line of a reply, what it means.
ClientSession::Next ClientSession::read_reply() {
  const auto size = in_.line_size();
  const bool none = size == InputBuffer::kNone;
  if (none && in_.size() < kMostReplyLine) {
    in_.release(kMostReplyLine);
    return std::nullopt;
  }
  const auto malformed = [&](std::string_view what) {
    Reply reply{451, {4, 5, 0}, "Malformed server reply: " + std::string(what)};
    const auto kind = phase_ == Phase::final_dot ? Outcome::Kind::lost_after_end : Outcome::Kind::temporary;
    return fail(ours(kind, phase_, std::move(reply)));
  };
  if (none || size > kMostReplyLine) return malformed("line too long");
  const auto line = in_.view().substr(0, size);
  if (line.find('\0') != std::string_view::npos || line.find('\r') + 2 != size)
    return malformed("bare CR, bare LF or NUL");
  const auto state = reader_.add(line.substr(0, size - 2));
  in_.consume(size);
  if (state == ReplyReader::State::malformed)
    return malformed("no reply code, or lines that do not belong together");
  if (state == ReplyReader::State::more) return std::nullopt;
  return on_reply(reader_.take());
}

ClientSession::Next ClientSession::on_lost() {
  if (phase_ == Phase::quit) {
    ended_ = true;
    return Closed{};
  }
  const auto kind =
      phase_ == Phase::final_dot ? Outcome::Kind::lost_after_end : Outcome::Kind::lost_before_end;
  Reply reply{451, {4, 4, 2}, *std::exchange(lost_, std::nullopt)};
  reply.text += " while ";
  const auto at = phase();
  reply.text += phase_text(at);
  return fail(ours(kind, at, std::move(reply)));
}

ClientSession::Next ClientSession::on_reply(Reply reply) {
  if (outstanding() == 0) return on_unasked(reply);
  const auto pending = pending_[pending_at_++];
  if (outstanding() == 0) {
    pending_.clear();
    pending_at_ = 0;
  }
  switch (pending.phase) {
    case Phase::greeting:
      return on_greeting(std::move(reply));
    case Phase::hello:
      return on_hello(std::move(reply));
    case Phase::start_tls:
      return on_start_tls(std::move(reply));
    case Phase::auth:
      return on_auth(std::move(reply));
    case Phase::rset:
      return on_rset(std::move(reply));
    case Phase::mail:
      return on_mail(std::move(reply));
    case Phase::rcpt:
      return on_rcpt(pending.recipient, std::move(reply));
    case Phase::data:
      return on_data(std::move(reply));
    case Phase::final_dot:
      return on_final(std::move(reply));
    default:
      break;
  }
  ended_ = true;  // QUIT: whatever it says
  return Closed{};
}

/// A reply to nothing. Taking it for the answer to the next command would shift all answers by one.
ClientSession::Next ClientSession::on_unasked(const Reply& reply) {
  if (reply.temporary() || reply.permanent()) return fail({Outcome::Kind::temporary, phase_, reply, true});
  return fail(ours(Outcome::Kind::temporary, phase_, {451, {4, 5, 0}, "Server sent a reply to no command"}));
}

ClientSession::Next ClientSession::on_greeting(Reply reply) {
  if (reply.success()) {
    const std::string_view text = reply.text;
    offer_.name = text.substr(0, text.find_first_of(" \t\n"));
    if (options_.protocol == Protocol::lmtp) {
      say_hello("LHLO");
    } else {
      helo_tried_ = !options_.ehlo;
      say_hello(options_.ehlo ? "EHLO" : "HELO");
    }
    return std::nullopt;
  }
  const bool final = reply.permanent() && !options_.skip_5xx_greeting;
  return fail(
      {final ? Outcome::Kind::permanent : Outcome::Kind::temporary, Phase::greeting, std::move(reply), true});
}

void ClientSession::put_command(std::string_view command, Phase phase) {
  out_ += command;
  out_ += "\r\n";
  pending_.push_back({phase});
  phase_ = phase;
}

void ClientSession::say_hello(std::string_view verb) {
  out_ += verb;
  out_ += ' ';
  put_command(options_.helo_name, Phase::hello);
}

ClientSession::Next ClientSession::on_hello(Reply reply) {
  if (reply.success()) {
    offer_ = Offer{};
    esmtp_ = !helo_tried_;
    read_offer(reply.text);
    if (!options_.loop_name.empty() &&
        std::ranges::equal(offer_.name, options_.loop_name, {}, upper, upper)) {
      return fail(
          ours(Outcome::Kind::permanent, Phase::hello, {550, {5, 4, 6}, "Mail loops back to myself"}));
    }
    return after_hello();
  }
  // A server of before ESMTP (RFC 5321 s. 3.2). One that goes away says 421 to HELO, too.
  if (!helo_tried_ && reply.code != 421 && options_.protocol == Protocol::smtp &&
      (options_.tls != Options::Tls::required || tls_)) {
    helo_tried_ = true;
    say_hello("HELO");
    return std::nullopt;
  }
  const auto kind = reply.permanent() ? Outcome::Kind::permanent : Outcome::Kind::temporary;
  return fail({kind, Phase::hello, std::move(reply), true});
}

void ClientSession::read_offer(std::string_view answer) {
  bool first = true;
  while (!answer.empty() || first) {
    const auto end = std::min(answer.find('\n'), answer.size());
    auto line = answer.substr(0, end);
    answer.remove_prefix(std::min(end + 1, answer.size()));
    const auto keyword = take_word(line);
    if (std::exchange(first, false)) {
      offer_.name = keyword;
      continue;
    }
    if (!esmtp_) break;
    const bool old_auth = keyword.size() >= 5 && same_word(keyword.substr(0, 5), "AUTH=");
    const auto bit = old_auth ? EhloKeywords::kAuth : EhloKeywords::bit(keyword);
    if (options_.discard.has(bit)) continue;
    offer_.keywords.bits = static_cast<std::uint16_t>(offer_.keywords.bits | bit);
    if (bit == EhloKeywords::kSize)
      std::from_chars(line.data(), line.data() + line.size(), offer_.size_limit);
    if (bit != EhloKeywords::kAuth) continue;
    auto mechanism = old_auth ? keyword.substr(5) : take_word(line);
    for (; !mechanism.empty(); mechanism = take_word(line)) {
      std::string name(mechanism);
      std::ranges::transform(name, name.begin(), upper);
      if (std::ranges::find(offer_.mechanisms, name) == offer_.mechanisms.end()) {
        offer_.mechanisms.push_back(std::move(name));
      }
    }
  }
}

ClientSession::Next ClientSession::after_hello() {
  const bool required = options_.tls == Options::Tls::required;
  if (!tls_ && !tls_tried_ && options_.tls != Options::Tls::never) {
    if (offer_.keywords.has(EhloKeywords::kStartTls)) {
      tls_tried_ = true;
      put_command("STARTTLS", Phase::start_tls);
      return std::nullopt;
    }
    if (required) {
      return fail(ours(Outcome::Kind::temporary, Phase::start_tls,
                       {454, {4, 7, 4}, "TLS is required, but was not offered"}));
    }
  }
  if (options_.auth && !auth_done_) {
    phase_ = Phase::auth;
    return NeedAuth{offer_.mechanisms};
  }
  return become_ready();
}

ClientSession::Next ClientSession::become_ready() {
  phase_ = Phase::idle;
  return Ready{};
}

ClientSession::Next ClientSession::on_start_tls(Reply reply) {
  if (reply.success()) {
    // RFC 3207 s. 4: nothing may come before the handshake. Octets here would be taken for answers given
    // under TLS.
    if (!in_.empty()) {
      in_.clear();
      return fail(ours(Outcome::Kind::temporary, Phase::start_tls,
                       {454, {4, 7, 0}, "Octets in plain text behind the answer to STARTTLS"}),
                  true);
    }
    phase_ = Phase::handshake;
    return StartTls{};
  }
  if (options_.tls == Options::Tls::required || reply.code == 421) {
    return fail({Outcome::Kind::temporary, Phase::start_tls, std::move(reply), true});
  }
  return after_hello();
}

void ClientSession::tls_started() {
  if (phase_ != Phase::handshake) return;
  in_.clear();
  tls_ = true;
  offer_ = Offer{};
  helo_tried_ = !options_.ehlo && options_.protocol == Protocol::smtp;
  say_hello(options_.protocol == Protocol::lmtp ? "LHLO" : options_.ehlo ? "EHLO" : "HELO");
}

void ClientSession::auth(std::string_view mechanism, std::optional<std::string_view> initial) {
  out_ += "AUTH ";
  out_ += mechanism;
  if (initial) {
    out_ += ' ';
    if (initial->empty()) out_ += '=';
    put_base64(out_, *initial);
  }
  put_command({}, Phase::auth);
}

void ClientSession::without_auth() {
  auth_done_ = true;
  if (auto event = become_ready()) queued_ = std::move(event);
}

void ClientSession::auth_answer(std::string_view octets) {
  put_base64(out_, octets);
  put_command({}, Phase::auth);
}

void ClientSession::auth_cancel() { put_command("*", Phase::auth); }

ClientSession::Next ClientSession::on_auth(Reply reply) {
  if (reply.success()) {
    auth_done_ = authenticated_ = true;
    queued_ = become_ready();
    return Authenticated{};
  }
  if (reply.code == 334) {
    auto octets = base64_decode(trimmed(reply.text));
    if (octets) return AuthChallenge{*std::move(octets)};
    auth_cancel();
    return std::nullopt;
  }
  const auto kind = reply.permanent() ? Outcome::Kind::permanent : Outcome::Kind::temporary;
  return fail({kind, Phase::auth, std::move(reply), true});
}

void ClientSession::quit() {
  if (ended_ || phase_ == Phase::quit) return;
  queued_.reset();
  queued_after_.reset();
  put_command("QUIT", Phase::quit);
  if (options_.wait_for_quit) return;
  ended_ = true;
}

void ClientSession::connection_lost(std::string text) {
  if (!ended_) lost_ = std::move(text);
}

ClientSession::Event ClientSession::fail(const Outcome& outcome, bool attack) {
  ended_ = true;
  in_.clear();
  out_.clear();
  Failed failed{outcome.phase, outcome.kind, outcome.reply, outcome.from_server, attack};
  phase_ = Phase::closed;
  if (!in_transaction_) return failed;
  settle_open(outcome);
  queued_ = std::move(failed);
  return finish();
}

}  // namespace hikyaku::smtp
