#include <algorithm>
#include <array>
#include <optional>

#include "base/octet_set.h"
#include "mime/text_reader.h"
#include "mime/unicode.h"

namespace hikyaku::mime {
namespace {

using Reader = TextDecoder::Reader;

enum class Set : unsigned char {
  ascii,
  kana,
  jis_x_0208,
  jis_x_0212,
  user,
  plane_1,
  plane_2,
  chinese,
  korean,
};
enum class HighSet : unsigned char { none, latin, greek };

struct Escape {
  std::string_view text;  ///< behind the ESC
  Set set;
};
constexpr std::array kEscapes = {
    Escape{"(B", Set::ascii},       Escape{"(J", Set::ascii},
    Escape{"(H", Set::ascii},  // a Swedish set by the registry, JIS-Roman by old writers
    Escape{"(I", Set::kana},        Escape{"$@", Set::jis_x_0208},
    Escape{"$B", Set::jis_x_0208},  Escape{"$(@", Set::jis_x_0208},
    Escape{"$(B", Set::jis_x_0208}, Escape{"$(D", Set::jis_x_0212},
    Escape{"$(?", Set::user},       Escape{"$(O", Set::plane_1},
    Escape{"$(Q", Set::plane_1},    Escape{"$(P", Set::plane_2},
    Escape{"$A", Set::chinese},     Escape{"$(C", Set::korean},
};

constexpr char kEscape = '\x1b', kShiftOut = '\x0e', kShiftIn = '\x0f';
constexpr unsigned kAscii = 0x20;  ///< what a row has more than its number
bool graphic(char c) { return c > 0x20 && c < 0x7f; }

/// A converter of a set that has no table here, opened when its first character comes.
class OtherSet {
 public:
  explicit OtherSet(const char* name) : name_(name) {}
  /// The octets' character or characters; empty where there is none.
  std::string text(std::string_view octets) {
    if (!tried_) iconv_ = IconvHandle::open("UTF-8", name_);
    tried_ = true;
    std::string out;
    if (!iconv_) return out;
    const bool done = iconv_->convert(octets, out) == IconvHandle::Stop::done;
    iconv_->finish(out);  // some converters keep a character back
    return done ? out : std::string();
  }

 private:
  const char* name_;
  bool tried_ = false;
  std::optional<IconvHandle> iconv_;
};

class Iso2022JpReader final : public Reader {
 public:
  explicit Iso2022JpReader(const JapaneseCells& cells) : cells_(cells) {}

  std::size_t read(std::string_view octets, bool last, std::string& out) override {
    std::size_t at = 0;
    while (at < octets.size()) {
      const auto taken = step(octets.substr(at), last, at, out);
      if (taken == 0) break;
      at += taken;
    }
    return at;
  }
  void reset(std::string&) override { end_line(); }

 private:
  static constexpr std::size_t kMore = 0;  ///< nothing taken: more octets are needed

  std::size_t step(std::string_view rest, bool last, std::size_t at, std::string& out) {
    const char c = rest.front();
    if (set_ == Set::ascii && !shift_out_) {
      if (const auto plain = plain_run(rest); plain > 0) {
        out.append(rest, 0, plain);
        return plain;
      }
    } else if (set_ == Set::jis_x_0208 && graphic(c) && rest.size() > 1 && graphic(rest[1]) && !shift_out_) {
      return usual_cell(rest, at, out);
    }
    if (c == kEscape) return escape(rest, last, at, out);
    if (c == kShiftOut || c == kShiftIn) {
      shift_out_ = c == kShiftOut;
      return 1;
    }
    if (c == '\n' || c == '\r') end_line();
    if (static_cast<unsigned char>(c) >= 0x80) return eight_bit(rest, last, at, out);
    const bool user_row = c == '\x7f' && set_ == Set::jis_x_0208 && !shift_out_;  // row 95
    if (!graphic(c) && !user_row) return put(c, out);
    if (shift_out_ || set_ == Set::kana) return half_width(static_cast<unsigned char>(c), at, out);
    if (set_ == Set::ascii) return c == '$' ? dollar(rest, last, at, out) : put(c, out);
    return double_octet(rest, last, at, out);
  }

  /// What means itself in ASCII: all but escapes, shifts, octets with the 8th bit, and "$", which may be an
  /// escape's rest.
  std::size_t plain_run(std::string_view rest) {
    static constexpr auto kOthers = OctetSet("\x1b\x0e\x0f$").with_range(0x80, 0xff);
    std::size_t size = 0;
    for (; size < rest.size() && !kOthers.has(rest[size]); ++size) {
      if (rest[size] == '\n' || rest[size] == '\r') end_line();
    }
    return size;
  }

