#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "store/folder_file.h"
#include "store/maildir.h"

// Nothing crashes; what is printed is read back as what it was.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace store = hikyaku::store;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)store::MaildirName::parse(text);
  const auto keywords = store::MaildirKeywords::parse(text).text();
  if (store::MaildirKeywords::parse(keywords).text() != keywords) std::abort();
  if (const auto below = store::below_of_maildir_folder(text)) {
    // Octets that are no UTF-8 have no such name.
    const auto again = store::below_of_maildir_folder(store::maildir_folder(*below));
    if (again && *again != *below) std::abort();
  }
  if (const auto part = store::part_of_folder_file(text)) {
    if (!part->empty() && store::part_of_folder_file(store::folder_file(*part)) != part) std::abort();
  }
  return 0;
}
