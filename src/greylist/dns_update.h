#pragma once
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hikyaku::greylist {

/// A record that is added to a zone (RFC 2136). It stays where it is there already.
struct DnsUpdate {
  std::string zone, name;
  std::uint16_t record_class = 1, type = 1;
  std::chrono::seconds ttl{0};
  std::string value;  ///< as it is written in a zone's file
};

/// Whether records of the type can be made: A, NS, CNAME, PTR, TXT, AAAA.
bool is_update_type(std::uint16_t type);
/// The message. Fault::malformed: a name or the value is none of the type.
Result<std::string> update_message(const DnsUpdate& update, std::uint16_t id);
/// What became of it. Fault::temporary: it is no answer to the message `id`, or a refusal, which is told.
Result<void> read_update_answer(std::string_view answer, std::uint16_t id);

/// The question for the zone that a name is in (its SOA record). Fault::malformed: it is no name.
Result<std::string> zone_question(std::string_view name, std::uint16_t record_class, std::uint16_t id);
struct DnsZone {
  std::string name, primary;  ///< primary: the host that takes updates
};
/// The zone, of an answer to that question. Fault::temporary: it names none that `name` is in.
Result<DnsZone> read_zone_answer(std::string_view answer, std::uint16_t id, std::string_view name);

}  // namespace hikyaku::greylist
