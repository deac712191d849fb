#include "io/table_block.h"

#include <lz4.h>
#include <xxhash.h>

#include <algorithm>
#include <limits>
#include <memory>

#include "base/varint.h"
#include "io/log_format.h"

namespace hikyaku::io::table_format {
namespace {

using log_format::little_endian;

constexpr std::uint64_t kMagic = 0x88e241b785f4cff7;
constexpr unsigned char kXxh3 = 4;  // of the engine's kinds of checksums
constexpr std::uint64_t kFormat = 5;
constexpr std::size_t kHandles = 40;  // octets for two of them, filled with zeros
constexpr unsigned char kUncompressed = 0, kLz4 = 4;
constexpr std::size_t kMostOctets = std::size_t{1} << 30;  // of a block
constexpr std::size_t kLz4Ratio = 256;                     // more can't come of one octet

std::unexpected<Error> corrupt(std::string text) { return fail(Fault::corrupt, std::move(text)); }

/// The engine sums a block's contents, and works its last octet, the type, in by a product.
std::uint32_t with_type(std::uint64_t sum, unsigned char type) {
  return static_cast<std::uint32_t>(sum) ^ (type * 0x6b9083d9U);
}

Result<std::string> uncompressed(std::string_view contents) {
  const auto size = take_varint(contents);
  if (!size || *size > kMostOctets || *size > contents.size() * kLz4Ratio) return corrupt("a block's length");
  std::string out(static_cast<std::size_t>(*size), '\0');
  const auto got = LZ4_decompress_safe(contents.data(), out.data(), static_cast<int>(contents.size()),
                                       static_cast<int>(out.size()));
  if (got < 0 || static_cast<std::size_t>(got) != out.size()) return corrupt("a block's compression");
  return out;
}

bool is_type(char octet) { return octet == kUncompressed || octet == kLz4; }

}  // namespace

std::optional<BlockHandle> take_handle(std::string_view& in) {
  const auto offset = take_varint(in);
  const auto size = take_varint(in);
  if (!offset || !size) return std::nullopt;
  return BlockHandle{*offset, *size};
}

Result<Footer> Footer::parse(std::string_view file) {
  if (file.size() < kFooter) return corrupt("it is shorter than a table's end");
  auto end = file.substr(file.size() - kFooter);
  if (little_endian(end.substr(kFooter - 8)) != kMagic) return corrupt("its last octets are not a table's");
  if (little_endian(end.substr(1 + kHandles, 4)) != kFormat || static_cast<unsigned char>(end[0]) != kXxh3)
    return corrupt("it is of a form that this program never writes");
  end = end.substr(1, kHandles);
  const auto metaindex = take_handle(end);
  const auto index = metaindex ? take_handle(end) : std::nullopt;
  if (!index) return corrupt("its last octets are damaged");
  return Footer{*metaindex, *index};
}

Result<std::string> read_block(std::string_view file, const BlockHandle& handle) {
  if (handle.offset > file.size() || handle.size > file.size() - handle.offset ||
      file.size() - handle.offset - handle.size < kTrailer || handle.size > kMostOctets)
    return corrupt("the file ends before it does");
  const auto contents =
      file.substr(static_cast<std::size_t>(handle.offset), static_cast<std::size_t>(handle.size));
  const auto trailer = file.substr(static_cast<std::size_t>(handle.offset + handle.size), kTrailer);
  const auto type = static_cast<unsigned char>(trailer[0]);
  if (with_type(XXH3_64bits(contents.data(), contents.size()), type) != little_endian(trailer.substr(1)))
    return corrupt("checksum mismatch");
  if (type == kUncompressed) return std::string(contents);
  if (type == kLz4) return uncompressed(contents);
  return corrupt("it is compressed in a way that this program never writes");
}

std::optional<BlockHandle> find_block(std::string_view file, std::uint64_t begin, std::uint64_t end,
                                      std::uint64_t most) {
  end = std::min<std::uint64_t>(end, file.size());
  if (begin > end || end - begin < kTrailer) return std::nullopt;
  const auto all = file.substr(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin));
  const auto last = static_cast<std::size_t>(std::min<std::uint64_t>(all.size() - kTrailer, most));
  const std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> state(XXH3_createState(), XXH3_freeState);
  XXH3_64bits_reset(state.get());
  std::size_t summed = 0;
  for (std::size_t size = 4; size <= last; ++size) {
    if (!is_type(all[size])) continue;
    XXH3_64bits_update(state.get(), all.data() + summed, size - summed);
    summed = size;
    const auto sum = with_type(XXH3_64bits_digest(state.get()), static_cast<unsigned char>(all[size]));
    if (sum == little_endian(all.substr(size + 1, 4))) return BlockHandle{begin, size};
  }
  return std::nullopt;
}

namespace {

/// The entries alone: behind them stands where keys are whole, four octets each, and how many these are.
std::optional<std::string_view> entries_of(std::string_view block) {
  if (block.size() < 4) return std::nullopt;
  const auto count = little_endian(block.substr(block.size() - 4));
  if (count == 0 || count > (block.size() - 4) / 4) return std::nullopt;
  return block.substr(0, block.size() - 4 - static_cast<std::size_t>(count) * 4);
}

}  // namespace

BlockEntries::BlockEntries(std::string_view block) {
  const auto entries = entries_of(block);
  good_ = entries.has_value();
  rest_ = entries.value_or(std::string_view());
}

bool BlockEntries::next() {
  if (!good_ || rest_.empty()) return false;
  const auto shared = take_varint(rest_);
  const auto own = take_varint(rest_);
  const auto octets = take_varint(rest_);
  good_ = shared && own && octets && *shared <= key_.size() && *own <= rest_.size() &&
          *octets <= rest_.size() - *own;
  if (!good_) return false;
  key_.resize(static_cast<std::size_t>(*shared));
  key_ += rest_.substr(0, static_cast<std::size_t>(*own));
  value_ = rest_.substr(static_cast<std::size_t>(*own), static_cast<std::size_t>(*octets));
  rest_.remove_prefix(static_cast<std::size_t>(*own + *octets));
  return true;
}

Result<std::vector<IndexEntry>> parse_index(std::string_view contents) {
  constexpr std::string_view kWhat = "it is no index";
  const auto entries = entries_of(contents);
  if (!entries) return corrupt(std::string(kWhat));
  std::vector<IndexEntry> index;
  std::uint64_t next = 0;
  for (auto rest = *entries; !rest.empty();) {
    // Each key is whole, and each handle stands behind it without its length.
    const auto shared = take_varint(rest);
    const auto key = shared && *shared == 0 ? take_text(rest) : std::nullopt;
    const auto block = key ? take_handle(rest) : std::nullopt;
    if (!block || block->offset != next || block->size > std::numeric_limits<std::uint32_t>::max())
      return corrupt(std::string(kWhat));
    next = block->end();
    index.push_back({std::string(*key), *block});
  }
  if (index.empty()) return corrupt(std::string(kWhat));
  return index;
}

}  // namespace hikyaku::io::table_format
