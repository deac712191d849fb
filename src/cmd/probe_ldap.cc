#include "cmd/probe_ldap.h"

#include <poll.h>
#include <sysexits.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "cmd/line_editor.h"
#include "cmd/probe_options.h"
#include "cmd/probe_session.h"
#include "cmd/typed_lines.h"
#include "probe/words.h"

namespace hikyaku::cmd {
namespace {

using Kind = probe::Entry::Kind;
using Milliseconds = std::chrono::milliseconds;

constexpr std::array kHelp{
    "Each line is a request:",
    "  bind [NAME]                             with a password that is asked for; without a name: nobody",
    "  search BASE [base|one|sub] FILTER [ATTRIBUTE]...   a base with blanks in quotes",
    "  whoami",
    "  hex 30 05 02 01 01 42 00                octets as they are",
    "  unbind                                  the end",
};

/// The octets of pairs of digits; empty: it is something else.
std::string octets_of(std::string_view digits) {
  std::string out;
  std::string all;
  for (const char c : digits) {
    if (c != ' ') all += c;
  }
  for (std::size_t i = 0; i + 1 < all.size(); i += 2) {
    unsigned octet = 0;
    const auto [stop, code] = std::from_chars(all.data() + i, all.data() + i + 2, octet, 16);
    if (code != std::errc{} || stop != all.data() + i + 2) return {};
    out += static_cast<char>(octet);
  }
  return all.size() % 2 == 0 ? out : std::string{};
}

}  // namespace

void ProbeLdap::put(Kind kind, std::string text) {
  sink_.put({.kind = kind, .text = std::move(text), .tls = wire_.under_tls(), .at = elapsed_()});
}

Result<void> ProbeLdap::send(const std::string& octets, std::string told, std::size_t secret_from) {
  sink_.put({.kind = Kind::sent,
             .text = std::move(told),
             .tls = wire_.under_tls(),
             .at = elapsed_(),
             .secret_from = secret_from});
  return wire_.send(octets);
}

void ProbeLdap::show(const probe::LdapMessage& message) {
  auto head = message.name;
  if (message.code >= 0) head += ' ' + probe::ldap_code_text(message.code);
  sink_.put({.kind = Kind::received,
             .text = head,
             .tls = wire_.under_tls(),
             .unexpected = message.refused(),
             .at = elapsed_()});
  for (const auto& line : message.lines) put(Kind::received, "  " + line);
}

Result<probe::LdapMessage> ProbeLdap::answer(std::uint32_t number) {
  const auto until = elapsed_() + limit_;
  for (;;) {
    auto message = probe::take_ldap_message(input_);
    if (!message) return std::unexpected(std::move(message.error()));
    if (*message) {
      show(**message);
      // Number 0 is what the server says unasked, as that it goes (RFC 4511 s. 4.4).
      if ((*message)->number == number && (*message)->last) return std::move(**message);
      continue;
    }
    const auto left = std::chrono::ceil<Milliseconds>(until - elapsed_());
    if (left.count() <= 0)
      return fail(Fault::temporary, "no whole answer came within " + std::to_string(limit_.count()) + " ms");
    const auto heard = wire_.receive(input_, left);
    if (!heard) return std::unexpected(heard.error());
    if (*heard == probe::Wire::Heard::closed)
      return fail(Fault::temporary, "the server closed the connection instead of an answer");
  }
}

Result<probe::Opening> ProbeLdap::open(bool tls_at_once, const probe::OpeningWish& wish) {
  probe::Opening opening;
  opening.offered = true;  // who has it does not list it before it is asked
  if (!tls_at_once) {
    if (wish.tls == probe::TlsUse::never) return opening;
    const auto number = ++number_;
    if (auto sent = send(probe::ldap_start_tls(number), "extendedRequest StartTLS"); !sent)
      return std::unexpected(std::move(sent.error()));
    const auto said = answer(number);
    if (!said) return std::unexpected(said.error());
    if (said->code != 0) {
      opening.refusal = probe::ldap_code_text(said->code);
      if (wish.tls == probe::TlsUse::required)
        return fail(Fault::permanent, "TLS was refused: " + opening.refusal);
      put(Kind::failure, "TLS was refused: " + opening.refusal + "; this goes on in plain text");
      return opening;
    }
  }
  const auto read = std::exchange(input_, {}).size();
  auto report = wire_.start_tls(wish.handshake, opening.injected);
  opening.injected += read;
  if (!report) return std::unexpected(std::move(report.error()));
  put(Kind::note, "TLS is on: " + report->protocol + ", " + report->cipher);
  opening.report = std::move(*report);
  if (wish.verify && !(opening.report->trusted && opening.report->name_matches))
    return fail(Fault::permanent, opening.report->trusted
                                      ? "the certificate is not for \"" + wish.handshake.server_name + '"'
                                      : "the certificate is not trusted: " + opening.report->trust_error);
  return opening;
}

Result<std::string> ProbeLdap::password(const std::string& name) {
  return name.empty() ? Result<std::string>(std::string{}) : secret_.get(name);
}

Result<bool> ProbeLdap::bind(const std::string& name, const std::string& password) {
  const auto number = ++number_;
  const auto told = "bindRequest \"" + name + "\" ";
  auto sent = send(probe::ldap_bind(number, name, password), told + password, told.size());
  if (!sent) return std::unexpected(std::move(sent.error()));
  const auto said = answer(number);
  if (!said) return std::unexpected(said.error());
  if (said->code != 0) secret_.refused();
  return said->code == 0;
}

Result<void> ProbeLdap::search(std::string_view words) {
  probe::LdapSearch wanted;
  const auto base = probe::word_at(words, 0);
  wanted.base = probe::unquoted(base.text);
  auto word = probe::word_at(words, probe::behind(base));
  static constexpr std::array<std::string_view, 3> kScopes{"base", "one", "sub"};
  if (const auto scope = std::ranges::find(kScopes, word.text); scope != kScopes.end()) {
    wanted.scope = static_cast<probe::LdapSearch::Scope>(scope - kScopes.begin());
    word = probe::word_at(words, probe::behind(word));
  }
  if (!word.text.empty()) wanted.filter = word.text;
  for (word = probe::word_at(words, probe::behind(word)); !word.text.empty();
       word = probe::word_at(words, probe::behind(word)))
    wanted.attributes.emplace_back(word.text);
  const auto number = ++number_;
  const auto octets = probe::ldap_search(number, wanted);
  if (!octets) {
    put(Kind::failure, octets.error().text);
    return {};
  }
  if (auto sent = send(*octets, "searchRequest \"" + wanted.base + "\" " +
                                    std::string(kScopes[static_cast<std::size_t>(wanted.scope)]) + ' ' +
                                    wanted.filter);
      !sent)
    return sent;
  if (const auto said = answer(number); !said) return std::unexpected(said.error());
  return {};
}

/// Without a password there is nothing to send, which ends no conversation.
Result<void> ProbeLdap::bind_by_hand(const std::string& name) {
  const auto known = password(name);
  if (!known) {
    put(Kind::failure, known.error().text);
    return {};
  }
  if (const auto bound = bind(name, *known); !bound) return std::unexpected(bound.error());
  return {};
}

Result<void> ProbeLdap::send_hex(const std::string& line, std::string_view digits) {
  const auto octets = octets_of(digits);
  if (octets.empty()) {
    put(Kind::failure, "hex: pairs of hexadecimal digits are wanted");
    return {};
  }
  if (auto sent = send(octets, line); !sent) return sent;
  const auto number = probe::ldap_awaited(octets);
  if (!number) return {};
  if (const auto said = answer(*number); !said) return std::unexpected(said.error());
  return {};
}

Result<bool> ProbeLdap::request(const std::string& line) {
  const auto verb = probe::word_at(line, 0);
  const auto rest = std::string_view(line).substr(probe::word_at(line, probe::behind(verb)).at);
  const auto is = [&](std::string_view name) { return probe::same_word(verb.text, name); };
  if (verb.text.empty()) return true;
  if (is("unbind")) {
    auto sent = send(probe::ldap_unbind(++number_), "unbindRequest");
    return sent ? Result<bool>(false) : std::unexpected(sent.error());
  }
  Result<void> done;
  if (is("bind")) {
    done = bind_by_hand(probe::unquoted(rest));
  } else if (is("search")) {
    done = search(rest);
  } else if (is("whoami")) {
    const auto number = ++number_;
    done = send(probe::ldap_who_am_i(number), "extendedRequest Who am I?");
    if (const auto said = done ? answer(number) : std::unexpected(done.error()); !said)
      return std::unexpected(said.error());
  } else if (is("hex")) {
    done = send_hex(line, rest);
  } else {
    if (!is("help")) put(Kind::failure, "there is no request \"" + std::string(verb.text) + '"');
    for (const auto* text : kHelp) put(Kind::note, text);
  }
  return done ? Result<bool>(true) : std::unexpected(done.error());
}

/// What the server says unasked: its farewell. false: it closed.
Result<bool> ProbeLdap::hear() {
  const auto heard = wire_.receive(input_, Milliseconds{0});
  if (!heard) return std::unexpected(heard.error());
  for (;;) {
    const auto message = probe::take_ldap_message(input_);
    if (!message) return std::unexpected(message.error());
    if (!*message) break;
    show(**message);
  }
  if (*heard != probe::Wire::Heard::closed) return true;
  put(Kind::note, "the server closed the connection");
  return false;
}

/// The next request; nothing at the end of the input or of the connection.
Result<std::optional<std::string>> ProbeLdap::next_line(TypedLines& lines, LineEditor* editor) {
  for (;;) {
    if (editor == nullptr) {
      auto line = lines.next();
      if (!line || *line || lines.ended()) return line;
    }
    std::array<pollfd, 2> ready{pollfd{STDIN_FILENO, POLLIN, 0}, pollfd{wire_.descriptor(), POLLIN, 0}};
    if (::poll(ready.data(), ready.size(), -1) < 0) continue;
    if (ready[1].revents != 0) {
      const auto open = hear();
      if (!open) return std::unexpected(open.error());
      if (!*open) return std::optional<std::string>{};
    }
    if (ready[0].revents == 0) continue;
    if (editor == nullptr) {
      if (auto read = lines.read(); !read) return std::unexpected(std::move(read.error()));
      continue;
    }
    std::string typed;
    const auto state = editor->read(typed);
    if (state == LineEditor::State::ended) return std::optional<std::string>{};
    if (state == LineEditor::State::typing) continue;
    editor->remember(typed);
    return std::optional(std::move(typed));
  }
}

int ProbeLdap::run(bool on_terminal) {
  TypedLines lines(STDIN_FILENO);
  std::unique_ptr<LineEditor> editor;
  if (on_terminal) {
    put(Kind::note, "type; help tells which requests there are");
    editor =
        std::make_unique<LineEditor>("hikyaku", ProbeSession::kControl, [] { return std::string("ldap> "); });
    secret_.ask_by([&](const std::string& prompt) { return editor->read_secret(prompt); });
  }
  int code = EX_OK;
  for (bool going = true; going;) {
    const auto line = next_line(lines, editor.get());
    const Result<bool> went = !line   ? Result<bool>(std::unexpected(line.error()))
                              : *line ? request(**line)
                                      : Result<bool>(false);
    if (!went) {
      put(Kind::failure, went.error().text);
      code = probe_exit_code(went.error());
    }
    going = went && *went;
  }
  secret_.ask_by({});
  return code;
}

}  // namespace hikyaku::cmd
