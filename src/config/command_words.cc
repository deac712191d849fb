#include "config/command_words.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace hikyaku::config {
namespace {

constexpr std::string_view kBlanks = " \t\n";
constexpr std::string_view kEscapedInQuotes = "$`\"\\";

class Splitter {
 public:
  explicit Splitter(std::string_view text) : rest_(text) {}

  Result<std::vector<std::string>> split() {
    while (!rest_.empty()) {
      const char octet = rest_.front();
      rest_.remove_prefix(1);
      if (kBlanks.find(octet) != std::string_view::npos) {
        end_word();
      } else if (octet == '#' && !word_) {
        rest_.remove_prefix(std::min(rest_.find('\n'), rest_.size()));
      } else if (octet == '\'' || octet == '"') {
        if (auto read = octet == '"' ? quoted() : literal(); !read) return std::unexpected(read.error());
      } else if (octet == '\\') {
        if (rest_.empty()) return fail(Fault::malformed, "nothing stands behind the last \\");
        if (rest_.front() != '\n') word() += rest_.front();
        rest_.remove_prefix(1);
      } else {
        word() += octet;
      }
    }
    end_word();
    return std::move(words_);
  }

 private:
  std::string& word() { return word_ ? *word_ : word_.emplace(); }
  void end_word() {
    if (word_) words_.push_back(*std::move(word_));
    word_.reset();
  }

  Result<void> literal() {
    const auto end = rest_.find('\'');
    if (end == std::string_view::npos) return fail(Fault::malformed, "a ' is not closed");
    word() += rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    return {};
  }
  Result<void> quoted() {
    word();
    while (!rest_.empty()) {
      const char octet = rest_.front();
      rest_.remove_prefix(1);
      if (octet == '"') return {};
      if (octet == '\\' && rest_.starts_with('\n')) {
        rest_.remove_prefix(1);
      } else if (octet == '\\' && !rest_.empty() &&
                 kEscapedInQuotes.find(rest_.front()) != std::string_view::npos) {
        word() += rest_.front();
        rest_.remove_prefix(1);
      } else {
        word() += octet;
      }
    }
    return fail(Fault::malformed, "a \" is not closed");
  }

  std::string_view rest_;
  std::optional<std::string> word_;
  std::vector<std::string> words_;
};

}  // namespace

Result<std::vector<std::string>> command_words(std::string_view text) {
  // Also within quotes: no program could be given it.
  if (text.find('\0') != std::string_view::npos) return fail(Fault::malformed, "it has a NUL");
  return Splitter(text).split();
}

}  // namespace hikyaku::config
