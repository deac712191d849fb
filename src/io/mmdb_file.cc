#include "io/mmdb_file.h"

#include <algorithm>
#include <utility>

#include "base/escape.h"

namespace hikyaku::io {
namespace {

constexpr std::string_view kMark = "\xab\xcd\xefMaxMind.com";
constexpr std::size_t kSeparator = 16;                // zeroes between tree and data
constexpr std::size_t kMaxText = 200;                 // of a type or description that is kept
constexpr std::size_t kMetadataValues = 10'000;       // descriptions in many languages, at most
constexpr std::uint64_t kMaxEpoch = 253'402'300'799;  // the year 9999 ends

std::unexpected<Error> damaged(std::string what) { return fail(Fault::corrupt, std::move(what)); }

std::size_t mark_of(std::string_view octets) {
  const std::size_t from =
      octets.size() > MmdbFile::kMetadataLimit ? octets.size() - MmdbFile::kMetadataLimit : 0;
  const auto at = octets.substr(from).rfind(kMark);
  return at == std::string_view::npos ? at : from + at;
}

/// Reads the map of metadata.
class MetadataReader {
 public:
  explicit MetadataReader(std::string_view octets) : data_(octets), map_(data_.resolved(0)) {}

  bool is_map() const { return map_ && map_->type == MmdbData::Type::map; }
  std::optional<std::uint64_t> number(std::string_view key) {
    const auto value = data_.find(*map_, key, budget_);
    using Type = MmdbData::Type;
    const bool is_number = value && (value->type == Type::unsigned16 || value->type == Type::unsigned32 ||
                                     value->type == Type::unsigned64);
    return is_number ? std::optional(value->number) : std::nullopt;
  }
  std::string text(std::string_view key) { return shown(data_.find(*map_, key, budget_)); }
  std::string english(std::string_view key) {
    const auto texts = data_.find(*map_, key, budget_);
    return texts ? shown(data_.find(*texts, "en", budget_)) : std::string();
  }

