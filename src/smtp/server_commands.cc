// What each command of a client means: the order of commands, their syntax, and the events they make.
#include <algorithm>
#include <charconv>

#include "base/base64.h"
#include "base/escape.h"
#include "base/hostname.h"
#include "mail/parameters_xtext.h"
#include "smtp/server_command.h"
#include "smtp/server_session.h"

namespace hikyaku::smtp {
namespace {

constexpr std::size_t kMostAttributes = 20;  // of one XCLIENT

std::string upper_text(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), upper);
  return out;
}

bool contains(const std::vector<std::string>& names, std::string_view word) {
  return std::ranges::any_of(names, [&](const auto& name) { return same_word(word, name); });
}

/// "FROM:" off the front of `text`, in any case.
bool take_prefix(std::string_view& text, std::string_view prefix) {
  if (!same_word(text.substr(0, prefix.size()), prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

Reply parameter_refusal(const mail::ParameterFault& fault) {
  if (fault.kind == mail::ParameterFault::Kind::unknown)
    return {555, {5, 5, 4}, "Unsupported option: " + fault.keyword};
  if (fault.keyword == "SIZE") return {501, {5, 5, 4}, "Bad message size syntax"};
  return {501, {5, 5, 4}, "Bad " + fault.keyword + " parameter syntax"};
}

/// The commands of which a client needs but a few; many of them are noise (smtpd_junk_command_limit).
bool does_no_work(Verb verb) {
  switch (verb) {
    case Verb::helo:
    case Verb::ehlo:
    case Verb::lhlo:
    case Verb::noop:
    case Verb::help:
    case Verb::rset:
    case Verb::vrfy:
    case Verb::etrn:
      return true;
    default:
      return false;
  }
}

/// "[192.0.2.1]", "[IPv6:2001:db8::1]": by its octets alone, since it is only compared with what is listed.
bool looks_like_literal(std::string_view text) {
  if (text.size() < 3 || text.front() != '[' || text.back() != ']') return false;
  text = text.substr(1, text.size() - 2);
  if (text.starts_with("IPv6:")) text.remove_prefix(5);
  return text.find_first_not_of("0123456789abcdefABCDEF:.") == std::string_view::npos;
}

/// `text` is what stands behind the colon, `parameters` its end.
ServerSession::AsWritten as_written(std::string_view text, std::string_view parameters) {
  return {trimmed(text.substr(0, text.size() - parameters.size())), parameters};
}

std::string_view verb_name(ServerSession::Hello::Verb verb) {
  switch (verb) {
    case ServerSession::Hello::Verb::helo:
      return "HELO";
    case ServerSession::Hello::Verb::ehlo:
      return "EHLO";
    default:
      return "LHLO";
  }
}

}  // namespace

ServerSession::Next ServerSession::run(std::string_view line) {
  Command command{Verb::unknown, {}, line};
  command.word = take_word(command.arguments);
  if (forbidden(line)) {
    out_ += "221 2.7.0 Error: I can break rules, too. Goodbye.\r\n";
    end_session("forbidden command: " + escaped(line, 60));
    return std::nullopt;
  }
  if (command.word.empty()) return refused({500, {5, 5, 2}, "Error: bad syntax"});
  command.verb = verb(command.word);
  if (breaks_pipelining(command)) {
    refuse({554, {5, 5, 0}, "Error: SMTP protocol synchronization"});
    end_session("octets behind " + escaped(command.word, 20) + " before its answer");
    return std::nullopt;
  }
  if (auto reply = not_now(command)) return refused(*reply);
  if (does_no_work(command.verb)) count_junk();
  if (closing_) return std::nullopt;
  return dispatch(command);
}

bool ServerSession::forbidden(std::string_view line) const {
  const auto word = take_word(line);
  return contains(settings_->forbidden_commands, word) ||
         (settings_->forbidden_pattern && !word.empty() && settings_->forbidden_pattern(word));
}

/// RFC 2920 s. 3.1: these are the last of a group; what is behind them was sent without knowing the answer.
/// For DATA it may be a message that would be read as commands. STARTTLS drops it, QUIT ends.
bool ServerSession::breaks_pipelining(const Command& command) const {
  if (in_.empty()) return false;
  switch (command.verb) {
    case Verb::helo:
    case Verb::ehlo:
    case Verb::lhlo:
    case Verb::data:
    case Verb::vrfy:
    case Verb::expn:
    case Verb::etrn:
    case Verb::auth:
    case Verb::xclient:
      return true;
    default:
      return false;
  }
}

std::optional<Reply> ServerSession::not_now(const Command& command) const {
  if (command.verb == Verb::quit) return std::nullopt;
  // The octets of a chunk follow in any case: BDAT is refused behind them.
  if (command.verb == Verb::bdat) return std::nullopt;
  if (only_quit_) return Reply{503, {5, 5, 1}, "Error: send QUIT"};
  if (settings_->tls == ServerSettings::Tls::encrypt && !tls_) {
    switch (command.verb) {
      case Verb::helo:
      case Verb::ehlo:
      case Verb::lhlo:
      case Verb::noop:
      case Verb::help:
      case Verb::starttls:
      case Verb::xclient:
      case Verb::unknown:
        break;
      default:
        return Reply{530, {5, 7, 0}, "Must issue a STARTTLS command first"};
    }
  }
  return std::nullopt;
}

ServerSession::Next ServerSession::dispatch(const Command& command) {
  switch (command.verb) {
    case Verb::helo:
    case Verb::ehlo:
    case Verb::lhlo:
      return run_hello(command);
    case Verb::mail:
      return run_mail(command);
    case Verb::rcpt:
      return run_rcpt(command);
    case Verb::data:
      return run_data(command);
    case Verb::bdat:
      return run_bdat(command);
    case Verb::rset:
      return run_rset(command);
    case Verb::vrfy:
      return run_vrfy(command);
    case Verb::etrn:
      return run_etrn(command);
    case Verb::starttls:
      return run_start_tls(command);
    case Verb::auth:
      return run_auth(command);
    case Verb::xclient:
      return run_xclient(command);
    case Verb::quit:
      if (!command.arguments.empty()) return refused({501, {5, 5, 4}, "Syntax: QUIT"});
      out_ += "221 2.0.0 Bye\r\n";
      end_session("quit");
      return std::nullopt;
    case Verb::help:
      put({214, {2, 0, 0}, "Commands: EHLO HELO STARTTLS AUTH MAIL RCPT DATA BDAT RSET NOOP VRFY ETRN QUIT"});
      return std::nullopt;
    case Verb::expn:
      return refused({502, {5, 5, 1}, "Error: command not implemented"});
    case Verb::noop:
      break;
    case Verb::unknown:
      if (!contains(settings_->noop_commands, command.word)) {
        if (!client_.ask_unknown) return refused({502, {5, 5, 2}, "Error: command not recognized"});
        phase_ = Phase::unknown;
        return Unknown{std::string(command.word)};
      }
      break;
  }
  put({250, {2, 0, 0}, "Ok"});
  return std::nullopt;
}

ServerSession::Next ServerSession::run_hello(const Command& command) {
  const auto asked = command.verb == Verb::helo   ? Hello::Verb::helo
                     : command.verb == Verb::ehlo ? Hello::Verb::ehlo
                                                  : Hello::Verb::lhlo;
  // RFC 2033 s. 4.1: LHLO and nothing else for LMTP, and never for SMTP.
  if (lmtp() != (asked == Hello::Verb::lhlo)) {
    return refused({500, {5, 5, 1}, lmtp() ? "Error: send LHLO" : "Error: send HELO/EHLO"});
  }
  if (command.arguments.empty()) {
    return refused({501, {5, 5, 4}, "Syntax: " + std::string(verb_name(asked)) + " hostname"});
  }
  end_transaction();
  esmtp_asked_ = asked != Hello::Verb::helo;
  hello_asked_ = command.arguments;
  phase_ = Phase::hello;
  return Hello{asked, hello_asked_};
}

ServerSession::Next ServerSession::run_start_tls(const Command& command) {
  if (!command.arguments.empty()) return refused({501, {5, 5, 4}, "Syntax: STARTTLS"});
  if (tls_) return refused({554, {5, 5, 1}, "Error: TLS already active"});
  if (settings_->tls == ServerSettings::Tls::none)
    return refused({502, {5, 5, 1}, "Error: command not implemented"});
  // What was pipelined in plain text must not be taken for something said under TLS (CVE-2011-0411).
  in_.clear();
  forget();
  out_ += "220 2.0.0 Ready to start TLS\r\n";
  phase_ = Phase::tls;
  return StartTls{};
}

ServerSession::Next ServerSession::run_auth(const Command& command) {
  if (settings_->helo_required && helo_name_.empty()) {
    return refused({503, {5, 5, 1}, "Error: send HELO/EHLO first"});
  }
  if (!settings_->auth || !client_.offer_auth)
    return refused({503, {5, 5, 1}, "Error: authentication not enabled"});
  if (sender_) return refused({503, {5, 5, 1}, "Error: MAIL transaction in progress"});
  if (authenticated_) return refused({503, {5, 5, 1}, "Error: already authenticated"});
  if (settings_->tls_auth_only && !tls_) {
    return refused({538, {5, 7, 0}, "Encryption required for requested authentication mechanism"});
  }
  auto left = command.arguments;
  const auto mechanism = take_word(left);
  const auto initial = take_word(left);
  if (mechanism.empty() || !left.empty()) return refused({501, {5, 5, 4}, "Syntax: AUTH mechanism"});
  if (!contains(mechanisms(), mechanism))
    return refused({504, {5, 5, 4}, "Unrecognized authentication type"});
  Auth event{upper_text(mechanism), std::nullopt};
  if (initial == "=") {
    event.initial = "";  // RFC 4954 s. 4: an empty one, not none
  } else if (!initial.empty()) {
    auto octets = base64_decode(initial);
    if (!octets) return refused({501, {5, 5, 2}, "Error: malformed base64 in the initial response"});
    event.initial = *std::move(octets);
  }
  phase_ = Phase::auth;
  return event;
}

std::optional<Reply> ServerSession::why_no_mail_now() const {
  if ((settings_->helo_required || lmtp()) && helo_name_.empty()) {
    return Reply{503, {5, 5, 1}, lmtp() ? "Error: send LHLO first" : "Error: send HELO/EHLO first"};
  }
  if (sender_) return Reply{503, {5, 5, 1}, "Error: nested MAIL command"};
  return std::nullopt;
}

/// A UTF-8 address is for those who speak SMTPUTF8 (RFC 6531 s. 3.4); Postfix is lenient unless told
/// otherwise.
std::optional<Reply> ServerSession::why_not(const mail::Path& path, bool utf8_declared,
                                            Reply bad_syntax) const {
  if (utf8_declared || !path.needs_utf8()) return std::nullopt;
  if (!settings_->smtputf8) return bad_syntax;
  if (settings_->strict_smtputf8)
    return Reply{553, {5, 6, 7}, "Must declare SMTPUTF8 to send unicode address"};
  return std::nullopt;
}

ServerSession::Next ServerSession::run_mail(const Command& command) {
  if (auto reply = why_no_mail_now()) return refused(*reply);
  auto left = command.arguments;
  if (!take_prefix(left, "FROM:")) return refused({501, {5, 5, 4}, "Syntax: MAIL FROM:<address>"});
  const Reply bad_syntax{501, {5, 1, 7}, "Bad sender address syntax"};
  const auto form = settings_->strict_envelopes ? mail::Path::Form::strict : mail::Path::Form::lenient;
  auto taken = mail::Path::take(left, form);
  if (!taken) return refused(bad_syntax);
  auto parameters = mail::MailParameters::parse(taken->rest);
  if (!parameters) return refused(parameter_refusal(parameters.error()));
  if (parameters->smtputf8 && (!settings_->smtputf8 || discarded().has(EhloKeywords::kSmtpUtf8))) {
    return refused({555, {5, 5, 4}, "Unsupported option: SMTPUTF8"});
  }
  if (discarded().has(EhloKeywords::kDsn) &&
      (parameters->ret != mail::DsnReturn::unspecified || !parameters->envid.empty())) {
    return refused({501, {5, 7, 1}, "DSN support is disabled"});
  }
  if (auto reply = why_not(taken->path, parameters->smtputf8, bad_syntax)) return refused(*reply);
  if (settings_->message_size_limit > 0 && parameters->size.value_or(0) > settings_->message_size_limit) {
    return refused({552, {5, 3, 4}, "Message size exceeds fixed limit"});
  }
  end_transaction();
  utf8_asked_ = parameters->smtputf8;
  phase_ = Phase::sender;
  return Sender{std::move(taken->path), *std::move(parameters), as_written(left, taken->rest)};
}

ServerSession::Next ServerSession::run_rcpt(const Command& command) {
  if (!sender_) return refused({503, {5, 5, 1}, "Error: need MAIL command"});
  if (chunking_) return refused({503, {5, 5, 1}, "Error: RCPT after BDAT"});
  auto left = command.arguments;
  if (!take_prefix(left, "TO:")) return refused({501, {5, 5, 4}, "Syntax: RCPT TO:<address>"});
  const Reply bad_syntax{501, {5, 1, 3}, "Bad recipient address syntax"};
  const auto form = settings_->strict_envelopes ? mail::Path::Form::strict : mail::Path::Form::lenient;
  auto taken = mail::Path::take(left, form);
  if (!taken || taken->path.null()) {
    recipient_refused_ = true;
    return refused(bad_syntax);
  }
  auto parameters = mail::RecipientParameters::parse(taken->rest);
  std::optional<Reply> reply;
  if (!parameters) {
    reply = parameter_refusal(parameters.error());
  } else if (discarded().has(EhloKeywords::kDsn) && *parameters != mail::RecipientParameters{}) {
    reply = Reply{501, {5, 7, 1}, "DSN support is disabled"};
  } else {
    reply = why_not(taken->path, utf8_, bad_syntax);
  }
  if (reply) {
    recipient_refused_ = true;
    return refused(*reply);
  }
  if (recipients_ >= settings_->recipient_limit) {
    recipient_refused_ = true;
    // A list that is too long is no error of the client, up to a point: it sends the rest in a second
    // message.
    put({452, {4, 5, 3}, "Error: too many recipients"});
    if (overshoot_++ >= settings_->recipient_overshoot_limit) count_error();
    return std::nullopt;
  }
  phase_ = Phase::recipient;
  return Recipient{std::move(taken->path), *std::move(parameters), as_written(left, taken->rest)};
}

std::optional<Reply> ServerSession::why_no_content_now() const {
  if (recipients_ > 0) return std::nullopt;
  if (recipient_refused_) return Reply{554, {5, 5, 1}, "Error: no valid recipients"};
  if (sender_) return Reply{503, {5, 5, 1}, "Error: need RCPT command"};
  return Reply{503, {5, 5, 1}, "Error: need MAIL command"};
}

ServerSession::Next ServerSession::run_data(const Command& command) {
  if (chunking_) return refused({503, {5, 5, 1}, "Error: DATA after BDAT"});
  if (auto reply = why_no_content_now()) return refused(*reply);
  if (!command.arguments.empty()) return refused({501, {5, 5, 4}, "Syntax: DATA"});
  chunk_asked_ = false;
  phase_ = Phase::data;
  return Data{false};
}

ServerSession::Next ServerSession::run_bdat(const Command& command) {
  auto left = command.arguments;
  const auto digits = take_word(left);
  const auto last = take_word(left);
  std::uint64_t size = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), size);
  if (digits.empty() || error != std::errc() || end != digits.data() + digits.size() || !left.empty() ||
      (!last.empty() && !same_word(last, "LAST"))) {
    // Where the octets of the chunk end is not known: they must not be read as commands.
    refuse({521, {5, 5, 4}, "Syntax: BDAT count [LAST]"});
    end_session("BDAT without a readable size");
    return std::nullopt;
  }
  chunk_size_ = chunk_left_ = size;
  last_chunk_ = !last.empty();
  phase_ = Phase::chunk;
  if (only_quit_) {
    content_refusal_ = Reply{503, {5, 5, 1}, "Error: send QUIT"};
  } else if (settings_->tls == ServerSettings::Tls::encrypt && !tls_) {
    content_refusal_ = Reply{530, {5, 7, 0}, "Must issue a STARTTLS command first"};
  } else if (discarded().has(EhloKeywords::kChunking)) {
    content_refusal_ = Reply{502, {5, 5, 1}, "Error: command not implemented"};
  } else {
    content_refusal_ = why_no_content_now();
  }
  if (content_refusal_ || chunking_) return std::nullopt;
  chunk_asked_ = true;
  phase_ = Phase::data;
  return Data{true};
}

