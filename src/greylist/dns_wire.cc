#include "greylist/dns_wire.h"

namespace hikyaku::greylist {
namespace {

constexpr std::size_t kLongestName = 255, kLongestLabel = 63;
constexpr int kMostPointers = 32;

std::uint8_t octet(char c) { return static_cast<std::uint8_t>(c); }

}  // namespace

void put_u16(std::string& out, std::uint16_t value) {
  out += static_cast<char>(value >> 8U);
  out += static_cast<char>(value & 255U);
}
void put_u32(std::string& out, std::uint32_t value) {
  put_u16(out, static_cast<std::uint16_t>(value >> 16U));
  put_u16(out, static_cast<std::uint16_t>(value & 0xffffU));
}
void put_u48(std::string& out, std::uint64_t value) {
  put_u16(out, static_cast<std::uint16_t>(value >> 32U & 0xffffU));
  put_u32(out, static_cast<std::uint32_t>(value & 0xffffffffU));
}

Result<void> put_name(std::string& out, std::string_view name) {
  const auto begin = out.size();
  if (name.ends_with('.')) name.remove_suffix(1);
  while (!name.empty()) {
    const auto label = name.substr(0, name.find('.'));
    bool good = !label.empty() && label.size() <= kLongestLabel;
    for (const char c : label) good = good && c > ' ' && c < 0x7f;
    // A dot at the end of what is left would be followed by an empty label.
    good = good && !(label.size() + 1 == name.size());
    if (!good) return fail(Fault::malformed, "not a name for the DNS: " + std::string(name));
    out += static_cast<char>(label.size());
    out += label;
    name.remove_prefix(label.size() == name.size() ? name.size() : label.size() + 1);
  }
  out += '\0';
  if (out.size() - begin > kLongestName) return fail(Fault::malformed, "a name for the DNS is too long");
  return {};
}

void put_header(std::string& out, const DnsHeader& header) {
  for (const auto one :
       {header.id, header.flags, header.questions, header.answers, header.authorities, header.additionals})
    put_u16(out, one);
}

std::optional<std::string_view> DnsReader::octets(std::size_t count) {
  if (count > message_.size() - at_) return std::nullopt;
  const auto taken = message_.substr(at_, count);
  at_ += count;
  return taken;
}

std::optional<std::uint16_t> DnsReader::u16() {
  const auto two = octets(2);
  if (!two) return std::nullopt;
  return static_cast<std::uint16_t>(octet((*two)[0]) << 8U | octet((*two)[1]));
}

std::optional<std::uint32_t> DnsReader::u32() {
  const auto high = u16(), low = u16();
  if (!high || !low) return std::nullopt;
  return static_cast<std::uint32_t>(*high) << 16U | *low;
}

std::optional<std::uint64_t> DnsReader::u48() {
  const auto high = u16();
  const auto low = u32();
  if (!high || !low) return std::nullopt;
  return static_cast<std::uint64_t>(*high) << 32U | *low;
}

std::optional<std::string> DnsReader::name() {
  std::string text;
  std::size_t at = at_, end = 0;  // end: behind the first pointer
  for (int pointers = 0; at < message_.size();) {
    const auto length = octet(message_[at]);
    if (length == 0) {
      at_ = end != 0 ? end : at + 1;
      return text;
    }
    if ((length & 0xc0U) == 0xc0U) {
      if (at + 1 >= message_.size() || ++pointers > kMostPointers) return std::nullopt;
      if (end == 0) end = at + 2;
      at = static_cast<std::size_t>(length & 0x3fU) << 8U | octet(message_[at + 1]);
      continue;
    }
    if (length > kLongestLabel || length >= message_.size() - at) return std::nullopt;
    if (!text.empty()) text += '.';
    for (char c : message_.substr(at + 1, length)) {
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
      text += c > ' ' && c < 0x7f && c != '.' ? c : '?';
    }
    if (text.size() > kLongestName) return std::nullopt;
    at += length + 1U;
  }
  return std::nullopt;
}

std::optional<DnsHeader> DnsReader::header() {
  if (message_.size() - at_ < DnsHeader::kSize) return std::nullopt;
  DnsHeader header;
  for (auto* one : {&header.id, &header.flags, &header.questions, &header.answers, &header.authorities,
                    &header.additionals})
    *one = *u16();
  return header;
}

bool DnsReader::skip_question() { return name() && octets(4); }

std::optional<DnsReader::Record> DnsReader::record() {
  const auto begin = at_;
  auto owner = name();
  if (!owner) return std::nullopt;
  const auto type = u16(), record_class = u16();
  const auto ttl = u32();
  const auto size = u16();
  if (!size) return std::nullopt;
  const auto data = at_;
  if (!octets(*size)) return std::nullopt;
  return Record{begin, std::move(*owner), *type, *record_class, *ttl, data, *size};
}

DnsReader DnsReader::from(std::size_t position) const {
  DnsReader other(message_);
  other.at_ = position;
  return other;
}

}  // namespace hikyaku::greylist
