#include "milter/envelope_edits.h"

#include <algorithm>
#include <utility>

#include "base/escape.h"
#include "mail/path.h"

namespace hikyaku::milter {
namespace {

Result<mail::Address> read_address(std::string_view text, std::string_view purpose) {
  if (text.empty()) return mail::Address();
  auto path = mail::Path::parse(text, mail::Path::Form::lenient);
  if (!path)
    return fail(Fault::malformed, "the filter gave '" + escaped(text, 200) + "' as " + std::string(purpose) +
                                      ": " + path.error().text);
  return path->release();
}

bool same_domain(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; };
  return std::ranges::equal(a, b, {}, lower, lower);
}

bool same(const mail::Address& a, const mail::Address& b) {
  return a.local() == b.local() && a.has_domain() == b.has_domain() && same_domain(a.domain(), b.domain());
}

}  // namespace

Result<EnvelopeEdits::Outcome> EnvelopeEdits::apply(const Edit& edit) {
  if (const auto* change = std::get_if<ChangeSender>(&edit)) {
    auto address = read_address(change->address, "the new sender");
    if (!address) return std::unexpected(std::move(address).error());
    sender = *std::move(address);
    sender_parameters = change->parameters;
    return Outcome::done;
  }
  if (const auto* addition = std::get_if<AddRecipient>(&edit)) {
    auto address = read_address(addition->address, "a recipient to be added");
    if (!address) return std::unexpected(std::move(address).error());
    if (address->null()) return fail(Fault::malformed, "the filter adds a recipient without an address");
    recipients.push_back({*std::move(address), addition->parameters.value_or("")});
    return Outcome::done;
  }
  if (const auto* removal = std::get_if<RemoveRecipient>(&edit)) {
    const auto address = read_address(removal->address, "a recipient to be removed");
    if (!address) return std::unexpected(address.error());
    const auto gone = std::erase_if(recipients, [&](const auto& one) { return same(one.address, *address); });
    return gone > 0 ? Outcome::done : Outcome::not_there;
  }
  return Outcome::not_mine;
}

}  // namespace hikyaku::milter
