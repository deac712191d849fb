#include "mail/trace.h"

namespace hikyaku::mail {
namespace {

constexpr std::size_t kMaxClientText = 255;

std::string harmless(std::string_view text) {
  std::string out(text.substr(0, kMaxClientText));
  for (char& c : out) {
    const auto octet = static_cast<unsigned char>(c);
    if (octet < 0x21 || octet == 0x7f || c == '(' || c == ')' || c == '\\' || c == '"' || c == ';') c = '?';
  }
  return out;
}

}  // namespace

std::string received_header(const TraceFacts& facts) {
  std::string out;
  out.reserve(320);
  if (facts.client_address.empty()) {
    out += "Received: by ";
    out += facts.by;
  } else {
    out += "Received: from ";
    out += harmless(facts.helo.empty() ? facts.client_name : facts.helo);
    out += " (";
    out += harmless(facts.client_name);
    out += facts.client_address.find(':') == std::string_view::npos ? " [" : " [IPv6:";
    out += facts.client_address;
    out += "])\r\n";
    if (!facts.tls_protocol.empty()) {
      out += "\t(using ";
      out += facts.tls_protocol;
      out += " with cipher ";
      out += facts.tls_cipher;
      out += " (" + std::to_string(facts.tls_bits) + " bits))\r\n";
    }
    if (!facts.sasl_user.empty()) out += "\t(Authenticated sender: " + harmless(facts.sasl_user) + ")\r\n";
    out += "\tby ";
    out += facts.by;
  }
  out += " (";
  out += facts.software;
  out += ")";
  if (!facts.client_address.empty()) {
    out += " with ";
    out += facts.with;
  }
  out += " id ";
  out += facts.queue_id;
  if (!facts.for_recipient.empty()) {
    out += "\r\n\tfor <";
    out += facts.for_recipient;
    out += '>';
  }
  out += ";\r\n\t";
  out += rfc5322_text(facts.time);
  out += "\r\n";
  return out;
}

std::string with_protocol(WithProtocol facts) {
  std::string out = facts.utf8 ? "UTF8" : "";
  out += facts.lmtp ? "LMTP" : facts.extended ? "ESMTP" : "SMTP";
  // RFC 6531 s. 4.3 names UTF8SMTP, not UTF8ESMTP.
  if (facts.utf8 && !facts.lmtp) out = "UTF8SMTP";
  if (facts.tls) out += 'S';
  if (facts.authenticated) out += 'A';
  return out;
}

}  // namespace hikyaku::mail
