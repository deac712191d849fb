#include "probe/authenticate.h"

#include "base/base64.h"
#include "probe/words.h"

namespace hikyaku::probe {
namespace {

using Verdict = Answer::Verdict;
using End = AuthOutcome::End;

/// How many challenges a server may make: far more than any mechanism has.
constexpr int kMostChallenges = 20;

std::string last_line(const Answer& answer) { return answer.lines.empty() ? "" : answer.lines.back(); }

/// Says all at once, and what is due when the server tells why it refuses a token.
class TokenClient final : public AuthClient {
 public:
  TokenClient(std::string mechanism, std::string message, std::string on_error)
      : mechanism_(std::move(mechanism)), message_(std::move(message)), on_error_(std::move(on_error)) {}
  std::string_view mechanism() const override { return mechanism_; }
  std::optional<std::string> initial() override { return message_; }
  Result<std::string> answer(std::string_view challenge) override {
    // A server that did not take the initial response asks for it with an empty challenge.
    if (challenge.empty() && !asked_) {
      asked_ = true;
      return message_;
    }
    return on_error_;
  }

 private:
  std::string mechanism_, message_, on_error_;
  bool asked_ = false;
};

/// "," and "=" have a meaning in a GS2 header (RFC 5801 s. 4).
std::string gs2_name(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (c == ',') {
      out += "=2C";
    } else if (c == '=') {
      out += "=3D";
    } else {
      out += c;
    }
  }
  return out;
}

bool is_quotable(std::string_view text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) == text.npos;
}

/// A string of IMAP in quotes.
std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

std::string command(Conversation& conversation, Speech speech, AuthClient& client, const Opening& opening,
                    bool& said_initial) {
  const std::string name(client.mechanism());
  std::string line = speech == Speech::imap    ? conversation.tag() + " AUTHENTICATE " + name
                     : speech == Speech::sieve ? "AUTHENTICATE " + quoted(name)
                                               : "AUTH " + name;
  if (speech == Speech::imap && !opening.has("SASL-IR")) return line;  // RFC 4959
  const auto initial = client.initial();
  if (!initial) return line;
  said_initial = true;
  if (speech == Speech::sieve) return line + ' ' + quoted(base64_encode(*initial));
  return line + ' ' + (initial->empty() ? "=" : base64_encode(*initial));
}

/// The base64 of a challenge.
std::string challenge_text(Speech speech, const Answer& answer) {
  const auto line = last_line(answer);
  if (speech == Speech::sieve) return unquoted(line);
  const std::size_t mark = speech == Speech::imap || speech == Speech::pop3 ? 2 : 4;
  return line.size() > mark ? line.substr(mark) : "";
}

std::string reply_line(Speech speech, std::string_view octets) {
  return speech == Speech::sieve ? quoted(base64_encode(octets)) : base64_encode(octets);
}

/// Tells the server that we won't go on, and reads its answer.
Result<AuthOutcome> give_up(Conversation& conversation, Speech speech, std::string why) {
  conversation.failure(shown(why));
  auto answer = conversation.ask(speech == Speech::sieve ? "\"*\"" : "*");
  if (!answer) return std::unexpected(std::move(answer.error()));
  return AuthOutcome{End::given_up, std::move(why)};
}

/// ManageSieve may put the server's last words into its OK (RFC 5804 s. 2.1).
Result<std::string> last_words(Speech speech, const Answer& answer) {
  const auto line = last_line(answer);
  static constexpr std::string_view kMark = "(SASL ";
  const auto at = line.find(kMark);
  if (speech != Speech::sieve || at == line.npos) return std::string{};
  auto text =
      unquoted(word_at(line, at + kMark.size()).text.substr(0, line.find(')', at) - at - kMark.size()));
  auto decoded = base64_decode(text);
  if (!decoded) return fail(Fault::malformed, "the server's last words are no base64");
  return std::move(*decoded);
}

