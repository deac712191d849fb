#include <algorithm>

#include "probe/send_conversation.h"
#include "probe/words.h"

namespace hikyaku::probe {
namespace {

bool names(const std::string& line, std::string_view keyword) {
  if (!line.starts_with(keyword)) return false;
  return line.size() == keyword.size() || line[keyword.size()] == ' ' || line[keyword.size()] == '=';
}

}  // namespace

Capabilities::Capabilities(std::vector<std::string> lines) : lines_(std::move(lines)) {
  for (auto& line : lines_) line = upper(line);
  // A greeting stands in the first line; a server that has nothing else may offer there what it can.
  if (lines_.size() > 1) lines_.erase(lines_.begin());
}

bool Capabilities::offers(std::string_view keyword) const {
  return std::ranges::any_of(lines_, [&](const auto& line) { return names(line, keyword); });
}

std::vector<std::string> Capabilities::parameters(std::string_view keyword) const {
  std::vector<std::string> found;
  for (const auto& line : lines_) {
    if (!names(line, keyword)) continue;
    for (std::size_t at = keyword.size(); at < line.size();) {
      const auto end = std::min(line.find(' ', at + 1), line.size());
      auto word = line.substr(at + 1, end - at - 1);
      if (!word.empty() && std::ranges::find(found, word) == found.end()) found.push_back(std::move(word));
      at = end;
    }
  }
  return found;
}

}  // namespace hikyaku::probe
