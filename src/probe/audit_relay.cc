// Open relay: forms of an address that a server may take for its own although the mail is for somebody else;
// and recipients that are programs and files.
// Never with a login, never further than RCPT.
#include <algorithm>
#include <string>
#include <utility>

#include "probe/audit_classes.h"
#include "probe/audit_smtp.h"

namespace hikyaku::probe {
namespace {

struct Form {
  std::string_view id, title, reference;
  std::string_view sender;     ///< what MAIL says
  std::string_view recipient;  ///< what RCPT says
  std::string_view harm = "mail for somebody else was taken";
};

// {LOCAL}: a domain of the server; {IP}: its address, as in a literal; {OTHER}: whom it must not relay to.
constexpr Form kForms[] = {
    {"relay-null-sender", "relay: from the null sender", "RFC 5321 s. 4.5.5", "<>", "<audit@{OTHER}>"},
    {"relay-local-sender", "relay: from an address of the server's own domain", "RFC 5321 s. 7.1",
     "<postmaster@{LOCAL}>", "<audit@{OTHER}>"},
    {"relay-localhost-sender", "relay: from localhost", "RFC 5321 s. 7.1", "<audit@localhost>",
     "<audit@{OTHER}>"},
    {"relay-sender-without-domain", "relay: from a sender without a domain", "RFC 5321 s. 4.1.2",
     "<postmaster>", "<audit@{OTHER}>"},
    {"relay-literal-sender", "relay: from the server's own address", "RFC 5321 s. 4.1.3", "<audit@[{IP}]>",
     "<audit@{OTHER}>"},
    {"relay-percent", "relay: user%domain@local", "RFC 1123 s. 5.2.16", "<>", "<audit%{OTHER}@{LOCAL}>"},
    {"relay-percent-no-domain", "relay: user%domain without a domain", "RFC 1123 s. 5.2.16", "<>",
     "<audit%{OTHER}>"},
    {"relay-percent-literal", "relay: user%domain at the server's address",
     "RFC 1123 s. 5.2.16; RFC 5321 s. 4.1.3", "<>", "<audit%{OTHER}@[{IP}]>"},
    {"relay-bang", "relay: domain!user without a domain", "RFC 976", "<>", "<{OTHER}!audit>"},
    {"relay-bang-local", "relay: domain!user@local", "RFC 976", "<>", "<{OTHER}!audit@{LOCAL}>"},
    {"relay-quoted", "relay: \"user@domain\" without a domain", "RFC 5321 s. 4.1.2", "<>",
     "<\"audit@{OTHER}\">"},
    {"relay-quoted-local", "relay: \"user@domain\"@local", "RFC 5321 s. 4.1.2", "<>",
     "<\"audit@{OTHER}\"@{LOCAL}>"},
    {"relay-quoted-literal", "relay: \"user@domain\" at the server's address", "RFC 5321 s. 4.1.2, 4.1.3",
     "<>", "<\"audit@{OTHER}\"@[{IP}]>"},
    {"relay-quoted-percent", "relay: \"user%domain\"@local", "RFC 1123 s. 5.2.16", "<>",
     "<\"audit%{OTHER}\"@{LOCAL}>"},
    {"relay-two-ats", "relay: user@domain@local", "RFC 5321 s. 4.1.2", "<>", "<audit@{OTHER}@{LOCAL}>"},
    {"relay-nested-brackets", "relay: <user@domain>@local", "RFC 5321 s. 4.1.2", "<>",
     "<<audit@{OTHER}>@{LOCAL}>"},
    {"relay-source-route", "relay: @local:user@domain", "RFC 5321 s. 3.6.1, F.2", "<>",
     "<@{LOCAL}:audit@{OTHER}>"},
    {"relay-source-route-literal", "relay: @[address]:user@domain", "RFC 5321 s. 3.6.1, F.2", "<>",
     "<@[{IP}]:audit@{OTHER}>"},
    {"relay-source-route-twice", "relay: @local,@local:user@domain", "RFC 5321 s. 3.6.1, F.2", "<>",
     "<@{LOCAL},@{LOCAL}:audit@{OTHER}>"},
    {"relay-other-literal", "relay: user@[an address elsewhere]", "RFC 5321 s. 4.1.3; RFC 5737", "<>",
     "<audit@[192.0.2.1]>"},
    {"relay-no-brackets", "relay: an address without angle brackets", "RFC 5321 s. 4.1.1.3", "<>",
     "audit@{OTHER}"},
    {"relay-trailing-dot", "relay: a domain with a dot at its end", "RFC 5321 s. 4.1.2", "<>",
     "<audit@{OTHER}.>"},
    {"relay-blank-in-front", "relay: a blank in front of the address", "RFC 5321 s. 4.1.1.3", "<>",
     "< audit@{OTHER}>"},
    {"relay-comma", "relay: two addresses in one path, the first a local one", "RFC 5321 s. 4.1.2", "<>",
     "<postmaster@{LOCAL},audit@{OTHER}>"},
    {"relay-orcpt-local", "relay: ORCPT that names a local recipient", "RFC 3461 s. 4.2", "<>",
     "<audit@{OTHER}> ORCPT=rfc822;postmaster@{LOCAL}"},
    {"relay-auth-parameter", "relay: AUTH= that says the sender has logged in", "RFC 4954 s. 5",
     "<> AUTH=postmaster@{LOCAL}", "<audit@{OTHER}>"},
    {"recipient-pipe", "a command as recipient, behind a pipe", "CVE-1999-0163", "<>",
     "<\"|/bin/true\"@{LOCAL}>", "a command was taken as recipient"},
    {"recipient-file", "a file as recipient", "RFC 5321 s. 4.1.2; CWE-73", "<>",
     "<\"/tmp/hikyaku-audit\"@{LOCAL}>", "a file was taken as recipient"},
    {"recipient-decode", "the alias decode, which wrote to files", "CVE-1999-0096", "<>", "<decode@{LOCAL}>",
     "there is a recipient decode"},
    {"recipient-expansion", "an expansion as recipient, as Exim ran it", "CVE-2019-10149", "<>",
     "<${lc:HIKYAKU}@{LOCAL}>", "an expansion was taken as recipient"},
};

void replace(std::string& text, std::string_view what, std::string_view with) {
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size()))
    text.replace(at, what.size(), with);
}