Result<AuthOutcome> ended(Speech speech, AuthClient& client, const Answer& answer) {
  if (answer.verdict != Verdict::good) return AuthOutcome{End::refused, last_line(answer)};
  if (client.wants_proof()) {
    const auto words = last_words(speech, answer);
    if (!words) return AuthOutcome{End::given_up, words.error().text};
    if (!words->empty()) {
      if (const auto checked = client.answer(*words); !checked)
        return AuthOutcome{End::given_up, checked.error().text};
    }
  }
  if (client.wants_proof())
    return AuthOutcome{End::given_up, "the server says yes without the proof that it knows the password"};
  return AuthOutcome{End::accepted, last_line(answer)};
}

}  // namespace

std::unique_ptr<AuthClient> make_token_client(std::string_view mechanism, const Identity& identity,
                                              std::string_view host, std::uint16_t port) {
  const auto& user = identity.user;
  std::string message;
  std::string on_error;
  if (mechanism == "XOAUTH2") {
    message = "user=" + user +
              "\x01"
              "auth=Bearer " +
              identity.password + "\x01\x01";
  } else if (mechanism == "OAUTHBEARER") {
    const auto& name = identity.authorize_as.empty() ? user : identity.authorize_as;
    message = "n," + (name.empty() ? "" : "a=" + gs2_name(name)) + ",\x01host=" + std::string(host) +
              "\x01port=" + std::to_string(port) +
              "\x01"
              "auth=Bearer " +
              identity.password + "\x01\x01";
    on_error = "\x01";
  } else if (mechanism == "EXTERNAL") {
    message = identity.authorize_as;
  } else if (mechanism == "ANONYMOUS") {
    message = user;
  } else {
    return nullptr;
  }
  return std::make_unique<TokenClient>(std::string(mechanism), std::move(message), std::move(on_error));
}

Result<AuthOutcome> authenticate(Conversation& conversation, Speech speech, AuthClient& client,
                                 const Opening& opening) {
  bool said_initial = false;
  auto answer = conversation.ask(command(conversation, speech, client, opening, said_initial));
  for (int challenges = 0;; ++challenges) {
    if (!answer) return std::unexpected(std::move(answer.error()));
    if (answer->verdict != Verdict::more) return ended(speech, client, *answer);
    if (challenges == kMostChallenges)
      return give_up(conversation, speech, "the server makes challenges without end");
    const auto text = challenge_text(speech, *answer);
    const auto challenge = base64_decode(text);
    if (!challenge) return give_up(conversation, speech, "the challenge is no base64: \"" + text + '"');
    const auto initial = !said_initial && challenges == 0 ? client.initial() : std::nullopt;
    auto reply = initial ? Result<std::string>(*initial) : client.answer(*challenge);
    if (!reply) return give_up(conversation, speech, reply.error().text);
    answer = conversation.ask(reply_line(speech, *reply));
  }
}

bool has_own_login(Speech speech, const Opening& opening) {
  if (speech == Speech::ftp) return true;
  if (speech == Speech::imap) return !opening.has("LOGINDISABLED");
  // A server without CAPA has USER, or nothing.
  return speech == Speech::pop3 && (opening.capabilities.empty() || opening.has("USER"));
}

Result<AuthOutcome> log_in(Conversation& conversation, Speech speech, const Identity& identity) {
  if (!is_quotable(identity.user) || !is_quotable(identity.password))
    return AuthOutcome{End::given_up,
                       "a name or password with a line end or a NUL in it can't be sent this way"};
  if (speech == Speech::imap) {
    auto answer = conversation.ask(conversation.tag() + " LOGIN " + quoted(identity.user) + ' ' +
                                   quoted(identity.password));
    if (!answer) return std::unexpected(std::move(answer.error()));
    return AuthOutcome{answer->verdict == Verdict::good ? End::accepted : End::refused, last_line(*answer)};
  }
  auto answer = conversation.ask("USER " + identity.user);
  if (answer && answer->taken() && !(speech == Speech::ftp && answer->verdict == Verdict::good))
    answer = conversation.ask("PASS " + identity.password);
  if (!answer) return std::unexpected(std::move(answer.error()));
  return AuthOutcome{answer->verdict == Verdict::good ? End::accepted : End::refused, last_line(*answer)};
}

const std::vector<std::string>& known_mechanisms() {
  static const std::vector<std::string> kKnown{
      "SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5", "PLAIN", "LOGIN",
      "OAUTHBEARER",        "XOAUTH2",          "EXTERNAL"};
  return kKnown;
}

}  // namespace hikyaku::probe
