#include "greylist/tuple.h"

#include <algorithm>
#include <limits>

#include "base/varint.h"

namespace hikyaku::greylist {
namespace {

constexpr std::size_t kIpLength = 45;  // octets of the longest text of an address

std::string graphic(std::string_view path) {
  std::string text(path.substr(0, kAddressLength));
  for (char& c : text) {
    if (c <= ' ' || c >= 0x7f) c = '_';
  }
  return text;
}

std::uint64_t number(std::int64_t value) { return value > 0 ? static_cast<std::uint64_t>(value) : 0; }
std::uint64_t number(Seconds time) { return number(time.time_since_epoch().count()); }

/// Takes numbers and texts off a row; after the first failure all are empty.
class Fields {
 public:
  explicit Fields(std::string_view row) : left_(row) {}
  std::uint64_t number(std::uint64_t most) {
    const auto value = take_varint(left_);
    good_ = good_ && value && *value <= most;
    return good_ ? *value : 0;
  }
  Seconds time() { return Seconds(seconds()); }
  std::chrono::seconds seconds() { return std::chrono::seconds(number(kMostSeconds)); }
  std::uint32_t count() {
    return static_cast<std::uint32_t>(number(std::numeric_limits<std::uint32_t>::max()));
  }
  std::string text(std::size_t most) {
    const auto value = take_text(left_);
    good_ = good_ && value && value->size() <= most;
    return good_ ? std::string(*value) : std::string();
  }
  bool good() const { return good_; }

 private:
  // A Time, in microseconds, can still hold it.
  static constexpr std::uint64_t kMostSeconds = std::numeric_limits<std::int64_t>::max() / 1'000'000;
  std::string_view left_;
  bool good_ = true;
};

}  // namespace

std::string tuple_recipient(std::string_view path) { return graphic(path); }

std::string tuple_sender(std::string_view path) {
  auto text = graphic(path);
  if (const auto last = text.rfind('='); last != std::string::npos && last != 0) {
    text.erase(0, last);
    text[0] = '<';
  }
  return text;
}

std::optional<Tuple> sending_record(const Tuple& tuple) {
  const auto at = tuple.sender.rfind('@');
  if (at == std::string::npos) return std::nullopt;
  auto domain = tuple.sender.substr(at);
  while (domain.ends_with('>')) domain.pop_back();
  if (domain.size() < 2) return std::nullopt;
  return Tuple{tuple.client, std::move(domain), "*"};
}

std::string_view text(TupleState state) {
  switch (state) {
    case TupleState::pending:
      return "pending";
    case TupleState::autowhite:
      return "autowhite";
    case TupleState::tarpit:
      return "tarpit";
    case TupleState::record:
      return "record";
  }
  return "pending";
}

Result<Tuple> TupleEntry::tuple(MatchPrefixes prefixes) const& { return TupleEntry(*this).tuple(prefixes); }

Result<Tuple> TupleEntry::tuple(MatchPrefixes prefixes) && {
  auto client = pool.empty() ? ClientKey::of_address(address, prefixes) : ClientKey::of_pool(pool, address);
  if (!client) return std::unexpected(client.error());
  return Tuple{std::move(*client), std::move(sender), std::move(recipient)};
}

std::string encode(const TupleEntry& entry) {
  const auto& facts = entry.facts;
  std::string row;
  row.reserve(32 + entry.address.size() + entry.pool.size() + entry.sender.size() + entry.recipient.size());
  row += static_cast<char>(facts.state == TupleState::record ? kRecordRowVersion : kTupleRowVersion);
  row += static_cast<char>(facts.state);
  for (const auto value :
       {number(facts.time), number(facts.tarpit.count()), number(facts.first_seen), number(facts.last_seen),
        std::uint64_t{facts.tries}, std::uint64_t{facts.passes}}) {
    put_varint(row, value);
  }
  for (const auto* field : {&entry.address, &entry.pool, &entry.sender, &entry.recipient}) {
    put_text(row, *field);
  }
  return row;
}

Result<TupleEntry> decode_tuple(std::string_view row) {
  if (row.size() < 2) return fail(Fault::corrupt, "a greylist row is cut");
  const auto version = static_cast<unsigned char>(row[0]), state = static_cast<unsigned char>(row[1]);
  if (version != kTupleRowVersion && version != kRecordRowVersion) {
    return fail(Fault::corrupt, "a greylist row has version " + std::to_string(version) +
                                    ", which this program does not know");
  }
  if (state < 1 || state > (version == kRecordRowVersion ? 4 : 3)) {
    return fail(Fault::corrupt, "a greylist row has no state of number " + std::to_string(state));
  }
  Fields fields(row.substr(2));
  TupleEntry entry;
  entry.facts.state = static_cast<TupleState>(state);
  entry.facts.time = fields.time();
  entry.facts.tarpit = fields.seconds();
  entry.facts.first_seen = fields.time();
  entry.facts.last_seen = fields.time();
  entry.facts.tries = fields.count();
  entry.facts.passes = fields.count();
  entry.address = fields.text(kIpLength);
  entry.pool = fields.text(ClientKey::kPoolLength);
  entry.sender = fields.text(kAddressLength);
  entry.recipient = fields.text(kAddressLength);
  if (!fields.good()) return fail(Fault::corrupt, "a greylist row is cut, or a field of it is out of range");
  return entry;
}

}  // namespace hikyaku::greylist
