#include "cmd/base64_command.h"

#include <fmt/format.h>
#include <sysexits.h>

#include <charconv>
#include <cstdio>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/base64_stream.h"
#include "base/escape.h"
#include "cmd/command_line.h"
#include "cmd/octet_stream.h"
#include "cmd/parallel_base64.h"

namespace hikyaku::cmd {
namespace {

constexpr std::string_view kName = "hikyaku base64";

struct Options {
  std::string operand, input;
  std::string output = "-";
  bool decode = false, decode_as_bsd = false, encode = false;
  bool short_i = false, ignore_garbage = false;
  std::string wrap = "76", line_break;
  bool one_line = false, crlf = false, url = false, no_padding = false;
};

constexpr std::string_view kFooter =
    "-i: with -d, GNU's: garbage is ignored (and told on stderr). With -D and a file behind it, BSD's: it\n"
    "names the input, and garbage is refused. --ignore-garbage and --input say which in both.\n"
    "openssl's -in and -out are taken for --input and --output. --wrap, --break and -A have no effect with "
    "-d.\n"
    "\n"
    "Decoding takes line ends (LF, CRLF) anywhere, text without its padding, and padded texts one behind "
    "the\n"
    "other. All else is refused with its offset; what stands before has been written then.\n"
    "\n"
    "  hikyaku base64 -b 72 < 1.zip > 1.b64\n"
    "  hikyaku base64 -D 1.b64 > 2.zip\n"
    "  printf 'username\\0username\\0password' | hikyaku base64\n"
    "\n"
    "Exit codes: 0 done; 64 usage; 65 the text is not base64; 66 no input; 73 the output can't be made;\n"
    "74 reading or writing failed.";

/// openssl's names of files, and BSD's -iFILE, which the option parser would take for letters: -out would be
/// -o with the value "ut".
class ForeignSpellings {
 public:
  /// Puts ours in their place, which live as long as this. Not empty: what is refused, and what to write.
  std::string replace_in(std::span<char*> arguments) {
    bool is_value = true;  // the first is the name of the program
    for (auto& argument : arguments) {
      if (std::exchange(is_value, false)) continue;
      const std::string_view word = argument;
      if (word == "--") break;
      if (auto refusal = misread(word); !refusal.empty()) return refusal;
      is_value = wants_value(word);
      if (word == "-in") argument = input_.data();
      if (word == "-out") argument = output_.data();
    }
    return {};
  }

 private:
  static constexpr std::string_view kValued = "owb";  // letters with a value, in the same word or the next

  static bool wants_value(std::string_view word) {
    if (word == "-in" || word == "-out") return true;
    if (word.starts_with("--")) {
      return word == "--output" || word == "--input" || word == "--wrap" || word == "--break";
    }
    return word.starts_with('-') && word.find_first_of(kValued) == word.size() - 1;
  }

  static std::string misread(std::string_view word) {
    if (word.starts_with("-in=") || word.starts_with("-out=")) {
      const auto name = word.substr(0, word.find('='));
      return fmt::format("{} stands by itself: write {} FILE", escaped(word), name);
    }
    if (!word.starts_with('-') || word.starts_with("--") || word == "-in") return {};
    const auto letters = word.substr(0, word.find_first_of(kValued));
    const auto alien = letters.find_first_not_of("edDiAuh", 1);
    if (alien == letters.npos || letters.find('i') > alien) return {};
    return fmt::format("{}: a file's name stands by itself: write -i FILE", escaped(word));
  }

  std::string input_ = "--input", output_ = "--output";
};

void declare(CommandLine& app, Options& options) {
  app.option("file", &options.operand, "what to read; none or -: the standard input");
  app.flag("-e,--encode", options.encode, "encode: this is done without any option");
  app.flag("-d,--decode", options.decode, "decode");
  app.flag("-D", options.decode_as_bsd, "decode, as on BSD and macOS");
  app.flag("-i", options.short_i,
           "with -d: --ignore-garbage; before a file: no more than its name (see below)");
  app.flag("--ignore-garbage", options.ignore_garbage,
           "decode what is of the alphabet, pass over the rest, and tell how much that was");
  app.option("-w,--wrap", &options.wrap, "characters in a line; 0: all in one line, without a line end");
  app.option("-b,--break", &options.line_break, "the same, as on BSD and macOS", {.without = "--wrap"});
  app.flag("-A", options.one_line, "all in one line, as openssl's");
  app.flag("--crlf", options.crlf, "lines end in CRLF, as in mail");
  app.flag("-u,--url", options.url, "the alphabet for URLs and file names: - and _ for + and /");
  app.flag("--no-padding", options.no_padding, "without = at the end");
  app.option("--input", &options.input, "what to read");
  app.option("-o,--output", &options.output, "where to write; -: the standard output");
  app.footer(kFooter);
}

int usage(std::string_view text) {
  fmt::print(stderr, "{}: {}\n", kName, text);
  return EX_USAGE;
}

class Work {
 public:
  Work(const Options& options, OctetSource source, OctetSink sink)
      : options_(options), source_(std::move(source)), sink_(std::move(sink)) {}

  int encode(std::size_t line_length) {
    ParallelBase64Encoder encoder(
        {.alphabet = alphabet(),
         .padding = options_.no_padding ? Base64Format::Padding::left_out : Base64Format::Padding::written,
         .line_length = line_length,
         .line_end = options_.crlf ? Base64Format::LineEnd::crlf : Base64Format::LineEnd::lf});
    std::string behind;
    while (true) {
      const auto octets = source_.read(OctetSource::kWindow);
      if (!octets) return failed(octets.error());
      if (octets->empty()) break;
      encoder.feed(*octets, out_, behind);
      for (auto* const text : {&out_, &behind}) {
        if (const auto written = write(*text); !written) return failed(written.error());
      }
    }
    encoder.end(out_);
    return finish();
  }

