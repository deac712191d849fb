#include "io/log_format.h"

#include <algorithm>

#include "base/crc32c.h"

namespace hikyaku::io::log_format {
namespace {

constexpr char kTimeMark = 'T';

/// What is left of the block of `at`, from there on.
std::string_view rest_of_block(std::string_view log, std::size_t at) {
  return log.substr(at, std::min(log.size(), (at / kBlock + 1) * kBlock) - at);
}

std::size_t length_of(std::string_view rest) {
  return static_cast<std::size_t>(little_endian(rest.substr(4, 2)));
}

void append_little_endian(std::string& out, std::uint64_t value, unsigned octets) {
  for (unsigned i = 0; i < octets; ++i) out += static_cast<char>(value >> (8 * i) & 0xff);
}

}  // namespace

std::uint32_t masked(std::uint32_t sum) { return ((sum >> 15) | (sum << 17)) + 0xa282ead8U; }

std::string time_mark(Time now) {
  std::string mark(1, kTimeMark);
  append_little_endian(mark, static_cast<std::uint64_t>(now.time_since_epoch().count()), 8);
  return mark;
}

std::optional<Time> written_at(std::string_view batch) {
  constexpr std::string_view kBegin{"\x03\x09T",
                                    3};  // the engine's tag of what is for the log alone, a length
  if (batch.size() < kBatchHeader + kBegin.size() + 8) return std::nullopt;
  batch.remove_prefix(kBatchHeader);
  if (!batch.starts_with(kBegin)) return std::nullopt;
  return Time{Time::duration{static_cast<std::int64_t>(little_endian(batch.substr(kBegin.size(), 8)))}};
}

std::uint64_t little_endian(std::string_view octets) {
  std::uint64_t value = 0;
  for (std::size_t i = octets.size(); i-- > 0;) value = value << 8 | static_cast<unsigned char>(octets[i]);
  return value;
}

Look look_at(std::string_view log, std::size_t at) {
  const auto rest = rest_of_block(log, at);
  if (rest.size() < kFragmentHeader)
    return {.fragment = {}, .reason = "the file ends in a record's header", .cut = true};
  const auto length = length_of(rest);
  const auto type = static_cast<unsigned char>(rest[6]);
  if (kFragmentHeader + length > rest.size()) {
    const bool ends_here = at + rest.size() == log.size();
    return {.fragment = {},
            .reason = ends_here ? "the file ends in a record" : "a record's length is past its block",
            .cut = ends_here};
  }
  if (masked(crc32c(rest.substr(6, 1 + length))) != little_endian(rest.substr(0, 4))) {
    return {.fragment = {}, .reason = "checksum mismatch"};
  }
  if (type < kFull || type > kLast)
    return {.fragment = {}, .reason = "a record of unknown type " + std::to_string(type)};
  return {.fragment = Fragment{static_cast<FragmentType>(type), rest.substr(kFragmentHeader, length),
                               at + kFragmentHeader + length},
          .reason = {}};
}

std::optional<Fragment> claimed_at(std::string_view log, std::size_t at) {
  const auto rest = rest_of_block(log, at);
  if (rest.size() < kFragmentHeader) return std::nullopt;
  const auto length = length_of(rest);
  if (kFragmentHeader + length > rest.size()) return std::nullopt;
  return Fragment{static_cast<FragmentType>(rest[6]), rest.substr(kFragmentHeader, length),
                  at + kFragmentHeader + length};
}

std::size_t skip_padding(std::size_t at) {
  const auto left = kBlock - at % kBlock;
  return left < kFragmentHeader ? at + left : at;
}

void append_record(std::string& log, std::string_view batch) {
  for (bool first = true; first || !batch.empty(); first = false) {
    const auto left = kBlock - log.size() % kBlock;
    if (left < kFragmentHeader) log.append(left, '\0');
    const auto part = batch.substr(0, kBlock - log.size() % kBlock - kFragmentHeader);
    batch.remove_prefix(part.size());
    const auto type = first ? (batch.empty() ? kFull : kFirst) : batch.empty() ? kLast : kMiddle;
    std::string summed(1, static_cast<char>(type));
    summed += part;
    append_little_endian(log, masked(crc32c(summed)), 4);
    append_little_endian(log, part.size(), 2);
    log += summed;
  }
}

}  // namespace hikyaku::io::log_format
