#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/utf8.h"
#include "mime/inline_words.h"
#include "mime/japanese_forms.h"
#include "mime/line_ends.h"
#include "mime/line_folder.h"

// The steps between charsets: any octets in any cuts come out the same; well-formed UTF-8 stays well-formed,
// but for what an encoded word says.
namespace {

using namespace hikyaku::mime;

void check(bool holds) {
  if (!holds) std::abort();
}

template <class Step>
std::string run(Step step, std::string_view octets, std::size_t cut) {
  std::string out;
  for (std::size_t at = 0; at < octets.size(); at += cut) step.feed(octets.substr(at, cut), out);
  step.finish(out);
  return out;
}

bool well_formed(std::string_view text) {
  while (!text.empty()) {
    const auto length = hikyaku::utf8_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3) return 0;
  const std::string_view octets(reinterpret_cast<const char*>(data + 3), size - 3);
  const std::size_t cut = 1 + data[0], whole = octets.size() + 1;
  const JapaneseForms::Options forms{.widen_kana = (data[1] & 1) != 0,
                                     .narrow_ascii = (data[1] & 2) != 0,
                                     .html = (data[1] & 4) != 0,
                                     .blanks = static_cast<JapaneseForms::Blanks>(data[1] / 8 % 3),
                                     .kana = static_cast<JapaneseForms::Kana>(data[1] / 64 % 4)};
  const LineFolder::Options folding{.columns = data[2] % 16U,
                                    .margin = data[2] / 16U % 8U,
                                    .line_ends = static_cast<LineFolder::LineEnds>(data[2] / 128)};
  const auto ends = static_cast<LineEnds::Form>(data[2] % 5);
  const auto formed = run(JapaneseForms(forms), octets, whole);
  check(formed == run(JapaneseForms(forms), octets, cut));
  const auto folded = run(LineFolder(folding), octets, whole);
  check(folded == run(LineFolder(folding), octets, cut));
  check(run(LineEnds(ends), octets, whole) == run(LineEnds(ends), octets, cut));
  check(run(InlineWords(), octets, whole) == run(InlineWords(), octets, cut));
  if (well_formed(octets)) check(well_formed(formed) && well_formed(folded));
  return 0;
}
