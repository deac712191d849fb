#include "mime/text_reader.h"
#include "mime/unicode.h"

namespace hikyaku::mime {
namespace {

using Reader = TextDecoder::Reader;

constexpr char32_t kKanaBase = 0xff61 - 0xa1;
bool kana(unsigned octet) { return octet >= 0xa1 && octet <= 0xdf; }

/// Reads octets of which each character has one to three, without states.
class MultiOctetReader : public Reader {
 public:
  std::size_t read(std::string_view octets, bool last, std::string& out) final {
    std::size_t at = 0;
    while (at < octets.size()) {
      const auto rest = octets.substr(at);
      if (const auto plain = ascii_run(rest); plain > 0) {
        out.append(rest, 0, plain);
        at += plain;
        continue;
      }
      const auto taken = character(rest, last, at, out);
      if (taken == 0) break;
      at += taken;
    }
    return at;
  }
  void reset(std::string&) final {}

 protected:
  /// Takes one character, not of ASCII, and gives its octets; 0 where more octets are needed.
  virtual std::size_t character(std::string_view octets, bool last, std::size_t at, std::string& out) = 0;
  std::size_t bad(std::size_t octets, std::size_t at, std::string& out) {
    put_replacement(at, out);
    return octets;
  }
  std::size_t put(char32_t what, std::size_t octets, std::string& out) {
    if (what >= JapaneseCells::kUserFirst && what <= JapaneseCells::kUserLast) notes_.user_defined = true;
    put_utf8(out, what);
    return octets;
  }
};

unsigned octet_at(std::string_view octets, std::size_t i) { return static_cast<unsigned char>(octets[i]); }

class ShiftJisReader final : public MultiOctetReader {
 public:
  explicit ShiftJisReader(const JapaneseCells& cells) : cells_(cells) {}

 protected:
  std::size_t character(std::string_view octets, bool last, std::size_t at, std::string& out) override {
    const auto lead = octet_at(octets, 0);
    if (kana(lead)) return put(kKanaBase + lead, 1, out);
    if (lead == 0x80 || lead == 0xa0 || lead > 0xfc) return bad(1, at, out);
    if (octets.size() < 2) return last ? bad(1, at, out) : 0;
    const auto trail = octet_at(octets, 1);
    if (trail < 0x40 || trail == 0x7f || trail > 0xfc) return bad(1, at, out);
    const bool second = trail >= 0x9f;
    const unsigned row = (lead - (lead < 0xa0 ? 0x81 : 0xc1)) * 2 + (second ? 2 : 1);
    const unsigned cell = second ? trail - 0x9e : trail - (trail > 0x7f ? 0x40 : 0x3f);
    const auto what = cells_.jis_x_0208(row, cell);
    if (what) return put(what, 2, out);
    // An ASCII octet behind a lead that fits to nothing is rather text than a trail.
    return bad(trail < 0x80 ? 1 : 2, at, out);
  }

 private:
  const JapaneseCells& cells_;
};

class EucJpReader final : public MultiOctetReader {
 public:
  EucJpReader(const JapaneseCells& cells, JapaneseForm form) : cells_(cells), form_(form) {}

 protected:
  std::size_t character(std::string_view octets, bool last, std::size_t at, std::string& out) override {
    const auto lead = octet_at(octets, 0);
    if (lead != 0x8e && lead != 0x8f && (lead < 0xa1 || lead > 0xfe)) return bad(1, at, out);
    const std::size_t length = lead == 0x8f ? 3 : 2;
    for (std::size_t i = 1; i < length; ++i) {
      if (i == octets.size()) return last ? bad(i, at, out) : 0;
      if (octet_at(octets, i) < 0xa1 || octet_at(octets, i) == 0xff) return bad(i, at, out);
    }
    char32_t what = 0;
    if (lead == 0x8e) {
      what = kana(octet_at(octets, 1)) ? kKanaBase + octet_at(octets, 1) : 0;
    } else if (lead == 0x8f) {
      what = cells_.jis_x_0212(octet_at(octets, 1) - 0xa0, octet_at(octets, 2) - 0xa0);
    } else {
      what = double_octet(lead - 0xa0, octet_at(octets, 1) - 0xa0);
    }
    return what ? put(what, length, out) : bad(length, at, out);
  }

 private:
  char32_t double_octet(unsigned row, unsigned cell) const {
    constexpr unsigned kUserRow = 85;
    if (form_ == JapaneseForm::open_ms && row >= kUserRow)
      return JapaneseCells::kUserFirst + (row - kUserRow) * JapaneseCells::kCells + cell - 1;
    return cells_.jis_x_0208(row, cell);
  }
  const JapaneseCells& cells_;
  JapaneseForm form_;
};

}  // namespace

std::unique_ptr<Reader> make_shift_jis_reader(const JapaneseCells& cells) {
  return std::make_unique<ShiftJisReader>(cells);
}
std::unique_ptr<Reader> make_euc_jp_reader(const JapaneseCells& cells, JapaneseForm form) {
  return std::make_unique<EucJpReader>(cells, form);
}

}  // namespace hikyaku::mime
