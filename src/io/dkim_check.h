#pragma once
#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

#include "base/dns.h"
#include "mail/dkim_verdict.h"

namespace hikyaku::io {

/// Verifies the DKIM signatures (RFC 6376, RFC 8463) of one message, by libopendkim. The header and the body
/// are handed in as they come; only the header is kept. It asks no DNS itself: keys() names what is to be
/// looked up, and finish() takes the answers. A message passes where one of its signatures does. Not
/// thread-safe.
class DkimCheck {
 public:
  static constexpr std::size_t kHeaderLimit = std::size_t{1} << 20;  ///< octets; beyond: temperror
  static constexpr std::size_t kMostSignatures = 10;                 ///< the rest is not looked at

  DkimCheck();
  ~DkimCheck();
  DkimCheck(const DkimCheck&) = delete;
  DkimCheck& operator=(const DkimCheck&) = delete;

  /// `value` is all that stands behind the colon, its lines separated by LF or CRLF, without the last end.
  /// A field that is none (RFC 5322 s. 2.2) is left out.
  void header(std::string_view name, std::string_view value);
  void body(std::string_view octets);
  /// After the whole message: the records of the keys, each once.
  std::vector<DnsQuestion> keys();
  /// Once, at the end. A key that `answers` does not have counts as not answered.
  mail::DkimVerdict finish(const DnsFacts& answers);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace hikyaku::io
