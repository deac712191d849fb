#include "record/queue_id.h"

#include <array>

namespace hikyaku::record {
namespace {

constexpr std::string_view kDigits = "0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz";
constexpr std::uint64_t kBase = 52;
constexpr std::uint64_t kMicros = 1'000'000;
constexpr std::size_t kSecondDigits = 6;  // at least; enough until 2596
constexpr std::size_t kMicroDigits = 4;
constexpr std::string_view kTail = "z0";
constexpr std::uint64_t kMaxSeconds = UINT64_MAX / kMicros;

std::string digits(std::uint64_t value, std::size_t width) {
  std::string out;
  for (; value != 0 || out.size() < width; value /= kBase) out.insert(out.begin(), kDigits[value % kBase]);
  return out;
}

/// Empty on a foreign octet and past `limit`.
std::optional<std::uint64_t> number(std::string_view text, std::uint64_t limit) {
  std::uint64_t value = 0;
  for (const char c : text) {
    const auto digit = kDigits.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    value = value * kBase + digit;  // limit * 52 + 51 fits into 64 bits
    if (value > limit) return std::nullopt;
  }
  return value;
}

std::unexpected<Error> no_queue_id(std::string_view text) {
  return fail(Fault::malformed, "'" + std::string(text.substr(0, 40)) + "' is not a queue id");
}

}  // namespace

Result<QueueId> QueueId::parse(std::string_view text) {
  if (text.size() < kSecondDigits + kMicroDigits + kTail.size() || !text.ends_with(kTail))
    return no_queue_id(text);
  auto rest = text.substr(0, text.size() - kTail.size());
  const auto seconds_text = rest.substr(0, rest.size() - kMicroDigits);
  const auto seconds = number(seconds_text, kMaxSeconds - 1);
  const auto micros = number(rest.substr(seconds_text.size()), kMicros - 1);
  const bool padded = seconds_text.size() > kSecondDigits && seconds_text.front() == '0';
  if (!seconds || !micros || padded) return no_queue_id(text);
  return QueueId(*seconds * kMicros + *micros);
}

std::optional<QueueId> QueueId::from_key(std::string_view key) {
  if (key.size() != sizeof(std::uint64_t)) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : key) value = value << 8 | static_cast<unsigned char>(c);
  return QueueId(value);
}

std::string QueueId::text() const {
  auto out = digits(value_ / kMicros, kSecondDigits);
  out += digits(value_ % kMicros, kMicroDigits);
  out += kTail;
  return out;
}

std::string QueueId::key() const {
  std::string out(sizeof value_, '\0');
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<char>(value_ >> (56 - 8 * i) & 0xff);
  return out;
}

QueueId IdSource::next(Time now) {
  const auto micros = now.time_since_epoch().count();
  const auto wanted = micros > 0 ? static_cast<std::uint64_t>(micros) : 0;
  auto last = last_.load(std::memory_order_relaxed);
  for (;;) {
    const auto id = wanted > last ? wanted : last + 1;
    if (last_.compare_exchange_weak(last, id, std::memory_order_relaxed)) return QueueId(id);
  }
}

}  // namespace hikyaku::record
