#include "mail/parameters.h"

#include <cstdint>
#include <cstdlib>

#include "mail/parameters_xtext.h"
#include "mail/path.h"

namespace {

/// What parses must print, and parse back to the same.
template <class Parameters>
void check(std::string_view text) {
  const auto once = Parameters::parse(text);
  if (!once) return;
  std::string printed;
  once->append_to(printed);
  if (printed.find_first_of("\r\n") != std::string::npos) std::abort();
  if (Parameters::parse(printed) != once) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hikyaku::mail;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check<MailParameters>(text);
  check<RecipientParameters>(text);
  if (const auto octets = xtext_decode(text); octets && xtext_decode(xtext_encode(*octets)) != octets)
    std::abort();
  if (xtext_decode(xtext_encode(text)) != text) std::abort();
  for (const auto form : {Path::Form::strict, Path::Form::lenient}) {
    const auto taken = Path::take(text, form);
    if (!taken) continue;
    const auto again = Path::parse(taken->path.text());
    if (!again || again->text() != taken->path.text()) std::abort();
    if (taken->path.text().find_first_of("\r\n") != std::string::npos) std::abort();
  }
  return 0;
}
