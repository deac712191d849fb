#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "store/mbox_splitter.h"

namespace {

using hikyaku::store::MboxSplitter;

/// All that comes out, without how it is cut into pieces.
std::string parts(std::string_view file, std::size_t size) {
  std::string all;
  MboxSplitter splitter(MboxSplitter::Quoting::mboxrd);
  std::size_t fed = 0;
  for (;;) {
    const auto event = splitter.next();
    if (std::holds_alternative<MboxSplitter::NeedBytes>(event)) {
      if (fed == file.size() && fed > 0) std::abort();  // it asks for more than there is
      splitter.feed(file.substr(fed, size));
      fed = std::min(fed + size, file.size());
      if (fed == file.size()) splitter.finish();
      if (file.empty()) return all;
    } else if (const auto* ask = std::get_if<MboxSplitter::AskEnd>(&event)) {
      splitter.answer(ask->offset <= file.size()
                          ? file.substr(static_cast<std::size_t>(ask->offset), MboxSplitter::kAsked)
                          : "?");
    } else if (const auto* begin = std::get_if<MboxSplitter::Begin>(&event)) {
      all += "begin " + std::to_string(begin->offset) + begin->from.sender;
      for (const auto& word : begin->keywords) all += " " + word;
    } else if (const auto* body = std::get_if<MboxSplitter::Body>(&event)) {
      all += body->octets;
    } else if (const auto* end = std::get_if<MboxSplitter::End>(&event)) {
      all += "end " + std::to_string(end->offset);
    } else if (const auto* passed = std::get_if<MboxSplitter::PassedOver>(&event)) {
      all += "passed " + std::to_string(passed->octets);
    } else {
      return all;
    }
  }
}

}  // namespace

// Nothing crashes, and how the file is cut into pieces makes no difference.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view file(reinterpret_cast<const char*>(data), size);
  const auto whole = parts(file, size);
  if (parts(file, 7) != whole || parts(file, 4096) != whole) std::abort();
  return 0;
}
