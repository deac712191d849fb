#include "greylist/format.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace hikyaku::greylist {
namespace {

constexpr std::size_t kTimeLimit = 1024;  // octets of what a %T gives

std::string_view bare(std::string_view address) {
  if (address.starts_with('<')) address.remove_prefix(1);
  if (address.ends_with('>')) address.remove_suffix(1);
  return address;
}
std::string_view before(std::string_view text, char mark) { return text.substr(0, text.find(mark)); }
std::string_view behind(std::string_view text, char mark) {
  const auto at = text.find(mark);
  return at == std::string_view::npos ? text : text.substr(at + 1);
}

std::string strftime_text(const std::string& format, const std::tm& time) {
  // An empty result and one that does not fit look the same: a mark in front makes the first one longer.
  std::string out(kTimeLimit, '\0');
  out.resize(std::strftime(out.data(), out.size(), (">" + format).c_str(), &time));
  return out.empty() ? out : out.substr(1);
}

/// "+0900"
std::string offset_text(const std::tm& time) {
  const auto minutes = time.tm_gmtoff / 60;
  std::array<char, 16> out{};
  std::snprintf(out.data(), out.size(), "%c%02ld%02ld", minutes < 0 ? '-' : '+',
                std::labs(minutes) / 60 % 100, std::labs(minutes) % 60);
  return out.data();
}

/// milter-greylist turns round what stands between dots: an IPv6 address stays as it is.
std::string turned_round(const table::Ip& ip) {
  if (ip.family() == table::Ip::Family::v6) return ip.text();
  auto out = ip.reversed();
  out.pop_back();
  return out;
}

class Expansion {
 public:
  Expansion(const Facts& facts, const FormatContext& context, const Encode& encode)
      : facts_(facts), context_(context), encode_(encode) {}

  std::string run(std::string_view format) {
    while (!format.empty() && out_.size() < kExpandedLimit) {
      const auto percent = format.find('%');
      out_ += format.substr(0, percent);
      if (percent == std::string_view::npos) break;
      format.remove_prefix(percent + 1);
      const auto length = sequence(format);
      if (length == 0) out_ += '%';
      format.remove_prefix(length);
    }
    if (out_.size() > kExpandedLimit) out_.resize(kExpandedLimit);
    return std::move(out_);
  }

 private:
  void put(std::string_view value) {
    if (encode_) {
      out_ += encode_(value);
    } else {
      out_ += value;
    }
  }
  std::size_t put(std::string_view value, std::size_t length) {
    put(value);
    return length;
  }

  /// Puts in what the sequence that `rest` begins with is worth. Returns its length without the percent sign;
  /// 0: it is none.
  std::size_t sequence(std::string_view rest) {
    if (rest.empty()) return 0;
    const char next = rest.size() > 1 ? rest[1] : '\0';
    switch (rest[0]) {
      case '%':
        out_ += '%';
        return 1;
      case 'h':
        return put(facts_.helo, 1);
      case 'd':
        return put(facts_.client_name, 1);
      case 'f':
        return put(bare(facts_.sender), 1);
      case 'r':
        return put(bare(facts_.recipient), 1);
      case 'm':
        return part(
            next, [](std::string_view address) { return before(address, '@'); },
            [](std::string_view name) { return before(name, '.'); });
      case 's':
        return part(
            next, [](std::string_view address) { return behind(address, '@'); },
            [](std::string_view name) { return behind(name, '.'); });
      case 'i':
        return put(facts_.client ? facts_.client->text() : "", 1);
      case 'j':
        return put(facts_.client ? turned_round(*facts_.client) : "", 1);
      case 'I':
        return network(rest);
      case 'D':
        return put(joined(context_.dnsrbls), 1);
      case 'C':
        return put(facts_.country, 1);
      case 'v':
        return put(context_.version, 1);
      case 'V':
        return put(signature(), 1);
      case 'G':
        return put(offset_text(facts_.local_time), 1);
      case 'E':
        return duration(context_.elapsed, next);
      case 'R':
        return duration(context_.remaining, next);
      case 't':
        return put(std::to_string(context_.tarpit.count()), 1);
      default:
        return longer_sequence(rest, next);
    }
  }

