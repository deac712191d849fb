#define PCRE2_CODE_UNIT_WIDTH 8
#include "probe/script_pattern.h"

#include <pcre2.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <optional>

#include "base/base64.h"
#include "base/escape.h"

namespace hikyaku::probe {
namespace {

constexpr std::uint32_t kMatchSteps = 1'000'000, kMatchDepth = 10'000, kMatchHeap = 4096;  // heap: KiB
constexpr std::string_view kBase64 = "base64:";
constexpr std::size_t kMostOctets = std::size_t{1} << 20;
constexpr const char* kTooLong = "the text is longer than 1 MiB";

std::unexpected<Error> refuse(std::string text) { return fail(Fault::malformed, std::move(text)); }

bool is_name(std::string_view name) {
  if (name.empty() || name.size() > 64 || (name.front() >= '0' && name.front() <= '9')) return false;
  return name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") ==
         std::string_view::npos;
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/// The octet that an escape stands for, and its size; nullopt: it is none.
std::optional<std::pair<char, std::size_t>> read_escape(std::string_view text) {
  static constexpr std::string_view kLetters = "rnt0\\$";
  static constexpr std::string_view kOctets("\r\n\t\0\\$", 6);
  if (text.size() < 2) return std::nullopt;
  if (const auto at = kLetters.find(text[1]); at != std::string_view::npos)
    return std::pair(kOctets[at], std::size_t{2});
  if (text[1] != 'x' || text.size() < 4 || hex_value(text[2]) < 0 || hex_value(text[3]) < 0)
    return std::nullopt;
  return std::pair(static_cast<char>(hex_value(text[2]) << 4 | hex_value(text[3])), std::size_t{4});
}

struct FreeCode {
  void operator()(pcre2_code* code) const { pcre2_code_free(code); }
};
struct FreeData {
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
};
struct FreeContext {
  void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
};
using Code = std::unique_ptr<pcre2_code, FreeCode>;

const PCRE2_UCHAR* octets(std::string_view text) { return reinterpret_cast<const PCRE2_UCHAR*>(text.data()); }

Result<Code> compile(const std::string& pattern) {
  int error = 0;
  PCRE2_SIZE at = 0;
  Code code(pcre2_compile(octets(pattern), pattern.size(), PCRE2_NEVER_BACKSLASH_C | PCRE2_NEVER_UTF, &error,
                          &at, nullptr));
  if (code != nullptr) return code;
  std::array<PCRE2_UCHAR, 256> text{};
  pcre2_get_error_message(error, text.data(), text.size());
  return refuse(std::string(reinterpret_cast<const char*>(text.data())) + " at octet " +
                std::to_string(at + 1) + " of the pattern");
}

/// `text` as a pattern for itself.
std::string literal(std::string_view text) {
  static constexpr std::string_view kSpecial = "\\^$.[|()?*+{}#-]";
  std::string out;
  for (const char c : text) {
    if (kSpecial.find(c) != std::string_view::npos) out += '\\';
    if (c == '\0') {
      out += "\\x00";
    } else {
      out += c;
    }
  }
  return out;
}

std::string of_wildcards(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '*') {
      out += ".*";
    } else if (text[i] == '\\' && i + 1 < text.size() && (text[i + 1] == '*' || text[i + 1] == '\\')) {
      out += literal(text.substr(++i, 1));
    } else {
      out += literal(text.substr(i, 1));
    }
  }
  return out;
}

/// The pattern of PCRE2; variables without a value are empty when there are no `values`.
Result<std::string> whole(const ScriptText& text, ScriptPattern::Kind kind, const ScriptValues* values) {
  const bool wildcard = kind == ScriptPattern::Kind::wildcard;
  std::string out = wildcard ? "(?s)\\A" : "";
  for (const auto& piece : text.pieces) {
    if (!piece.variable) {
      out += wildcard ? of_wildcards(piece.text) : piece.text;
    } else if (values != nullptr) {
      const auto found = values->find(piece.text);
      if (found == values->end())
        return fail(Fault::not_found, "the variable " + piece.text + " has no value yet");
      out += literal(piece.base64 ? base64_encode(found->second.text) : found->second.text);
      if (out.size() > kMostOctets) return fail(Fault::permanent, kTooLong);
    }
  }
  return wildcard ? out + "\\z" : out;
}

void take_names(const pcre2_code* code, pcre2_match_data* data, std::string_view line,
                ScriptValues& captured) {
  std::uint32_t count = 0, size = 0;
  PCRE2_SPTR table = nullptr;
  pcre2_pattern_info(code, PCRE2_INFO_NAMECOUNT, &count);
  pcre2_pattern_info(code, PCRE2_INFO_NAMEENTRYSIZE, &size);
  pcre2_pattern_info(code, PCRE2_INFO_NAMETABLE, &table);
  const auto* offsets = pcre2_get_ovector_pointer(data);
  for (std::uint32_t i = 0; i < count; ++i, table += size) {
    const auto group = static_cast<std::size_t>(table[0] << 8 | table[1]);
    const auto begin = offsets[2 * group], end = offsets[2 * group + 1];
    if (begin == PCRE2_UNSET || end < begin) continue;
    captured[reinterpret_cast<const char*>(table + 2)] = {std::string(line.substr(begin, end - begin)),
                                                          false};
  }
}

}  // namespace

