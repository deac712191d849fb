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
  void finish(std::string& out) override { iconv_.finish(out); }

 private:
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
