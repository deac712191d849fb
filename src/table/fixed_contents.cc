#include "table/fixed_contents.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <utility>

#include "base/escape.h"
#include "table/fold.h"
#include "table/logical_lines.h"

namespace hikyaku::table {
namespace {

constexpr std::size_t kHeader = 12;
constexpr std::size_t kMaxOctets = std::numeric_limits<std::uint32_t>::max() - 1;

__extension__ using Wide = unsigned __int128;

std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
  const Wide product = static_cast<Wide>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

/// Multiplies eight octets at a time into 64 bits; quick on short keys. Not against chosen keys: a table's
/// keys are the administrator's.
std::uint64_t hash_of(std::string_view key) {
  constexpr std::uint64_t odd = 0x9e3779b97f4a7c15U;
  std::uint64_t hash = key.size() * odd;
  const char* at = key.data();
  std::size_t left = key.size();
  while (left >= 8) {
    std::uint64_t chunk;
    std::memcpy(&chunk, at, 8);
    hash = mix(hash ^ chunk, odd);
    at += 8;
    left -= 8;
  }
  std::uint64_t chunk = 0;
  if (key.size() >= 8) {
    std::memcpy(&chunk, key.data() + key.size() - 8, 8);
  } else {
    std::memcpy(&chunk, at, left);
  }
  return mix(hash ^ chunk ^ (left << 56), 0xd6e8feb86659fd93U);
}

std::uint32_t tag_of(std::uint64_t hash) { return static_cast<std::uint32_t>(hash >> 32); }
/// Never 0. Of bits that neither the slot's number nor much of the tag is made of.
unsigned char mark_of(std::uint64_t hash) { return static_cast<unsigned char>(hash >> 25 | 1U); }

/// Four in five: the marks of a run of slots stand in one cache line, and few lines are better than short
/// runs.
bool too_full(std::size_t rows, std::size_t slots) { return rows * 5 > slots * 4; }

}  // namespace

Row FixedContents::read(std::uint32_t offset) const {
  std::uint32_t header[3];
  std::memcpy(header, rows_.data() + offset, kHeader);
  const char* at = rows_.data() + offset + kHeader;
  return {{at, header[0]}, {at + header[0], header[1]}, Origin{file_, header[2]}};
}

/// The slot that holds the key, or the free one where it belongs. There always is a free one.
std::size_t FixedContents::slot_of(std::string_view folded, std::uint64_t hash) const {
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t i = hash & mask;; i = (i + 1) & mask) {
    if (marks_[i] == 0) return i;
    if (marks_[i] != mark_of(hash)) continue;
    const Slot& slot = slots_[i];
    if (slot.tag == tag_of(hash) && read(slot.offset - 1).key == folded) return i;
  }
}

bool FixedContents::row_of(std::string_view folded, Row& row) const {
  if (slots_.empty()) return false;
  const auto at = slot_of(folded, hash_of(folded));
  if (marks_[at] == 0) return false;
  row = read(slots_[at].offset - 1);
  return true;
}

Answer FixedContents::find(std::string_view key) const {
  const FoldedKey folded(key);
  Row row;
  if (!folded.valid() || !row_of(folded.view(), row)) return std::optional<Found>{};
  return std::optional<Found>{Found{std::string(row.value), row.origin}};
}

void FixedContents::visit(const std::function<void(const Row&)>& row) const {
  for (std::size_t at = 0; at < rows_.size();) {
    const Row next = read(static_cast<std::uint32_t>(at));
    row(next);
    at += kHeader + next.key.size() + next.value.size();
  }
}

void FixedContents::reserve(std::size_t octets, std::size_t rows) {
  rows_.reserve(std::min(kMaxOctets, octets + rows * kHeader));
  if (too_full(rows, slots_.size())) grow(std::bit_ceil(rows + rows / 4 + 1));
}

void FixedContents::grow(std::size_t slots) {
  std::vector<Slot> bigger(slots);
  std::vector<unsigned char> marks(slots);
  const std::size_t mask = bigger.size() - 1;
  for (const Slot& slot : slots_) {
    if (slot.offset == 0) continue;
    const auto hash = hash_of(read(slot.offset - 1).key);
    std::size_t i = hash & mask;
    while (marks[i] != 0) i = (i + 1) & mask;
    bigger[i] = slot;
    marks[i] = mark_of(hash);
  }
  slots_ = std::move(bigger);
  marks_ = std::move(marks);
}

FixedContents::Added FixedContents::add(std::string_view key, std::string_view value, std::uint32_t line) {
  const std::size_t begin = rows_.size();
  // The record is written first and its key folded in place, so that adding a row copies it once.
  rows_.resize(begin + kHeader);
  if (!append_folded(key, rows_)) {
    rows_.resize(begin);
    return Added::not_utf8;
  }
  const std::size_t key_size = rows_.size() - begin - kHeader;
  if (rows_.size() + value.size() > kMaxOctets) {
    rows_.resize(begin);
    return Added::full;
  }
  if (too_full(size_ + 1, slots_.size())) grow(std::max<std::size_t>(16, slots_.size() * 2));
  const std::string_view folded(rows_.data() + begin + kHeader, key_size);
  const std::uint64_t hash = hash_of(folded);
  const auto at = slot_of(folded, hash);
  if (marks_[at] != 0) {
    rows_.resize(begin);
    ++duplicates_;
    return Added::duplicate;
  }
  const std::uint32_t header[3] = {static_cast<std::uint32_t>(key_size),
                                   static_cast<std::uint32_t>(value.size()), line};
  std::memcpy(rows_.data() + begin, header, kHeader);
  rows_ += value;
  slots_[at] = {tag_of(hash), static_cast<std::uint32_t>(begin + 1)};
  marks_[at] = mark_of(hash);
  ++size_;
  return Added::added;
}

