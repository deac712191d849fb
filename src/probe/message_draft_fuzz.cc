#include "probe/message_draft.h"

#include <cstdint>
#include <string>

// Whatever a message is made of, the server sees its end once: at the end. The options are parts of the
// input, between NULs.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hikyaku::probe;
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  const auto take = [&] {
    const auto end = std::min(rest.find('\0'), rest.size());
    std::string part(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    return part;
  };
  MessageDraft draft;
  draft.data = take();
  draft.body = take();
  if (auto header = take(); !header.empty()) draft.replaced_headers.push_back(std::move(header));
  if (auto header = take(); !header.empty()) draft.added_headers.push_back(std::move(header));
  if (auto name = take(); !name.empty())
    draft.attachments.push_back({take(), std::move(name), std::string(rest)});
  const auto wire = drafted(draft, {"a@a", "b@b", "D", "M", "V", "B"});
  if (!wire.ends_with(".\r\n")) __builtin_trap();
  if (wire != ".\r\n" && wire.find("\r\n.\r\n") != wire.size() - 5) __builtin_trap();
  if (wire.size() > 3 && wire.starts_with(".\r\n")) __builtin_trap();
  return 0;
}
