#pragma once
// For tests only: an SMTP server of one message at a time, with faults to be found.
#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>
#include <tuple>

#include "base/base64.h"
#include "probe/audit_fake_wire.h"

namespace hikyaku::probe::testing_support {

struct SmtpFaults : Faults {
  std::string data_end;                    ///< also ends content, and chunks
  std::size_t cut_content = 0;             ///< content lines are cut in pieces that are lines
  std::string relay_when;                  ///< relays when MAIL holds this
  bool takes_any_content = false;          ///< neither a limit nor loops
  bool sloppy_sizes = false;               ///< a size that can't be read is 7
  bool chunk_octets_are_commands = false;  ///< of a BDAT that was refused
  bool no_recipient_limit = false;
  bool patient = false;  ///< takes commands before its greeting
  bool believes_proxy = false;
  bool reads_behind_data = false;
  std::string name = "mx.test";  ///< in its greeting
  bool needs_login = false;      ///< no fault: it is for submission
  bool any_recipient = false;    ///< no fault: it has a mailbox for any name
};

class FakeSmtp final : public FakeWire {
 public:
  explicit FakeSmtp(SmtpFaults faults) : FakeWire(faults), more_(std::move(faults)) {
    say("220 " + more_.name + " ESMTP");
  }

 private:
  static constexpr std::size_t kLine = 2048, kSize = 100000;

  void serve() override {
    if (!greeted_ && !more_.patient && !more_.believes_proxy) {
      out_.clear();
      return close("554 5.5.1 you talk too early");
    }
    while (!closed_ && step()) {
    }
  }

  void tls_started() override {
    if (!faults_.keeps_state) sender_ = false;
  }

  bool step() {
    if (waits_for_handshake_ && !faults_.answers_before_handshake) return false;
    if (in_content_) return take_content();
    std::string line;
    switch (take_line(line, auth_ ? 12288 : kLine)) {
      case Line::none:
        return false;
      case Line::bad:
        if (faults_.line_end.empty() && faults_.cut == 0 && !fault_for(line)) {
          close("500 5.5.2 bad line");
          return true;
        }
        break;
      case Line::good:
        break;
    }
    if (const auto* reply = fault_for(line)) {
      auth_ = false;
      say(*reply);
    } else if (auth_) {
      auth_ = false;
      answer_auth(line);
    } else {
      command(line);
    }
    return true;
  }

  void error(std::string_view text) {
    if (++errors_ >= 10 && !faults_.endless_errors) return close("421 4.7.0 too many errors");
    say(text);
  }

  void command(std::string_view line) {
    const auto verb = line.substr(0, line.find(' '));
    const auto rest = line.substr(std::min(line.size(), verb.size() + 1));
    if (more_.believes_proxy && verb == "PROXY") return;
    if ((verb == "GET" || verb == "POST") && !faults_.hears_http) return close("221 2.7.0 go away");
    if (verb == "EHLO") return hello(rest);
    if (verb == "NOOP" || verb == "RSET") {
      if (verb == "RSET") sender_ = false;
      return say("250 2.0.0 ok");
    }
    if (verb == "QUIT") return close("221 2.0.0 bye");
    if (verb == "STARTTLS") return start_tls_command(rest);
    if (verb == "VRFY")
      return say(faults_.tells_users && rest != "postmaster" ? "550 5.1.1 no" : "252 2.0.0 perhaps");
    if (verb == "MAIL") return mail(rest);
    if (verb == "RCPT") return rcpt(rest);
    if (verb == "DATA") return data();
    if (verb == "BDAT") return bdat(rest);
    if (verb == "AUTH") return auth(rest);
    error("500 5.5.2 what?");
  }

  void hello(std::string_view name) {
    sender_ = false;
    say("250-mx.test hello " + std::string(faults_.echoes ? name : ""));
    for (const auto* one : {"PIPELINING", "SIZE 100000", "DSN", "CHUNKING"}) say(std::string("250-") + one);
    if (!tls_ || faults_.offers_tls_again) say("250-STARTTLS");
    if (tls_ || faults_.plain_login) say("250-AUTH PLAIN");
    say("250 8BITMIME");
  }

  void start_tls_command(std::string_view rest) {
    if (!rest.empty()) return error("501 5.5.4 no arguments");
    if (tls_ && !faults_.tls_again) return error("554 5.5.1 TLS is there");
    say("220 2.0.0 go on");
    waits_for_handshake_ = true;
  }

