#include "table/query_format.h"

#include "base/escape.h"

namespace hikyaku::table {
namespace {

/// An address taken apart at its last '@'; without one, or with nothing before it, there is no domain.
struct Halves {
  std::string_view local;
  std::optional<std::string_view> domain;
};

Halves halves(std::string_view text) {
  const auto at = text.rfind('@');
  if (at == std::string_view::npos) return {text, std::nullopt};
  return {text.substr(0, at), text.substr(at + 1)};
}

/// The `number`th part of the domain from its end, from 1.
std::optional<std::string_view> part_of(std::string_view domain, int number) {
  for (; number > 1; --number) {
    const auto dot = domain.rfind('.');
    if (dot == std::string_view::npos) return std::nullopt;
    domain = domain.substr(0, dot);
  }
  const auto dot = domain.rfind('.');
  const auto part = dot == std::string_view::npos ? domain : domain.substr(dot + 1);
  if (part.empty()) return std::nullopt;
  return part;
}

std::optional<std::string_view> stands_for(char form, std::string_view value, std::string_view key) {
  const bool of_key = form == 'S' || form == 'U' || form == 'D';
  const auto text = of_key ? key : value;
  switch (form) {
    case 's':
    case 'S':
      return text;
    case 'u':
    case 'U': {
      const auto local = halves(text).local;
      if (local.empty()) return std::nullopt;
      return local;
    }
    case 'd':
    case 'D':
      return halves(text).domain;
    default: {
      const auto domain = halves(key).domain;
      return domain ? part_of(*domain, form - '0') : std::nullopt;
    }
  }
}

}  // namespace

Result<QueryFormat> QueryFormat::parse(std::string_view text) {
  QueryFormat made;
  Part literal;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      literal.text += text[i];
      continue;
    }
    const char form = ++i < text.size() ? text[i] : '\0';
    if (form == '%') {
      literal.text += '%';
      continue;
    }
    if (form == '\0' || std::string_view("sudSUD123456789").find(form) == std::string_view::npos) {
      return fail(Fault::malformed, "'" + escaped(text.substr(i - 1, 2)) + "' at column " +
                                        std::to_string(i) + " of \"" + escaped(text, 200) +
                                        "\": after '%' stands one of % s u d S U D 1 to 9");
    }
    if (!literal.text.empty()) made.parts_.push_back(std::exchange(literal, {}));
    made.parts_.push_back({form, {}});
    if (form != 's' && form != 'S' && form != 'u' && form != 'U') made.needs_domain_ = true;
  }
  if (!literal.text.empty()) made.parts_.push_back(std::move(literal));
  return made;
}

std::optional<std::string> QueryFormat::fill(std::string_view value, std::string_view key,
                                             const Quote& quote) const {
  std::string out;
  for (const auto& part : parts_) {
    if (part.form == 0) {
      out += part.text;
      continue;
    }
    const auto text = stands_for(part.form, value, key);
    if (!text) return std::nullopt;
    out += quote(*text);
  }
  return out;
}

}  // namespace hikyaku::table
