#pragma once
#include <compare>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/origin.h"
#include "config/diagnostic.h"

namespace hikyaku::config {

/// Text that knows where each part of it was written.
class SourceText {
 public:
  struct Place {
    Origin origin;
    unsigned column = 0;  ///< from 1; 0 if not known
  };

  SourceText() = default;
  /// Built-in text, without a place.
  explicit SourceText(std::string text) : text_(std::move(text)) {}

  /// `text` stands at `place`, octet after octet.
  void append(std::string_view text, Place place);
  /// A part of another text, with its places.
  void append(const SourceText& other, std::size_t begin, std::size_t size);
  void append(const SourceText& other) { append(other, 0, other.text().size()); }
  /// Cuts white space at the end.
  void trim_end();

  const std::string& text() const { return text_; }
  bool empty() const { return text_.empty(); }
  Place place(std::size_t offset) const;
  /// The place of the first octet, also of an empty text that was put somewhere.
  Place begin() const { return marks_.empty() ? Place{} : marks_.front().place; }

 private:
  struct Mark {
    std::size_t offset;
    Place place;
  };
  std::string text_;
  std::vector<Mark> marks_;  // by offset; each holds until the next
};

/// What expand() asks about a name.
class Names {
 public:
  virtual ~Names() = default;
  /// The value before expansion; nullptr if there is none. Must stay valid for the whole expansion.
  virtual const SourceText* find(std::string_view name) const = 0;
};

/// Puts the values of other parameters into `raw` (postconf(5)): $name ${name} $(name) ${name?text}
/// ${name:text}
/// ${name?{a}:{b}} ${{a} op {b} ? {c} : {d}} with op == != < <= >= > and the same followed by "level"; $$ is
/// $. An unknown name is empty. Pure. `name` is the parameter whose value `raw` is. A fault in `raw` (a brace
/// that is not closed, a bad operator, `name` as a part of its own value, a value longer than kLongestValue,
/// more than 10,000 references, nesting deeper than 100) is added to `diagnostics` with its place, and the
/// result is nullopt. A fault in the text of another parameter gives nullopt too, and is told when that one
/// is expanded; a circle of names is told once, for the name that sorts first. Each name that `raw` itself
/// refers to is added to `referenced`, which may be null.
std::optional<SourceText> expand(std::string_view name, const SourceText& raw, const Names& names,
                                 Diagnostics& diagnostics, std::vector<std::string>* referenced = nullptr);

inline constexpr std::size_t kLongestValue = 1024 * 1024;

/// Compares two compatibility levels, "3.6" and "2". A level is one to three numbers with dots between them;
/// nullopt if one is malformed.
std::optional<std::strong_ordering> compare_levels(std::string_view left, std::string_view right);

}  // namespace hikyaku::config
