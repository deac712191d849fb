#include "config/diagnostic.h"

#include <algorithm>

#include "base/escape.h"

namespace hikyaku::config {
namespace {

/// More than anybody reads; a bound on what a file full of faults costs.
constexpr std::size_t kMostDiagnostics = 1000;
/// A longer line is not shown.
constexpr std::size_t kLongestShownLine = 1000;

/// The columns of a terminal that the UTF-8 text takes: East Asian text takes two a character.
std::size_t width(std::string_view text) {
  std::size_t columns = 0;
  for (const char c : text) {
    const auto octet = static_cast<unsigned char>(c);
    if (octet >= 0xE3 && octet <= 0xEF) {
      columns += 2;
    } else if ((octet & 0xC0) != 0x80) {
      columns += 1;
    }
  }
  return columns;
}

/// Safe for a terminal, a tab as one blank so that the caret stands right.
std::string shown(std::string_view text) {
  std::string with_blanks(text);
  std::ranges::replace(with_blanks, '\t', ' ');
  return escaped(with_blanks, kLongestShownLine);
}

}  // namespace

void Diagnostics::keep_source(std::uint32_t file, std::string_view text) {
  auto& lines = sources_[file];
  lines.clear();
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    auto line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    lines.emplace_back(line);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

void Diagnostics::add(Diagnostic diagnostic) {
  failed_ = failed_ || diagnostic.level == Diagnostic::Level::error;
  if (all_.size() >= kMostDiagnostics && diagnostic.level != Diagnostic::Level::error) return;
  if (all_.size() >= 2 * kMostDiagnostics) return;
  // The views of several services read the same lines of main.cf, and defaults refer to what is written
  // there: one word about each place is enough.
  auto key = std::to_string(diagnostic.where.file) + ':' + std::to_string(diagnostic.where.line) + ':' +
             std::to_string(diagnostic.column) + ':' + std::string(config::text(diagnostic.level));
  if (diagnostic.column == 0 || diagnostic.where.built_in()) key += ':' + diagnostic.text;
  if (!seen_.insert(key).second) return;
  if (diagnostic.line.empty()) {
    const auto line = source_line(diagnostic.where);
    // A line that may hold a password is not repeated in a log.
    if (line.size() <= kLongestShownLine && !line.contains("password")) diagnostic.line = line;
  }
  all_.push_back(std::move(diagnostic));
}

void Diagnostics::error(Origin where, std::string text, std::string_view token) {
  add(Diagnostic::Level::error, where, std::move(text), token);
}
void Diagnostics::warning(Origin where, std::string text, std::string_view token) {
  add(Diagnostic::Level::warning, where, std::move(text), token);
}
void Diagnostics::note(Origin where, std::string text, std::string_view token) {
  add(Diagnostic::Level::note, where, std::move(text), token);
}

void Diagnostics::add(Diagnostic::Level level, Origin where, std::string text, std::string_view token) {
  Diagnostic diagnostic{.level = level, .where = where, .text = std::move(text)};
  if (!token.empty()) {
    const auto found = source_line(where).find(token);
    if (found != std::string_view::npos) diagnostic.column = static_cast<unsigned>(found + 1);
  }
  add(std::move(diagnostic));
}

std::string_view Diagnostics::source_line(Origin where) const {
  const auto found = sources_.find(where.file);
  if (where.built_in() || found == sources_.end()) return {};
  const auto& lines = found->second;
  return where.line >= 1 && where.line <= lines.size() ? std::string_view(lines[where.line - 1])
                                                       : std::string_view();
}

const Diagnostic* Diagnostics::first_error() const {
  const auto found = std::ranges::find(all_, Diagnostic::Level::error, &Diagnostic::level);
  return found == all_.end() ? nullptr : &*found;
}

std::string_view text(Diagnostic::Level level) {
  switch (level) {
    case Diagnostic::Level::note:
      return "note";
    case Diagnostic::Level::warning:
      return "warning";
    case Diagnostic::Level::error:
      return "error";
  }
  return "?";
}

std::string text(const Diagnostic& diagnostic, const SourceCatalogue& sources) {
  std::string out;
  if (!diagnostic.where.built_in()) {
    out = diagnostic.where.line == 0 ? sources.file(diagnostic.where) : sources.text(diagnostic.where);
    if (diagnostic.column > 0) out += ':' + std::to_string(diagnostic.column);
    out += ": ";
  }
  out += text(diagnostic.level);
  out += ": ";
  out += escaped(diagnostic.text, 4000);
  out += '\n';
  if (diagnostic.line.empty()) return out;
  out += "  " + shown(diagnostic.line) + '\n';
  if (diagnostic.column == 0 || diagnostic.column > diagnostic.line.size() + 1) return out;
  const auto before = shown(std::string_view(diagnostic.line).substr(0, diagnostic.column - 1));
  out += "  " + std::string(width(before), ' ') + "^\n";
  return out;
}

std::string text(const Diagnostics& diagnostics, const SourceCatalogue& sources) {
  std::string out;
  for (const auto& diagnostic : diagnostics.all()) out += text(diagnostic, sources);
  return out;
}

}  // namespace hikyaku::config