namespace {

struct Split {
  std::string_view key, value;
  bool odd_quote = false;
};

Split split_row(std::string_view line) {
  bool in_quotes = false;
  std::size_t i = 0;
  for (; i < line.size(); ++i) {
    const char c = line[i];
    if (c == '\\') {
      ++i;
    } else if (is_space(c)) {
      if (!in_quotes) break;
    } else if (c == '"') {
      in_quotes = !in_quotes;
    }
  }
  i = std::min(i, line.size());  // a backslash at the end steps over it
  return {line.substr(0, i), trim(line.substr(i)), in_quotes};
}

/// "name: value" of aliases(5); an empty key: the line has no such form.
Split split_alias(std::string_view line) {
  Split row;
  std::size_t end = 0;
  if (line.front() == '"') {
    const auto close = line.find('"', 1);
    if (close == std::string_view::npos) return row;
    row.key = line.substr(1, close - 1);
    end = close + 1;
  } else {
    while (end < line.size() && line[end] != ':' && !is_space(line[end])) ++end;
    row.key = line.substr(0, end);
  }
  while (end < line.size() && is_space(line[end])) ++end;
  if (end == line.size() || line[end] != ':') return {};
  row.value = trim(line.substr(end + 1));
  return row;
}

enum class Form : unsigned char { table, aliases };

class FixedLoader {
 public:
  FixedLoader(std::string_view text, std::uint32_t file, Form form)
      : text_(text), remarks_(file), contents_(std::make_shared<FixedContents>(file)), form_(form) {}

  Loaded load() {
    contents_->reserve(text_.size(), static_cast<std::size_t>(std::count(text_.begin(), text_.end(), '\n')));
    LogicalLines lines(text_);
    LogicalLines::Line line;
    while (lines.next(line)) {
      if (const std::string why = unusable(line); !why.empty()) {
        remarks_.add(Diagnostic::Level::error, line.number, 1, why + "; this line is left out", line.text);
        continue;
      }
      if (!add(line)) break;
    }
    return {std::move(contents_), remarks_.take()};
  }

 private:
  static std::string unusable(const LogicalLines::Line& line) {
    if (line.orphan())
      return "the line begins with white space, but there is no line before that it continues";
    if (line.text.find('\0') != std::string_view::npos) return "the line holds a NUL octet";
    if (!is_utf8(line.text)) return "the line is not in UTF-8";
    return {};
  }

  /// False when the table is full.
  bool add(const LogicalLines::Line& line) {
    Split row;
    if (form_ == Form::aliases) row = split_alias(line.text);
    const bool alias = !row.key.empty();
    if (!alias) row = split_row(line.text);
    if (row.odd_quote) {
      remarks_.add(Diagnostic::Level::error, line.number, line.text.find('"') + 1,
                   "a '\"' has no counterpart; this line is left out", line.text);
      return true;
    }
    if (row.value.empty()) {
      remarks_.add(Diagnostic::Level::error, line.number, 0,
                   form_ == Form::aliases
                       ? "there is a name but no value; write: name, colon, value; this line is left out"
                       : "there is a key but no value; write: key, white space, value; this line is left out",
                   line.text);
      return true;
    }
    if (!alias && row.key.back() == ':') {
      remarks_.add(Diagnostic::Level::warning, line.number, row.key.size(),
                   "the key ends in ':'; is this an alias file?", line.text);
    }
    switch (contents_->add(row.key, row.value, line.number)) {
      case FixedContents::Added::added:
        break;
      case FixedContents::Added::duplicate:
        duplicate(row, line);
        break;
      case FixedContents::Added::not_utf8:
        break;  // not possible: the line is
      case FixedContents::Added::full:
        remarks_.add(Diagnostic::Level::error, line.number, 0,
                     "the table is larger than 4 GiB; this line and all that follow are left out", line.text);
        return false;
    }
    return true;
  }

  void duplicate(const Split& row, const LogicalLines::Line& line) {
    const FoldedKey folded(row.key);
    Row first;
    contents_->row_of(folded.view(), first);
    remarks_.add(Diagnostic::Level::warning, line.number, 1,
                 "duplicate key \"" + escaped(row.key) + "\": line " + std::to_string(first.origin.line) +
                     " stays, this line is not used",
                 line.text);
  }

  std::string_view text_;
  Remarks remarks_;
  std::shared_ptr<FixedContents> contents_;
  Form form_;
};

}  // namespace

Loaded load_fixed(std::string_view text, std::uint32_t file) {
  return FixedLoader(text, file, Form::table).load();
}

Loaded load_aliases(std::string_view text, std::uint32_t file) {
  return FixedLoader(text, file, Form::aliases).load();
}

}  // namespace hikyaku::table