  int decode(Base64Rules::Garbage garbage) {
    Base64Decoder decoder({.alphabet = alphabet(), .garbage = garbage});
    std::uint64_t before = 0;  // octets of the pieces that went before
    while (true) {
      const auto text = source_.read();
      if (!text) return failed(text.error());
      const auto done = text->empty() ? decoder.end(out_) : decoder.feed(*text, out_);
      if (const auto written = write(out_); !written) return failed(written.error());
      if (!done) return refused(done.error(), *text, before);
      if (text->empty()) break;
      before += text->size();
    }
    tell_dropped("octets", {decoder.ignored(), decoder.first_ignored()});
    tell_dropped("last digits' bits that belong to no octet", decoder.unused_bits());
    tell_dropped("pieces' want of a second '='", decoder.half_padded());
    return finish();
  }

 private:
  Base64Alphabet alphabet() const { return options_.url ? Base64Alphabet::url : Base64Alphabet::standard; }

  Result<void> write(std::string& text) {
    auto written = sink_.write(text);
    text.clear();
    return written;
  }

  void tell_dropped(std::string_view what, const Base64Decoder::Found& found) const {
    if (found.count == 0) return;
    fmt::print(stderr, "{}: {}: ignored {} {}, the first of them at offset {}\n", kName,
               escaped(source_.name()), found.count, what, found.first);
  }

  int finish() {
    if (const auto written = write(out_); !written) return failed(written.error());
    if (const auto closed = sink_.close(); !closed) return failed(closed.error());
    return EX_OK;
  }

  int failed(const Error& error) {
    fmt::print(stderr, "{}: {}\n", kName, error.text);
    return EX_IOERR;
  }

  int refused(const Base64Fault& fault, std::string_view piece, std::uint64_t before) {
    std::string octet = "what stands";
    std::string advice;
    if (fault.offset >= before && fault.offset - before < piece.size()) {
      const auto found = piece[fault.offset - before];
      octet = fmt::format("'{}' (0x{:02x})", escaped({&found, 1}), static_cast<unsigned char>(found));
      if (fault.kind == Base64Fault::Kind::alien) advice = what_helps(found);
    }
    if (fault.kind == Base64Fault::Kind::incomplete && piece.empty()) octet = "the end";
    fmt::print(stderr, "{}: {}: {} at offset {} {}{}; the {} octets before it were written\n", kName,
               escaped(source_.name()), octet, fault.offset, text(fault.kind), advice, sink_.written());
    return EX_DATAERR;
  }

  std::string what_helps(char found) const {
    const std::string_view others = options_.url ? "+/" : "-_";
    if (others.find(found) == others.npos) return " (--ignore-garbage passes over such)";
    return options_.url ? " of -u (without -u it is)" : " (with -u it is)";
  }

  const Options& options_;
  OctetSource source_;
  OctetSink sink_;
  std::string out_;
};

std::optional<std::size_t> line_length(const Options& options, const CommandLine& app) {
  if (options.one_line) return 0;
  const auto& text = app.given("--break") ? options.line_break : options.wrap;
  std::size_t length = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), length);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return length;
}

/// Empty: it does not.
std::string contradiction(const Options& options, const CommandLine& app) {
  const bool decode = options.decode || options.decode_as_bsd;
  if (decode && options.encode) return "-e and -d ask for opposite things";
  if (decode && options.crlf) return "--crlf is for encoding: decoding takes both line ends by itself";
  if (decode && options.no_padding) return "--no-padding is for encoding: decoding needs none by itself";
  if (options.one_line && (app.given("--wrap") || app.given("--break"))) {
    return "-A asks for one line, --wrap and --break for several: give one";
  }
  if (!options.operand.empty() && !options.input.empty()) {
    return "--input and " + escaped(options.operand) + " name two files to read: give one";
  }
  return {};
}

int run(const Options& options, const CommandLine& app) {
  if (const auto refusal = contradiction(options, app); !refusal.empty()) return usage(refusal);
  const bool decode = options.decode || options.decode_as_bsd;
  const auto length = line_length(options, app);
  if (!length) return usage("the length of a line is a number: 0 or more characters");
  const auto& path = !options.input.empty() ? options.input : options.operand;
  auto source = OctetSource::open(path.empty() ? "-" : path);
  if (!source) {
    fmt::print(stderr, "{}: {}\n", kName, source.error().text);
    return EX_NOINPUT;
  }
  auto sink = OctetSink::open(options.output, *source);
  if (!sink) {
    fmt::print(stderr, "{}: {}\n", kName, sink.error().text);
    return EX_CANTCREAT;
  }
  Work work(options, std::move(*source), std::move(*sink));
  if (!decode) return work.encode(*length);
  // BSD's -i names the file behind it: who writes so has not asked for garbage to be passed over.
  const bool names_the_file = options.decode_as_bsd && !options.operand.empty();
  const bool ignore = options.ignore_garbage || (options.short_i && !names_the_file);
  return work.decode(ignore ? Base64Rules::Garbage::ignored : Base64Rules::Garbage::refused);
}

}  // namespace

int base64_command(int argc, char** argv) {
  Options options;
  CommandLine app{kName,
                  "Base64 of any octets, and back, as they are: no text conversion. By the options of GNU's\n"
                  "base64 and of the one of BSD and macOS."};
  declare(app, options);
  ForeignSpellings spellings;
  const auto refusal = spellings.replace_in({argv, static_cast<std::size_t>(argc)});
  if (!refusal.empty()) return usage(refusal);
  if (const auto end = app.parse(argc, argv)) return *end;
  return run(options, app);
}

}  // namespace hikyaku::cmd
