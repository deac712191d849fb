#include "io/table_rows.h"

#include <algorithm>
#include <utility>

#include "base/varint.h"
#include "io/log_format.h"

namespace hikyaku::io {
namespace {

using namespace table_format;

constexpr std::string_view kProperties = "rocksdb.properties", kPropertyPrefix = "rocksdb.";
constexpr std::uint64_t kMostBlock = std::uint64_t{16} << 20;  // octets, of one in a chain
constexpr std::uint64_t kMostFirst = std::uint64_t{64} << 10;  // of the first after a damage
constexpr std::uint64_t kMostSearched = std::uint64_t{1} << 20;
constexpr std::size_t kSequence = 8;    // octets behind each key: sequence number and kind
constexpr std::size_t kMetaBlocks = 8;  // at most so many behind the rows

std::uint64_t number(std::string_view value) { return take_varint(value).value_or(0); }

/// Whether a row can begin here whose key is stored whole: that it shares nothing with the one before, and
/// how many octets it has.
bool may_be_first_row(std::string_view octets) {
  return octets.size() > 1 && octets[0] == '\0' && static_cast<unsigned char>(octets[1]) >= kSequence;
}

/// Whether a block can begin here, perhaps with the head of its compression.
bool may_begin(std::string_view file, std::uint64_t at) {
  auto rest = file.substr(static_cast<std::size_t>(at), 64);
  if (may_be_first_row(rest)) return true;
  if (!take_varint(rest) || rest.empty()) return false;
  constexpr unsigned kMore = 15;  // so many literals, and the octets behind tell how many more
  const auto literals = static_cast<unsigned char>(rest[0]) >> 4U;
  rest.remove_prefix(1);
  if (literals < 2) return false;
  while (literals == kMore && !rest.empty()) {
    const auto more = static_cast<unsigned char>(rest[0]);
    rest.remove_prefix(1);
    if (more < 255) break;
  }
  return may_be_first_row(rest);
}

/// Blocks from `at` on, one behind the other, up to `limit` or the first damage.
std::vector<BlockHandle> chain_from(std::string_view file, std::uint64_t at, std::uint64_t limit) {
  std::vector<BlockHandle> chain;
  while (at < limit) {
    const auto block = find_block(file, at, limit, kMostBlock);
    if (!block) break;
    chain.push_back(*block);
    at = block->end();
  }
  return chain;
}

}  // namespace

TableRows::TableRows(std::string_view file) : file_(file) {
  read_ends();
  if (blocks_.empty()) use_chain();
}

void TableRows::read_facts(std::string_view properties) {
  BlockEntries entries(properties);
  std::uint64_t range_removals = 0;
  while (entries.next()) {
    const auto name = entries.key();
    if (name == "rocksdb.column.family.id")
      facts_.family = static_cast<std::uint32_t>(number(entries.value()));
    if (name == "rocksdb.column.family.name") facts_.space = entries.value();
    if (name == "rocksdb.creating.db.identity") facts_.database = entries.value();
    if (name == "rocksdb.data.size")
      facts_.octets = std::min<std::uint64_t>(number(entries.value()), file_.size());
    if (name == "rocksdb.index.key.is.user.key") facts_.whole_keys = number(entries.value()) != 0;
    if (name == "rocksdb.num.range-deletions") range_removals = number(entries.value());
  }
  if (range_removals > 0)
    damages_.push_back({0, 0, "it removes ranges of rows, which this program never does", {}, {}});
}

/// What stands behind the rows: the table's own description, and the index.
void TableRows::read_ends() {
  const auto footer = Footer::parse(file_);
  if (!footer) return faults_.push_back(footer.error().text);
  if (const auto metaindex = read_block(file_, footer->metaindex)) {
    BlockEntries entries(*metaindex);
    while (entries.next()) {
      auto value = entries.value();
      const auto handle = take_handle(value);
      const auto block =
          handle ? read_block(file_, *handle) : Result<std::string>(fail(Fault::corrupt, "its place"));
      if (!block) {
        faults_.push_back(std::string(entries.key()) + ": " + block.error().text);
      } else if (entries.key() == kProperties) {
        read_facts(*block);
      }
    }
    if (!entries.good()) faults_.emplace_back("the list of its parts is malformed");
  } else {
    faults_.push_back("the list of its parts: " + metaindex.error().text);
  }
  const auto contents = read_block(file_, footer->index);
  auto index =
      contents ? parse_index(*contents) : Result<std::vector<IndexEntry>>(std::unexpected(contents.error()));
  if (index) {
    blocks_ = std::move(*index);
  } else {
    faults_.push_back("its index: " + index.error().text);
  }
}

/// Without an index at the place where it should be. In the chain of all blocks may stand the index itself,
/// when only the file's last octets are damaged.
void TableRows::use_chain() {
  const auto end = file_.size() < kFooter ? file_.size() : file_.size() - kFooter;
  const auto limit = facts_.octets > 0 ? facts_.octets : end;
  for (const auto& block : whole_chain(limit)) blocks_.push_back({{}, block});
  if (facts_.octets > 0) return;
  std::vector<IndexEntry> index;
  for (auto i = blocks_.size() - std::min(blocks_.size(), kMetaBlocks); i < blocks_.size(); ++i) {
    const auto block = read_block(file_, blocks_[i].block);
    if (!block) continue;
    auto parsed = parse_index(*block);
    if (parsed) index = std::move(*parsed);
    BlockEntries entries(*block);
    if (!parsed && entries.next() && entries.key().starts_with(kPropertyPrefix)) read_facts(*block);
  }
  if (!index.empty()) {
    blocks_ = std::move(index);
    return;
  }
  std::erase_if(
      blocks_, [&](const IndexEntry& one) { return facts_.octets > 0 && one.block.offset >= facts_.octets; });
}

/// Blocks up to `limit`, and, for what is damaged, what is no block.
std::vector<BlockHandle> TableRows::whole_chain(std::uint64_t limit) const {
  auto chain = chain_from(file_, 0, limit);
  const auto at = chain.empty() ? 0 : chain.back().end();
  if (at >= limit) return chain;
  const auto hole = [&](std::uint64_t to) {
    return BlockHandle{at, to - at - std::min<std::uint64_t>(to - at, kTrailer)};
  };
  for (auto begin = at + 1; begin < std::min(limit, at + kMostSearched); ++begin) {
    if (!may_begin(file_, begin)) continue;
    const auto first = find_block(file_, begin, limit, kMostFirst);
    if (!first) continue;
    const auto more = chain_from(file_, first->end(), limit);
    if ((more.empty() ? first->end() : more.back().end()) != limit) continue;
    chain.push_back(hole(begin));
    chain.push_back(*first);
    chain.insert(chain.end(), more.begin(), more.end());
    return chain;
  }
  chain.push_back(hole(limit));
  return chain;
}

std::string TableRows::user_key(const std::string& index_key) const {
  if (facts_.whole_keys || index_key.size() < kSequence) return index_key;
  return index_key.substr(0, index_key.size() - kSequence);
}

void TableRows::damaged(const BlockHandle& block, std::string reason, std::string until) {
  if (!damages_.empty() && damages_.back().end == block.offset && damages_.back().reason == reason &&
      damages_.back().after == last_key_) {
    damages_.back().end = block.end();
    damages_.back().until = std::move(until);
    return;
  }
  damages_.push_back(
      {block.offset, block.end(), std::move(reason), any_ ? last_key_ : std::string(), std::move(until)});
}

/// False: there is no block any more.
bool TableRows::load_block() {
  entries_.reset();
  while (next_block_ < blocks_.size()) {
    const auto& place = blocks_[next_block_++];
    auto block = read_block(file_, place.block);
    if (!block) {
      damaged(place.block, block.error().text, user_key(place.key));
      continue;
    }
    block_ = std::move(*block);
    entries_.emplace(block_);
    return true;
  }
  return false;
}

std::optional<TableRow> TableRows::next() {
  enum Type : unsigned char { kRemoved = 0, kValue = 1, kSingleRemoved = 7, kLargeValue = 0x11 };
  while (entries_ || load_block()) {
    if (!entries_->next()) {
      const auto& place = blocks_[next_block_ - 1];
      if (!entries_->good()) damaged(place.block, "it is malformed", user_key(place.key));
      entries_.reset();
      continue;
    }
    const auto stored = entries_->key();
    const auto packed =
        stored.size() < kSequence ? 0 : log_format::little_endian(stored.substr(stored.size() - kSequence));
    const auto type = static_cast<unsigned char>(packed & 0xff);
    const auto key = stored.substr(0, stored.size() - std::min(stored.size(), kSequence));
    const auto sequence = packed >> 8;
    const bool known = type == kRemoved || type == kValue || type == kSingleRemoved || type == kLargeValue;
    const bool ordered = !any_ || key > last_key_ || (key == last_key_ && sequence < last_sequence_);
    if (stored.size() < kSequence || !known || !ordered) {
      const auto& place = blocks_[next_block_ - 1];
      damaged(place.block, "its rows are not as this program writes them", user_key(place.key));
      entries_.reset();
      continue;
    }
    if (!damages_.empty() && damages_.back().until.empty() && damages_.back().offset != damages_.back().end)
      damages_.back().until = key;
    any_ = true;
    last_key_ = key;
    last_sequence_ = sequence;
    const auto kind = type == kValue        ? TableRow::Kind::value
                      : type == kLargeValue ? TableRow::Kind::large_value
                                            : TableRow::Kind::removal;
    return TableRow{last_key_, sequence, kind, entries_->value()};
  }
  return std::nullopt;
}

}  // namespace hikyaku::io