  void mail(std::string_view rest) {
    if (more_.needs_login && !user_) return error("530 5.7.0 who are you?");
    const auto path_end = rest.find('>');
    if (!rest.starts_with("FROM:<") || path_end == std::string_view::npos || path_end > 256 ||
        std::ranges::any_of(rest, [](char c) { return static_cast<unsigned char>(c) >= 127 || c < 32; }))
      return error("501 5.1.7 bad sender");
    for (auto left = rest.substr(path_end + 1); !left.empty();) {
      left.remove_prefix(1);
      const auto word = left.substr(0, left.find(' '));
      left.remove_prefix(word.size());
      if (word.starts_with("AUTH=")) continue;
      std::uint64_t size = 0;
      if (!word.starts_with("SIZE=")) return error("555 5.5.4 no such parameter");
      const auto digits = word.substr(5);
      const auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), size);
      if (code != std::errc() || end != digits.data() + digits.size() || size > kSize)
        return error("552 5.3.4 size");
    }
    sender_ = true;
    recipients_ = 0;
    relays_ = !more_.relay_when.empty() && rest.find(more_.relay_when) != std::string_view::npos;
    say("250 2.1.0 ok");
  }

  void rcpt(std::string_view rest) {
    if (!sender_) return error("503 5.5.1 MAIL first");
    const bool own = rest == "TO:<postmaster>" || rest == "TO:<postmaster@mx.test>" || more_.any_recipient;
    if (!own && !relays_) return error("550 5.7.1 no relay");
    if (recipients_ >= 100 && !more_.no_recipient_limit) return error("452 4.5.3 too many");
    ++recipients_;
    say("250 2.1.5 ok");
  }

  void data() {
    if (!in_.empty() && !more_.reads_behind_data) return close("554 5.5.0 you should wait");
    if (!sender_ || recipients_ == 0 || chunks_) return error("503 5.5.1 not now");
    in_content_ = true;
    content_ = "\r\n";
    say("354 go on");
  }

  void bdat(std::string_view rest) {
    std::uint64_t size = 0;
    const auto word = rest.substr(0, rest.find(' '));
    const auto [end, code] = std::from_chars(word.data(), word.data() + word.size(), size);
    if (word.empty() || code != std::errc() || end != word.data() + word.size()) {
      if (!more_.sloppy_sizes) return close("521 5.5.4 no size");
      size = 7;
    } else if (size > kSize && more_.sloppy_sizes) {
      size = 7;
    }
    const bool wanted = sender_ && recipients_ > 0;
    if (!wanted && more_.chunk_octets_are_commands) return error("503 5.5.1 not now");
    chunk_left_ = size;
    last_chunk_ = rest.ends_with(" LAST");
    refused_chunk_ = !wanted;
    chunks_ = in_content_ = true;
    in_chunk_ = true;
    content_ = "\r\n";
  }

  bool take_content() {
    const auto size = in_chunk_ ? std::min<std::uint64_t>(chunk_left_, in_.size()) : in_.size();
    const auto before = content_.size();
    content_ += in_.substr(0, size);
    in_.erase(0, size);
    auto end = in_chunk_ ? std::string::npos : content_.find("\r\n.\r\n");
    std::size_t behind = end == std::string::npos ? 0 : end + 5;
    if (const auto other = bogus_end(); other.first < end) std::tie(end, behind) = other;
    if (end != std::string::npos) {
      in_ = content_.substr(behind) + in_;
      return end_content();
    }
    if (!in_chunk_) return false;
    chunk_left_ -= content_.size() - before;
    return chunk_left_ == 0 && end_content();
  }

  std::pair<std::size_t, std::size_t> bogus_end() const {
    if (!more_.data_end.empty()) {
      const auto at = content_.find(more_.data_end);
      if (at != std::string::npos) return {at, at + more_.data_end.size()};
    }
    if (more_.cut_content > 0) {
      for (std::size_t at = content_.find(".\r\n"); at != std::string::npos;
           at = content_.find(".\r\n", at + 1)) {
        const auto line = content_.rfind('\n', at) + 1;
        if (at > line && (at - line) % more_.cut_content == 0) return {at, at + 3};
      }
    }
    return {std::string::npos, 0};
  }

  bool end_content() {
    const bool chunk = std::exchange(in_chunk_, false);
    in_content_ = false;
    if (chunk && refused_chunk_) {
      error("503 5.5.1 not now");
      return true;
    }
    if (chunk && !last_chunk_) {
      say("250 2.0.0 chunk");
      return true;
    }
    sender_ = chunks_ = false;
    std::size_t received = 0;
    for (auto at = content_.find("Received:"); at != std::string::npos;
         at = content_.find("Received:", at + 1))
      ++received;
    if (more_.takes_any_content || (received < 100 && content_.size() <= kSize)) {
      say("250 2.0.0 taken");
    } else {
      error("554 5.4.6 too much");
    }
    return true;
  }

  void auth(std::string_view rest) {
    if (!tls_ && !faults_.plain_login) return error("538 5.7.11 TLS first");
    if (sender_ || user_) return error("503 5.5.1 not now");
    if (!rest.starts_with("PLAIN")) return error("504 5.5.4 no such mechanism");
    if (rest.size() <= 6) {
      auth_ = true;
      return say("334 ");
    }
    answer_auth(rest.substr(6));
  }

  void answer_auth(std::string_view answer) {
    if (answer == "*") return error("501 5.7.0 given up");
    const auto message = base64_decode(answer == "=" ? "" : answer);
    if (!message) return error("501 5.5.2 no base64");
    if (*message == std::string("\0u\0p", 4)) {
      user_ = true;
      return say("235 2.7.0 welcome");
    }
    const bool known = message->starts_with(std::string("\0u\0", 3));
    error(faults_.tells_users && !known ? "535 5.7.8 no such user" : "535 5.7.8 wrong");
  }

  SmtpFaults more_;
  bool auth_ = false, user_ = false, sender_ = false, relays_ = false;
  bool in_content_ = false, in_chunk_ = false, last_chunk_ = false, refused_chunk_ = false, chunks_ = false;
  int recipients_ = 0;
  std::uint64_t chunk_left_ = 0;
  std::string content_;
};

}  // namespace hikyaku::probe::testing_support
