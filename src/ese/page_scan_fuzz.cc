#include "ese/page_scan.h"

#include <cstdint>
#include <cstdlib>

#include "ese/synthetic_files.h"

// The input is a database of the page size that its first octet says. Each page is counted once, and a page
// that is called corrected is good when its bits are put right.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hikyaku::ese;
  if (size == 0) return 0;
  const std::size_t page_size = kSmallestPage << data[0] % 5;
  const std::string bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  synthetic::MemoryFile file("db", bytes);
  std::uint64_t found = 0;
  const auto counts =
      scan_pages(file, page_size,
                 {.found =
                      [&](const PageFinding& page) {
                        ++found;
                        if (page.check.state != PageCheck::State::corrected) return;
                        auto mended = bytes.substr(static_cast<std::size_t>(page.offset), page_size);
                        for (const auto bit : page.check.wrong_bits)
                          mended[bit / 8] = static_cast<char>(mended[bit / 8] ^ (1 << bit % 8));
                        if (check_page(mended, page.page).state != PageCheck::State::good) std::abort();
                      },
                  .unreadable = {},
                  .progress = {}});
  if (!counts) std::abort();
  if (counts->good + counts->uninitialized + found != counts->pages) std::abort();
  if (counts->pages != (bytes.size() / page_size < 2 ? 0 : bytes.size() / page_size - 2)) std::abort();
  // A page of ours with one octet changed is never taken for whole.
  auto page = synthetic::page(page_size, 7);
  const auto at = (size * 2654435761U) % page_size;
  page[at] = static_cast<char>(page[at] ^ (data[size - 1] | 1));
  const auto state = check_page(page, 7).state;
  if (state == PageCheck::State::good || state == PageCheck::State::uninitialized) std::abort();
  return 0;
}
