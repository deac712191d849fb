#include "greylist/dns_update.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/escape.h"
#include "greylist/dns_wire.h"
#include "table/fold.h"
#include "table/ip.h"

namespace hikyaku::greylist {
namespace {

constexpr unsigned kQuery = 0, kUpdate = 5;
constexpr unsigned kNoSuchName = 3;
constexpr std::uint16_t kWantsRecursion = 0x0100;
constexpr std::size_t kLongestString = 255, kLongestData = 4096;

std::string_view words(unsigned code) {
  constexpr std::array<std::string_view, 11> kWords = {"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN",
                                                       "NOTIMP",  "REFUSED", "YXDOMAIN", "YXRRSET",
                                                       "NXRRSET", "NOTAUTH", "NOTZONE"};
  return code < kWords.size() ? kWords[code] : "an unknown code";
}

std::unexpected<Error> not_an_answer() { return fail(Fault::temporary, "what came is no answer to it"); }

Result<void> put_data(std::string& out, const DnsUpdate& update) {
  const auto& value = update.value;
  switch (update.type) {
    case dns_type::a:
    case dns_type::aaaa: {
      const auto ip = table::Ip::parse_unmapped(value);
      const auto want = update.type == dns_type::a ? table::Ip::Family::v4 : table::Ip::Family::v6;
      if (!ip || ip->family() != want) return fail(Fault::malformed, "not an address of the type: " + value);
      for (std::size_t i = 0; i < ip->bits() / 8; ++i) out += static_cast<char>(ip->octets()[i]);
      return {};
    }
    case dns_type::ns:
    case dns_type::cname:
    case dns_type::ptr:
      return put_name(out, value);
    case dns_type::txt: {
      if (value.size() > kLongestData) return fail(Fault::malformed, "a text is too long");
      std::string_view rest = value;
      do {
        const auto part = rest.substr(0, kLongestString);
        out += static_cast<char>(part.size());
        out += part;
        rest.remove_prefix(part.size());
      } while (!rest.empty());
      return {};
    }
    default:
      return fail(Fault::malformed, "records of type " + std::to_string(update.type) + " can't be made");
  }
}

/// Whether a name is the zone's, or in it; both in lower case.
bool is_in(std::string_view name, std::string_view zone) {
  if (zone.empty() || name == zone) return true;
  return name.ends_with(zone) && name.size() > zone.size() && name[name.size() - zone.size() - 1] == '.';
}

/// The header of an answer to the message `id`, with the reader behind the questions.
std::optional<DnsHeader> begin(DnsReader& reader, std::uint16_t id, unsigned operation) {
  const auto header = reader.header();
  if (!header || header->id != id || !header->is_answer() || header->operation() != operation)
    return std::nullopt;
  for (unsigned i = 0; i < header->questions; ++i)
    if (!reader.skip_question()) return std::nullopt;
  return header;
}

}  // namespace

bool is_update_type(std::uint16_t type) {
  using namespace dns_type;
  return type == a || type == ns || type == cname || type == ptr || type == txt || type == aaaa;
}

Result<std::string> update_message(const DnsUpdate& update, std::uint16_t id) {
  std::string out;
  // The sections are zone, prerequisites, updates and additionals (RFC 2136 s. 2).
  put_header(out, {.id = id, .flags = kUpdate << 11U, .questions = 1, .authorities = 1});
  if (auto put = put_name(out, update.zone); !put) return std::unexpected(std::move(put.error()));
  put_u16(out, dns_type::soa);
  put_u16(out, update.record_class);
  if (auto put = put_name(out, update.name); !put) return std::unexpected(std::move(put.error()));
  put_u16(out, update.type);
  put_u16(out, update.record_class);
  put_u32(out, static_cast<std::uint32_t>(update.ttl.count()));
  std::string data;
  if (auto put = put_data(data, update); !put) return std::unexpected(std::move(put.error()));
  put_u16(out, static_cast<std::uint16_t>(data.size()));
  return out + data;
}

Result<void> read_update_answer(std::string_view answer, std::uint16_t id) {
  DnsReader reader(answer);
  const auto header = begin(reader, id, kUpdate);
  if (!header) return not_an_answer();
  if (header->code() != 0)
    return fail(Fault::temporary, "the server said " + std::string(words(header->code())));
  return {};
}

Result<std::string> zone_question(std::string_view name, std::uint16_t record_class, std::uint16_t id) {
  std::string out;
  put_header(out, {.id = id, .flags = kWantsRecursion, .questions = 1});
  if (auto put = put_name(out, name); !put) return std::unexpected(std::move(put.error()));
  put_u16(out, dns_type::soa);
  put_u16(out, record_class);
  return out;
}

Result<DnsZone> read_zone_answer(std::string_view answer, std::uint16_t id, std::string_view name) {
  DnsReader reader(answer);
  const auto header = begin(reader, id, kQuery);
  if (!header) return not_an_answer();
  if (header->code() != 0 && header->code() != kNoSuchName)
    return fail(Fault::temporary, "asked for the zone the server said " + std::string(words(header->code())));
  if (name.ends_with('.')) name.remove_suffix(1);
  const auto wanted = table::ascii_lower(name);
  // Of the name itself it stands in the answer, else beside it (RFC 2308 s. 3).
  for (unsigned i = 0; i < header->answers + unsigned{header->authorities}; ++i) {
    const auto record = reader.record();
    if (!record) return not_an_answer();
    if (record->type != dns_type::soa || !is_in(wanted, record->owner)) continue;
    auto primary = reader.from(record->data).name();
    if (!primary) return not_an_answer();
    return DnsZone{record->owner, std::move(*primary)};
  }
  return fail(Fault::temporary, "no zone is known that " + escaped(name) + " is in");
}

}  // namespace hikyaku::greylist
