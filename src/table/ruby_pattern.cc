#include "table/ruby_pattern.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/escape.h"

namespace hikyaku::table {
namespace {

constexpr std::size_t kLongestPattern = 65536;
constexpr std::uint32_t kMatchSteps = 1'000'000, kMatchDepth = 10'000, kMatchHeap = 4096;  // heap: KiB

std::string error_text(int code) {
  std::array<PCRE2_UCHAR, 256> text{};
  pcre2_get_error_message(code, text.data(), text.size());
  return reinterpret_cast<const char*>(text.data());
}

/// Writes a pattern of Ruby as PCRE2 reads it, where the two differ.
class Translation {
 public:
  explicit Translation(std::string_view source) : source_(source) {}

  Result<std::string> all() {
    while (at_ < source_.size()) {
      if (source_[at_] == '\\') {
        escape();
      } else if (source_[at_] == '[') {
        if (auto done = character_class(); !done) return std::unexpected(done.error());
      } else if (source_.substr(at_).starts_with("(?")) {
        group_options();
      } else {
        out_ += source_[at_++];
      }
    }
    return std::move(out_);
  }

 private:
  void escape() {
    if (at_ + 1 == source_.size()) {
      out_ += source_[at_++];
      return;
    }
    const char what = source_[at_ + 1];
    at_ += 2;
    // \h is a blank to PCRE2.
    if (what == 'h' || what == 'H') {
      out_ += in_class_ ? (what == 'h' ? "[:xdigit:]" : "[:^xdigit:]")
                        : (what == 'h' ? "[[:xdigit:]]" : "[^[:xdigit:]]");
      return;
    }
    out_ += '\\';
    out_ += what;
  }

  Result<void> character_class() {
    const auto begin = at_;
    in_class_ = true;
    out_ += source_[at_++];
    if (at_ < source_.size() && source_[at_] == '^') out_ += source_[at_++];
    while (at_ < source_.size() && source_[at_] != ']') {
      if (source_[at_] == '\\') {
        escape();
        continue;
      }
      if (source_.substr(at_).starts_with("[:")) {
        const auto end = source_.find(":]", at_);
        if (end != std::string_view::npos) {
          out_ += source_.substr(at_, end + 2 - at_);
          at_ = end + 2;
          continue;
        }
      }
      // A class within a class and "&&" mean sets to Ruby, and octets to PCRE2.
      if (source_[at_] == '[' || source_.substr(at_).starts_with("&&"))
        return fail(Fault::malformed, "at octet " + std::to_string(at_ + 1) +
                                          ": sets of character classes can't be had here; write one class "
                                          "for the one that begins at octet " +
                                          std::to_string(begin + 1));
      out_ += source_[at_++];
    }
    if (at_ < source_.size()) out_ += source_[at_++];
    in_class_ = false;
    return {};
  }

  // (?m:...) lets '.' match newlines, which PCRE2 calls s. All else behind "(?" is the same.
  void group_options() {
    auto end = at_ + 2;
    while (end < source_.size() && std::string_view("imx-").find(source_[end]) != std::string_view::npos)
      ++end;
    const bool options = end < source_.size() && (source_[end] == ':' || source_[end] == ')');
    for (; at_ < end; ++at_) out_ += options && source_[at_] == 'm' ? 's' : source_[at_];
  }