ServerSession::Next ServerSession::run_rset(const Command& command) {
  if (!command.arguments.empty()) return refused({501, {5, 5, 4}, "Syntax: RSET"});
  const bool voided = sender_;
  end_transaction();
  put({250, {2, 0, 0}, "Ok"});
  if (voided) return Reset{};
  return std::nullopt;
}

ServerSession::Next ServerSession::run_vrfy(const Command& command) {
  if (!settings_->vrfy || discarded().has(EhloKeywords::kVrfy)) {
    return refused({502, {5, 5, 1}, "VRFY command is disabled"});
  }
  if (command.arguments.empty()) return refused({501, {5, 5, 4}, "Syntax: VRFY address"});
  phase_ = Phase::verify;
  return Verify{std::string(command.arguments)};
}

ServerSession::Next ServerSession::run_etrn(const Command& command) {
  if (settings_->helo_required && helo_name_.empty())
    return refused({503, {5, 5, 1}, "Error: send HELO/EHLO first"});
  if (sender_) return refused({503, {5, 5, 1}, "Error: MAIL transaction in progress"});
  if (command.arguments.empty() || command.arguments.find_first_of(" \t") != std::string_view::npos) {
    return refused({500, {5, 5, 4}, "Syntax: ETRN domain"});
  }
  // RFC 1985 s. 5.3: "@" would add the subdomains, "#" names a queue; Postfix takes both for the domain
  // alone.
  auto domain = command.arguments;
  if (domain.front() == '@' || domain.front() == '#') domain.remove_prefix(1);
  if (!is_hostname(domain) && !looks_like_literal(domain))
    return refused({501, {5, 5, 4}, "Error: invalid parameter syntax"});
  phase_ = Phase::etrn;
  return Etrn{std::string(domain)};
}

