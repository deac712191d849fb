#include "io/manifest_read.h"

#include <optional>
#include <vector>

#include "base/varint.h"
#include "io/log_format.h"

namespace hikyaku::io {
namespace {

using namespace log_format;

constexpr std::size_t kSequence = 8;  // octets behind each key

/// What a record of the list changes, in one family.
struct Edit {
  std::uint32_t family = 0;
  std::optional<std::string> name;
  std::optional<std::uint64_t> first_log;
  std::map<std::uint64_t, ListedTable> added;
  std::vector<std::uint64_t> removed, large_values;
  std::optional<std::uint64_t> in_group;  // so many follow that only count together with it
};

/// Takes the fields of an Edit from a record; false: it can't be read.
class EditReader {
 public:
  explicit EditReader(std::string_view record) : rest_(record) {}

  bool read(Edit& edit) {
    while (good_ && !rest_.empty()) field(edit, number());
    return good_;
  }

 private:
  enum Tag : std::uint64_t {
    kComparator = 1,
    kLogNumber = 2,
    kNextFile = 3,
    kLastSequence = 4,
    kCompactCursor = 5,
    kDeletedFile = 6,
    kPreviousLog = 9,
    kFirstLogKept = 10,
    kNewFile = 103,
    kFamily = 200,
    kFamilyAdded = 201,
    kFamilyDropped = 202,
    kLastFamily = 203,
    kInGroup = 300,
    kLargeValuesAdded = 400,
    kLargeValuesGarbage = 401,
    kSkippable = 1 << 13,  // of what a reader may not know: a text follows
  };

  void field(Edit& edit, std::uint64_t tag) {
    switch (tag) {
      case kComparator:
        (void)text();
        return;
      case kLogNumber:
        edit.first_log = number();
        return;
      case kNextFile:
      case kLastSequence:
      case kPreviousLog:
      case kFirstLogKept:
      case kLastFamily:
        (void)number();
        return;
      case kCompactCursor:
        (void)number();
        (void)text();
        return;
      case kDeletedFile:
        (void)number();  // its level
        edit.removed.push_back(number());
        return;
      case kNewFile:
        return new_file(edit);
      case kFamily:
        edit.family = static_cast<std::uint32_t>(number());
        return;
      case kFamilyAdded:
        edit.name = text();
        return;
      case kFamilyDropped:
        return;
      case kInGroup:
        edit.in_group = number();
        return;
      case kLargeValuesAdded:
        edit.large_values.push_back(number());
        (void)number();
        (void)number();
        (void)text();
        (void)text();
        return skip_fields();
      case kLargeValuesGarbage:
        for (int i = 0; i < 3; ++i) (void)number();
        return skip_fields();
      default:
        if ((tag & kSkippable) == 0) good_ = false;
        (void)text();
    }
  }

  void new_file(Edit& edit) {
    (void)number();  // its level
    const auto file = number();
    ListedTable table;
    table.octets = number();
    table.first = user_key(text());
    table.last = user_key(text());
    for (int i = 0; i < 2; ++i) (void)number();  // sequence numbers
    while (good_) {
      constexpr std::uint64_t kEnd = 1, kChecksum = 7;
      const auto what = number();
      if (what == kEnd) break;
      const auto octets = text();
      if (what != kChecksum || octets.size() != 4) continue;
      table.checksum = static_cast<std::uint32_t>(little_endian(std::string(octets.rbegin(), octets.rend())));
    }
    if (good_) edit.added[file] = std::move(table);
  }
  /// Fields of a number and a text each, up to a number 0 alone.
  void skip_fields() {
    while (good_ && number() != 0) (void)text();
  }

  static std::string user_key(std::string_view key) {
    return std::string(key.substr(0, key.size() - std::min(key.size(), kSequence)));
  }
  std::uint64_t number() {
    const auto value = take_varint(rest_);
    good_ = good_ && value;
    return value.value_or(0);
  }
  std::string_view text() {
    const auto value = take_text(rest_);
    good_ = good_ && value;
    return value.value_or(std::string_view());
  }

  std::string_view rest_;
  bool good_ = true;
};

class Reader {
 public:
  void record(std::string_view octets) {
    Edit edit;
    if (!EditReader(octets).read(edit)) {
      damaged();
      return;
    }
    const bool more = edit.in_group.value_or(0) > 0;
    if (!edit.in_group) group_.clear();
    group_.push_back(std::move(edit));
    if (more) return;
    for (auto& one : group_) apply(one);
    group_.clear();
  }
  /// What follows does not belong to what came before.
  void damaged() {
    whole_ = false;
    // Better a file too many than one too few.
    for (auto& one : group_) apply(one);
    group_.clear();
  }
  ManifestContents end() {
    contents_.whole = whole_ && !contents_.families.empty();
    return std::move(contents_);
  }

 private:
  void apply(Edit& edit) {
    if (edit.name) contents_.families[edit.family] = *edit.name;
    if (edit.first_log) contents_.first_logs[edit.family] = *edit.first_log;
    for (const auto file : edit.removed) {
      contents_.tables.erase(file);
      contents_.removed.insert(file);
    }
    for (auto& [file, table] : edit.added) {
      table.family = edit.family;
      contents_.removed.erase(file);  // to another level
      contents_.tables[file] = std::move(table);
    }
    contents_.large_values.insert(edit.large_values.begin(), edit.large_values.end());
  }

  ManifestContents contents_;
  std::vector<Edit> group_;
  bool whole_ = true;
};

}  // namespace

ManifestContents read_manifest(std::string_view manifest) {
  Reader reader;
  std::string parts;
  bool inside = false;
  for (std::size_t at = 0;;) {
    at = skip_padding(at);
    if (at >= manifest.size()) break;
    const auto look = look_at(manifest, at);
    if (!look.fragment) {
      inside = false;
      if (look.cut) break;  // never finished
      reader.damaged();
      const auto claimed = claimed_at(manifest, at);
      const bool believed =
          claimed && claimed->type >= kFull && claimed->type <= kLast &&
          (claimed->end >= manifest.size() || look_at(manifest, skip_padding(claimed->end)).fragment);
      at = believed ? claimed->end : (at / kBlock + 1) * kBlock;
      continue;
    }
    at = look.fragment->end;
    if (look.fragment->begins()) parts.clear();
    if (!look.fragment->begins() && !inside) {
      reader.damaged();
      continue;
    }
    if (look.fragment->begins() && inside) reader.damaged();
    parts += look.fragment->payload;
    inside = !look.fragment->ends();
    if (!inside) reader.record(parts);
  }
  return reader.end();
}

}  // namespace hikyaku::io
