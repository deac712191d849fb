#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "mail/address.h"

namespace hikyaku::record {

/// Writes one stored record: a version octet, fields, and the CRC-32C of all before it in four octets,
/// little-endian. The first octet and the last four mean the same in every version.
class FrameWriter {
 public:
  /// `expected`: about how many octets will come.
  explicit FrameWriter(std::uint8_t version, std::size_t expected = 0);
  void number(std::uint64_t value);
  void signed_number(std::int64_t value);
  void time(Time value);
  void text(std::string_view value);
  void address(const mail::Address& value);
  std::string finish() &&;

 private:
  std::string out_;
};

/// Reads what FrameWriter wrote. The first failure stays: the members after it return empty values, and
/// finish() tells it.
class FrameReader {
 public:
  /// `what` names the record in errors: "queue entry". Lives as long as `stored` and `what`.
  FrameReader(std::string_view stored, std::uint8_t newest_version, std::string_view what);
  std::uint8_t version() const { return version_; }
  std::uint64_t number(std::uint64_t max = UINT64_MAX);
  std::int64_t signed_number();
  Time time();
  std::string text();
  mail::Address address();
  /// A count of things of which each takes at least one octet: never more than octets are left.
  std::size_t count();
  /// Fails with what went wrong first, or when octets are left over.
  Result<void> finish();
  bool good() const { return !failed_; }
  /// For what the fields together break: fails as if by a field.
  void bad(std::string_view reason);

 private:
  std::string_view rest_;
  std::string_view what_;
  std::size_t whole_;
  std::uint8_t version_ = 0;
  bool failed_ = false;
  Error error_{Fault::corrupt, {}};
};

}  // namespace hikyaku::record
