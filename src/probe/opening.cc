#include "probe/opening.h"

#include <algorithm>

#include "probe/words.h"

namespace hikyaku::probe {
namespace {

using Verdict = Answer::Verdict;

std::string last_line(const Answer& answer) { return answer.lines.empty() ? "" : shown(answer.lines.back()); }

/// What the lines of an answer list, each without the code or mark of the protocol.
std::vector<std::string> listed(Speech speech, const Answer& answer) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < answer.lines.size(); ++i) {
    std::string_view line = answer.lines[i];
    switch (speech) {
      case Speech::smtp:
      case Speech::lmtp:
        if (i > 0 && line.size() > 4) out.emplace_back(line.substr(4));
        break;
      case Speech::imap: {
        static constexpr std::string_view kList = "* CAPABILITY ";
        if (line.size() < kList.size() || !same_word(line.substr(0, kList.size()), kList)) break;
        for (auto word = word_at(line, kList.size()); !word.text.empty(); word = word_at(line, behind(word)))
          out.emplace_back(word.text);
        break;
      }
      case Speech::pop3:
        if (i > 0 && line != ".") out.emplace_back(line);
        break;
      case Speech::sieve:
        if (line.starts_with('"')) {
          const auto name = word_at(line, 0);
          const auto value = unquoted(word_at(line, behind(name)).text);
          out.push_back(unquoted(name.text) + (value.empty() ? "" : ' ' + value));
        }
        break;
      case Speech::ftp:
        if (line.starts_with(' ')) out.emplace_back(line.substr(1));
        break;
      case Speech::ldap:
      case Speech::http:
        break;
    }
  }
  return out;
}

std::string_view starttls_name(Speech speech) {
  return speech == Speech::pop3 ? "STLS" : speech == Speech::ftp ? "AUTH TLS" : "STARTTLS";
}

/// Some firewalls write X over the keywords that they don't want.
bool is_overwritten(std::string_view capability) {
  return capability.size() == 8 && capability.starts_with("XXXXXX");
}

/// Whether the server could have listed STARTTLS at all: one that refuses to list anything may have it.
void note_offer(Speech speech, Opening& opening) {
  opening.offered = opening.has(starttls_name(speech));
  if (speech == Speech::ftp)  // RFC 4217 s. 6: "AUTH TLS", "AUTH TLS-C;TLS-P;", …
    opening.offered = std::ranges::any_of(opening.capabilities, [](const std::string& one) {
      return upper(one).starts_with("AUTH") && upper(one).contains("TLS");
    });
  opening.overwritten = std::ranges::any_of(opening.capabilities, is_overwritten);
}

Result<void> read_greeting(Conversation& conversation, Speech speech, Opening& opening) {
  if (speech == Speech::http) return {};
  const auto greeting = conversation.answer();
  if (!greeting) return std::unexpected(greeting.error());
  if (!greeting->taken())
    return fail(greeting->verdict == Verdict::refused_for_now ? Fault::temporary
                : greeting->verdict == Verdict::none          ? Fault::malformed
                                                              : Fault::permanent,
                "the server greets with \"" + last_line(*greeting) + '"');
  if (speech == Speech::sieve) {
    opening.capabilities = listed(speech, *greeting);
    opening.lists = true;
  }
  opening.preauthenticated =
      speech == Speech::imap && same_word(word_at(greeting->lines.back(), 2).text, "PREAUTH");
  return {};
}

Result<void> shake_hands(Conversation& conversation, const OpeningWish& wish, Opening& opening) {
  auto report = conversation.start_tls(wish.handshake, opening.injected);
  if (!report) return std::unexpected(std::move(report.error()));
  conversation.note("TLS is on: " + report->protocol + ", " + report->cipher +
                    (report->group.empty() ? "" : ", " + report->group));
  opening.report = std::move(*report);
  if (!wish.verify) return {};
  const auto& told = *opening.report;
  if (!told.trusted) return fail(Fault::permanent, "the certificate is not trusted: " + told.trust_error);
  if (!told.name_matches)
    return fail(Fault::permanent, "the certificate is not for \"" + wish.handshake.server_name + '"');
  return {};
}

/// What FTP needs for its data to be protected as well (RFC 4217 s. 9).
Result<void> protect_data(Conversation& conversation) {
  for (const auto* command : {"PBSZ 0", "PROT P"}) {
    const auto answer = conversation.ask(command);
    if (!answer) return std::unexpected(answer.error());
    if (!answer->taken())
      conversation.failure(std::string(command) + " was refused: data goes in plain text");
  }
  return {};
}

/// Whether STARTTLS is to be sent now. An error: TLS is required and can't be had.
Result<bool> wants_starttls(Conversation& conversation, Speech speech, const OpeningWish& wish,
                            const Opening& opening) {
  const bool required = wish.tls == TlsUse::required;
  if (wish.tls == TlsUse::never || (!required && wish.tls != TlsUse::automatic)) return false;
  if (speech == Speech::http) {
    if (required)
      return fail(Fault::permanent, "http has no STARTTLS that servers speak: use https, or --tls");
    return false;
  }
  if (opening.preauthenticated) {
    const std::string why =
        "the server says PREAUTH, so that TLS can't begin (RFC 9051 s. 7.1.4): who is in between may have "
        "said it";
    if (required) return fail(Fault::permanent, why);
    conversation.failure(why);
    return false;
  }
  if (opening.offered) return true;
  if (opening.overwritten)
    conversation.failure("where STARTTLS should stand there are Xs: something on the way overwrote it");
  // Without a list there may be STARTTLS all the same.
  const bool unlisted = !opening.lists && (speech == Speech::pop3 || speech == Speech::ftp);
  if (required || unlisted) {
    conversation.note(std::string(starttls_name(speech)) + " is not offered; it is tried all the same");
    return true;
  }
  conversation.note(std::string(starttls_name(speech)) + " is not offered: this goes on in plain text");
  return false;
}

}  // namespace

