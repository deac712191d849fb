#include "record/submission.h"

#include <algorithm>

#include "base/crc32c.h"
#include "record/frame.h"

namespace hikyaku::record {
namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::string_view kMagic = "HKYMAIL1";
constexpr std::size_t kNumber = 4;
constexpr std::size_t kUsualSize = 256;
enum Bits : unsigned { kHasSender = 1, kFromGateway = 2 };

void put_number(std::uint32_t value, std::string& out) {
  for (unsigned shift = 0; shift < 32; shift += 8) out += static_cast<char>(value >> shift & 0xff);
}

std::uint32_t number_at(std::string_view octets) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < kNumber; ++i)
    value |= static_cast<std::uint32_t>(static_cast<unsigned char>(octets[i])) << (8 * i);
  return value;
}

std::string encode(const Submission& submission) {
  FrameWriter out(kVersion, kUsualSize);
  out.time(submission.at);
  out.number((submission.sender ? kHasSender : 0U) | (submission.from_gateway ? kFromGateway : 0U));
  out.address(submission.sender.value_or(mail::Address{}));
  out.text(submission.full_name);
  out.number(static_cast<std::uint64_t>(submission.body));
  out.number(static_cast<std::uint64_t>(submission.ret));
  out.text(submission.envid);
  out.number(submission.notify.bits);
  out.number(submission.recipients.size());
  for (const auto& recipient : submission.recipients) out.address(recipient);
  return std::move(out).finish();
}

Result<Submission> decode(std::string_view stored) {
  constexpr std::uint64_t kAllNotify = 15;
  FrameReader in(stored, kVersion, "submission");
  Submission submission;
  submission.at = in.time();
  const auto bits = in.number(kHasSender | kFromGateway);
  submission.from_gateway = (bits & kFromGateway) != 0;
  auto sender = in.address();
  if ((bits & kHasSender) != 0) submission.sender = std::move(sender);
  submission.full_name = in.text();
  submission.body =
      static_cast<mail::BodyType>(in.number(static_cast<std::uint64_t>(mail::BodyType::eight_bit_mime)));
  submission.ret =
      static_cast<mail::DsnReturn>(in.number(static_cast<std::uint64_t>(mail::DsnReturn::headers)));
  submission.envid = in.text();
  submission.notify.bits = static_cast<std::uint8_t>(in.number(kAllNotify));
  const auto recipients = in.count();
  for (std::size_t i = 0; i < recipients && in.good(); ++i) submission.recipients.push_back(in.address());
  if (auto done = in.finish(); !done) return std::unexpected(std::move(done.error()));
  return submission;
}

std::unexpected<Error> corrupt(const char* what) {
  return fail(Fault::corrupt, std::string("read a submission: ") + what);
}

}  // namespace

Result<std::string> SubmissionWriter::head(const Submission& submission) {
  const auto encoded = encode(submission);
  if (encoded.size() > submission_file::kLargestHead) {
    return fail(Fault::permanent, "submit to " + std::to_string(submission.recipients.size()) +
                                      " recipients: too many for one message");
  }
  std::string out(kMagic);
  sum_ = crc32c(out);
  part(encoded, out);
  return out;
}

void SubmissionWriter::content(std::string_view octets, std::string& out) {
  while (!octets.empty()) {
    const auto piece = octets.substr(0, submission_file::kLargestPart);
    part(piece, out);
    octets.remove_prefix(piece.size());
  }
}

std::string SubmissionWriter::end() {
  std::string out;
  part({}, out);
  return out;
}

void SubmissionWriter::part(std::string_view octets, std::string& out) {
  const auto begin = out.size();
  put_number(static_cast<std::uint32_t>(octets.size()), out);
  out += octets;
  sum_ = crc32c(std::string_view(out).substr(begin), sum_);
  put_number(sum_, out);
}

void SubmissionReader::feed(std::string_view octets) {
  pending_.erase(0, taken_);
  taken_ = 0;
  pending_ += octets;
}

Result<SubmissionReader::Event> SubmissionReader::next() {
  auto rest = std::string_view(pending_).substr(taken_);
  if (state_ == State::ended) {
    if (!rest.empty()) return corrupt("octets follow its end");
    return Event::need_more;
  }
  if (state_ == State::magic) {
    if (rest.size() < kMagic.size()) return Event::need_more;
    if (!rest.starts_with(kMagic)) return corrupt("it does not begin as one");
    sum_ = crc32c(kMagic);
    taken_ += kMagic.size();
    rest.remove_prefix(kMagic.size());
    state_ = State::head;
  }
  if (rest.size() < kNumber) return Event::need_more;
  const std::size_t size = number_at(rest);
  if (size > (state_ == State::head ? submission_file::kLargestHead : submission_file::kLargestPart))
    return corrupt("a part is larger than any may be");
  if (rest.size() < size + 2 * kNumber) return Event::need_more;
  sum_ = crc32c(rest.substr(0, kNumber + size), sum_);
  if (sum_ != number_at(rest.substr(kNumber + size))) return corrupt("a checksum does not match");
  taken_ += size + 2 * kNumber;
  const auto octets = rest.substr(kNumber, size);
  if (state_ == State::head) {
    auto decoded = decode(octets);
    if (!decoded) return std::unexpected(std::move(decoded.error()));
    submission_ = *std::move(decoded);
    state_ = State::content;
    return Event::head;
  }
  if (size == 0) {
    state_ = State::ended;
    return Event::end;
  }
  content_ = octets;
  return Event::content;
}

}  // namespace hikyaku::record