Result<ScriptText> ScriptText::parse(std::string_view text, bool escapes) {
  ScriptText parsed;
  parsed.written = text;
  std::string plain;
  const auto finish = [&] {
    if (!plain.empty()) parsed.pieces.push_back({std::move(plain), false, false});
    plain.clear();
  };
  while (!text.empty()) {
    if (escapes && text.front() == '\\') {
      const auto escape = read_escape(text);
      if (!escape) return refuse("a backslash needs r, n, t, 0, $, xHH or another one behind it");
      plain += escape->first;
      text.remove_prefix(escape->second);
    } else if (text.starts_with("${")) {
      const auto end = text.find('}');
      if (end == std::string_view::npos) return refuse("'${' lacks its '}'");
      auto name = text.substr(2, end - 2);
      const bool base64 = name.starts_with(kBase64);
      if (base64) name.remove_prefix(kBase64.size());
      if (!is_name(name)) return refuse("'" + escaped(name) + "' is no name of a variable");
      finish();
      parsed.pieces.push_back({std::string(name), true, base64});
      text.remove_prefix(end + 1);
    } else {
      plain += text.front();
      text.remove_prefix(1);
    }
  }
  finish();
  return parsed;
}

Result<std::string> ScriptText::filled(const ScriptValues& values, std::size_t& secret_from) const {
  std::string out;
  secret_from = std::string::npos;
  for (const auto& piece : pieces) {
    if (!piece.variable) {
      out += piece.text;
      continue;
    }
    const auto found = values.find(piece.text);
    if (found == values.end())
      return fail(Fault::not_found, "the variable " + piece.text + " has no value yet");
    if (found->second.secret) secret_from = std::min(secret_from, out.size());
    out += piece.base64 ? base64_encode(found->second.text) : found->second.text;
    if (out.size() > kMostOctets) return fail(Fault::permanent, kTooLong);
  }
  return out;
}

struct ScriptPattern::Compiled {
  Code code;
};

Result<ScriptPattern> ScriptPattern::parse(std::string_view text, Kind kind) {
  auto parsed = ScriptText::parse(text, false);
  if (!parsed) return std::unexpected(parsed.error());
  ScriptPattern pattern;
  pattern.kind_ = kind;
  pattern.text_ = *std::move(parsed);
  const auto source = whole(pattern.text_, kind, nullptr);
  auto code = compile(*source);
  if (!code) return std::unexpected(code.error());
  if (std::ranges::none_of(pattern.text_.pieces, &ScriptText::Piece::variable))
    pattern.compiled_ = std::make_shared<const Compiled>(*std::move(code));
  return pattern;
}

Result<bool> ScriptPattern::matches(std::string_view line, const ScriptValues& values,
                                    ScriptValues& captured) const {
  Code own;
  if (compiled_ == nullptr) {
    const auto source = whole(text_, kind_, &values);
    if (!source) return std::unexpected(source.error());
    auto code = compile(*source);
    if (!code) return std::unexpected(code.error());
    own = *std::move(code);
  }
  const auto* code = compiled_ == nullptr ? own.get() : compiled_->code.get();
  const std::unique_ptr<pcre2_match_context, FreeContext> context(pcre2_match_context_create(nullptr));
  const std::unique_ptr<pcre2_match_data, FreeData> data(pcre2_match_data_create_from_pattern(code, nullptr));
  if (context == nullptr || data == nullptr) return fail(Fault::permanent, "no memory for a match");
  pcre2_set_match_limit(context.get(), kMatchSteps);
  pcre2_set_depth_limit(context.get(), kMatchDepth);
  pcre2_set_heap_limit(context.get(), kMatchHeap);
  const int found = pcre2_match(code, octets(line), line.size(), 0, 0, data.get(), context.get());
  if (found == PCRE2_ERROR_NOMATCH) return false;
  if (found < 0) return fail(Fault::permanent, "the pattern takes too much work on this line");
  take_names(code, data.get(), line, captured);
  return true;
}

}  // namespace hikyaku::probe
