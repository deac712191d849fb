#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hikyaku::greylist {

// The form of DNS messages (RFC 1035 s. 4.1).

/// Of types of records.
namespace dns_type {
constexpr std::uint16_t a = 1, ns = 2, cname = 5, soa = 6, ptr = 12, txt = 16, aaaa = 28, tsig = 250;
}  // namespace dns_type
namespace dns_class {
constexpr std::uint16_t in = 1, any = 255;
}  // namespace dns_class

void put_u16(std::string& out, std::uint16_t value);
void put_u32(std::string& out, std::uint32_t value);
void put_u48(std::string& out, std::uint64_t value);
/// A host name, with a last dot or without, as labels; "." is the root. Fault::malformed: a label is not of
/// 1 to 63 octets, one of them is not visible ASCII, or all is longer than 255.
Result<void> put_name(std::string& out, std::string_view name);

struct DnsHeader {
  static constexpr std::size_t kSize = 12;
  std::uint16_t id = 0, flags = 0;
  std::uint16_t questions = 0, answers = 0, authorities = 0, additionals = 0;
  bool is_answer() const { return (flags & 0x8000U) != 0; }
  unsigned operation() const { return flags >> 11U & 15U; }
  unsigned code() const { return flags & 15U; }
  bool operator==(const DnsHeader&) const = default;
};
void put_header(std::string& out, const DnsHeader& header);

/// Reads a message from its begin. After the first nullopt nothing that it gives means anything.
class DnsReader {
 public:
  explicit DnsReader(std::string_view message) : message_(message) {}

  std::size_t position() const { return at_; }
  bool at_end() const { return at_ == message_.size(); }
  std::optional<std::uint16_t> u16();
  std::optional<std::uint32_t> u32();
  std::optional<std::uint64_t> u48();
  std::optional<std::string_view> octets(std::size_t count);
  /// In lower case with dots between, without a last one; the root is "". Octets of labels that are not
  /// visible ASCII, or are dots, become "?".
  std::optional<std::string> name();
  std::optional<DnsHeader> header();
  bool skip_question();

  struct Record {
    std::size_t begin;  ///< of the record in the message
    std::string owner;
    std::uint16_t type, record_class;
    std::uint32_t ttl;
    std::size_t data;  ///< where its data begin
    std::size_t size;  ///< and how many octets they are
  };
  std::optional<Record> record();
  /// One that reads from there on.
  DnsReader from(std::size_t position) const;

 private:
  std::string_view message_;
  std::size_t at_ = 0;
};

}  // namespace hikyaku::greylist
