// What each command does.
#include <algorithm>

#include "access/pop3_session.h"
#include "base/base64.h"

namespace hikyaku::access {
namespace {

std::string upper(std::string_view text) {
  std::string out(text);
  for (auto& c : out) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return out;
}

bool takes_arguments(Pop3Verb verb) {
  switch (verb) {
    case Pop3Verb::user:
    case Pop3Verb::pass:
    case Pop3Verb::auth:
    case Pop3Verb::list:
    case Pop3Verb::retr:
    case Pop3Verb::dele:
    case Pop3Verb::top:
    case Pop3Verb::uidl:
      return true;
    default:
      return false;
  }
}

constexpr std::string_view kNotNow = "this command is for later or earlier in a session";

}  // namespace

Pop3Session::Next Pop3Session::run(const Pop3Command& command) {
  auto arguments = command.arguments;
  if (command.verb == Pop3Verb::http) {
    // A browser can be made to send one: what it holds must not be heard (CVE-2021-3618).
    error("this is no web server");
    end_session("HTTP instead of POP3");
    return std::nullopt;
  }
  if (command.verb == Pop3Verb::unknown) {
    fault("unknown command");
    return std::nullopt;
  }
  if (!takes_arguments(command.verb) && !take_word(arguments).empty()) {
    fault("this command has no arguments");
    return std::nullopt;
  }
  if (command.verb == Pop3Verb::capa) {
    run_capa();
    return std::nullopt;
  }
  if (command.verb == Pop3Verb::quit) return run_quit();
  return phase_ == Phase::authorization ? run_before_login(command) : run_after_login(command);
}

Pop3Session::Next Pop3Session::run_before_login(const Pop3Command& command) {
  switch (command.verb) {
    case Pop3Verb::user:
      run_user(command.arguments);
      return std::nullopt;
    case Pop3Verb::pass:
      return run_pass(command.arguments);
    case Pop3Verb::auth:
      return run_auth(command.arguments);
    case Pop3Verb::stls:
      return run_stls();
    default:
      fault(kNotNow);
      return std::nullopt;
  }
}

Pop3Session::Next Pop3Session::run_after_login(const Pop3Command& command) {
  switch (command.verb) {
    case Pop3Verb::stat:
      ok(std::to_string(maildrop_.count()) + " " + std::to_string(maildrop_.octets()));
      break;
    case Pop3Verb::list:
    case Pop3Verb::uidl:
      run_list(command.arguments, command.verb == Pop3Verb::uidl);
      break;
    case Pop3Verb::retr:
      return run_retr(command.arguments);
    case Pop3Verb::top:
      return run_top(command.arguments);
    case Pop3Verb::dele:
      run_dele(command.arguments);
      break;
    case Pop3Verb::noop:
      ok("nothing done");
      break;
    case Pop3Verb::rset:
      maildrop_.unmark_all();
      ok_maildrop();
      break;
    default:
      fault(kNotNow);
  }
  return std::nullopt;
}

// ---- at any time ----

/// RFC 2449 s. 5. What is offered in one state is told in both.
void Pop3Session::run_capa() {
  ok("capabilities follow");
  out_ += "TOP\r\nUIDL\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\nPIPELINING\r\nEXPIRE NEVER\r\n";
  if (may_log_in()) {
    if (offers_passwords()) out_ += "USER\r\n";
    if (!mechanisms().empty()) {
      out_ += "SASL";
      for (const auto& mechanism : mechanisms()) out_ += " " + mechanism;
      out_ += "\r\n";
    }
  }
  if (offers_tls()) out_ += "STLS\r\n";
  out_ += "IMPLEMENTATION Hikyaku\r\n.\r\n";
}

/// RFC 1939 s. 6: only what QUIT ends removes messages.
Pop3Session::Next Pop3Session::run_quit() {
  if (phase_ == Phase::transaction) {
    if (auto uids = maildrop_.marked_uids(); !uids.empty()) {
      phase_ = Phase::update;
      return Update{std::move(uids)};
    }
  }
  ok("bye");
  end_session("quit");
  return std::nullopt;
}

// ---- before the login ----

bool Pop3Session::offers_passwords() const {
  return std::ranges::any_of(mechanisms(), [](const auto& one) { return one == "PLAIN" || one == "LOGIN"; });
}

void Pop3Session::run_user(std::string_view name) {
  user_.clear();
  if (!may_log_in()) return fault("a login needs TLS");
  if (!offers_passwords()) return fault("no passwords in the clear here");
  if (name.empty()) return fault("USER has the name of a user");
  user_ = name;
  ok("and the password?");
}

Pop3Session::Next Pop3Session::run_pass(std::string_view password) {
  const auto user = std::exchange(user_, {});
  if (user.empty() || password.empty()) {
    fault(user.empty() ? "USER comes first" : "PASS has a password");
    return std::nullopt;
  }
  phase_ = Phase::auth;
  std::string initial(1, '\0');
  initial.append(user).append(1, '\0').append(password);
  return Auth{"PLAIN", std::move(initial)};
}

/// RFC 5034 s. 4.
Pop3Session::Next Pop3Session::run_auth(std::string_view arguments) {
  user_.clear();
  auto mechanism = upper(take_word(arguments));
  const auto encoded = take_word(arguments);
  if (!may_log_in()) {
    fault("a login needs TLS");
    return std::nullopt;
  }
  if (mechanism.empty() || !arguments.empty()) {
    fault("AUTH has a mechanism, and perhaps an initial response");
    return std::nullopt;
  }
  if (std::ranges::find(mechanisms(), mechanism) == mechanisms().end()) {
    fault("this mechanism is not offered");
    return std::nullopt;
  }
  std::optional<std::string> initial;
  if (!encoded.empty()) {
    auto decoded = base64_decode(encoded == "=" ? std::string_view() : encoded);
    if (!decoded) {
      fault("malformed base64 in the initial response");
      return std::nullopt;
    }
    initial = *std::move(decoded);
  }
  phase_ = Phase::auth;
  return Auth{std::move(mechanism), std::move(initial)};
}

Pop3Session::Next Pop3Session::run_stls() {
  if (!offers_tls()) {
    fault(tls_ ? "TLS is active already" : "TLS is not offered");
    return std::nullopt;
  }
  ok("begin TLS now");
  // Whoever stands in between may have put it there: it must not count as said under TLS.
  in_.clear();
  phase_ = Phase::tls;
  return StartTls{};
}

// ---- after the login ----

std::optional<std::size_t> Pop3Session::take_number(std::string_view word) {
  const auto number = parse_number(word);
  if (!number) {
    fault("this is no message number");
  } else if (*number == 0 || *number > maildrop_.size()) {
    error("there is no such message");
  } else if (maildrop_.message(static_cast<std::size_t>(*number)).marked) {
    error("the message is marked as deleted");
  } else {
    return static_cast<std::size_t>(*number);
  }
  return std::nullopt;
}

void Pop3Session::run_list(std::string_view arguments, bool unique_ids) {
  const auto word = take_word(arguments);
  if (!arguments.empty()) return fault("too many arguments");
  if (!word.empty()) {
    const auto number = take_number(word);
    if (!number) return;
    return ok(std::to_string(*number) + " " +
              (unique_ids ? maildrop_.unique_id(*number) : std::to_string(maildrop_.message(*number).size)));
  }
  ok_maildrop();
  number_ = 1;
  unique_ids_ = unique_ids;
  phase_ = Phase::listing;
}

Pop3Session::Next Pop3Session::run_retr(std::string_view arguments) {
  const auto word = take_word(arguments);
  if (word.empty() || !arguments.empty()) {
    fault("RETR has a message number");
    return std::nullopt;
  }
  const auto number = take_number(word);
  return number ? send_message(*number, std::nullopt) : std::nullopt;
}

Pop3Session::Next Pop3Session::run_top(std::string_view arguments) {
  const auto word = take_word(arguments);
  const auto lines = parse_number(take_word(arguments));
  if (word.empty() || !lines || !arguments.empty()) {
    fault("TOP has a message number and a number of lines");
    return std::nullopt;
  }
  const auto number = take_number(word);
  return number ? send_message(*number, lines) : std::nullopt;
}

Pop3Session::Next Pop3Session::send_message(std::size_t number, std::optional<std::uint64_t> body_lines) {
  number_ = number;
  offset_ = 0;
  whole_ = !body_lines;
  encoder_ = MessageEncoder(body_lines);
  phase_ = Phase::message;
  // An empty message has nothing that could be asked for.
  if (maildrop_.message(number).size == 0) ok("0 octets");
  return std::nullopt;
}

void Pop3Session::run_dele(std::string_view arguments) {
  const auto word = take_word(arguments);
  if (word.empty() || !arguments.empty()) return fault("DELE has a message number");
  const auto number = take_number(word);
  if (!number) return;
  maildrop_.mark(*number);
  ok("message " + std::to_string(*number) + " goes at QUIT");
}

}  // namespace hikyaku::access
