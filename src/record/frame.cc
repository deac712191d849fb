#include "record/frame.h"

#include "base/crc32c.h"
#include "base/varint.h"

namespace hikyaku::record {
namespace {

constexpr std::size_t kSumSize = 4;
constexpr std::uint64_t kInternalForm = 0, kExternalForm = 1;

std::uint32_t stored_sum(std::string_view four) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < kSumSize; ++i) {
    sum |= static_cast<std::uint32_t>(static_cast<unsigned char>(four[i])) << (8 * i);
  }
  return sum;
}

// Times before 1970 come from no clock of ours, but must not turn into far future.
std::uint64_t zigzag(std::int64_t value) {
  return static_cast<std::uint64_t>(value) << 1 ^ static_cast<std::uint64_t>(value >> 63);
}
std::int64_t unzigzag(std::uint64_t value) {
  return static_cast<std::int64_t>(value >> 1) ^ -static_cast<std::int64_t>(value & 1);
}

}  // namespace

FrameWriter::FrameWriter(std::uint8_t version, std::size_t expected) {
  out_.reserve(expected + 1 + kSumSize);
  out_ += static_cast<char>(version);
}

void FrameWriter::number(std::uint64_t value) { put_varint(out_, value); }
void FrameWriter::signed_number(std::int64_t value) { put_varint(out_, zigzag(value)); }
void FrameWriter::time(Time value) { signed_number(value.time_since_epoch().count()); }
void FrameWriter::text(std::string_view value) { put_text(out_, value); }

void FrameWriter::address(const mail::Address& value) {
  // The internal form is split at its last '@'; a local part alone that holds one would not come back.
  const bool ambiguous = !value.has_domain() && value.local().find('@') != std::string::npos;
  put_varint(out_, ambiguous ? kExternalForm : kInternalForm);
  put_text(out_, ambiguous ? value.text() : value.internal());
}

std::string FrameWriter::finish() && {
  const auto sum = crc32c(out_);
  for (unsigned shift = 0; shift < 32; shift += 8) out_ += static_cast<char>(sum >> shift & 0xff);
  return std::move(out_);
}

FrameReader::FrameReader(std::string_view stored, std::uint8_t newest_version, std::string_view what)
    : what_(what), whole_(stored.size()) {
  if (stored.size() < 1 + kSumSize) {
    bad("it is cut short");
    return;
  }
  const auto framed = stored.substr(0, stored.size() - kSumSize);
  if (crc32c(framed) != stored_sum(stored.substr(framed.size()))) {
    bad("its checksum does not match");
    return;
  }
  version_ = static_cast<std::uint8_t>(framed.front());
  if (version_ == 0 || version_ > newest_version) {
    bad("it has format " + std::to_string(version_) + ", this program reads up to " +
        std::to_string(newest_version) + ": use the newer hikyaku that wrote it");
    error_.fault = Fault::permanent;
    return;
  }
  rest_ = framed.substr(1);
}

void FrameReader::bad(std::string_view reason) {
  if (failed_) return;
  failed_ = true;
  error_.text = "read a " + std::string(what_) + " of " + std::to_string(whole_) + " octets: ";
  error_.text += reason;
  rest_ = {};
}

std::uint64_t FrameReader::number(std::uint64_t max) {
  if (failed_) return 0;
  const auto value = take_varint(rest_);
  if (!value || *value > max) {
    bad("a number is cut or out of range");
    return 0;
  }
  return *value;
}

std::int64_t FrameReader::signed_number() { return unzigzag(number()); }
Time FrameReader::time() { return Time{std::chrono::microseconds{signed_number()}}; }

std::string FrameReader::text() {
  if (failed_) return {};
  const auto value = take_text(rest_);
  if (!value) {
    bad("a text is cut");
    return {};
  }
  return std::string(*value);
}

mail::Address FrameReader::address() {
  const auto form = number(kExternalForm);
  const auto value = text();
  if (failed_ || value.empty()) return {};
  auto address = form == kInternalForm ? mail::Address::from_internal(value) : mail::Address::parse(value);
  if (!address) {
    bad("an address is malformed");
    return {};
  }
  return std::move(*address);
}

std::size_t FrameReader::count() { return static_cast<std::size_t>(number(rest_.size())); }

Result<void> FrameReader::finish() {
  if (!failed_ && !rest_.empty()) bad("there is more than its fields");
  if (failed_) return std::unexpected(error_);
  return {};
}

}  // namespace hikyaku::record