  /// A cell of JIS X 0208: what most of a Japanese text is.
  std::size_t usual_cell(std::string_view rest, std::size_t at, std::string& out) {
    const unsigned row = static_cast<unsigned char>(rest[0]) - kAscii,
                   cell = static_cast<unsigned char>(rest[1]) - kAscii;
    const auto what = cells_.jis_x_0208(row, cell);
    if (what) {
      notes_.extended = notes_.extended || row == 13 || row >= 89;
      put_utf8(out, what);
    } else {
      put_replacement(at, out);
    }
    return 2;
  }

  std::size_t put(char c, std::string& out) {
    out += c;
    return 1;
  }

  /// Lines begin in ASCII (RFC 1468), whatever the one before forgot.
  void end_line() {
    if (set_ != Set::ascii || shift_out_) notes_.ended_shifted = true;
    set_ = Set::ascii;
    high_ = HighSet::none;
    shift_out_ = escaped_ = false;
  }

  std::size_t escape(std::string_view rest, bool last, std::size_t at, std::string& out) {
    escaped_ = true;
    const auto behind = rest.substr(1);
    for (const auto& known : kEscapes) {
      if (behind.starts_with(known.text)) {
        set_ = known.set;
        shift_out_ = false;
        return 1 + known.text.size();
      }
      if (!last && known.text.starts_with(behind)) return kMore;
    }
    for (const std::string_view other : {"&@", ".A", ".F", "N"}) {
      if (!last && other.starts_with(behind)) return kMore;
    }
    if (behind.starts_with("&@")) return 3;  // announces JIS X 0208-1990; its own escape follows
    if (behind.starts_with(".A") || behind.starts_with(".F")) {
      high_ = behind[1] == 'A' ? HighSet::latin : HighSet::greek;
      return 3;
    }
    if (behind.starts_with("N") && high_ != HighSet::none) {
      if (behind.size() < 2 && !last) return kMore;
      if (behind.size() >= 2) return high(behind[1], at, out);
    }
    put_replacement(at, out);
    return 1;
  }

  /// A character of the high half of ISO-8859-1 or -7 by a single shift (RFC 1554).
  std::size_t high(char c, std::size_t at, std::string& out) {
    const char octet = static_cast<char>(c | '\x80');
    const auto text = (high_ == HighSet::latin ? latin_ : greek_).text({&octet, 1});
    if (text.empty()) put_replacement(at, out);
    out += text;
    return 3;
  }

  std::size_t half_width(unsigned octet, std::size_t at, std::string& out) {
    if (octet > 0x5f) {
      put_replacement(at, out);
      return 1;
    }
    notes_.half_width_kana = true;
    put_utf8(out, 0xff40 + octet);
    return 1;
  }

  /// JIS8 kana, or a double octet whose 8th bits were left on.
  std::size_t eight_bit(std::string_view rest, bool last, std::size_t at, std::string& out) {
    const auto octet = static_cast<unsigned char>(rest.front());
    const bool doubled = set_ != Set::ascii && set_ != Set::kana && !shift_out_;
    if (doubled && set_ == Set::jis_x_0208 && octet <= 0x98)
      return double_octet(rest, last, at, out);  // IBM's rows
    notes_.eight_bit = true;
    if (doubled && octet > 0xa0) return double_octet(rest, last, at, out);
    if (octet < 0xa1 || octet > 0xdf) {
      put_replacement(at, out);
      return 1;
    }
    return half_width(octet - 0x80U, at, out);
  }

  std::size_t double_octet(std::string_view rest, bool last, std::size_t at, std::string& out) {
    if (rest.size() < 2) {
      if (!last) return kMore;
      put_replacement(at, out);
      return 1;
    }
    const auto lead = static_cast<unsigned char>(rest[0]), trail = static_cast<unsigned char>(rest[1]);
    const auto plain = [](unsigned octet) { return octet > 0xa0 ? octet - 0x80 : octet; };
    if (plain(trail) <= kAscii || plain(trail) >= 0x7f) {
      put_replacement(at, out);
      return 1;
    }
    const auto text = cell(plain(lead) - kAscii, plain(trail) - kAscii);
    if (text.empty()) put_replacement(at, out);
    out += text;
    return 2;
  }

