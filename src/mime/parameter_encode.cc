#include <algorithm>
#include <utility>

#include "mime/folded_field.h"
#include "mime/parameter.h"
#include "mime/text_encoder.h"

namespace hikyaku::mime {
namespace {

constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

bool token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return kLetters.find(c) != std::string_view::npos ||
           std::string_view("!#$&+-.^_`{|}~").find(c) != std::string_view::npos;
  });
}

/// ASCII that no reader takes for something else.
bool plain(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c < '\x7f'; }) &&
         text.find("=?") == std::string_view::npos && text.find("$B") == std::string_view::npos &&
         text.find("$@") == std::string_view::npos;
}

std::string in_quotes(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

std::string percent_encoded(std::string_view octets) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (const char c : octets) {
    const auto octet = static_cast<unsigned char>(c);
    if (kLetters.find(c) != std::string_view::npos ||
        std::string_view("!#$&+-.^_`{|}~").find(c) != std::string_view::npos) {
      out += c;
      continue;
    }
    out += '%';
    out += kDigits[octet >> 4U];
    out += kDigits[octet & 15U];
  }
  return out;
}

/// Writes the pieces of one parameter, each on a line of its own.
class PieceWriter {
 public:
  PieceWriter(FoldedField& field, std::string_view name, const ParameterEncoding& how, bool extended)
      : field_(field), name_(name), how_(how), extended_(extended) {}

  void write(std::string_view utf8) {
    const auto whole = std::string(name_) + (extended_ ? "*=" : "=") + value(utf8, true);
    if (whole.size() + 2 <= how_.line) return put(whole);
    for (std::size_t number = 0; number == 0 || !utf8.empty(); ++number) {
      const auto label = std::string(name_) + "*" + std::to_string(number) + (extended_ ? "*=" : "=");
      const auto size = fitting(utf8, label.size(), number == 0);
      put(label + value(utf8.substr(0, size), number == 0));
      utf8.remove_prefix(size);
    }
  }

 private:
  void put(const std::string& text) {
    field_.put("", ";");
    field_.put(" ", text);
  }
  std::string value(std::string_view utf8, bool first) const {
    if (!extended_) return in_quotes(utf8);
    const auto octets = encode_octets(how_.charset, utf8);
    const auto prefix = first ? std::string(how_.charset.name) + "'" + how_.language + "'" : std::string();
    return prefix + percent_encoded(octets ? octets->octets : std::string(utf8));
  }
  /// As many characters as make a line; one at least.
  std::size_t fitting(std::string_view utf8, std::size_t label, bool first) const {
    std::vector<std::size_t> ends;
    std::size_t at = 0;
    // No charset has more than three octets of UTF-8 in one of its own.
    const auto most = how_.charset.kind == CharsetKind::utf_8 ? how_.line : 3 * how_.line;
    while (at < utf8.size() && ends.size() <= how_.line && at <= most) {
      at += extended_ ? unit_size(utf8.substr(at)) : 1;
      ends.push_back(at);
    }
    if (ends.empty()) return 0;
    std::size_t low = 1, high = ends.size();
    while (low < high) {
      const auto middle = (low + high + 1) / 2;
      if (label + value(utf8.substr(0, ends[middle - 1]), first).size() + 2 <= how_.line) {
        low = middle;
      } else {
        high = middle - 1;
      }
    }
    return ends[low - 1];
  }
  FoldedField& field_;
  std::string_view name_;
  const ParameterEncoding& how_;
  bool extended_;
};

}  // namespace

void put_parameter(std::string& field, std::string_view name, std::string_view utf8,
                   const ParameterEncoding& given) {
  auto how = given;
  how.line = std::clamp<std::size_t>(how.line, 40, 998);
  FoldedField folded(field, how.line);
  const bool is_plain = plain(utf8);
  if (token(utf8) && name.size() + utf8.size() + 3 <= how.line && is_plain) {
    folded.put("", ";");
    folded.put(" ", std::string(name) + "=" + std::string(utf8));
  } else {
    if (!is_plain && how.style == ParameterStyle::rfc2047_too && (name == "name" || name == "filename")) {
      std::vector<std::string> unencodable;
      folded.put("", ";");
      folded.put(" ", std::string(name) + "=\"");
      folded.put_words("", utf8, {how.charset, WordEncoding::b, how.line}, unencodable);
      folded.put("", "\"");
    }
    PieceWriter(folded, name, how, !is_plain).write(utf8);
  }
  field = folded.take();
}

}  // namespace hikyaku::mime