 private:
  static std::string shown(const std::optional<MmdbData::Value>& value) {
    return value && value->type == MmdbData::Type::text ? escaped(value->text, kMaxText) : std::string();
  }
  MmdbData data_;
  std::optional<MmdbData::Value> map_;
  MmdbData::Budget budget_{kMetadataValues};
};

Result<MmdbFile::Metadata> read_metadata(std::string_view octets) {
  MetadataReader reader(octets);
  if (!reader.is_map()) return damaged("its metadata can't be read");
  const auto major = reader.number("binary_format_major_version");
  if (!major) return damaged("its metadata do not tell the version of the format");
  if (*major != 2) {
    return fail(Fault::permanent,
                "it is of version " + std::to_string(*major) + " of the mmdb format; version 2 is known");
  }
  const auto nodes = reader.number("node_count"), bits = reader.number("record_size"),
             version = reader.number("ip_version"), epoch = reader.number("build_epoch");
  if (!nodes || *nodes == 0 || *nodes > UINT32_MAX) return damaged("its metadata have no number of nodes");
  if (!bits || (*bits != 24 && *bits != 28 && *bits != 32)) {
    return damaged("its metadata tell no size of records that there is");
  }
  if (!version || (*version != 4 && *version != 6))
    return damaged("its metadata tell no IP version that there is");
  MmdbFile::Metadata metadata{.nodes = static_cast<std::uint32_t>(*nodes),
                              .record_bits = static_cast<unsigned>(*bits),
                              .ip_version = static_cast<unsigned>(*version),
                              .type = reader.text("database_type"),
                              .description = reader.english("description"),
                              .built = std::nullopt};
  if (epoch && *epoch > 0 && *epoch <= kMaxEpoch) {
    metadata.built = Time(std::chrono::seconds(static_cast<std::int64_t>(*epoch)));
  }
  return metadata;
}

}  // namespace

bool MmdbFile::is_one(std::string_view octets) { return mark_of(octets) != std::string_view::npos; }

Result<MmdbFile> MmdbFile::read(std::string_view octets) {
  const auto mark = mark_of(octets);
  if (mark == std::string_view::npos)
    return damaged("it has no metadata: it is no mmdb file, or its end is missing");
  auto metadata = read_metadata(octets.substr(mark + kMark.size()));
  if (!metadata) return std::unexpected(metadata.error());
  const std::uint64_t tree = std::uint64_t{metadata->nodes} * metadata->record_bits / 4;
  if (tree + kSeparator > mark) {
    return damaged("its tree should have " + std::to_string(tree) + " octets, and there are " +
                   std::to_string(mark));
  }
  const auto separator = octets.substr(static_cast<std::size_t>(tree), kSeparator);
  if (std::ranges::any_of(separator, [](char octet) { return octet != '\0'; })) {
    return damaged("its tree does not end where the metadata say");
  }
  const auto data = octets.substr(0, mark).substr(static_cast<std::size_t>(tree) + kSeparator);
  return MmdbFile(std::move(*metadata), octets.substr(0, static_cast<std::size_t>(tree)), MmdbData(data));
}

MmdbFile::MmdbFile(Metadata metadata, std::string_view tree, MmdbData data)
    : metadata_(std::move(metadata)), tree_(tree), data_(data) {
  if (metadata_.ip_version == 4) return;
  for (unsigned bit = 0; bit < 96 && ipv4_start_ < metadata_.nodes; ++bit) {
    ipv4_start_ = record(ipv4_start_, false);
  }
}

/// What follows `node` for a bit that is 0 or 1. `node` is one.
std::uint32_t MmdbFile::record(std::uint32_t node, bool right) const {
  const std::size_t octets = metadata_.record_bits / 4;
  const auto* const at = reinterpret_cast<const unsigned char*>(tree_.data()) + node * octets;
  const auto three = [&](std::size_t from) {
    return std::uint32_t{at[from]} << 16 | std::uint32_t{at[from + 1]} << 8 | at[from + 2];
  };
  switch (metadata_.record_bits) {
    case 24:
      return three(right ? 3 : 0);
    case 28:  // the octet in the middle has the upper four bits of both
      return right ? (std::uint32_t{at[3]} & 15U) << 24 | three(4)
                   : (std::uint32_t{at[3]} >> 4) << 24 | three(0);
    default:
      return right ? std::uint32_t{at[4]} << 24 | three(5) : std::uint32_t{at[0]} << 24 | three(1);
  }
}

/// Records beyond the nodes count from the begin of the separator.
std::optional<std::size_t> MmdbFile::data_offset(std::uint32_t record) const {
  const std::uint64_t begin = std::uint64_t{metadata_.nodes} + kSeparator;
  if (record < begin || record - begin >= data_.size()) return std::nullopt;
  return static_cast<std::size_t>(record - begin);
}

std::optional<std::size_t> MmdbFile::find(const table::Ip& ip) const {
  const bool v4 = ip.family() == table::Ip::Family::v4;
  if (!v4 && metadata_.ip_version == 4) return std::nullopt;
  std::uint32_t at = v4 ? ipv4_start_ : 0;
  for (unsigned bit = 0; bit < ip.bits() && at < metadata_.nodes; ++bit) {
    at = record(at, (ip.octets()[bit / 8] >> (7 - bit % 8) & 1) != 0);
  }
  return data_offset(at);
}

Result<std::vector<std::size_t>> MmdbFile::check_tree() const {
  std::vector<bool> named(data_.size());
  for (std::uint32_t node = 0; node < metadata_.nodes; ++node) {
    for (const bool right : {false, true}) {
      const auto next = record(node, right);
      if (next <= metadata_.nodes) continue;  // another node, or nothing
      const auto offset = data_offset(next);
      if (!offset) return damaged("node " + std::to_string(node) + " of its tree leads out of the file");
      named[*offset] = true;
    }
  }
  std::vector<std::size_t> offsets;
  for (std::size_t offset = 0; offset < named.size(); ++offset) {
    if (named[offset]) offsets.push_back(offset);
  }
  return offsets;
}

}  // namespace hikyaku::io
