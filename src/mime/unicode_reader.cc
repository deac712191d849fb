#include <algorithm>

#include "base/utf8.h"
#include "mime/text_reader.h"
#include "mime/unicode.h"

namespace hikyaku::mime {
namespace {

using Reader = TextDecoder::Reader;

class Utf8Reader final : public Reader {
 public:
  explicit Utf8Reader(bool ascii_alone) : ascii_alone_(ascii_alone) {}
  std::size_t read(std::string_view octets, bool last, std::string& out) override {
    const auto end = octets.size() - (last || ascii_alone_ ? 0 : utf8_begun(octets));
    for (std::size_t at = 0; at < end;) {
      const auto rest = octets.substr(at, end - at);
      const auto good = ascii_alone_ ? ascii_run(rest) : utf8_run(rest);
      out.append(rest, 0, good);
      at += good;
      if (at < end) at += bad(rest.substr(good), at, out);
    }
    return end;
  }
  void reset(std::string&) override {}

 private:
  std::size_t bad(std::string_view octets, std::size_t at, std::string& out) {
    put_replacement(at, out);
    if (ascii_alone_) return 1;
    // One mark for as much of a character as there is (Unicode s. 3.9, maximal subparts).
    for (std::size_t begun = std::min<std::size_t>(3, octets.size()); begun > 1; --begun) {
      if (utf8_begun(octets.substr(0, begun)) == begun) return begun;
    }
    return 1;
  }
  bool ascii_alone_;
};

class IconvReader final : public Reader {
 public:
  explicit IconvReader(IconvHandle iconv) : iconv_(std::move(iconv)) {}
  std::size_t read(std::string_view octets, bool last, std::string& out) override {
    auto rest = octets;
    while (!rest.empty()) {
      const auto stop = iconv_.convert(rest, out);
      if (stop == IconvHandle::Stop::done) break;
      // A converter that wants more than any character has must not hold back without end.
      if (stop == IconvHandle::Stop::incomplete && !last && rest.size() < 32) break;
      if (rest.empty()) break;
      put_replacement(octets.size() - rest.size(), out);
      rest.remove_prefix(1);
    }
    return octets.size() - rest.size();
  }
  void reset(std::string& out) override { iconv_.finish(out); }

 private:
  IconvHandle iconv_;
};

}  // namespace

std::unique_ptr<Reader> make_utf8_reader(bool ascii_alone) {
  return std::make_unique<Utf8Reader>(ascii_alone);
}
std::unique_ptr<Reader> make_iconv_reader(IconvHandle iconv) {
  return std::make_unique<IconvReader>(std::move(iconv));
}

}  // namespace hikyaku::mime