  std::size_t longer_sequence(std::string_view rest, char next) {
    switch (rest[0]) {
      case 'X':
        return reply(next);
      case 'Q':
        return checks(next);
      case 'H':
        return next == 's' ? 2 : 0;  // of spamd, which is retired
      case 'F':
        return next == 'x' ? 2 : 0;  // of p0f, which is
      case 'g':
        return group(rest);
      case 'T':
        return time(rest);
      case 'M':
        return macro(rest);
      case 'S':
        return put(status(), 1);
      case 'A':
        return put(context_.matched != nullptr ? line_of(*context_.matched) : "(none)", 1);
      case 'a':
        return put(context_.matched != nullptr ? name_of(*context_.matched) : "", 1);
      case 'c':
        if (next == 'A') return put(context_.current != nullptr ? line_of(*context_.current) : "(none)", 2);
        if (next == 'a') return put(context_.current != nullptr ? name_of(*context_.current) : "", 2);
        return 0;
      case 'p':
        return property(next);
      case 'P':
        return property_by_name(rest);
      default:
        return 0;
    }
  }

  template <class OfAddress, class OfName>
  std::size_t part(char of, OfAddress of_address, OfName of_name) {
    if (of == 'r') return put(of_address(bare(facts_.recipient)), 2);
    if (of == 'f') return put(of_address(bare(facts_.sender)), 2);
    if (of == 'd') return put(of_name(facts_.client_name), 2);
    return 0;
  }

  /// "I{/24}"
  std::size_t network(std::string_view rest) {
    const auto close = rest.find('}');
    if (!rest.starts_with("I{/") || close == std::string_view::npos) return 0;
    const auto digits = rest.substr(3, close - 3);
    unsigned prefix = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), prefix);
    if (error != std::errc() || end != digits.data() + digits.size()) return 0;
    if (!facts_.client || prefix > facts_.client->bits()) return close + 1;
    return put(facts_.client->masked(prefix).text(), close + 1);
  }

  std::size_t duration(std::chrono::seconds value, char unit) {
    const auto seconds = value.count();
    std::array<char, 64> text{};
    switch (unit) {
      case 'h':
        return put(std::to_string(seconds / 3600), 2);
      case 'm':
        return put(std::to_string(seconds / 60 % 60), 2);
      case 's':
        return put(std::to_string(seconds % 60), 2);
      case 't':
        return put(std::to_string(seconds), 2);
      default:
        std::snprintf(text.data(), text.size(), "%02lld:%02lld:%02lld",
                      static_cast<long long>(seconds / 3600), static_cast<long long>(seconds / 60 % 60),
                      static_cast<long long>(seconds % 60));
        return put(text.data(), 1);
    }
  }

  std::size_t reply(char which) {
    switch (which) {
      case 'm':
        return put(context_.message, 2);
      case 'c':
        return put(context_.code, 2);
      case 'e':
        return put(context_.ecode, 2);
      case 'h':
        return put(context_.report, 2);
      default:
        return 0;
    }
  }

  std::size_t checks(char which) {
    switch (which) {
      case 's':
        return put(context_.spf_result, 2);
      case 'd':
        return put(context_.dkim_result, 2);
      case 'A':
        return put(authentication_results(), 2);
      case 'S':
        return put(context_.received_spf, 2);
      default:
        return 0;
    }
  }

  /// The value of an Authentication-Results header (RFC 8601).
  std::string authentication_results() const {
    std::string out = host_name();
    if (!context_.spf_result.empty())
      out.append(";\r\n\tspf=")
          .append(context_.spf_result)
          .append(" smtp.mailfrom=")
          .append(bare(facts_.sender));
    if (!context_.dkim_result.empty()) {
      out.append(";\r\n\tdkim=").append(context_.dkim_result);
      if (!context_.dkim_domain.empty()) out.append(" header.d=").append(context_.dkim_domain);
    }
    if (context_.spf_result.empty() && context_.dkim_result.empty()) out += "; none";
    return out;
  }

  std::string host_name() const { return std::string(facts_.macro("j").value_or(context_.host_name)); }

  std::string signature() const {
    std::string address(facts_.macro("{if_addr}").value_or(""));
    if (address.empty()) address = context_.local_address.empty() ? "0.0.0.0" : context_.local_address;
    return context_.product + " (" + host_name() + " [" + address + "]); " +
           strftime_text("%a, %d %b %Y %T", facts_.local_time) + " " + offset_text(facts_.local_time) + " (" +
           strftime_text("%Z", facts_.local_time) + ")";
  }

  /// "g{\1}"
  std::size_t group(std::string_view rest) {
    const auto close = rest.find('}');
    if (!rest.starts_with("g{\\") || close == std::string_view::npos) return 0;
    const auto digits = rest.substr(3, close - 3);
    std::size_t number = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (error != std::errc() || end != digits.data() + digits.size()) return 0;
    if (number == 0 || number > context_.groups.size()) return close + 1;
    return put(context_.groups[number - 1], close + 1);
  }

  /// "T{%Y-%m-%d}"
  std::size_t time(std::string_view rest) {
    const auto close = rest.find('}');
    if (!rest.starts_with("T{") || close == std::string_view::npos) return 0;
    return put(strftime_text(std::string(rest.substr(2, close - 2)), facts_.local_time), close + 1);
  }

  /// "Mj" or "M{name}"
  std::size_t macro(std::string_view rest) {
    if (rest.size() < 2) return 0;
    std::size_t length = 2;
    if (rest[1] == '{') {
      const auto close = rest.find('}');
      if (close == std::string_view::npos) return 0;
      length = close + 1;
    }
    return put(facts_.macro(rest.substr(1, length - 1)).value_or(""), length);
  }

  std::size_t property(char which) {
    const auto& one = context_.property;
    switch (which) {
      case 'r':
        return put(one ? one->recipient : "", 2);
      case 'n':
        return put(one ? one->name : "", 2);
      case 'v':
        return put(one ? one->value : "", 2);
      default:
        return 0;
    }
  }

  /// "P{name}"
  std::size_t property_by_name(std::string_view rest) {
    const auto close = rest.find('}');
    if (!rest.starts_with("P{") || close == std::string_view::npos) return 0;
    if (context_.properties != nullptr)
      put(context_.properties->find(rest.substr(2, close - 2)).value_or(""));
    return close + 1;
  }

  std::string_view status() const {
    switch (context_.status) {
      case FormatContext::Status::accept:
        return "accept";
      case FormatContext::Status::tempfail:
        return "tempfail";
      case FormatContext::Status::reject:
        return "reject";
      case FormatContext::Status::unknown:
        break;
    }
    return "";
  }

  static std::string line_of(const Rule& rule) { return std::to_string(rule.last_line); }
  static std::string name_of(const Rule& rule) { return rule.id.empty() ? line_of(rule) : rule.id; }
  static std::string joined(const std::vector<std::string>& names) {
    std::string out;
    for (const auto& name : names) out.append(out.empty() ? "" : ",").append(name);
    return out;
  }

  const Facts& facts_;
  const FormatContext& context_;
  const Encode& encode_;
  std::string out_;
};

