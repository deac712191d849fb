#pragma once
#include <string>
#include <string_view>
#include <utility>

#include "mail/address.h"
#include "rewrite/settings.h"

namespace hikyaku::rewrite {

/// Whether `text` is "user@domain.example" of ordinary octets only, which no completion changes.
bool is_plain_full_address(std::string_view text);
bool is_plain_full_address(const mail::Address& address);

/// Makes a short or old-fashioned address a full one, as Postfix's trivial-rewrite: source route stripped,
/// site!user and user%site turned (only without '@'), @$myorigin and .$mydomain appended, the trailing dot
/// cut. Immutable, thread-safe, pure; O(size).
class Completion {
 public:
  enum class Context : unsigned char { local, remote };

  explicit Completion(CompletionSettings settings) : settings_(std::move(settings)) {}

  /// `external` is an address as it stands in a header or after MAIL FROM:, quoted. So is the result.
  std::string external(std::string_view external, Context context) const;
  /// The same for an address in internal form.
  mail::Address address(const mail::Address& address, Context context) const;

  const CompletionSettings& settings() const { return settings_; }

 private:
  CompletionSettings settings_;
};

}  // namespace hikyaku::rewrite
