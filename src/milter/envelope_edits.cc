#include "milter/envelope_edits.h"

#include <utility>

#include "base/escape.h"
#include "mail/path.h"

namespace hikyaku::milter {

Result<mail::Address> envelope_address(std::string_view text, std::string_view purpose) {
  if (text.empty()) return mail::Address();
  auto path = mail::Path::parse(text, mail::Path::Form::lenient);
  if (!path)
    return fail(Fault::malformed, "the filter gave '" + escaped(text, 200) + "' as " + std::string(purpose) +
                                      ": " + path.error().text);
  return path->release();
}

Result<EnvelopeEdits::Outcome> EnvelopeEdits::apply(const Edit& edit) {
  if (const auto* change = std::get_if<ChangeSender>(&edit)) {
    auto address = envelope_address(change->address, "the new sender");
    if (!address) return std::unexpected(std::move(address).error());
    sender = *std::move(address);
    sender_parameters = change->parameters;
    return Outcome::done;
  }
  if (const auto* addition = std::get_if<AddRecipient>(&edit)) {
    auto address = envelope_address(addition->address, "a recipient to be added");
    if (!address) return std::unexpected(std::move(address).error());
    if (address->null()) return Outcome::nothing;
    recipients.push_back({*std::move(address), addition->parameters.value_or("")});
    return Outcome::done;
  }
  if (const auto* removal = std::get_if<RemoveRecipient>(&edit)) {
    const auto address = envelope_address(removal->address, "a recipient to be removed");
    if (!address) return std::unexpected(address.error());
    const auto gone = std::erase_if(recipients, [&](const auto& one) { return one.address == *address; });
    return gone > 0 ? Outcome::done : Outcome::nothing;
  }
  return Outcome::not_mine;
}

}  // namespace hikyaku::milter
