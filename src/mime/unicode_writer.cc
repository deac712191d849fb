#include <algorithm>

#include "mime/text_writer.h"
#include "mime/unicode.h"

namespace hikyaku::mime {
namespace {

using Writer = TextEncoder::Writer;

class Utf8Writer final : public Writer {
 public:
  explicit Utf8Writer(bool ascii_alone) : ascii_alone_(ascii_alone) {}
  bool put(char32_t character, std::string& out) override {
    if (ascii_alone_ && character >= 0x80) return false;
    put_utf8(out, character);
    return true;
  }
  std::size_t put_run(std::string_view utf8, std::string& out) override {
    const auto run = ascii_alone_ ? ascii_run(utf8) : utf8_run(utf8);
    out.append(utf8, 0, run);
    return run;
  }
  void finish(std::string&) override {}

 private:
  bool ascii_alone_;
};

class IconvWriter final : public Writer {
 public:
  explicit IconvWriter(IconvHandle iconv) : iconv_(std::move(iconv)) {}
  bool put(char32_t character, std::string& out) override {
    std::string utf8;
    put_utf8(utf8, character);
    std::string_view rest = utf8;
    return iconv_.convert(rest, out) == IconvHandle::Stop::done;
  }
  std::size_t put_run(std::string_view utf8, std::string& out) override {
    // iconv converts ahead of the character that it fails at: after a failure little is given to it.
    const auto given = utf8.substr(0, utf8_run(utf8.substr(0, most_)));
    auto rest = given;
    if (given.empty()) return 0;
    const bool done = iconv_.convert(rest, out) == IconvHandle::Stop::done;
    most_ = done ? std::min(most_ * 2, kMost) : kLeast;
    return given.size() - rest.size();
  }
  void finish(std::string& out) override { iconv_.finish(out); }

 private:
  static constexpr std::size_t kLeast = 16, kMost = 65536;
  std::size_t most_ = kLeast;
  IconvHandle iconv_;
};

}  // namespace

std::unique_ptr<Writer> make_utf8_writer(bool ascii_alone) {
  return std::make_unique<Utf8Writer>(ascii_alone);
}
std::unique_ptr<Writer> make_iconv_writer(IconvHandle iconv) {
  return std::make_unique<IconvWriter>(std::move(iconv));
}

}  // namespace hikyaku::mime
