#pragma once
// For tests only: dialogues of tests/transcripts, played against a session in any cuts.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace hikyaku::testing_support {

/// A line of a transcript: what kind it is, "C:" or "@", and its text.
struct Line {
  std::string kind, text;
  int number;  ///< in its file, from 1
};

inline std::vector<Line> read_transcript(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::vector<Line> lines;
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    if (line.empty() || line.front() == '#') continue;
    const std::size_t kind = line.front() == '@' ? 1 : 2;
    lines.push_back({line.substr(0, kind), line.size() > kind + 1 ? line.substr(kind + 1) : "", number});
  }
  return lines;
}

/// Reads \r \n \0 \\ and \xHH.
inline std::string unescaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      out += text[i];
      continue;
    }
    const char c = text[++i];
    if (c == 'x') {
      out += static_cast<char>(std::stoi(std::string(text.substr(i + 1, 2)), nullptr, 16));
      i += 2;
    } else {
      out += c == 'r' ? '\r' : c == 'n' ? '\n' : c == '0' ? '\0' : c;
    }
  }
  return out;
}

/// How the octets of a side reach the session.
enum class Cuts { whole, octets, random };

/// Plays a transcript in each way; a Playback(lines, cuts, seed) plays it once and checks. One with the line
/// "@ whole" makes no sense in cuts.
template <class Playback>
void play_in_any_cuts(const std::filesystem::path& path) {
  const auto lines = read_transcript(path);
  const bool whole_only =
      std::ranges::any_of(lines, [](const Line& line) { return line.kind == "@" && line.text == "whole"; });
  {
    SCOPED_TRACE("whole");
    Playback(lines, Cuts::whole, 0);
  }
  if (whole_only || testing::Test::HasFailure()) return;
  {
    SCOPED_TRACE("one octet at a time");
    Playback(lines, Cuts::octets, 0);
  }
  for (unsigned seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE("random cuts, seed " + std::to_string(seed));
    Playback(lines, Cuts::random, seed);
  }
}

/// The files of `folder` whose names begin with one of these, by name.
inline std::vector<std::filesystem::path> transcripts(const std::filesystem::path& folder,
                                                      std::initializer_list<std::string_view> beginnings) {
  std::vector<std::filesystem::path> found;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const auto name = entry.path().filename().string();
    if (std::ranges::any_of(beginnings, [&](std::string_view begin) { return name.starts_with(begin); }))
      found.push_back(entry.path());
  }
  std::ranges::sort(found);
  return found;
}

}  // namespace hikyaku::testing_support