  std::string_view source_;
  std::size_t at_ = 0;
  bool in_class_ = false;
  std::string out_;
};

struct FreeContext {
  void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
};
struct FreeData {
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
};

}  // namespace

Result<RubyPattern> RubyPattern::compile(std::string_view source, Options options) {
  const auto refuse = [&](const std::string& why) {
    return fail(Fault::malformed,
                "the regular expression /" + escaped(source, 200) + "/ can't be read: " + why);
  };
  if (source.size() > kLongestPattern)
    return refuse("it is longer than " + std::to_string(kLongestPattern) + " octets");
  const auto translated = Translation(source).all();
  if (!translated) return refuse(translated.error().text);
  std::uint32_t flags = PCRE2_MULTILINE | PCRE2_NEVER_UTF;
  if (options.ignore_case) flags |= PCRE2_CASELESS;
  if (options.dot_newline) flags |= PCRE2_DOTALL;
  if (options.extended) flags |= PCRE2_EXTENDED;
  int code = 0;
  PCRE2_SIZE offset = 0;
  auto* compiled = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(translated->c_str()), translated->size(), flags,
                                 &code, &offset, nullptr);
  if (compiled == nullptr) return refuse("at octet " + std::to_string(offset) + ": " + error_text(code));
  RubyPattern pattern;
  pattern.source_ = source;
  pattern.options_ = options;
  pattern.code_ = std::shared_ptr<const pcre2_code>(
      compiled, [](const pcre2_code* gone) { pcre2_code_free(const_cast<pcre2_code*>(gone)); });
  return pattern;
}

Result<std::optional<RubyPattern::Groups>> RubyPattern::match(std::string_view subject,
                                                              std::size_t offset) const {
  if (offset > subject.size()) return std::nullopt;
  const std::unique_ptr<pcre2_match_context, FreeContext> context(pcre2_match_context_create(nullptr));
  const std::unique_ptr<pcre2_match_data, FreeData> data(
      pcre2_match_data_create_from_pattern(code_.get(), nullptr));
  if (!context || !data) return fail(Fault::permanent, text() + ": no memory is left for the match");
  pcre2_set_match_limit(context.get(), kMatchSteps);
  pcre2_set_depth_limit(context.get(), kMatchDepth);
  pcre2_set_heap_limit(context.get(), kMatchHeap);
  const char* octets = subject.empty() ? "" : subject.data();
  const int count = pcre2_match(code_.get(), reinterpret_cast<PCRE2_SPTR>(octets), subject.size(), offset, 0,
                                data.get(), context.get());
  if (count == PCRE2_ERROR_NOMATCH) return std::nullopt;
  if (count < 0)
    return fail(Fault::permanent, text() + ": the match of \"" + escaped(subject, 100) +
                                      "\" was given up: " + error_text(count));
  const auto* places = pcre2_get_ovector_pointer(data.get());
  Groups groups(pcre2_get_ovector_count(data.get()));
  for (std::size_t group = 0; group < static_cast<std::size_t>(count); ++group)
    if (places[2 * group] != PCRE2_UNSET) {
      const auto end = places[2 * group + 1];
      groups[group] = {std::min(places[2 * group], end), end};  // \K can begin a match behind its end
    }
  return groups;
}

std::vector<std::pair<std::string, unsigned>> RubyPattern::names() const {
  std::uint32_t count = 0, size = 0;
  PCRE2_SPTR entries = nullptr;
  pcre2_pattern_info(code_.get(), PCRE2_INFO_NAMECOUNT, &count);
  pcre2_pattern_info(code_.get(), PCRE2_INFO_NAMEENTRYSIZE, &size);
  pcre2_pattern_info(code_.get(), PCRE2_INFO_NAMETABLE, &entries);
  std::vector<std::pair<std::string, unsigned>> names;
  for (std::uint32_t entry = 0; entry < count; ++entry, entries += size)
    names.emplace_back(reinterpret_cast<const char*>(entries + 2), unsigned{entries[0]} << 8 | entries[1]);
  return names;
}

std::string RubyPattern::text() const {
  // A backslash is no harm to a line, and most patterns have one.
  std::string out = "/";
  for (std::size_t at = 0;; ++at) {
    const auto end = source_.find('\\', at);
    out += escaped(std::string_view(source_).substr(at, end - at), 200);
    if (end == std::string::npos || out.size() > 500) break;
    out += '\\';
    at = end;
  }
  out += '/';
  if (options_.dot_newline) out += 'm';
  if (options_.ignore_case) out += 'i';
  if (options_.extended) out += 'x';
  return out;
}

}  // namespace hikyaku::table
