#include "smtp/server_session.h"

#include <algorithm>

#include "base/base64.h"
#include "base/escape.h"
#include "smtp/server_command.h"

namespace hikyaku::smtp {
namespace {

// An idle session keeps a buffer only up to this size, so that ten thousand of them are cheap.
constexpr std::size_t kIdleBuffer = 2048;

/// What is wrong with a line that ends in `line.back()`, a LF; nullptr if nothing is.
const char* line_fault(std::string_view line) {
  if (line.find('\0') != std::string_view::npos) return "NUL";
  if (line.size() < 2 || line[line.size() - 2] != '\r') return "bare <LF>";
  if (line.find('\r') != line.size() - 2) return "bare <CR>";
  return nullptr;
}

}  // namespace

ServerSession::Event ServerSession::next() {
  for (;;) {
    if (pause_due_) {
      pause_due_ = false;
      return Pause{settings_->error_sleep};
    }
    if (closing_) {
      phase_ = Phase::closed;
      in_.clear();
      return Close{close_reason_};
    }
    if (auto event = step()) return *std::move(event);
  }
}

ServerSession::Next ServerSession::step() {
  switch (phase_) {
    case Phase::start:
      phase_ = Phase::connected;
      return Connected{};
    case Phase::command:
      return read_command();
    case Phase::auth_answer:
      return read_auth_answer();
    case Phase::content:
      return read_content();
    case Phase::chunk:
      return read_chunk();
    default:
      break;
  }
  // The driver asked for more before it answered. It must not go on as if it had.
  shut_down({421, {4, 3, 0}, settings_->hostname + " Error: internal error"}, "an event was not answered");
  return std::nullopt;
}

// ---- lines ----

ServerSession::Next ServerSession::read_command() {
  const auto size = in_.line_size();
  // AUTH may bring a long ticket along (RFC 4954 s. 4); no other command may be so long.
  const auto limit =
      same_word(in_.view().substr(0, 4), "AUTH") ? settings_->auth_line_limit : settings_->line_limit;
  if (size == InputBuffer::kNone ? in_.size() >= limit : size > limit) {
    refuse({500, {5, 5, 2}, "Error: line too long"});
    end_session("command line too long");
    return std::nullopt;
  }
  if (size == InputBuffer::kNone) {
    in_.release(kIdleBuffer);
    return NeedBytes{};
  }
  const auto line = in_.view().substr(0, size);
  if (const auto* fault = line_fault(line)) {
    refuse({500, {5, 5, 2}, std::string("Error: ") + fault + " received; a line must end in <CR><LF>"});
    end_session(std::string(fault) + " in a command");
    return std::nullopt;
  }
  // consume() leaves the octets where they are, so that `line` holds until the next feed().
  in_.consume(size);
  return run(line.substr(0, size - 2));
}

ServerSession::Next ServerSession::read_auth_answer() {
  const auto size = in_.line_size();
  if (size == InputBuffer::kNone ? in_.size() >= settings_->auth_line_limit
                                 : size > settings_->auth_line_limit) {
    refuse({500, {5, 5, 6}, "Authentication exchange line is too long"});
    end_session("AUTH line too long");
    return std::nullopt;
  }
  if (size == InputBuffer::kNone) return NeedBytes{};
  const auto line = in_.view().substr(0, size);
  if (const auto* fault = line_fault(line)) {
    refuse({500, {5, 5, 2}, std::string("Error: ") + fault + " received; a line must end in <CR><LF>"});
    end_session(std::string(fault) + " in an AUTH answer");
    return std::nullopt;
  }
  const auto text = line.substr(0, size - 2);
  if (text == "*") {
    in_.consume(size);
    phase_ = Phase::command;
    refuse({501, {5, 7, 0}, "Authentication aborted"});
    return AuthCancelled{};
  }
  auto octets = base64_decode(text);
  in_.consume(size);
  if (!octets) {
    phase_ = Phase::command;
    refuse({501, {5, 5, 2}, "Error: malformed base64 in the authentication exchange"});
    return AuthCancelled{};
  }
  phase_ = Phase::auth;
  return AuthAnswer{*std::move(octets)};
}

// ---- answers ----

void ServerSession::reply(Reply reply) {
  const bool ends = reply.code == 421 || reply.code == 521;
  if (ends) closing_ = true, close_reason_ = "told to go: " + escaped(reply.line(), 200);
  switch (phase_) {
    case Phase::connected:
      answer_connected(reply);
      break;
    case Phase::hello:
      answer_hello(reply);
      break;
    case Phase::auth:
      answer_auth(reply);
      break;
    case Phase::sender:
      answer_sender(reply);
      break;
    case Phase::recipient:
      answer_recipient(reply);
      break;
    case Phase::data:
      answer_data(std::move(reply));
      break;
    case Phase::end:
      answer_end(reply);
      break;
    case Phase::xclient:
      answer_xclient(reply);
      break;
    case Phase::verify:
    case Phase::etrn:
    case Phase::unknown:
      phase_ = Phase::command;
      answer(reply);
      break;
    default:
      break;  // closed in the meantime by shut_down()
  }
}

void ServerSession::answer(const Reply& reply) {
  if (reply.success()) {
    put(reply);
  } else {
    refuse(reply);
  }
}

void ServerSession::answer_connected(const Reply& reply) {
  phase_ = Phase::command;
  if (reply.success()) return greet();
  put(reply);
  // RFC 5321 s. 3.1: after 554 the client is to say QUIT, and is told 503 for all else.
  if (reply.code == 554) {
    only_quit_ = true;
  } else {
    end_session("refused at connection: " + escaped(reply.line(), 200));
  }
}

void ServerSession::answer_hello(const Reply& reply) {
  phase_ = Phase::command;
  if (!reply.success()) return refuse(reply);
  helo_name_ = std::move(hello_asked_);
  esmtp_ = esmtp_asked_;
  if (esmtp_) return put_keywords();
  put({250, {}, settings_->hostname});
}

void ServerSession::answer_auth(const Reply& reply) {
  phase_ = Phase::command;
  authenticated_ = reply.success();
  answer(reply);
}

void ServerSession::challenge(std::string_view octets) {
  if (phase_ != Phase::auth) return;
  out_ += "334 ";
  put_base64(out_, octets);
  out_ += "\r\n";
  phase_ = Phase::auth_answer;
}

void ServerSession::answer_sender(const Reply& reply) {
  phase_ = Phase::command;
  sender_ = reply.success();
  utf8_ = sender_ && utf8_asked_;
  answer(reply);
}

void ServerSession::answer_recipient(const Reply& reply) {
  phase_ = Phase::command;
  if (reply.success()) {
    ++recipients_;
  } else {
    recipient_refused_ = true;
  }
  answer(reply);
}

void ServerSession::answer_data(Reply reply) {
  if (!reply.intermediate()) {
    if (chunk_asked_) {
      content_refusal_ = std::move(reply);
      phase_ = Phase::chunk;  // its octets come all the same
      closing_ = false;
      close_after_content_ = content_refusal_->code == 421 || content_refusal_->code == 521;
      return;
    }
    // The transaction stays open, as in Postfix: the client may name others, say DATA again, or RSET.
    phase_ = Phase::command;
    return refuse(reply);
  }
  received_ = 0;
  if (chunk_asked_) {
    chunking_ = true;
    content_.begin(ContentReader::Form::counted);
    phase_ = Phase::chunk;
    return;
  }
  content_.begin(ContentReader::Form::dotted);
  phase_ = Phase::content;
  out_ += "354 End data with <CR><LF>.<CR><LF>\r\n";
}

void ServerSession::answer_end(const Reply& reply) {
  if (replies_due_ > 0) --replies_due_;
  if (replies_due_ == 0 || closing_) {
    phase_ = Phase::command;
    end_transaction();
  }
  if (!reply.success()) return refuse(reply);
  put(reply);
  errors_ = junk_ = 0;  // whoever brings mail may start again
  pause_due_ = false;
}

void ServerSession::answer_xclient(const Reply& reply) {
  phase_ = Phase::command;
  if (!reply.success()) return refuse(reply);
  const bool login = login_asked_;
  forget();
  authenticated_ = login;
  greet();
}

void ServerSession::tls_started() {
  in_.clear();
  out_.clear();
  forget();
  tls_ = true;
  phase_ = Phase::command;
}

void ServerSession::shut_down(Reply reply, std::string reason) {
  if (phase_ == Phase::closed) return;
  reply.append_to(out_);
  end_session(std::move(reason));
}

// ---- errors, and the state of the talk ----

void ServerSession::put(Reply reply) {
  if (errors_ >= settings_->soft_error_limit && settings_->error_sleep.count() > 0) pause_due_ = true;
  if (settings_->soft_bounce && reply.permanent()) {
    reply.code -= 100;
    if (!reply.enhanced.none()) reply.enhanced.status = 4;
  }
  reply.append_to(out_, utf8_ ? Reply::Octets::utf8 : Reply::Octets::ascii);
}

void ServerSession::count_error() {
  if (++errors_ < settings_->hard_error_limit || closing_) return;
  Reply{421, {4, 7, 0}, settings_->hostname + " Error: too many errors"}.append_to(out_);
  end_session("too many errors");
}

void ServerSession::refuse(const Reply& reply) {
  put(reply);
  count_error();
}

void ServerSession::count_junk() {
  if (junk_++ >= settings_->junk_command_limit) count_error();
}

void ServerSession::end_session(std::string reason) {
  closing_ = true;
  close_reason_ = std::move(reason);
}

void ServerSession::end_transaction() {
  sender_ = utf8_ = recipient_refused_ = chunking_ = last_chunk_ = false;
  recipients_ = overshoot_ = 0;
  received_ = chunk_left_ = chunk_size_ = 0;
}

void ServerSession::forget() {
  end_transaction();
  helo_name_.clear();
  esmtp_ = authenticated_ = false;
}

std::string_view ServerSession::with_protocol(bool utf8) const {
  static constexpr std::string_view kNames[2][2][4] = {
      {{"ESMTP", "ESMTPA", "ESMTPS", "ESMTPSA"}, {"UTF8SMTP", "UTF8SMTPA", "UTF8SMTPS", "UTF8SMTPSA"}},
      {{"LMTP", "LMTPA", "LMTPS", "LMTPSA"}, {"UTF8LMTP", "UTF8LMTPA", "UTF8LMTPS", "UTF8LMTPSA"}}};
  if (!lmtp() && !esmtp_) return "SMTP";
  return kNames[lmtp()][utf8][(tls_ ? 2 : 0) + (authenticated_ ? 1 : 0)];
}

}  // namespace hikyaku::smtp
