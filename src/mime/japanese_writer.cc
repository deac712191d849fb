#include "mime/text_writer.h"
#include "mime/unicode.h"

namespace hikyaku::mime {
namespace {

using Writer = TextEncoder::Writer;
using Form = JapaneseForm;

bool half_kana(char32_t character) { return character >= 0xff61 && character <= 0xff9f; }
bool user_defined(char32_t character) {
  return character >= JapaneseCells::kUserFirst && character <= JapaneseCells::kUserLast;
}
constexpr char32_t kKanaBase = 0xff61 - 0xa1;

void put_pair(unsigned place, unsigned more, std::string& out) {
  out += static_cast<char>((place >> 8) + more);
  out += static_cast<char>((place & 0xff) + more);
}

/// The place of the user's own character in rows from `first` on.
unsigned user_place(char32_t character, unsigned first) {
  const unsigned index = static_cast<unsigned>(character - JapaneseCells::kUserFirst);
  return (first + index / JapaneseCells::kCells) << 8 | (index % JapaneseCells::kCells + 1);
}

class ShiftJisWriter final : public Writer {
 public:
  explicit ShiftJisWriter(const JapaneseCells& cells) : cells_(cells) {}
  bool put(char32_t character, std::string& out) override {
    if (character < 0x80 || half_kana(character)) {
      out += static_cast<char>(character < 0x80 ? character : character - kKanaBase);
      return true;
    }
    const auto place = cells_.place_in_cp932(character);
    if (!place) return false;
    const unsigned row = place >> 8, cell = place & 0xff;
    unsigned trail = (row % 2 ? 0x3f : 0x9e) + cell;
    if (row % 2 && trail >= 0x7f) ++trail;
    out += static_cast<char>((row - 1) / 2 + (row <= 62 ? 0x81 : 0xc1));
    out += static_cast<char>(trail);
    return true;
  }
  std::size_t put_run(std::string_view utf8, std::string& out) override {
    const auto run = ascii_run(utf8);
    out.append(utf8, 0, run);
    return run;
  }
  void finish(std::string&) override {}

 private:
  const JapaneseCells& cells_;
};

class EucJpWriter final : public Writer {
 public:
  EucJpWriter(const JapaneseCells& cells, Form form) : cells_(cells), form_(form) {}
  bool put(char32_t character, std::string& out) override {
    if (character < 0x80) {
      out += static_cast<char>(character);
      return true;
    }
    if (half_kana(character)) {
      out += '\x8e';
      out += static_cast<char>(character - kKanaBase);
      return true;
    }
    if (form_ == Form::open_ms && user_defined(character)) {
      const unsigned place = user_place(character, kUserRow);
      if (place >> 8 > 94) out += '\x8f';
      put_pair(place >> 8 > 94 ? place - (10U << 8) : place, 0xa0, out);
      return true;
    }
    // eucJP-ms has the user's own where others have NEC's selection of IBM's, and IBM's in JIS X 0212.
    if (const auto place = cells_.place_in_jis_x_0208(character);
        place && (form_ != Form::open_ms || place >> 8 < kUserRow)) {
      put_pair(place, 0xa0, out);
      return true;
    }
    const auto place = cells_.place_in_jis_x_0212(character);
    if (!place) return false;
    out += '\x8f';
    put_pair(place, 0xa0, out);
    return true;
  }
  std::size_t put_run(std::string_view utf8, std::string& out) override {
    const auto run = ascii_run(utf8);
    out.append(utf8, 0, run);
    return run;
  }
  void finish(std::string&) override {}

 private:
  static constexpr unsigned kUserRow = 85;
  const JapaneseCells& cells_;
  Form form_;
};

class Iso2022JpWriter final : public Writer {
 public:
  Iso2022JpWriter(const JapaneseCells& cells, Form form) : cells_(cells), form_(form) {}

  bool put(char32_t character, std::string& out) override {
    if (waiting_ && take_mark(character, out)) return true;
    if (half_kana(character)) return kana(character, out);
    return plain(character, out);
  }
  std::size_t put_run(std::string_view utf8, std::string& out) override {
    const auto run = ascii_run(utf8);
    if (run == 0) return 0;
    settle(out);
    to(Set::ascii, out);
    out.append(utf8, 0, run);
    return run;
  }
  void finish(std::string& out) override {
    settle(out);
    to(Set::ascii, out);
  }

 private:
  enum class Set : unsigned char { ascii, kana, jis_x_0208, jis_x_0212, user };

  bool plain(char32_t character, std::string& out) {
    if (character < 0x80) {
      to(Set::ascii, out);
      out += static_cast<char>(character);
      return true;
    }
    if (form_ == Form::open_ms && user_defined(character)) {
      to(Set::user, out);
      put_pair(user_place(character, 1), 0x20, out);
      return true;
    }
    if (const auto place = cells_.place_in_jis_x_0208(character)) {
      to(Set::jis_x_0208, out);
      put_pair(place, 0x20, out);
      return true;
    }
    const auto place = cells_.place_in_jis_x_0212(character);
    if (!place || (form_ != Form::jis_x_0212 && form_ != Form::open_ms)) return false;
    to(Set::jis_x_0212, out);
    put_pair(place, 0x20, out);
    return true;
  }

  bool kana(char32_t half, std::string& out) {
    if (form_ == Form::standard || form_ == Form::jis_x_0212) {
      notes_.kana_widened = true;
      waiting_ = full_width_kana(half);
      return true;
    }
    if (form_ == Form::cp50222) {
      if (set_ != Set::kana) {
        to(Set::ascii, out);
        out += '\x0e';
        set_ = Set::kana;
      }
    } else {
      to(Set::kana, out);
    }
    out += static_cast<char>(half - 0xff40);
    return true;
  }

  /// A widened kana waits for its voiced mark. True where `character` was that mark.
  bool take_mark(char32_t character, std::string& out) {
    if (const auto voiced = voiced_kana(waiting_, character)) {
      waiting_ = voiced;
      settle(out);
      return true;
    }
    settle(out);
    return false;
  }
  void settle(std::string& out) {
    if (waiting_) plain(waiting_, out);
    waiting_ = 0;
  }

  void to(Set set, std::string& out) {
    if (set == set_) return;
    const bool shifted_out = set_ == Set::kana && form_ == Form::cp50222;
    set_ = set;
    if (shifted_out) out += '\x0f';
    if (shifted_out && set == Set::ascii) return;
    constexpr std::string_view kEscapes[] = {"\x1b(B", "\x1b(I", "\x1b$B", "\x1b$(D", "\x1b$(?"};
    out += kEscapes[static_cast<std::size_t>(set)];
  }

  const JapaneseCells& cells_;
  Form form_;
  Set set_ = Set::ascii;
  char32_t waiting_ = 0;
};

}  // namespace

std::unique_ptr<Writer> make_iso_2022_jp_writer(const JapaneseCells& cells, Form form) {
  return std::make_unique<Iso2022JpWriter>(cells, form);
}
std::unique_ptr<Writer> make_shift_jis_writer(const JapaneseCells& cells) {
  return std::make_unique<ShiftJisWriter>(cells);
}
std::unique_ptr<Writer> make_euc_jp_writer(const JapaneseCells& cells, Form form) {
  return std::make_unique<EucJpWriter>(cells, form);
}

}  // namespace hikyaku::mime
