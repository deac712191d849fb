#include "policy/dnsbl.h"

#include <algorithm>
#include <charconv>

namespace hikyaku::policy {
namespace {

std::optional<unsigned> read_octet(std::string_view text) {
  unsigned number = 0;
  const auto* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || stop != end || number > 255) return std::nullopt;
  return number;
}

/// Takes what stands before the next `separator` off the front.
std::string_view take_until(std::string_view& text, char separator) {
  const auto end = std::min(text.find(separator), text.size());
  const auto part = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return part;
}

/// One part of a filter: "2" or "[2;4..6]". nullopt: malformed.
std::optional<bool> part_holds(std::string_view part, unsigned octet) {
  if (!part.starts_with('[')) {
    const auto wanted = read_octet(part);
    if (!wanted) return std::nullopt;
    return *wanted == octet;
  }
  if (!part.ends_with(']') || part.size() < 3) return std::nullopt;
  bool holds = false;
  for (auto rest = part.substr(1, part.size() - 2); !rest.empty();) {
    const auto item = take_until(rest, ';');
    const auto dots = item.find("..");
    const auto low = read_octet(item.substr(0, dots));
    const auto high = dots == std::string_view::npos ? low : read_octet(item.substr(dots + 2));
    if (!low || !high || *low > *high) return std::nullopt;
    holds = holds || (octet >= *low && octet <= *high);
  }
  return holds;
}

/// The next of the four parts; ".." within brackets does not end it.
std::string_view take_part(std::string_view& filter) {
  std::size_t end = 0;
  if (filter.starts_with('[')) end = std::min(filter.find(']'), filter.size() - 1) + 1;
  end = std::min(filter.find('.', end), filter.size());
  const auto part = filter.substr(0, end);
  filter.remove_prefix(std::min(end + 1, filter.size()));
  return part;
}

std::optional<bool> matches(std::string_view filter, std::string_view address) {
  bool holds = true;
  for (int i = 0; i < 4; ++i) {
    if (filter.empty()) return std::nullopt;
    const auto octet = read_octet(take_until(address, '.'));
    const auto part = part_holds(take_part(filter), octet.value_or(0));
    if (!part) return std::nullopt;
    holds = holds && octet && *part;
  }
  if (!filter.empty()) return std::nullopt;
  return holds;
}

class Expander {
 public:
  using Value = std::function<std::optional<std::string>(std::string_view)>;
  explicit Expander(const Value& value) : value_(value) {}

  std::optional<std::string> expand(std::string_view text, unsigned depth) {
    constexpr unsigned kDeepest = 20;
    if (depth > kDeepest) return std::nullopt;
    std::string out;
    while (!text.empty()) {
      const auto dollar = std::min(text.find('$'), text.size());
      out += text.substr(0, dollar);
      text.remove_prefix(dollar);
      if (text.empty()) break;
      text.remove_prefix(1);
      if (text.starts_with('$')) {
        out += '$';
        text.remove_prefix(1);
      } else if (text.starts_with('{') || text.starts_with('(')) {
        const auto size = group_size(text);
        if (size == 0) return std::nullopt;
        const auto part = conditional(text.substr(1, size - 2), depth);
        if (!part) return std::nullopt;
        out += *part;
        text.remove_prefix(size);
      } else {
        const auto size = name_size(text);
        const auto one = size == 0 ? std::nullopt : value_(text.substr(0, size));
        if (!one) return std::nullopt;
        out += *one;
        text.remove_prefix(size);
      }
    }
    return out;
  }

 private:
  static std::size_t name_size(std::string_view text) {
    return static_cast<std::size_t>(std::find_if(text.begin(), text.end(),
                                                 [](char c) {
                                                   return !((c >= 'a' && c <= 'z') ||
                                                            (c >= 'A' && c <= 'Z') ||
                                                            (c >= '0' && c <= '9') || c == '_');
                                                 }) -
                                    text.begin());
  }
  /// Octets of the group that `text` begins with, with its brackets; 0: it is not closed.
  static std::size_t group_size(std::string_view text) {
    const char open = text.front(), close = open == '{' ? '}' : ')';
    unsigned depth = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] == open) ++depth;
      if (text[i] == close && --depth == 0) return i + 1;
    }
    return 0;
  }
  std::optional<std::string> conditional(std::string_view inside, unsigned depth) {
    const auto size = name_size(inside);
    auto value = size == 0 ? std::nullopt : value_(inside.substr(0, size));
    if (!value) return std::nullopt;
    auto rest = inside.substr(size);
    if (rest.empty()) return value;
    const char mark = rest.front();
    rest.remove_prefix(1);
    if (mark == ':') return value->empty() ? expand(without_braces(rest), depth + 1) : std::string();
    if (mark != '?') return std::nullopt;
    if (!rest.starts_with('{')) return value->empty() ? std::string() : expand(rest, depth + 1);
    const auto yes = group_size(rest);
    if (yes == 0) return std::nullopt;
    if (!value->empty()) return expand(rest.substr(1, yes - 2), depth + 1);
    rest.remove_prefix(yes);
    if (rest.empty()) return std::string();
    return rest.front() == ':' ? expand(without_braces(rest.substr(1)), depth + 1) : std::nullopt;
  }
  static std::string_view without_braces(std::string_view text) {
    return text.starts_with('{') && group_size(text) == text.size() ? text.substr(1, text.size() - 2) : text;
  }

  const Value& value_;
};

}  // namespace

bool matches_filter(std::string_view filter, std::string_view address) {
  return matches(filter, address).value_or(false);
}
bool is_filter(std::string_view filter) { return matches(filter, "127.0.0.1").has_value(); }

std::optional<std::string> expand_template(
    std::string_view text, const std::function<std::optional<std::string>(std::string_view)>& value) {
  return Expander(value).expand(text, 0);
}

}  // namespace hikyaku::policy
