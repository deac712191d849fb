// One message to one server: MAIL, RCPT, DATA, the final dot, and what the answers mean for each recipient.
#include <algorithm>

#include "smtp/client_session.h"

namespace hikyaku::smtp {
namespace {

using Outcome = ClientSession::Outcome;

// Commands sent ahead of their replies. At 512 octets a reply, this is less than any socket buffer: neither
// side can block the other by not reading (RFC 2920 s. 3.1).
constexpr std::size_t kMostOutstanding = 100;

Outcome::Kind kind_of(const Reply& reply) {
  if (reply.success()) return Outcome::Kind::delivered;
  // 3xx where none belongs is as good as no answer.
  return reply.permanent() ? Outcome::Kind::permanent : Outcome::Kind::temporary;
}

}  // namespace

void ClientSession::send(Transaction transaction) {
  transaction_ = std::move(transaction);
  begin_due_ = true;
  in_transaction_ = true;
  mail_sent_ = mail_accepted_ = mail_refused_ = data_sent_ = lone_dot_ = false;
  next_rcpt_ = 0;
  open_ = transaction_.recipients.size();
  outcomes_.assign(open_, Outcome{});
  settled_.assign(open_, false);
}

void ClientSession::settle(std::size_t index, const Outcome& outcome) {
  if (settled_[index]) return;
  settled_[index] = true;
  outcomes_[index] = outcome;
  --open_;
}

void ClientSession::settle_open(const Outcome& outcome) {
  for (std::size_t i = 0; i < settled_.size() && open_ > 0; ++i) settle(i, outcome);
}

ClientSession::Event ClientSession::finish() {
  in_transaction_ = false;
  if (!ended_) {
    phase_ = Phase::idle;
    queued_ = Ready{};
  }
  return Finished{std::exchange(outcomes_, {})};
}

ClientSession::Next ClientSession::begin() {
  ++transactions_;
  const auto refuse = [&](Reply reply) {
    settle_open({Outcome::Kind::permanent, Phase::mail, std::move(reply), false});
    return finish();
  };
  if (open_ == 0) return finish();
  if (transaction_.smtputf8 && !offer_.keywords.has(EhloKeywords::kSmtpUtf8)) {
    return refuse({553, {5, 6, 7}, "SMTPUTF8 is required, but was not offered"});
  }
  if (offer_.size_limit > 0 && transaction_.size > offer_.size_limit) {
    return refuse({552,
                   {5, 3, 4},
                   "message size " + std::to_string(transaction_.size) + " exceeds size limit " +
                       std::to_string(offer_.size_limit) + " of the server"});
  }
  if (std::exchange(rset_due_, false)) put_command("RSET", Phase::rset);
  return advance();
}

/// The address is written in the form of RFC 5321: an Address holds no CR, LF or NUL, so that a command can't
/// be ended early.
void ClientSession::put_path(std::string_view command, const mail::Address& address) {
  out_ += command;
  out_ += '<';
  out_ += options_.quote_envelope ? address.text() : address.internal();
  out_ += '>';
}

void ClientSession::put_mail() {
  mail_sent_ = true;
  put_path("MAIL FROM:", transaction_.sender);
  const auto offers = [&](std::uint16_t keyword) { return offer_.keywords.has(keyword); };
  mail::MailParameters parameters;
  if (offers(EhloKeywords::kSize) && transaction_.size > 0) parameters.size = transaction_.size;
  if (offers(EhloKeywords::kEightBitMime) && (transaction_.eight_bit || transaction_.smtputf8)) {
    parameters.body = mail::BodyType::eight_bit_mime;
  }
  parameters.smtputf8 = transaction_.smtputf8;
  if (offers(EhloKeywords::kDsn)) {
    parameters.ret = transaction_.ret;
    parameters.envid = transaction_.envid;
  }
  if (authenticated_ && offers(EhloKeywords::kAuth)) parameters.auth = transaction_.auth;
  parameters.append_to(out_);
  put_command({}, Phase::mail);
}

void ClientSession::put_rcpt() {
  const auto index = next_rcpt_++;
  const auto& recipient = transaction_.recipients[index];
  put_path("RCPT TO:", recipient.address);
  if (offer_.keywords.has(EhloKeywords::kDsn)) recipient.parameters.append_to(out_);
  put_command({}, Phase::rcpt);
  pending_.back().recipient = index;
}

ClientSession::Next ClientSession::advance() {
  const auto most = pipelining() ? kMostOutstanding : 1;
  const auto room = [&] { return outstanding() < most; };
  if (!mail_sent_ && room()) put_mail();
  if (!mail_refused_) {
    while (mail_sent_ && next_rcpt_ < transaction_.recipients.size() && room()) put_rcpt();
    const bool all_asked = next_rcpt_ == transaction_.recipients.size();
    // Nobody is left to send to, unless an answer is still to come.
    const bool in_vain = open_ == 0 && outstanding() == 0;
    if (all_asked && !data_sent_ && !in_vain && room()) {
      data_sent_ = true;
      put_command("DATA", Phase::data);
    }
  }
  if (outstanding() > 0) return std::nullopt;
  // All answers are here, and none was 354. What the server has of this message must be dropped.
  rset_due_ = mail_accepted_;
  return finish();
}

ClientSession::Next ClientSession::on_rset(Reply reply) {
  if (!reply.success()) return fail({Outcome::Kind::temporary, Phase::rset, std::move(reply), true});
  return advance();
}

ClientSession::Next ClientSession::on_mail(Reply reply) {
  if (reply.code == 421) return fail({Outcome::Kind::temporary, Phase::mail, std::move(reply), true});
  if (reply.success()) {
    mail_accepted_ = true;
  } else {
    mail_refused_ = true;
    settle_open({kind_of(reply), Phase::mail, std::move(reply), true});
  }
  return advance();
}

ClientSession::Next ClientSession::on_rcpt(std::size_t index, Reply reply) {
  if (reply.code == 421) return fail({Outcome::Kind::temporary, Phase::rcpt, std::move(reply), true});
  if (!reply.success()) settle(index, {kind_of(reply), Phase::rcpt, std::move(reply), true});
  return advance();
}

ClientSession::Next ClientSession::on_data(Reply reply) {
  if (reply.code == 354) {
    if (open_ > 0) {
      phase_ = Phase::content;
      return SendContent{};
    }
    // RFC 2920 s. 3.1: all recipients were refused and yet it wants the message. It gets an empty one, and as
    // there is nobody to deliver it to, the answer means nothing. LMTP has no answer to count on there.
    if (options_.protocol == Protocol::lmtp) {
      return fail({Outcome::Kind::temporary, Phase::data, std::move(reply), true});
    }
    lone_dot_ = true;
    put_command(".", Phase::final_dot);
    return std::nullopt;
  }
  if (reply.code == 421) return fail({Outcome::Kind::temporary, Phase::data, std::move(reply), true});
  // A success that is not 354 can't be one.
  const auto kind = reply.permanent() ? Outcome::Kind::permanent : Outcome::Kind::temporary;
  settle_open({kind, Phase::data, std::move(reply), true});
  return advance();
}

void ClientSession::content_sent() {
  if (phase_ != Phase::content) return;
  phase_ = Phase::final_dot;
  const auto replies = options_.protocol == Protocol::lmtp ? open_ : 1;
  pending_.insert(pending_.end(), replies, Pending{Phase::final_dot});
}

void ClientSession::content_failed(std::string text) {
  if (phase_ != Phase::content) return;
  Event finished = fail({Outcome::Kind::temporary, Phase::content, {451, {4, 3, 0}, std::move(text)}, false});
  queued_after_ = std::move(queued_);
  queued_ = std::move(finished);
}

ClientSession::Next ClientSession::on_final(Reply reply) {
  if (lone_dot_) return finish();
  const Outcome outcome{kind_of(reply), Phase::final_dot, std::move(reply), true};
  if (outcome.reply.code == 421) return fail(outcome);
  if (options_.protocol == Protocol::smtp) {
    settle_open(outcome);
  } else {
    const auto open = std::ranges::find(settled_, false);
    settle(static_cast<std::size_t>(open - settled_.begin()), outcome);
  }
  if (open_ > 0) return std::nullopt;
  return finish();
}

}  // namespace hikyaku::smtp
