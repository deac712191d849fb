#include "config/validate.h"

#include <algorithm>
#include <string>
#include <vector>

#include "config/logical_lines.h"
#include "config/spelling.h"

namespace hikyaku::config {
namespace {

/// One parameter's value under test.
struct Subject {
  std::string_view name;
  const SourceText& value;
  Diagnostics& diagnostics;

  bool fault(std::size_t at, const std::string& text) const {
    const auto place = value.place(at);
    diagnostics.add({.level = Diagnostic::Level::error,
                     .where = place.origin,
                     .column = place.column,
                     .text = std::string(name) + ": " + text});
    return false;
  }
};

std::string quoted(std::string_view text) {
  constexpr std::size_t kShown = 60;
  return '"' + std::string(text.substr(0, kShown)) + (text.size() > kShown ? "..." : "") + '"';
}

std::vector<std::string_view> split_words(std::string_view text) {
  std::vector<std::string_view> words;
  while (!text.empty()) {
    const auto end = std::min(text.find(' '), text.size());
    if (end > 0) words.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return words;
}

bool check_boolean(const Subject& subject) {
  const std::string_view text = subject.value.text();
  if (read_boolean(text)) return true;
  const bool meant_yes = text == "true" || text == "on" || text == "1" || text == "y";
  const bool meant_no = text == "false" || text == "off" || text == "0" || text == "n";
  return subject.fault(0, quoted(text) + " is neither yes nor no" +
                              (meant_yes ? "; write yes" : (meant_no ? "; write no" : "")));
}

bool check_number(const Subject& subject, Kind kind) {
  const auto number = read_integer(subject.value.text());
  if (!number) {
    return subject.fault(0, quoted(subject.value.text()) + " is not a number" +
                                (kind == Kind::size ? " of octets, as 10240000 (without k or m)" : ""));
  }
  if (kind == Kind::size && *number < 0) return subject.fault(0, "octets can't be less than 0");
  return true;
}

bool check_duration(const Subject& subject, char unit) {
  if (read_duration(subject.value.text(), unit)) return true;
  return subject.fault(
      0, quoted(subject.value.text()) +
             " is not a time: write a number and s, m, h, d or w without a blank between, as 30s or 5d "
             "(at most 68 years)");
}

bool check_word(const Subject& subject, std::string_view word, std::size_t at, std::string_view known) {
  const auto words = split_words(known);
  if (std::ranges::find(words, word) != words.end()) return true;
  const auto near = nearest(word, words);
  std::string text = quoted(word) + " is not known here";
  if (!near.empty()) {
    text += "; did you mean " + std::string(near) + "?";
  } else {
    text += "; it may be";
    for (const auto candidate : words)
      text += (candidate == words.front() ? " " : ", ") + std::string(candidate);
  }
  return subject.fault(at, text);
}

/// A table: type:name. Types are letters and digits.
bool check_table(const Subject& subject, std::string_view element, std::size_t at) {
  const auto colon = element.find(':');
  const auto type = element.substr(0, colon);
  const bool named =
      colon != std::string_view::npos && !type.empty() && std::ranges::all_of(type, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
      });
  if (named && colon + 1 < element.size()) return true;
  if (named) return subject.fault(at, "the table " + quoted(element) + " has no name: write type:name");
  return subject.fault(
      at, "the table " + quoted(element) + " has no type: write type:name, as hash:" +
              (element.starts_with('/') ? std::string(element.substr(0, 200)) : "/etc/postfix/table"));
}

template <class Check>
bool check_elements(const Subject& subject, Check check) {
  const std::string_view text = subject.value.text();
  bool good = true;
  for (std::size_t at = text.find_first_not_of(kListSeparators); at != std::string_view::npos;) {
    const auto end = element_end(text, at);
    const auto element = text.substr(at, end - at);
    if (std::ranges::count(element, '{') > std::ranges::count(element, '}') && end == text.size()) {
      return subject.fault(at + element.find('{'), "\"{\" is not closed");
    }
    good = check(element, at) && good;
    at = text.find_first_not_of(kListSeparators, end);
  }
  return good;
}

}  // namespace

std::size_t element_end(std::string_view text, std::size_t begin) {
  std::size_t level = 0;
  for (auto at = begin; at < text.size(); ++at) {
    if (text[at] == '{') {
      ++level;
    } else if (text[at] == '}' && level > 0) {
      --level;
    } else if (level == 0 && kListSeparators.contains(text[at])) {
      return at;
    }
  }
  return text.size();
}

bool validate(std::string_view name, const Parameter& parameter, const SourceText& value,
              Diagnostics& diagnostics) {
  const Subject subject{name, value, diagnostics};
  const auto known = known_words(parameter.name);
  switch (parameter.kind) {
    case Kind::raw:
      return true;
    case Kind::text:
      return known.empty() || value.empty() || check_word(subject, value.text(), 0, known);
    case Kind::boolean:
      return check_boolean(subject);
    case Kind::integer:
    case Kind::size:
      return check_number(subject, parameter.kind);
    case Kind::duration:
      return check_duration(subject, parameter.unit);
    case Kind::list:
      return check_elements(subject, [&](std::string_view element, std::size_t at) {
        return known.empty() || check_word(subject, element, at, known);
      });
    case Kind::maps:
      return check_elements(subject, [&](std::string_view element, std::size_t at) {
        return check_table(subject, element, at);
      });
  }
  return true;
}

}  // namespace hikyaku::config
