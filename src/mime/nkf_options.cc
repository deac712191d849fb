#include "mime/nkf_options.h"

#include <algorithm>
#include <array>

#include "base/escape.h"

namespace hikyaku::mime {
namespace {

using std::operator""sv;

constexpr std::string_view kMark8 = "\xef\xbb\xbf"sv, kMark16Big = "\xfe\xff"sv, kMark16Little = "\xff\xfe"sv,
                           kMark32Big = "\0\0\xfe\xff"sv, kMark32Little = "\xff\xfe\0\0"sv;

std::unexpected<Error> refused(std::string_view option,
                               std::string_view why = "is nkf's, and is not supported here") {
  return fail(Fault::malformed, escaped(option) + " " + std::string(why));
}

Charset known(std::string_view label) { return charset_by_label(label).value_or(kUtf8); }

struct LongOption {
  std::string_view name, letters;  // what it is in letters; empty: not supported
};
constexpr std::array kLongOptions{LongOption{"jis", "j"},          LongOption{"euc", "e"},
                                  LongOption{"sjis", "s"},         LongOption{"utf8", "w"},
                                  LongOption{"utf16", "w16"},      LongOption{"jis-input", "J"},
                                  LongOption{"euc-input", "E"},    LongOption{"sjis-input", "S"},
                                  LongOption{"utf8-input", "W"},   LongOption{"utf16-input", "W16"},
                                  LongOption{"mime", "M"},         LongOption{"base64", "MB"},
                                  LongOption{"mime-input", "m"},   LongOption{"base64-input", "mB"},
                                  LongOption{"unix", "Lu"},        LongOption{"mac", "sLm"},
                                  LongOption{"windows", "sLw"},    LongOption{"msdos", "sLw"},
                                  LongOption{"fj", "jm"},          LongOption{"hiragana", "h1"},
                                  LongOption{"katakana", "h2"},    LongOption{"katakana-hiragana", "h3"},
                                  LongOption{"x0212", ""},         LongOption{"cp932", " "},
                                  LongOption{"fb-skip", ""},       LongOption{"fb-html", ""},
                                  LongOption{"fb-xml", ""},        LongOption{"fb-perl", ""},
                                  LongOption{"fb-java", ""},       LongOption{"fb-subchar", ""},
                                  LongOption{"cap-input", ""},     LongOption{"url-input", ""},
                                  LongOption{"numchar-input", ""}, LongOption{"no-cp932", ""},
                                  LongOption{"no-cp932ext", ""},   LongOption{"no-best-fit-chars", ""},
                                  LongOption{"ms-ucs-map", " "},   LongOption{"in-place", ""},
                                  LongOption{"overwrite", ""},     LongOption{"prefix", ""},
                                  LongOption{"exec-in", ""},       LongOption{"exec-out", ""}};

class Reader {
 public:
  explicit Reader(NkfOptions& options) : options_(options) {}
  Result<void> long_option(std::string_view argument);
  Result<void> letters(std::string_view letters);

 private:
  bool charset_letter(char letter);
  bool take(std::string_view text) {
    if (!rest_.starts_with(text)) return false;
    rest_.remove_prefix(text.size());
    return true;
  }
  Result<void> letter(char letter);
  void unicode(bool output);
  void set(bool output, Charset charset, std::string_view mark);
  Result<void> mime_input();
  Result<void> mime_output();
  Result<void> line_ends();
  Result<void> ascii_forms();
  void kana();
  void fold(bool keeps_line_ends);
  std::size_t number(std::size_t otherwise);
  Result<void> label(std::string_view argument, bool output);

