#include "milter/packet.h"

#include <algorithm>
#include <utility>

#include "base/escape.h"

namespace hikyaku::milter {
namespace {

constexpr std::size_t kLengthSize = 4;
// An idle session keeps a buffer only up to this size.
constexpr std::size_t kIdleBuffer = 4096;
// A megabyte of empty strings must not become fifty.
constexpr std::size_t kStrings = 1000;

std::uint32_t read32(std::string_view octets) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(octets[i]);
  return value;
}

void write32(char* to, std::uint32_t value) {
  for (int i = 3; i >= 0; --i, value >>= 8) to[i] = static_cast<char>(value & 0xff);
}

}  // namespace

void PacketReader::feed(std::string_view octets) {
  if (broken_) return;
  if (begin_ > 0) {
    buffer_.erase(0, begin_);
    begin_ = 0;
  }
  buffer_.append(octets);
}

Result<std::optional<Packet>> PacketReader::next() {
  if (broken_) return std::unexpected(*broken_);
  const auto view = std::string_view(buffer_).substr(begin_);
  if (view.empty() && buffer_.capacity() > kIdleBuffer) {
    buffer_ = std::string();
    begin_ = 0;
    return std::optional<Packet>();
  }
  if (view.size() < kLengthSize) return std::optional<Packet>();
  const std::size_t length = read32(view);
  if (length == 0 || length - 1 > limit_) {
    broken_ = Error{Fault::malformed, "octet " + std::to_string(offset_) + ": a packet of " +
                                          std::to_string(length) + " octets; 1 to " +
                                          std::to_string(limit_ + 1) + " are possible (is this a milter?)"};
    buffer_ = std::string();
    begin_ = 0;
    return std::unexpected(*broken_);
  }
  if (view.size() < kLengthSize + length) return std::optional<Packet>();
  begin_ += kLengthSize + length;
  offset_ += kLengthSize + length;
  return std::optional<Packet>(Packet{view[kLengthSize], view.substr(kLengthSize + 1, length - 1)});
}

std::optional<Packet> PacketReader::peek(std::size_t number) const {
  if (broken_) return std::nullopt;
  auto view = std::string_view(buffer_).substr(begin_);
  for (;; --number) {
    if (view.size() < kLengthSize) return std::nullopt;
    const std::size_t length = read32(view);
    if (length == 0 || length - 1 > limit_ || view.size() < kLengthSize + length) return std::nullopt;
    if (number == 0) return Packet{view[kLengthSize], view.substr(kLengthSize + 1, length - 1)};
    view.remove_prefix(kLengthSize + length);
  }
}

PacketWriter::PacketWriter(std::string& out, char kind) : out_(out), begin_(out.size()) {
  out_.append(kLengthSize, '\0');
  out_ += kind;
}

PacketWriter::~PacketWriter() {
  write32(out_.data() + begin_, static_cast<std::uint32_t>(out_.size() - begin_ - kLengthSize + following_));
}

PacketWriter& PacketWriter::octet(char value) {
  out_ += value;
  return *this;
}
PacketWriter& PacketWriter::number16(std::uint16_t value) {
  out_ += static_cast<char>(value >> 8);
  out_ += static_cast<char>(value & 0xff);
  return *this;
}
PacketWriter& PacketWriter::number32(std::uint32_t value) {
  char octets[4];
  write32(octets, value);
  out_.append(octets, 4);
  return *this;
}
PacketWriter& PacketWriter::octets(std::string_view value) {
  out_ += value;
  return *this;
}
PacketWriter& PacketWriter::string(std::string_view value) {
  const auto begin = out_.size();
  out_ += value;
  if (value.find('\0') != std::string_view::npos)
    out_.erase(std::remove(out_.begin() + static_cast<std::ptrdiff_t>(begin), out_.end(), '\0'), out_.end());
  out_ += '\0';
  return *this;
}
PacketWriter& PacketWriter::follows(std::size_t octets) {
  following_ += octets;
  return *this;
}

Error FieldReader::error(std::string_view wrong) const {
  return {Fault::malformed,
          std::string(what_) + ", octet " + std::to_string(at_) + ": " + std::string(wrong)};
}

Result<std::string_view> FieldReader::take(std::size_t size, std::string_view of) {
  if (data_.size() - at_ < size)
    return std::unexpected(error("the data ends where " + std::string(of) + " is due"));
  at_ += size;
  return data_.substr(at_ - size, size);
}

Result<char> FieldReader::octet() {
  const auto taken = take(1, "an octet");
  if (!taken) return std::unexpected(taken.error());
  return taken->front();
}

Result<std::uint16_t> FieldReader::number16() {
  const auto taken = take(2, "a number of 2 octets");
  if (!taken) return std::unexpected(taken.error());
  return static_cast<std::uint16_t>(static_cast<unsigned char>((*taken)[0]) << 8 |
                                    static_cast<unsigned char>((*taken)[1]));
}

Result<std::uint32_t> FieldReader::number32() {
  const auto taken = take(4, "a number of 4 octets");
  if (!taken) return std::unexpected(taken.error());
  return read32(*taken);
}

Result<std::string_view> FieldReader::string() {
  const auto end = data_.find('\0', at_);
  if (end == std::string_view::npos) return std::unexpected(error("a string without the NUL that ends it"));
  const auto found = data_.substr(at_, end - at_);
  at_ = end + 1;
  return found;
}

Result<std::vector<std::string>> FieldReader::strings() {
  std::vector<std::string> all;
  while (!empty()) {
    const auto one = string();
    if (!one) return std::unexpected(one.error());
    if (all.size() == kStrings)
      return std::unexpected(error("more than " + std::to_string(kStrings) + " strings"));
    all.emplace_back(*one);
  }
  return all;
}

std::string_view FieldReader::rest() { return data_.substr(std::exchange(at_, data_.size())); }

Result<void> FieldReader::end() const {
  if (empty()) return {};
  return std::unexpected(error(std::to_string(data_.size() - at_) + " octets too many, from '" +
                               escaped(data_.substr(at_, 1)) + "'"));
}

}  // namespace hikyaku::milter
