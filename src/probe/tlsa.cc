#include "probe/tlsa.h"

#include <algorithm>

namespace hikyaku::probe {
namespace {

constexpr std::uint8_t kAuthority = 0, kServer = 1, kOwnAuthority = 2, kOwnServer = 3;
constexpr std::uint8_t kWhole = 0, kSha256 = 1, kSha512 = 2;

bool is_current(const TlsCertificate& certificate, Time now) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count();
  return certificate.not_before <= seconds && seconds <= certificate.not_after;
}

/// Whether one of the chain, from `from` on, fits, and all before it are signed by the one behind, which may
/// sign: the certificate of any other server is no authority.
bool leads_to(const Tlsa& record, const TlsReport& report, std::size_t from, Time now) {
  for (std::size_t i = 0; i < report.chain.size(); ++i) {
    if (!is_current(report.chain[i], now)) return false;
    if (i > 0 && !report.chain[i].is_authority) return false;
    if (i >= from && tlsa_fits(record, report.chain[i])) return true;
    if (!report.chain[i].signed_by_next) return false;
  }
  return false;
}

}  // namespace

Result<Tlsa> Tlsa::parse(std::string_view rdata) {
  if (rdata.size() < 4) return fail(Fault::malformed, "a TLSA record is too short");
  Tlsa out;
  out.usage = static_cast<std::uint8_t>(rdata[0]);
  out.selector = static_cast<std::uint8_t>(rdata[1]);
  out.matching = static_cast<std::uint8_t>(rdata[2]);
  out.data = rdata.substr(3);
  if ((out.matching == kSha256 && out.data.size() != 32) ||
      (out.matching == kSha512 && out.data.size() != 64))
    return fail(Fault::malformed,
                "a TLSA record has a digest of " + std::to_string(out.data.size()) + " octets");
  return out;
}

std::string Tlsa::text() const {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  static constexpr std::size_t kShown = 8;
  std::string out =
      std::to_string(usage) + ' ' + std::to_string(selector) + ' ' + std::to_string(matching) + ' ';
  for (const char c : data.substr(0, kShown)) {
    out += kDigits[static_cast<unsigned char>(c) >> 4];
    out += kDigits[static_cast<unsigned char>(c) & 15];
  }
  return data.size() > kShown ? out + "…" : out;
}

bool tlsa_fits(const Tlsa& record, const TlsCertificate& certificate) {
  if (record.selector > 1 || record.data.empty()) return false;
  const bool key = record.selector == 1;
  switch (record.matching) {
    case kWhole:
      return record.data == (key ? certificate.public_key_der : certificate.der);
    case kSha256:
      return record.data == (key ? certificate.key_sha256 : certificate.der_sha256);
    case kSha512:
      return record.data == (key ? certificate.key_sha512 : certificate.der_sha512);
    default:
      return false;
  }
}

DaneMatch dane_match(const Tlsa& record, const TlsReport& report, Time now) {
  const auto match = [](bool fits) { return fits ? DaneMatch::yes : DaneMatch::no; };
  if (record.usage > kOwnServer || record.selector > 1 || record.matching > kSha512)
    return DaneMatch::unusable;
  if (report.chain.empty()) return DaneMatch::no;
  switch (record.usage) {
    case kOwnServer:
      return match(tlsa_fits(record, report.chain.front()));
    case kOwnAuthority:
      return match(report.name_matches && leads_to(record, report, 0, now));
    case kServer:
      return match(report.trusted && report.name_matches && tlsa_fits(record, report.chain.front()));
    default:
      static_assert(kAuthority == 0);
      return match(report.trusted && report.name_matches && leads_to(record, report, 1, now));
  }
}

}  // namespace hikyaku::probe
