#include <array>
#include <cstdint>
#include <string>

#include "probe/dialogue.h"
#include "probe/opening.h"

// Any lines of both sides, in any protocol: the first octet tells which, "C" before a line that it is ours.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hikyaku::probe;
  if (size == 0) return 0;
  static constexpr std::array kSpeeches{Speech::smtp,  Speech::lmtp, Speech::imap, Speech::pop3,
                                        Speech::sieve, Speech::ftp,  Speech::http};
  const auto dialogue = Dialogue::make(kSpeeches[data[0] % kSpeeches.size()]);
  std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    Entry entry{
        .kind = text.starts_with('C') ? Entry::Kind::sent : Entry::Kind::received,
        .text = std::string(text.substr(std::min<std::size_t>(1, end), end - std::min<std::size_t>(1, end)))};
    text.remove_prefix(std::min(end + 1, text.size()));
    if (entry.kind == Entry::Kind::sent) {
      dialogue->sent(entry);
    } else {
      dialogue->received(entry, 2);
    }
    (void)shown_text(entry, false);
    (void)shown_decoded(entry, false);
  }
  Opening opening;
  opening.capabilities = dialogue->last().lines;
  (void)opening.mechanisms(Speech::smtp);
  return 0;
}
