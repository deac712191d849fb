#include "greylist/pass_words.h"

#include <array>
#include <string_view>
#include <utility>

namespace hikyaku::greylist {
namespace {

void append(std::string& all, std::string_view one) { all.append(all.empty() ? "" : ", ").append(one); }

// In the order in which milter-greylist names them.
constexpr auto kReports = std::to_array<std::pair<Reason, std::string_view>>(
    {{Reason::domain, "Sender DNS name whitelisted"},
     {Reason::address, "Sender IP whitelisted"},
     {Reason::sender, "Sender e-mail whitelisted"},
     {Reason::auth, "Sender succeeded SMTP AUTH"},
     {Reason::access_map, "Message whitelisted by Sendmail access database"},
     {Reason::spf, "Sender passed SPF test"},
     {Reason::dkim, "Sender passed DKIM test"},
     {Reason::not_by_ip, "Message not sent from an IPv4 neither IPv6 address"},
     {Reason::tls, "Sender succeeded STARTTLS authentication"},
     {Reason::recipient, "Recipient e-mail whitelisted"},
     {Reason::autowhite, "IP, sender and recipient auto-whitelisted"},
     {Reason::dnsrbl, "Sender IP whitelisted by DNSRBL"},
     {Reason::mx, "Sender IP whitelisted by MX"},
     {Reason::urlcheck, "URL check passed"},
     {Reason::by_default, "Default is to whitelist mail"},
     {Reason::tarpit, "Message whitelisted by tarpit %ts"}});

}  // namespace

std::string pass_report(const Reasons& reasons) {
  std::string out;
  auto others = reasons;
  for (const auto& [reason, words] : kReports) {
    if (!reasons.has(reason)) continue;
    append(out, words);
    others.remove(reason);
  }
  // For the rest there are no words: the rule is named.
  if (!others.empty()) append(out, "ACL %a matched");
  return out;
}

std::string why_it_passes(const Decision& decision, const Facts& facts) {
  std::string out;
  const auto address = facts.client ? facts.client->text() : std::string();
  const auto because = [&](Reason reason, const std::string& words, const std::string& negated) {
    if (decision.reasons.has(reason)) append(out, decision.negated.has(reason) ? negated : words);
  };
  const auto always = [&](Reason reason, const std::string& words) { because(reason, words, words); };
  always(Reason::address, "address " + address + " is whitelisted");
  because(Reason::dnsrbl, "address " + address + " is in DNSRBL", "address " + address + " is not in DNSRBL");
  because(Reason::mx, "address " + address + " matches MX record",
          "address " + address + " does not match MX record");
  because(Reason::urlcheck, "URL check passed", "URL check not passed");
  always(Reason::domain, "sender DNS name " + facts.client_name + " is whitelisted");
  always(Reason::sender, "sender " + facts.sender + " is whitelisted");
  always(Reason::recipient, facts.recipient.empty() ? "at least one recipient is whitelisted"
                                                    : "recipient " + facts.recipient + " is whitelisted");
  because(Reason::macro, "macro rule is satisfied", "macro rule is not satisfied");
  const auto country = facts.country.empty() ? "??" : facts.country;
  because(Reason::country, "geoip ccode " + country + " is whitelisted",
          "geoip ccode " + country + " is not whitelisted");
  because(Reason::spf, "sender is SPF-compliant", "sender is not SPF-compliant");
  because(Reason::dkim, "sender is DKIM-compliant", "sender is not DKIM-compliant");
  because(Reason::tarpit, "tarpit is requested", "tarpit is not requested");
  always(Reason::by_default, "this is the default action");
  return out;
}

}  // namespace hikyaku::greylist