std::string filled(std::string_view form, const AuditSmtpTalk& smtp) {
  std::string text(form);
  replace(text, "{LOCAL}", smtp.local_domain());
  replace(text, "{IP}", smtp.target().literal);
  replace(text, "{OTHER}", smtp.target().relay_domain);
  return text;
}

bool names(const Form& form, std::string_view what) {
  return form.sender.find(what) != std::string_view::npos ||
         form.recipient.find(what) != std::string_view::npos;
}

/// A sender that is neither the server's nor nobody.
std::string other_sender(const AuditTarget& target) {
  return target.sender.empty() ? "audit@audit.invalid" : target.sender;
}

/// Whether the answers to a form can mean anything: not where the server relays for this client in any case.
AuditSmtpTalk::Obstacle stranger(AuditSmtpTalk& smtp) {
  // Not from the null sender, which a form is about.
  const auto sender = smtp.command("MAIL FROM:<" + other_sender(smtp.target()) + ">");
  if (sender.none()) return must_refuse(smtp.talk(), sender, "");
  if (sender.code == 530) return passed("without a login nothing is taken: " + sender.quoted());
  if (sender.taken()) {
    const auto plain = smtp.command("RCPT TO:<audit@" + smtp.target().relay_domain + ">");
    if (plain.taken())
      return not_applicable(
          "the server relays for this client in any case (smtp-relay-plain); run the audit from where you "
          "are a "
          "stranger to it");
  }
  if (const auto answer = smtp.command("RSET"); answer.code != 250)
    return must_refuse(smtp.talk(), answer, "");
  return std::nullopt;
}