bool Opening::has(std::string_view capability) const {
  return std::ranges::any_of(capabilities, [&](const std::string& one) {
    return one.size() >= capability.size() &&
           same_word(std::string_view(one).substr(0, capability.size()), capability) &&
           (one.size() == capability.size() || one[capability.size()] == ' ');
  });
}

std::vector<std::string> Opening::mechanisms(Speech speech) const {
  std::vector<std::string> out;
  const auto add = [&](std::string_view name) {
    if (!name.empty() && std::ranges::find(out, upper(name)) == out.end()) out.push_back(upper(name));
  };
  for (const std::string_view one : capabilities) {
    const auto name = word_at(one, 0);
    if (speech == Speech::imap) {
      static constexpr std::string_view kMark = "AUTH=";
      if (upper(one).starts_with(kMark)) add(one.substr(kMark.size()));
      continue;
    }
    const bool smtp = speech == Speech::smtp || speech == Speech::lmtp;
    static constexpr std::string_view kOldForm = "AUTH=";  // of some old servers and clients
    auto word = name;
    if (smtp && upper(name.text).starts_with(kOldForm)) {
      add(name.text.substr(kOldForm.size()));
    } else if (!same_word(name.text, smtp ? "AUTH" : "SASL")) {
      continue;
    }
    for (word = word_at(one, behind(word)); !word.text.empty(); word = word_at(one, behind(word)))
      add(word.text);
  }
  return out;
}

std::string starttls_command(Conversation& conversation, Speech speech) {
  if (speech == Speech::http || speech == Speech::ldap) return {};
  const std::string name(starttls_name(speech));
  return speech == Speech::imap ? conversation.tag() + ' ' + name : name;
}

Result<void> ask_capabilities(Conversation& conversation, Speech speech, const std::string& client_name,
                              Opening& opening) {
  std::string command;
  switch (speech) {
    case Speech::smtp:
      command = "EHLO " + client_name;
      break;
    case Speech::lmtp:
      command = "LHLO " + client_name;
      break;
    case Speech::imap:
      command = conversation.tag() + " CAPABILITY";
      break;
    case Speech::pop3:
      command = "CAPA";
      break;
    case Speech::ftp:
      command = "FEAT";
      break;
    default:  // has said so in its greeting, or says nothing of the kind
      return {};
  }
  opening.capabilities.clear();
  auto answer = conversation.ask(command);
  if (!answer) return std::unexpected(std::move(answer.error()));
  opening.lists = answer->taken();
  if (opening.lists) opening.capabilities = listed(speech, *answer);
  if (speech != Speech::smtp || answer->verdict != Verdict::refused) return {};
  answer = conversation.ask("HELO " + client_name);
  if (!answer) return std::unexpected(std::move(answer.error()));
  return {};
}

Result<bool> start_tls_now(Conversation& conversation, Speech speech, const OpeningWish& wish,
                           Opening& opening) {
  const auto command = starttls_command(conversation, speech);
  if (command.empty()) return fail(Fault::permanent, "this protocol has no STARTTLS");
  const auto answer = conversation.ask(command);
  if (!answer) return std::unexpected(answer.error());
  if (answer->verdict != Verdict::good) {
    opening.refusal = answer->lines.empty() ? "" : answer->lines.back();
    return false;
  }
  if (auto shaken = shake_hands(conversation, wish, opening); !shaken)
    return std::unexpected(std::move(shaken.error()));
  if (!opening.offered) {
    opening.taken_unoffered = opening.lists;
    if (opening.lists)
      conversation.failure("the server takes " + std::string(starttls_name(speech)) +
                           " and did not offer it: something on the way may strip the offer");
  }
  conversation.note("what was said before TLS is forgotten: greeting again");
  if (speech == Speech::sieve) {
    if (auto greeted = read_greeting(conversation, speech, opening); !greeted)
      return std::unexpected(std::move(greeted.error()));
  }
  if (auto asked = ask_capabilities(conversation, speech, wish.client_name, opening); !asked)
    return std::unexpected(std::move(asked.error()));
  if (speech == Speech::ftp) {
    if (auto made = protect_data(conversation); !made) return std::unexpected(std::move(made.error()));
  }
  return true;
}

Result<Opening> open_conversation(Conversation& conversation, const Protocol& protocol,
                                  const OpeningWish& wish) {
  Opening opening;
  const auto speech = protocol.speech;
  const bool at_once = wish.tls == TlsUse::at_once || (protocol.tls_at_once && wish.tls != TlsUse::never);
  if (at_once) {
    if (auto shaken = shake_hands(conversation, wish, opening); !shaken)
      return std::unexpected(std::move(shaken.error()));
  }
  if (auto read = read_greeting(conversation, speech, opening); !read)
    return std::unexpected(std::move(read.error()));
  if (auto asked = ask_capabilities(conversation, speech, wish.client_name, opening); !asked)
    return std::unexpected(std::move(asked.error()));
  if (at_once) return opening;
  note_offer(speech, opening);
  const auto wanted = wants_starttls(conversation, speech, wish, opening);
  if (!wanted) return std::unexpected(wanted.error());
  if (!*wanted) return opening;
  const auto started = start_tls_now(conversation, speech, wish, opening);
  if (!started) return std::unexpected(started.error());
  if (*started) return opening;
  const auto why = "TLS was refused: \"" + shown(opening.refusal) + '"';
  if (wish.tls == TlsUse::required) return fail(Fault::permanent, why);
  conversation.failure(why + "; this goes on in plain text");
  return opening;
}

}  // namespace hikyaku::probe
