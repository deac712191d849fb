#include "serve/import_frames.h"

#include "record/frame.h"

namespace hikyaku::serve {
namespace {

constexpr std::uint8_t kHeadVersion = 1;
constexpr std::size_t kFrameHead = 5;
constexpr std::string_view kKinds = "MHBEAF";

enum FlagBits : unsigned { kSeen = 1, kAnswered = 2, kFlagged = 4, kDeleted = 8, kDraft = 16 };

}  // namespace

void append_frame(std::string& out, ImportFrame::Kind kind, std::string_view octets) {
  out += static_cast<char>(kind);
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(octets.size() >> shift & 0xffU);
  out += octets;
}

std::string encode(const ImportHead& head) {
  record::FrameWriter out(kHeadVersion, 100);
  const auto& flags = head.flags;
  out.number((flags.seen ? kSeen : 0U) | (flags.answered ? kAnswered : 0U) | (flags.flagged ? kFlagged : 0U) |
             (flags.deleted ? kDeleted : 0U) | (flags.draft ? kDraft : 0U));
  out.time(head.received);
  out.address(head.sender);
  head.keywords.write(out);
  return std::move(out).finish();
}

Result<ImportHead> decode_import_head(std::string_view stored) {
  record::FrameReader in(stored, kHeadVersion, "head of a message");
  ImportHead head;
  const auto flags = in.number(31);
  head.flags = {(flags & kSeen) != 0, (flags & kAnswered) != 0, (flags & kFlagged) != 0,
                (flags & kDeleted) != 0, (flags & kDraft) != 0};
  head.received = in.time();
  head.sender = in.address();
  auto keywords = record::Keywords::read(in);
  if (!keywords) in.bad("its keywords are malformed");
  if (keywords) head.keywords = std::move(*keywords);
  if (auto done = in.finish(); !done) return std::unexpected(std::move(done.error()));
  return head;
}

void ImportFrames::feed(std::string_view octets) {
  buffer_.erase(0, at_);
  at_ = 0;
  buffer_ += octets;
}

Result<std::optional<ImportFrame>> ImportFrames::next() {
  const auto rest = std::string_view(buffer_).substr(at_);
  if (rest.empty()) return std::optional<ImportFrame>{};
  if (kKinds.find(rest.front()) == std::string_view::npos)
    return fail(Fault::malformed, "no frame of an import");
  if (rest.size() < kFrameHead) return std::optional<ImportFrame>{};
  std::size_t size = 0;
  for (const char c : rest.substr(1, kFrameHead - 1)) size = size << 8U | static_cast<unsigned char>(c);
  if (size > ImportFrame::kLongest) return fail(Fault::malformed, "a frame of an import is too long");
  if (rest.size() < kFrameHead + size) return std::optional<ImportFrame>{};
  at_ += kFrameHead + size;
  return ImportFrame{static_cast<ImportFrame::Kind>(rest.front()), rest.substr(kFrameHead, size)};
}

}  // namespace hikyaku::serve
