#include "greylist/client_name.h"

#include "greylist/spf_macro.h"
#include "table/fold.h"

namespace hikyaku::greylist {

std::string reverse_name(const table::Ip& ip) {
  SpfMacroValues values;
  values.client = ip;
  return table::ascii_lower(expand_spf_domain("%{ir}.%{v}.arpa", values));
}

std::optional<DnsQuestion> unbracket_question(std::string_view name) {
  constexpr std::string_view kIpv6 = "IPv6:";  // as Sendmail writes it
  if (!name.starts_with('[') || !name.ends_with(']')) return std::nullopt;
  name = name.substr(1, name.size() - 2);
  if (name.starts_with(kIpv6)) name.remove_prefix(kIpv6.size());
  const auto ip = table::Ip::parse(name);
  if (!ip) return std::nullopt;
  return DnsQuestion{reverse_name(*ip), DnsQuestion::Type::ptr};
}

std::optional<std::string> unbracketed_name(const DnsAnswer& answer) {
  if (answer.status != DnsAnswer::Status::found || answer.records.empty()) return std::nullopt;
  const auto& name = answer.records.front();
  if (name.empty() || name == ".") return std::nullopt;
  return name;
}

}  // namespace hikyaku::greylist