ServerSession::Next ServerSession::run_xclient(const Command& command) {
  if (!client_.xclient) return refused({550, {5, 7, 0}, "Error: insufficient authorization"});
  if (sender_) return refused({503, {5, 5, 1}, "Error: MAIL transaction in progress"});
  static constexpr std::string_view kNames[] = {"NAME",  "ADDR",     "PORT",     "PROTO",       "HELO",
                                                "LOGIN", "DESTADDR", "DESTPORT", "REVERSE_NAME"};
  Xclient event;
  login_asked_ = false;
  for (auto left = command.arguments; !left.empty();) {
    const auto word = take_word(left);
    const auto equals = word.find('=');
    auto name = upper_text(word.substr(0, equals));
    if (equals == std::string_view::npos || std::ranges::find(kNames, name) == std::end(kNames) ||
        event.attributes.size() >= kMostAttributes) {
      return refused({501, {5, 5, 4}, "Error: XCLIENT attribute not known, or without a value"});
    }
    const auto value = word.substr(equals + 1);
    Xclient::Attribute attribute{std::move(name), std::nullopt, same_word(value, "[TEMPUNAVAIL]")};
    if (!attribute.temporary && !same_word(value, "[UNAVAILABLE]")) {
      attribute.value = mail::xtext_decode(value);
      const auto control = [](char c) { return static_cast<unsigned char>(c) < 32 || c == 127; };
      if (!attribute.value || std::ranges::any_of(*attribute.value, control)) {
        return refused({501, {5, 5, 4}, "Bad " + attribute.name + " syntax"});
      }
      login_asked_ = login_asked_ || attribute.name == "LOGIN";
    }
    event.attributes.push_back(std::move(attribute));
  }
  if (event.attributes.empty()) return refused({501, {5, 5, 4}, "Syntax: XCLIENT attribute=value..."});
  phase_ = Phase::xclient;
  return event;
}

}  // namespace hikyaku::smtp