/// Whether the path of the recipient is one of the server's own by its last domain, or by having none.
bool looks_local(const Form& form) {
  const auto path = form.recipient.substr(0, form.recipient.find("> "));
  const auto ends = [&](std::string_view end) { return path.ends_with(end); };
  return ends("{LOCAL}>") || ends("[{IP}]>") || ends("\">") || path.find('@') == std::string_view::npos;
}

/// A refusal for now may be for another reason, and hide that the server would relay later.
AuditFinding judge_refused(AuditSmtpTalk& smtp, const SmtpAnswer& answer) {
  if (answer.code >= 400 && answer.code < 500 && answer.code != 421) {
    auto text = answer.text;
    std::ranges::transform(text, text.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    if (text.find("relay") == std::string::npos)
      return unsure("deferred, perhaps by greylisting; run the case again later: " + answer.quoted());
  }
  return must_refuse(smtp.talk(), answer, "");
}

/// A form with a local part that the server may have a mailbox for, as it has for any: then it is taken to be
/// local, and where it goes can't be seen.
AuditFinding judge_taken(AuditSmtpTalk& smtp, const Form& form, const SmtpAnswer& taken) {
  if (looks_local(form)) {
    const auto any = smtp.command("RCPT TO:<hikyaku-audit-nobody@" + smtp.local_domain() + ">");
    if (any.taken())
      return unsure("taken, as is any name at " + smtp.local_domain() +
                    "; whether the server hands it on can't be seen from outside: " + taken.quoted());
  }
  return failed(std::string(form.harm) + ": " + taken.quoted());
}

AuditFinding relay(AuditTalk& talk, const AuditTarget& target, const Form& form) {
  AuditSmtpTalk smtp(talk, target);
  if (names(form, "{IP}") && target.literal.empty())
    return not_applicable("the case needs the server's address: give it instead of its name");
  if (auto no = smtp.secured()) return *no;
  if (names(form, "ORCPT=") && !smtp.offers("DSN")) return not_applicable("the server offers no DSN");
  if (names(form, "AUTH=") && !smtp.offers("AUTH")) return not_applicable("the server offers no AUTH");
  if (names(form, "{LOCAL}") && smtp.local_domain().empty())
    return not_applicable("the server does not say its name: give a domain of it with --local-domain");
  if (auto no = stranger(smtp)) return *no;
  if (const auto sender = smtp.command("MAIL FROM:" + filled(form.sender, smtp)); !sender.taken())
    return must_refuse(talk, sender, "");
  const auto recipient = smtp.command("RCPT TO:" + filled(form.recipient, smtp));
  return recipient.taken() ? judge_taken(smtp, form, recipient) : judge_refused(smtp, recipient);
}

AuditFinding plain(AuditTalk& talk, const AuditTarget& target) {
  AuditSmtpTalk smtp(talk, target);
  if (auto no = smtp.secured()) return *no;
  auto taken = smtp.command("MAIL FROM:<" + other_sender(target) + ">");
  if (taken.refused() && taken.code != 530) taken = smtp.command("MAIL FROM:<>");
  if (!taken.taken()) return must_refuse(talk, taken, "");
  const auto recipient = smtp.command("RCPT TO:<audit@" + target.relay_domain + ">");
  if (recipient.taken())
    return failed("the server relays for this client, who has no login: " + recipient.quoted());
  return judge_refused(smtp, recipient);
}

}  // namespace

void add_relay_cases(AuditCases& cases) {
  cases.push_back({"smtp-relay-plain", "mail for another domain is taken",
                   "RFC 5321 s. 3.6.2, 7.9; RFC 2505 s. 2.1", AuditProtocol::smtp, plain});
  for (const auto& form : kForms) {
    cases.push_back({"smtp-" + std::string(form.id), std::string(form.title), std::string(form.reference),
                     AuditProtocol::smtp, [&form](AuditTalk& talk, const AuditTarget& target) {
                       return relay(talk, target, form);
                     }});
  }
}

}  // namespace hikyaku::probe
