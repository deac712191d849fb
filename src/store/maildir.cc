#include "store/maildir.h"

#include <algorithm>
#include <charconv>

namespace hikyaku::store {
namespace {

constexpr std::int64_t kLatest = 253'402'300'799;  // 9999-12-31T23:59:59Z

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
bool same(std::string_view a, std::string_view b) { return std::ranges::equal(a, b, {}, lower, lower); }

void read_letter(char letter, MaildirName& name) {
  switch (letter) {
    case 'D':
      name.flags.draft = true;
      break;
    case 'F':
      name.flags.flagged = true;
      break;
    case 'P':
      name.passed = true;
      break;
    case 'R':
      name.flags.answered = true;
      break;
    case 'S':
      name.flags.seen = true;
      break;
    case 'T':
      name.flags.deleted = true;
      break;
    default:
      if (letter >= 'a' && letter <= 'z' && name.letters.find(letter) == std::string::npos)
        name.letters += letter;
  }
}

}  // namespace

MaildirName MaildirName::parse(std::string_view file_name) {
  MaildirName name;
  std::int64_t seconds = 0;
  const auto* const end = file_name.data() + file_name.size();
  const auto [after, error] = std::from_chars(file_name.data(), end, seconds);
  // Names from elsewhere may be numbers of another kind.
  if (error == std::errc{} && after != end && *after == '.' && seconds > 0 && seconds <= kLatest)
    name.received = Time{std::chrono::seconds{seconds}};
  constexpr std::string_view kInfo = ":2,";
  const auto info = file_name.rfind(kInfo);
  if (info == std::string_view::npos) return name;
  for (const char letter : file_name.substr(info + kInfo.size())) {
    if (letter == ',') break;
    read_letter(letter, name);
  }
  return name;
}

MaildirKeywords MaildirKeywords::parse(std::string_view file) {
  MaildirKeywords keywords;
  while (!file.empty()) {
    auto line = file.substr(0, file.find('\n'));
    file.remove_prefix(std::min(line.size() + 1, file.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    const auto space = line.find(' ');
    if (space == std::string_view::npos) continue;
    std::size_t place = 0;
    const auto [end, error] = std::from_chars(line.data(), line.data() + space, place);
    if (error != std::errc{} || end != line.data() + space || place >= keywords.words_.size()) continue;
    const auto word = line.substr(space + 1);
    if (record::Keywords valid; valid.add(word)) keywords.words_[place] = word;
  }
  return keywords;
}

std::string MaildirKeywords::text() const {
  std::string out;
  for (std::size_t i = 0; i < words_.size(); ++i) {
    if (!words_[i].empty()) out.append(std::to_string(i)).append(" ").append(words_[i]).append("\n");
  }
  return out;
}

const std::string& MaildirKeywords::word(char letter) const {
  static const std::string kNone;
  if (letter < 'a' || letter > 'z') return kNone;
  return words_[static_cast<std::size_t>(letter - 'a')];
}

std::optional<char> MaildirKeywords::letter(std::string_view word) {
  std::optional<std::size_t> free;
  for (std::size_t i = 0; i < words_.size(); ++i) {
    if (same(words_[i], word)) return static_cast<char>('a' + i);
    if (words_[i].empty() && !free) free = i;
  }
  if (!free) return std::nullopt;
  words_[*free] = word;
  return static_cast<char>('a' + *free);
}

}  // namespace hikyaku::store