  NkfOptions& options_;
  std::string_view rest_;
};

void Reader::set(bool output, Charset charset, std::string_view mark) {
  if (output)
    options_.output = NkfCharset{charset, mark};
  else
    options_.input = charset;
}

/// -w -w8 -w80 -w16 -w16B -w16B0 -w16L -w32 ...
void Reader::unicode(bool output) {
  if (take("16") || take("32")) {
    const bool wide = rest_.data()[-1] == '2';
    const bool little = take("L");
    if (!little) take("B");
    const bool plain = take("0");
    const auto name = wide ? (little ? "utf-32le" : "utf-32be") : (little ? "utf-16le" : "utf-16be");
    const auto mark = wide ? (little ? kMark32Little : kMark32Big) : (little ? kMark16Little : kMark16Big);
    // nkf writes a mark but for those with 0.
    return set(output, known(name), plain ? ""sv : mark);
  }
  const bool eight = take("8");
  const bool plain = take("0");
  set(output, kUtf8, eight && !plain ? kMark8 : ""sv);
}

Result<void> Reader::mime_input() {
  if (take("B")) {
    options_.decode = NkfOptions::Stream::base64;
  } else if (take("Q")) {
    options_.decode = NkfOptions::Stream::quoted_printable;
  } else if (take("0")) {
    options_.words = NkfOptions::Words::kept;
  } else {
    // Strict or not: words that are broken are read as they are meant.
    if (!take("N")) take("S");
    options_.words = NkfOptions::Words::decoded;
  }
  return {};
}

Result<void> Reader::mime_output() {
  if (take("B")) {
    options_.encode = NkfOptions::Stream::base64;
  } else if (take("Q")) {
    options_.encode = NkfOptions::Stream::quoted_printable;
  } else {
    options_.encode_words = true;
  }
  return {};
}

Result<void> Reader::line_ends() {
  if (take("u")) {
    options_.line_ends = LineEnds::Form::lf_of_all;
  } else if (take("w")) {
    options_.line_ends = LineEnds::Form::crlf;
  } else if (take("m")) {
    options_.line_ends = LineEnds::Form::cr;
  } else {
    return refused("-L", "wants u, w or m");
  }
  return {};
}

Result<void> Reader::ascii_forms() {
  if (take("4")) return refused("-Z4");
  options_.forms.narrow_ascii = true;
  if (take("1")) {
    options_.forms.blanks = JapaneseForms::Blanks::one;
  } else if (take("2")) {
    options_.forms.blanks = JapaneseForms::Blanks::two;
  } else if (take("3")) {
    options_.forms.html = true;
  } else {
    take("0");
  }
  return {};
}

void Reader::kana() {
  options_.forms.kana = JapaneseForms::Kana::hiragana;
  if (take("2")) {
    options_.forms.kana = JapaneseForms::Kana::katakana;
  } else if (take("3")) {
    options_.forms.kana = JapaneseForms::Kana::exchanged;
  } else {
    take("1");
  }
}

std::size_t Reader::number(std::size_t otherwise) {
  constexpr std::size_t kLargest = 1000;
  if (rest_.empty() || rest_.front() < '0' || rest_.front() > '9') return otherwise;
  std::size_t value = 0;
  for (; !rest_.empty() && rest_.front() >= '0' && rest_.front() <= '9'; rest_.remove_prefix(1))
    value = std::min(kLargest, value * 10 + static_cast<std::size_t>(rest_.front() - '0'));
  return value;
}

/// -f -f60 -f60-10
void Reader::fold(bool keeps_line_ends) {
  LineFolder::Options folding;
  folding.columns = number(folding.columns);
  if (take("-")) folding.margin = number(folding.margin);
  if (keeps_line_ends) folding.line_ends = LineFolder::LineEnds::kept;
  options_.fold = folding;
}

/// False: it is no letter of a charset.
bool Reader::charset_letter(char letter) {
  switch (letter) {
    case 'j':
    case 'n':
      set(true, kIso2022Jp, {});
      return true;
    case 's':
      set(true, kShiftJis, {});
      return true;
    case 'e':
      set(true, kEucJp, {});
      return true;
    case 'w':
      unicode(true);
      return true;
    case 'J':
    case 'B':
      set(false, kIso2022Jp, {});
      return true;
    case 'S':
      set(false, kShiftJis, {});
      return true;
    case 'E':
      set(false, kEucJp, {});
      return true;
    case 'W':
      unicode(false);
      return true;
    default:
      return false;
  }
}

Result<void> Reader::letter(char letter) {
  if (charset_letter(letter)) return {};
  switch (letter) {
    case 'b':
      return {};
    case 'u':
      options_.unbuffered = true;
      return {};
    case 't':
      options_.no_conversion = true;
      return {};
    case 'm':
      return mime_input();
    case 'M':
      return mime_output();
    case 'x':
      options_.forms.widen_kana = false;
      return {};
    case 'X':
      options_.forms.widen_kana = true;
      return {};
    case 'Z':
      return ascii_forms();
    case 'h':
      kana();
      return {};
    case 'L':
      return line_ends();
    case 'd':
      options_.line_ends = LineEnds::Form::lf_of_all;
      return {};
    case 'c':
      options_.line_ends = LineEnds::Form::crlf;
      return {};
    case 'g':
      options_.guess = NkfOptions::Guess::charset;
      return {};
    case 'v':
      options_.version = true;
      return {};
    case 'V':
      options_.version = true;
      return {};
    case ' ':
      return {};
    case 'f':
    case 'F':
      fold(letter == 'F');
      return {};
    case 'i':
    case 'o':
    case 'r':
    case 'l':
    case 'T':
    case 'I':
    case 'O':
    case 'a':
      return refused(std::string("-") + letter);
    default:
      return refused(std::string("-") + letter, "is no option of nkf");
  }
}

Result<void> Reader::letters(std::string_view letters) {
  rest_ = letters;
  while (!rest_.empty()) {
    const char next = rest_.front();
    rest_.remove_prefix(1);
    if (auto read = letter(next); !read) return read;
  }
  return {};
}

Result<void> Reader::label(std::string_view argument, bool output) {
  const auto name = argument.substr(argument.find('=') + 1);
  const auto charset = charset_by_label(name);
  if (!charset) return refused(argument, "names a charset that nobody knows");
  set(output, *charset, {});
  return {};
}

Result<void> Reader::long_option(std::string_view argument) {
  if (argument.starts_with("--ic=")) return label(argument, false);
  if (argument.starts_with("--oc=")) return label(argument, true);
  if (argument == "--help") {
    options_.help = true;
    return {};
  }
  if (argument == "--version") {
    options_.version = true;
    return {};
  }
  if (argument == "--guess" || argument == "--guess=2" || argument == "--guess=1") {
    options_.guess =
        argument == "--guess=1" ? NkfOptions::Guess::charset : NkfOptions::Guess::charset_and_line_end;
    return {};
  }
  const auto name = argument.substr(2, argument.find('=') - 2);
  for (const auto& option : kLongOptions)
    if (option.name == name)
      return option.letters.empty() ? Result<void>(refused(argument)) : letters(option.letters);
  return refused(argument, "is no option of nkf");
}

}  // namespace

Result<NkfOptions> NkfOptions::parse(const std::vector<std::string>& arguments) {
  NkfOptions options;
  Reader reader(options);
  bool ended = false;
  for (const auto& argument : arguments) {
    if (ended || argument.size() < 2 || argument[0] != '-') {
      options.files.push_back(argument);
      continue;
    }
    if (argument == "--") {
      ended = true;
      continue;
    }
    const auto read = argument[1] == '-' ? reader.long_option(argument)
                                         : reader.letters(std::string_view(argument).substr(1));
    if (!read) return std::unexpected(read.error());
  }
  return options;
}

}  // namespace hikyaku::mime