bool octal(char c) { return c >= '0' && c <= '7'; }

/// The octet that `digits` name, if they name one.
std::optional<char> octet(std::string_view digits, int base) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
  if (digits.empty() || error != std::errc() || end != digits.data() + digits.size() || value == 0 ||
      value > 255)
    return std::nullopt;
  return static_cast<char>(value);
}

}  // namespace

std::string expand(std::string_view format, const Facts& facts, const FormatContext& context,
                   const Encode& encode) {
  return Expansion(facts, context, encode).run(format);
}

std::string unescaped(std::string_view text) {
  constexpr std::string_view kLetters = "abfnrtv", kMeanings = "\a\b\f\n\r\t\v";
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      out += text[i];
      continue;
    }
    const char c = text[++i];
    const auto letter = kLetters.find(c);
    std::size_t digits = 0;
    std::optional<char> value;
    if (c == 'x') {
      digits = 2;
      value = octet(text.substr(i + 1, 2), 16);
    } else if (octal(c)) {
      while (digits < 2 && i + 1 + digits < text.size() && octal(text[i + 1 + digits])) ++digits;
      value = octet(text.substr(i, digits + 1), 8);
    }
    if (value) {
      out += *value;
      i += digits;
    } else {
      out += letter == std::string_view::npos ? c : kMeanings[letter];
    }
  }
  return out;
}

}  // namespace hikyaku::greylist
