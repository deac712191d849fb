#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "probe/wire.h"

namespace hikyaku::probe {

/// A TLSA record (RFC 6698 s. 2.1).
struct Tlsa {
  std::uint8_t usage = 0, selector = 0, matching = 0;
  std::string data;  ///< octets
  /// Its RDATA. Fault::malformed: shorter than its three numbers, or a digest of another size.
  static Result<Tlsa> parse(std::string_view rdata);
  /// "3 1 1 0b9f…", its digest cut after 16 digits.
  std::string text() const;
};

/// Whether a certificate is what the record says, its usage aside. false for a selector or a matching type
/// that nobody knows.
bool tlsa_fits(const Tlsa& record, const TlsCertificate& certificate);

/// Whether one record lets the chain pass, as DANE for SMTP has it (RFC 7672 s. 3.1): 3 the first
/// certificate, whatever its name and dates; 2 an authority that the chain leads to, with a name and dates
/// that fit. Usages 0 and 1 count only where the chain is trusted otherwise, which SMTP does not ask for.
enum class DaneMatch : unsigned char { yes, no, unusable };
DaneMatch dane_match(const Tlsa& record, const TlsReport& report, Time now);

}  // namespace hikyaku::probe
