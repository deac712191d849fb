#include "rewrite/srs.h"

#include <algorithm>
#include <array>
#include <chrono>

#include "base/base64.h"
#include "base/escape.h"
#include "table/fold.h"

namespace hikyaku::rewrite {
namespace {

constexpr std::string_view kBase32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
constexpr std::int64_t kDays = 1024;       // what two characters count
constexpr std::size_t kLongestPath = 254;  // 256 with the angle brackets
constexpr std::string_view kSeparators = "=+-";

std::int64_t day_of(Time time) {
  return std::chrono::duration_cast<std::chrono::days>(time.time_since_epoch()).count() % kDays;
}

std::string stamp_of(Time time) {
  const auto day = static_cast<std::size_t>(day_of(time));
  return {kBase32[day >> 5U], kBase32[day & 31U]};
}

/// The day that a stamp stands for; -1 when it is none.
std::int64_t day_of(std::string_view stamp) {
  if (stamp.size() != 2) return -1;
  std::int64_t day = 0;
  for (const char c : stamp) {
    const char upper = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    const auto digit = kBase32.find(upper);
    if (digit == std::string_view::npos) return -1;
    day = day * 32 + static_cast<std::int64_t>(digit);
  }
  return day;
}

/// "SRS0" or "SRS1" with one of the separators behind it.
bool begins(std::string_view local, std::string_view tag) {
  return local.size() > tag.size() && table::equal_ascii_nocase(local.substr(0, tag.size()), tag) &&
         kSeparators.find(local[tag.size()]) != std::string_view::npos;
}

constexpr std::string_view kFirst = "SRS0";
constexpr std::string_view kLater = "SRS1";

/// Takes what stands before the next '=' from `rest`; nothing: there is none.
std::optional<std::string_view> take(std::string_view& rest) {
  const auto end = rest.find('=');
  if (end == std::string_view::npos) return std::nullopt;
  const auto part = rest.substr(0, end);
  rest.remove_prefix(end + 1);
  return part;
}

Result<mail::Address> joined(std::string_view local, std::string_view domain) {
  std::string internal(local);
  internal += '@';
  internal += domain;
  if (internal.size() > kLongestPath) {
    return fail(Fault::permanent, "the rewritten sender would have " + std::to_string(internal.size()) +
                                      " octets, and " + std::to_string(kLongestPath) + " are allowed");
  }
  return mail::Address::from_internal(internal);
}

std::unexpected<Error> refused(const mail::Address& recipient, const char* why) {
  return fail(Fault::permanent, escaped(recipient.text(), 100) + ": " + why);
}

}  // namespace

/// Only the case of the local part is lost on the way through some servers: the hash must not depend on it.
std::string Srs::signature(const std::string& secret, std::string_view text) const {
  return base64_encode(hash_.hmac_sha1(secret, table::ascii_lower(text))).substr(0, settings_.hash_length);
}

bool Srs::signed_by_us(std::string_view hash, std::string_view text) const {
  return std::ranges::any_of(settings_.secrets, [&](const std::string& secret) {
    return table::equal_ascii_nocase(hash, signature(secret, text));
  });
}

Result<mail::Address> Srs::forward(const mail::Address& sender, Time now) const {
  if (sender.domain().empty()) return fail(Fault::permanent, "the sender has no domain");
  if (sender.local().empty()) return fail(Fault::permanent, "the sender has no local part");
  // It could not be told from the parts that follow it.
  if (sender.domain().contains('=')) return fail(Fault::permanent, "the sender's domain has a '='");
  const std::string_view local = sender.local();
  const auto& secret = settings_.secrets.front();
  if (begins(local, kFirst)) {
    // What follows the tag, its separator included, is the first forwarder's own affair.
    const auto rest = local.substr(kFirst.size());
    const auto hash = signature(secret, sender.domain() + std::string(rest));
    return joined("SRS1=" + hash + "=" + sender.domain() + "=" + std::string(rest), settings_.domain);
  }
  if (begins(local, kLater)) {
    auto rest = local.substr(kLater.size() + 1);
    const auto hash = take(rest);
    const auto first = hash ? take(rest) : std::nullopt;
    if (first && !first->empty() && !rest.empty()) {
      const auto ours = signature(secret, std::string(*first) + std::string(rest));
      return joined("SRS1=" + ours + "=" + std::string(*first) + "=" + std::string(rest), settings_.domain);
    }
  }
  const auto stamp = stamp_of(now);
  const auto hash = signature(secret, stamp + sender.domain() + sender.local());
  return joined("SRS0=" + hash + "=" + stamp + "=" + sender.domain() + "=" + sender.local(),
                settings_.domain);
}

bool Srs::has_form(const mail::Address& recipient) const {
  return table::equal_ascii_nocase(recipient.domain(), settings_.domain) &&
         (begins(recipient.local(), kFirst) || begins(recipient.local(), kLater));
}

Result<mail::Address> Srs::reverse(const mail::Address& recipient, Time now) const {
  const std::string_view local = recipient.local();
  const bool first = begins(local, kFirst);
  auto rest = local.substr(kFirst.size() + 1);
  const auto hash = take(rest);
  if (!hash) return refused(recipient, "no hash in the rewritten sender");
  if (!first) {
    const auto domain = take(rest);
    if (!domain || domain->empty() || rest.empty())
      return refused(recipient, "no first forwarder in the rewritten sender");
    if (!signed_by_us(*hash, std::string(*domain) + std::string(rest)))
      return refused(recipient, "the hash of the rewritten sender is not ours");
    return mail::Address::from_internal(std::string(kFirst) + std::string(rest) + "@" + std::string(*domain));
  }
  const auto stamp = take(rest);
  const auto domain = stamp ? take(rest) : std::nullopt;
  if (!domain || domain->empty() || rest.empty())
    return refused(recipient, "a part of the rewritten sender is missing");
  if (!signed_by_us(*hash, std::string(*stamp) + std::string(*domain) + std::string(rest)))
    return refused(recipient, "the hash of the rewritten sender is not ours");
  const auto day = day_of(*stamp);
  if (day < 0) return refused(recipient, "the rewritten sender has no day");
  const auto age = (day_of(now) - day + kDays) % kDays;
  // A clock that was a little ahead when it was written gives an age of nearly kDays.
  if (age > settings_.max_age && age < kDays - 1)
    return refused(recipient, "the rewritten sender is too old (hikyaku_srs_max_age)");
  return mail::Address::from_internal(std::string(rest) + "@" + std::string(*domain));
}

}  // namespace hikyaku::rewrite
