// What a TLS handshake agrees to, in any protocol: versions and ciphers that protect nobody any more.
#include <optional>
#include <string>

#include "probe/audit_classes.h"
#include "probe/audit_imap.h"
#include "probe/audit_pop3.h"
#include "probe/audit_smtp.h"

namespace hikyaku::probe {
namespace {

constexpr int kTls10 = 0x0301, kTls11 = 0x0302, kTls12 = 0x0303;

struct Weakness {
  std::string_view id, title, reference;
  int minimum, maximum;
  std::string_view ciphers;
  /// Opportunistic TLS protects from those who only listen (RFC 7435), for which no certificate is needed.
  bool harmless_between_servers;
};

// SECLEVEL=0 is for our own library, which would not offer these by itself.
constexpr Weakness kWeaknesses[] = {
    {"tls-1.0", "TLS 1.0 is agreed to", "RFC 8996 s. 4", kTls10, kTls10, "ALL:@SECLEVEL=0", false},
    {"tls-1.1", "TLS 1.1 is agreed to", "RFC 8996 s. 5", kTls11, kTls11, "ALL:@SECLEVEL=0", false},
    {"tls-null", "a cipher that does not encrypt is agreed to", "RFC 9325 s. 4.1", kTls10, kTls12,
     "eNULL:@SECLEVEL=0", false},
    {"tls-anonymous", "a cipher without a certificate is agreed to", "RFC 5246 s. F.1.1.1; RFC 7435 s. 3",
     kTls10, kTls12, "aNULL:!eNULL:@SECLEVEL=0", true},
};

/// Up to where the handshake begins.
std::optional<AuditFinding> before_handshake(AuditTalk& talk, const AuditTarget& target) {
  if (target.tls_at_once) return std::nullopt;
  if (target.protocol == AuditProtocol::pop3) return Pop3Talk(talk, target).up_to_handshake();
  if (target.protocol == AuditProtocol::imap) return ImapTalk(talk, target).up_to_handshake();
  AuditSmtpTalk smtp(talk, target);
  if (auto no = smtp.introduced()) return no;
  if (!smtp.offers("STARTTLS")) return not_applicable("the server offers no STARTTLS");
  if (const auto answer = smtp.command("STARTTLS"); answer.code != 220)
    return unsure("STARTTLS was offered, but not done: " + answer.quoted());
  return std::nullopt;
}

AuditFinding agree(AuditTalk& talk, const AuditTarget& target, const Weakness& weakness) {
  if (auto no = before_handshake(talk, target)) return *no;
  TlsWish wish;
  wish.server_name = target.server_name;
  wish.minimum_version = weakness.minimum;
  wish.maximum_version = weakness.maximum;
  wish.cipher_list = std::string(weakness.ciphers);
  if (!talk.start_tls(wish)) {
    for (const auto* own : {"no protocols available", "no ciphers available", "no cipher match"}) {
      if (talk.tls_error().find(own) != std::string::npos)
        return unsure("the OpenSSL of this machine can't offer that: " + talk.tls_error());
    }
    return passed("the handshake failed: " + talk.tls_error());
  }
  const auto& report = talk.tls_report();
  const auto agreed =
      "agreed on " + shown_start(report.protocol, 20) + " with " + shown_start(report.cipher, 60);
  if (weakness.harmless_between_servers && target.protocol == AuditProtocol::smtp && !target.submission)
    return noted(agreed +
                 "; between servers whose certificates nobody looks at it is no worse than any other");
  return failed(agreed);
}

}  // namespace

void add_handshake_cases(AuditCases& cases, AuditProtocol protocol) {
  for (const auto& weakness : kWeaknesses) {
    cases.push_back(
        {std::string(text(protocol)) + "-" + std::string(weakness.id), std::string(weakness.title),
         std::string(weakness.reference), protocol,
         [&weakness](AuditTalk& talk, const AuditTarget& target) { return agree(talk, target, weakness); }});
  }
}

}  // namespace hikyaku::probe
