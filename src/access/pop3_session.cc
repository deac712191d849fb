#include "access/pop3_session.h"

#include <algorithm>

#include "base/base64.h"

namespace hikyaku::access {
namespace {

// An idle session keeps a buffer only up to this size, so that many of them are cheap.
constexpr std::size_t kIdleBuffer = 512;

/// What is wrong with a line that ends in `line.back()`, a LF; nullptr if nothing is.
const char* line_fault(std::string_view line) {
  if (line.find('\0') != std::string_view::npos) return "NUL";
  if (line.size() < 2 || line[line.size() - 2] != '\r') return "bare <LF>";
  if (line.find('\r') != line.size() - 2) return "bare <CR>";
  return nullptr;
}

}  // namespace

Pop3Session::Event Pop3Session::next() {
  for (;;) {
    if (closing_) {
      phase_ = Phase::closed;
      in_.clear();
      return Close{close_reason_};
    }
    if (out_.size() >= settings_->output) return Send{};
    if (auto event = step()) return *std::move(event);
  }
}

Pop3Session::Next Pop3Session::step() {
  switch (phase_) {
    case Phase::start:
      phase_ = Phase::authorization;
      ok(settings_->hostname + " Hikyaku POP3 server ready");
      return std::nullopt;
    case Phase::authorization:
    case Phase::transaction:
      return read_command();
    case Phase::auth_answer:
      return read_auth_answer();
    case Phase::listing:
      go_on_listing();
      return std::nullopt;
    case Phase::message:
      return go_on_message();
    default:
      break;
  }
  // The driver asked for more before it answered. It must not go on as if it had.
  shut_down("[SYS/TEMP] internal error", "an event was not answered");
  return std::nullopt;
}

// ---- lines ----

std::optional<std::string_view> Pop3Session::take_line(std::size_t limit, Next& event) {
  const auto size = in_.line_size();
  if (size == smtp::InputBuffer::kNone ? in_.size() >= limit : size > limit) {
    error("line too long");
    end_session("line too long");
    return std::nullopt;
  }
  if (size == smtp::InputBuffer::kNone) {
    in_.release(kIdleBuffer);
    event = NeedBytes{};
    return std::nullopt;
  }
  const auto line = in_.view().substr(0, size);
  if (const auto* what = line_fault(line)) {
    error(std::string(what) + " received; a line must end in <CR><LF>");
    end_session(std::string(what) + " in a command");
    return std::nullopt;
  }
  // consume() leaves the octets where they are, so that the line holds until the next feed().
  in_.consume(size);
  return line.substr(0, size - 2);
}

Pop3Session::Next Pop3Session::read_command() {
  Next event;
  const auto line = take_line(settings_->line_limit, event);
  return line ? run(Pop3Command::parse(*line)) : event;
}

Pop3Session::Next Pop3Session::read_auth_answer() {
  Next event;
  const auto line = take_line(settings_->auth_line_limit, event);
  if (!line) return event;
  if (*line == "*") {
    phase_ = Phase::authorization;
    fault("authentication cancelled");
    return AuthCancelled{};
  }
  auto octets = base64_decode(*line);
  if (!octets) {
    phase_ = Phase::authorization;
    fault("malformed base64 in the authentication exchange");
    return AuthCancelled{};
  }
  phase_ = Phase::auth;
  return AuthAnswer{*std::move(octets)};
}

// ---- answers of many lines ----

void Pop3Session::go_on_listing() {
  for (; number_ <= maildrop_.size() && out_.size() < settings_->output; ++number_) {
    const auto& message = maildrop_.message(number_);
    if (message.marked) continue;
    out_ += std::to_string(number_) + " " +
            (unique_ids_ ? maildrop_.unique_id(number_) : std::to_string(message.size)) + "\r\n";
  }
  if (number_ <= maildrop_.size()) return;
  out_ += ".\r\n";
  phase_ = Phase::transaction;
}

Pop3Session::Next Pop3Session::go_on_message() {
  const auto& message = maildrop_.message(number_);
  if (offset_ == message.size || encoder_.complete()) {
    encoder_.finish(out_);
    totals_.retrieved += whole_ ? 1 : 0;
    phase_ = Phase::transaction;
    return std::nullopt;
  }
  phase_ = Phase::read;
  const auto left = message.size - offset_;
  return Read{message.uid, offset_,
              static_cast<std::size_t>(std::min<std::uint64_t>(left, settings_->piece))};
}

// ---- answers of the driver ----

void Pop3Session::challenge(std::string_view octets) {
  if (phase_ != Phase::auth) return;
  out_ += "+ ";
  put_base64(out_, octets);
  out_ += "\r\n";
  phase_ = Phase::auth_answer;
}

void Pop3Session::open(Maildrop maildrop) {
  if (phase_ != Phase::auth) return;
  maildrop_ = std::move(maildrop);
  phase_ = Phase::transaction;
  ok_maildrop();
}

void Pop3Session::refuse(std::string_view text) {
  switch (phase_) {
    case Phase::auth:
      phase_ = Phase::authorization;
      return fault(text);
    case Phase::read:
      // Behind a +OK and a part of the message, only the missing end can say that it is not whole.
      if (offset_ > 0) return end_session("a message could not be read to its end");
      phase_ = Phase::transaction;
      return error(text);
    case Phase::update:
      error(text);
      return end_session("quit");
    default:
      return;  // closed in the meantime by shut_down()
  }
}

void Pop3Session::content(std::string_view octets) {
  if (phase_ != Phase::read) return;
  if (octets.empty()) return refuse("[SYS/TEMP] the message can't be read");
  const auto& message = maildrop_.message(number_);
  if (offset_ == 0) ok(whole_ ? std::to_string(message.size) + " octets" : "top of the message follows");
  octets = octets.substr(
      0, static_cast<std::size_t>(std::min<std::uint64_t>(message.size - offset_, octets.size())));
  encoder_.encode(octets, out_);
  offset_ += octets.size();
  if (whole_) totals_.retrieved_octets += octets.size();
  phase_ = Phase::message;
}

void Pop3Session::updated() {
  if (phase_ != Phase::update) return;
  totals_.deleted = maildrop_.size() - maildrop_.count();
  ok("bye");
  end_session("quit");
}

void Pop3Session::tls_started() {
  in_.clear();
  out_.clear();
  user_.clear();
  tls_ = true;
  phase_ = Phase::authorization;
}

void Pop3Session::shut_down(std::string_view text, std::string reason) {
  if (phase_ == Phase::closed) return;
  // In the middle of a message a line of ours would be taken for one of it.
  if (!text.empty() && phase_ != Phase::message && phase_ != Phase::read && phase_ != Phase::listing)
    error(text);
  end_session(std::move(reason));
}

// ---- what is said ----

void Pop3Session::ok(std::string_view text) {
  out_ += "+OK ";
  out_ += text;
  out_ += "\r\n";
}

void Pop3Session::ok_maildrop() {
  ok(std::to_string(maildrop_.count()) + " messages (" + std::to_string(maildrop_.octets()) + " octets)");
}

void Pop3Session::error(std::string_view text) {
  out_ += "-ERR ";
  out_ += text;
  out_ += "\r\n";
}

void Pop3Session::fault(std::string_view text) {
  error(text);
  if (++errors_ >= settings_->error_limit) end_session("too many errors");
}

void Pop3Session::end_session(std::string reason) {
  if (closing_) return;
  closing_ = true;
  close_reason_ = std::move(reason);
}

}  // namespace hikyaku::access
