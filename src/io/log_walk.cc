#include "io/log_walk.h"

#include <algorithm>

#include "base/varint.h"
#include "io/log_format.h"

namespace hikyaku::io {
namespace {

using namespace log_format;

/// Whether fragments follow each other from `at` to the end of its block or of the log. `by_length`: also one
/// whose contents are damaged, or that the log ends in. A sender can't bring about a chain of intact ones:
/// the last would hold octets of ours.
bool chain_holds(std::string_view log, std::size_t at, bool by_length) {
  const auto end = std::min(log.size(), (at / kBlock + 1) * kBlock);
  while (at < end && skip_padding(at) == at) {
    if (!by_length) {
      const auto look = look_at(log, at);
      if (!look.fragment) return false;
      at = look.fragment->end;
      continue;
    }
    const auto claimed = claimed_at(log, at);
    if (!claimed) return end == log.size();
    if (claimed->type < kFull || claimed->type > kLast) return false;
    at = claimed->end;
  }
  return true;
}

class Walk {
 public:
  Walk(std::string_view log, const LogVisitor& visitor) : log_(log), visitor_(visitor) {}

  void run() {
    for (std::size_t at = 0; at < log_.size();) {
      at = skip_padding(at);
      if (at >= log_.size()) break;
      at = record(at);
    }
    tell_damage(log_.size());
  }

 private:
  /// Takes the record at `at`; gives the place to go on.
  std::size_t record(std::size_t begin) {
    auto at = begin;
    assembled_.clear();
    std::string_view contents;
    for (bool first = true;; first = false) {
      at = skip_padding(at);
      if (at >= log_.size())
        return damaged(begin, "the file ends between the parts of a record", log_.size());
      const auto look = look_at(log_, at);
      if (!look.fragment) {
        keep_remains(assembled_);
        return past_damage(begin, at, look.reason);
      }
      if (look.fragment->begins() != first) {
        keep_remains(assembled_);
        // A part without its beginning: what damage left of a record. Else a record begins where one should
        // end.
        if (first) {
          keep_remains(look.fragment->payload);
          return damaged(begin, "a part of a record without its beginning", look.fragment->end);
        }
        return damaged(begin, "a record without its end", at);
      }
      if (look.fragment->type == kFull) {
        contents = look.fragment->payload;
      } else {
        assembled_ += look.fragment->payload;
        contents = assembled_;
      }
      at = look.fragment->end;
      if (look.fragment->ends()) break;
    }
    return batch(begin, at, contents);
  }

  std::size_t batch(std::size_t begin, std::size_t end, std::string_view contents) {
    if (contents.size() < kBatchHeader) return damaged(begin, "a batch without its header", end);
    const LogBatch one{begin, end, little_endian(contents.substr(0, 8)),
                       static_cast<std::uint32_t>(little_endian(contents.substr(8, 4))), contents};
    if (one.sequence < next_sequence_) {
      return damaged(begin,
                     "a batch begins at sequence " + std::to_string(one.sequence) +
                         ", and the one before ended at " + std::to_string(next_sequence_ - 1),
                     end);
    }
    tell_damage(begin);
    next_sequence_ = one.sequence + one.count;
    if (visitor_.batch) visitor_.batch(one);
    return end;
  }

  /// The fragment at `at`, of the record that begins at `begin`, is damaged.
  std::size_t past_damage(std::size_t begin, std::size_t at, const std::string& reason) {
    const auto claimed = claimed_at(log_, at);
    if (claimed && chain_holds(log_, claimed->end, true)) {
      keep_remains(claimed->payload);
      return damaged(begin, reason, claimed->end);
    }
    // Its length is wrong, or more is damaged. At each octet of the rest of the block; else at the next
    // block.
    const auto block_end = std::min(log_.size(), (at / kBlock + 1) * kBlock);
    for (auto next = at + 1; next + kFragmentHeader <= block_end; ++next) {
      const auto type = static_cast<unsigned char>(log_[next + 6]);
      if (type < kFull || type > kLast || !look_at(log_, next).fragment || !chain_holds(log_, next, false))
        continue;
      keep_remains(
          log_.substr(std::min(at + kFragmentHeader, next), next - std::min(at + kFragmentHeader, next)));
      return damaged(begin, reason, next);
    }
    keep_remains(log_.substr(std::min(at + kFragmentHeader, block_end),
                             block_end - std::min(at + kFragmentHeader, block_end)));
    return damaged(begin, reason, block_end);
  }

  std::size_t damaged(std::size_t begin, const std::string& reason, std::size_t end) {
    if (!in_damage_) {
      in_damage_ = true;
      damage_begin_ = begin;
      reason_ = reason;
    }
    return end;
  }

  void keep_remains(std::string_view octets) { remains_ += octets; }

  void tell_damage(std::size_t end) {
    if (in_damage_ && visitor_.damage) visitor_.damage({damage_begin_, end, reason_, remains_});
    in_damage_ = false;
    remains_.clear();
  }

  std::string_view log_;
  const LogVisitor& visitor_;
  std::string assembled_;  // the parts of the record at hand
  std::uint64_t next_sequence_ = 0;
  bool in_damage_ = false;
  std::size_t damage_begin_ = 0;
  std::string reason_, remains_;
};

/// The tags of RocksDB's WriteBatch.
enum Tag : unsigned char {
  kDelete = 0x0,
  kPut = 0x1,
  kLogData = 0x3,
  kFamilyDelete = 0x4,
  kFamilyPut = 0x5,
  kSingleDelete = 0x7,
  kFamilySingleDelete = 0x8,
  kNoop = 0xd,
};

}  // namespace

void walk_log(std::string_view log, const LogVisitor& visitor) { Walk(log, visitor).run(); }

bool read_rows(std::string_view batch, const std::function<void(const BatchRow&)>& row) {
  if (batch.size() < kBatchHeader) return false;
  for (batch.remove_prefix(kBatchHeader); !batch.empty();) {
    const auto tag = static_cast<unsigned char>(batch.front());
    batch.remove_prefix(1);
    if (tag == kNoop) continue;
    if (tag == kLogData) {
      if (!take_text(batch)) return false;
      continue;
    }
    BatchRow one;
    if (tag == kFamilyDelete || tag == kFamilyPut || tag == kFamilySingleDelete) {
      const auto family = take_varint(batch);
      if (!family || *family > UINT32_MAX) return false;
      one.family = static_cast<std::uint32_t>(*family);
    } else if (tag != kDelete && tag != kPut && tag != kSingleDelete) {
      return false;
    }
    const auto key = take_text(batch);
    if (!key) return false;
    one.key = *key;
    if (tag == kPut || tag == kFamilyPut) {
      const auto value = take_text(batch);
      if (!value) return false;
      one.value = *value;
    }
    row(one);
  }
  return true;
}

}  // namespace hikyaku::io
