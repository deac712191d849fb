#include "probe/script.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "base/escape.h"
#include "probe/words.h"

namespace hikyaku::probe {
namespace {

using Kind = ScriptStep::Kind;

std::unexpected<Error> refuse(std::string text) { return fail(Fault::malformed, std::move(text)); }

Result<std::chrono::milliseconds> parse_time(std::string_view text) {
  constexpr long kMost = 24L * 3600 * 1000;
  long count = 0;
  const auto* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, count);
  const std::string_view unit(stop, static_cast<std::size_t>(end - stop));
  const long factor = unit == "ms" ? 1 : unit == "s" ? 1000 : unit == "m" ? 60'000 : 0;
  if (error != std::errc() || factor == 0 || count <= 0 || count > kMost / factor)
    return refuse("'" + escaped(text) + "' is no time: 500ms, 5s, 1m");
  return std::chrono::milliseconds(count * factor);
}

constexpr std::array<std::pair<std::string_view, Kind>, 8> kDirectives{{{"starttls", Kind::start_tls},
                                                                        {"tls", Kind::handshake},
                                                                        {"auth", Kind::authenticate},
                                                                        {"set", Kind::set},
                                                                        {"secret", Kind::secret},
                                                                        {"timeout", Kind::timeout},
                                                                        {"closed", Kind::closed},
                                                                        {"quiet", Kind::quiet}}};

/// Takes the next word off the front.
std::string_view take_word(std::string_view& rest) {
  const auto word = word_at(rest, 0);
  rest.remove_prefix(behind(word));
  if (rest.starts_with(' ')) rest.remove_prefix(1);
  return word.text;
}

Result<void> read_secret(std::string_view text, SecretPlace& into) {
  auto place = SecretPlace::parse(text);
  if (!place) return std::unexpected(place.error());
  into = *std::move(place);
  return {};
}

Result<void> read_text(std::string_view text, ScriptText& into) {
  auto parsed = ScriptText::parse(text, true);
  if (!parsed) return std::unexpected(parsed.error());
  into = *std::move(parsed);
  return {};
}

/// The name of a variable is what "${name}" would take.
Result<void> read_name(std::string_view name, std::string& into) {
  const auto text = ScriptText::parse("${" + std::string(name) + '}', false);
  if (!text || name.find(':') != std::string_view::npos)
    return refuse("'" + escaped(name) + "' is no name of a variable");
  into = name;
  return {};
}

Result<void> read_authentication(std::string_view rest, ScriptStep& step) {
  step.name = upper(take_word(rest));
  const auto user = take_word(rest);
  const auto secret = take_word(rest);
  const auto last = take_word(rest);
  step.refused = last == "refused";
  if (step.name.empty() || secret.empty() || !rest.empty() || !(last.empty() || step.refused))
    return refuse("@ auth needs MECHANISM USER file:PATH, or env:NAME, and perhaps 'refused'");
  if (auto read = read_text(user, step.text); !read) return read;
  return read_secret(secret, step.secret);
}

Result<void> read_directive(std::string_view rest, ScriptStep& step) {
  const auto name = take_word(rest);
  const auto found = std::ranges::find(kDirectives, name, [](const auto& pair) { return pair.first; });
  if (found == kDirectives.end())
    return refuse("there is no '@ " + escaped(name) +
                  "'; starttls, tls, auth, set, secret, timeout, closed, quiet");
  step.kind = found->second;
  if (step.kind == Kind::authenticate) return read_authentication(rest, step);
  if (step.kind == Kind::timeout || step.kind == Kind::quiet) {
    const auto time = parse_time(rest);
    if (!time) return std::unexpected(time.error());
    step.time = *time;
    return {};
  }
  if (step.kind == Kind::set || step.kind == Kind::secret) {
    const auto variable = take_word(rest);
    if (auto read = read_name(variable, step.name); !read) return read;
    return step.kind == Kind::set ? read_text(rest, step.text) : read_secret(rest, step.secret);
  }
  if (!rest.empty()) return refuse("@ " + escaped(name) + " takes nothing behind it");
  return {};
}

Result<void> read_pattern(std::string_view rest, ScriptPattern::Kind kind, ScriptStep& step) {
  auto pattern = ScriptPattern::parse(rest, kind);
  if (!pattern) return std::unexpected(pattern.error());
  step.pattern = *std::move(pattern);
  return {};
}

Result<void> read_step(std::string_view line, ScriptStep& step) {
  step.written = line;
  if (line == "@" || line.starts_with("@ "))
    return read_directive(line.substr(std::min<std::size_t>(2, line.size())), step);
  const auto mark = line.substr(0, 2);
  auto rest = line.substr(mark.size());
  if (rest.starts_with(' ')) rest.remove_prefix(1);
  static constexpr std::array<std::pair<std::string_view, Kind>, 7> kMarks{{{"C:", Kind::send},
                                                                            {"C|", Kind::send_octets},
                                                                            {"S:", Kind::expect},
                                                                            {"S~", Kind::expect},
                                                                            {"S*", Kind::expect_all},
                                                                            {"S+", Kind::answer_has},
                                                                            {"S-", Kind::answer_lacks}}};
  const auto found = std::ranges::find(kMarks, mark, [](const auto& pair) { return pair.first; });
  if (found == kMarks.end())
    return refuse("a line begins with C: C| S: S~ S* S+ S- @ or #, and not with '" + escaped(mark) + "'");
  step.kind = found->second;
  if (step.kind == Kind::send || step.kind == Kind::send_octets) return read_text(rest, step.text);
  return read_pattern(rest, mark == "S~" ? ScriptPattern::Kind::regex : ScriptPattern::Kind::wildcard, step);
}

}  // namespace

Result<SecretPlace> SecretPlace::parse(std::string_view text) {
  SecretPlace place;
  if (text.starts_with("file:")) {
    place.name = text.substr(5);
  } else if (text.starts_with("env:")) {
    place.kind = Kind::environment;
    place.name = text.substr(4);
  }
  if (place.name.empty()) return refuse("'" + escaped(text) + "' names no secret: file:PATH or env:NAME");
  return place;
}

Result<Script> Script::parse(std::string_view text) {
  if (text.size() > kLongest) return refuse("a script has at most 1 MiB");
  Script script;
  std::string about;
  bool in_comment = false;
  int number = 0;
  while (!text.empty()) {
    ++number;
    const auto end = std::min(text.find('\n'), text.size());
    auto line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.starts_with('#')) {
      line.remove_prefix(std::min(line.find_first_not_of("# "), line.size()));
      about = in_comment && !about.empty() ? about + ' ' + std::string(line) : std::string(line);
      in_comment = true;
      continue;
    }
    in_comment = false;
    if (line.empty()) continue;
    ScriptStep step;
    step.line = number;
    step.about = about;
    if (auto read = read_step(line, step); !read)
      return refuse("line " + std::to_string(number) + ": " + read.error().text);
    if (script.steps_.size() == kMostSteps) return refuse("a script has at most 10000 steps");
    script.steps_.push_back(std::move(step));
  }
  return script;
}

}  // namespace hikyaku::probe
