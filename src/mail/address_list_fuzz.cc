#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "mail/address_list.h"

// Nothing crashes, whatever the octets. Without quotes, comments and brackets, which rubbish can leave open,
// a regenerated header is regenerated to the same octets from then on.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using hikyaku::mail::AddressList;
  const std::string_view value(reinterpret_cast<const char*>(data), size);
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 @.,;:<>+-_";
  const auto list = AddressList::parse(value);
  const auto once = hikyaku::mail::fold_address_header("To", list.text());
  const auto twice_list = AddressList::parse(std::string_view(once).substr(3));
  const auto twice = hikyaku::mail::fold_address_header("To", twice_list.text());
  const auto thrice =
      hikyaku::mail::fold_address_header("To", AddressList::parse(std::string_view(twice).substr(3)).text());
  if (value.find_first_not_of(kPlain) == std::string_view::npos && twice != thrice) std::abort();
  for (std::size_t i = 0; i < list.size(); ++i) {
    (void)list.internal(i);
    (void)list.external(i);
  }
  return 0;
}
