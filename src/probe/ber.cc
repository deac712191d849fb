#include "probe/ber.h"

namespace hikyaku::probe {
namespace {

struct Head {
  std::size_t octets = 0, content = 0;
};

/// octets == 0: more must come.
std::optional<Head> read_head(std::string_view octets) {
  if (octets.size() < 2) return Head{};
  if ((static_cast<unsigned char>(octets[0]) & 0x1f) == 0x1f) return std::nullopt;  // a tag of more octets
  const auto first = static_cast<unsigned char>(octets[1]);
  if (first < 0x80) return Head{2, first};
  const std::size_t count = first & 0x7f;
  if (count == 0 || count > 4) return std::nullopt;
  if (octets.size() < 2 + count) return Head{};
  std::size_t size = 0;
  for (std::size_t i = 0; i < count; ++i) size = size * 256 + static_cast<unsigned char>(octets[2 + i]);
  return Head{2 + count, size};
}

}  // namespace

std::optional<std::size_t> ber_size(std::string_view octets) {
  const auto head = read_head(octets);
  if (!head) return std::nullopt;
  return head->octets == 0 ? 0 : head->octets + head->content;
}

std::optional<Ber> take_ber(std::string_view& octets) {
  const auto head = read_head(octets);
  if (!head || head->octets == 0 || octets.size() - head->octets < head->content) return std::nullopt;
  const Ber out{static_cast<std::uint8_t>(octets[0]), octets.substr(head->octets, head->content)};
  octets.remove_prefix(head->octets + head->content);
  return out;
}

std::optional<std::int32_t> ber_number(std::string_view content) {
  if (content.empty() || content.size() > 4) return std::nullopt;
  // The first bit is the sign.
  std::int64_t value = static_cast<signed char>(content[0]);
  for (const char c : content.substr(1)) value = value * 256 + static_cast<unsigned char>(c);
  return static_cast<std::int32_t>(value);
}

std::string ber(std::uint8_t tag, std::string_view content) {
  std::string out(1, static_cast<char>(tag));
  if (content.size() < 0x80) {
    out += static_cast<char>(content.size());
  } else {
    out += '\x84';
    for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>((content.size() >> shift) & 0xff);
  }
  out += content;
  return out;
}

std::string ber_integer(std::uint8_t tag, std::uint32_t value) {
  std::string content;
  for (int shift = 24; shift >= 0; shift -= 8) {
    const auto octet = static_cast<char>((value >> shift) & 0xff);
    if (!content.empty() || octet != 0 || shift == 0) content += octet;
  }
  // Without the sign bit.
  if (static_cast<unsigned char>(content[0]) >= 0x80) content.insert(0, 1, '\0');
  return ber(tag, content);
}

}  // namespace hikyaku::probe