  std::string cell(unsigned row, unsigned cell) {
    const std::array octets{static_cast<char>(row + 0xa0), static_cast<char>(cell + 0xa0)};
    const std::string_view pair(octets.data(), octets.size());
    std::string text;
    char32_t what = 0;
    switch (set_) {
      case Set::plane_1:
        return plane_.text(pair);
      case Set::plane_2:
        return plane_.text('\x8f' + std::string(pair));
      case Set::chinese:
        return chinese_.text(pair);
      case Set::korean:
        return korean_.text(pair);
      case Set::jis_x_0212:
        notes_.extended = true;
        what = cells_.jis_x_0212(row, cell);
        break;
      case Set::user:
        what = row <= 20 ? cells_.jis_x_0208(JapaneseCells::kUserRow + row - 1, cell) : 0;
        break;
      default:
        what = cells_.jis_x_0208(row, cell);
        if (what &&
            (row == 13 || (row >= 89 && row < JapaneseCells::kUserRow) || row >= JapaneseCells::kIbmRow))
          notes_.extended = true;
    }
    if (what >= JapaneseCells::kUserFirst && what <= JapaneseCells::kUserLast) notes_.user_defined = true;
    if (what) put_utf8(text, what);
    return text;
  }

  /// "$B...(B" whose ESC octets were lost: the octets between are taken for kana and kanji only where they
  /// can hardly be anything else, and where the line has no escape of its own.
  std::size_t dollar(std::string_view rest, bool last, std::size_t begin, std::string& out) {
    if (rest.size() < 2 && !last) return kMore;
    const auto here = position() + begin;
    auto& plain_until = plain_until_[here % 2];
    if (escaped_ || here < plain_until || !(rest.starts_with("$B") || rest.starts_with("$@")))
      return put('$', out);
    const auto end = lost_escape_end(rest);
    if (end >= rest.size() && end < kHeldBack && !last) return kMore;
    const auto pair = rest.substr(std::min(end, rest.size()), 2);
    if ((pair != "(B" && pair != "(J") || !surely_japanese(rest.substr(2, end - 2))) {
      plain_until = here + end;
      return put('$', out);
    }
    notes_.lost_escape = true;
    set_ = Set::jis_x_0208;
    for (std::size_t i = 2; i < end; i += 2)
      out += cell(static_cast<unsigned char>(rest[i]) - kAscii,
                  static_cast<unsigned char>(rest[i + 1]) - kAscii);
    set_ = Set::ascii;
    return end + 2;
  }

  /// Behind the pairs that are characters of JIS X 0208: an escape's rest, another octet, or the end.
  std::size_t lost_escape_end(std::string_view rest) const {
    std::size_t at = 2;
    for (; at < kHeldBack && at + 1 < rest.size(); at += 2) {
      const auto pair = rest.substr(at, 2);
      if (pair == "(B" || pair == "(J") return at;
      const unsigned row = static_cast<unsigned char>(pair[0]) - kAscii;
      const unsigned cell = static_cast<unsigned char>(pair[1]) - kAscii;
      if (!graphic(pair[0]) || !graphic(pair[1]) || !cells_.jis_x_0208(row, cell)) return at;
    }
    return at + 1 == rest.size() ? rest.size() : at;
  }

  /// With kana among them, or two and more kanji of the first level and nothing else.
  static bool surely_japanese(std::string_view pairs) {
    bool kanji = pairs.size() >= 4;
    for (std::size_t i = 0; i + 1 < pairs.size(); i += 2) {
      if (pairs[i] == '$' || pairs[i] == '%') return true;
      kanji = kanji && pairs[i] >= '0' && pairs[i] <= 'O';
    }
    return kanji;
  }

  const JapaneseCells& cells_;
  Set set_ = Set::ascii;
  HighSet high_ = HighSet::none;
  bool shift_out_ = false;
  bool escaped_ = false;  ///< this line had an escape
  /// By even and odd positions: before it no lost escape begins, as a look ahead told.
  std::array<std::uint64_t, 2> plain_until_{};
  OtherSet plane_{"EUC-JISX0213"}, chinese_{"EUC-CN"}, korean_{"EUC-KR"}, latin_{"ISO-8859-1"},
      greek_{"ISO-8859-7"};
};

}  // namespace

std::unique_ptr<Reader> make_iso_2022_jp_reader(const JapaneseCells& cells) {
  return std::make_unique<Iso2022JpReader>(cells);
}

}  // namespace hikyaku::mime
