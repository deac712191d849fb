#include "base/origin.h"

#include <algorithm>

namespace hikyaku {

SourceCatalogue::SourceCatalogue() : names_{"default"} {}

std::uint32_t SourceCatalogue::add(std::string_view name) {
  const std::lock_guard lock(mutex_);
  const auto found = std::ranges::find(names_, name);
  if (found == names_.end()) {
    names_.emplace_back(name);
    return static_cast<std::uint32_t>(names_.size() - 1);
  }
  return static_cast<std::uint32_t>(found - names_.begin());
}

std::string SourceCatalogue::file(Origin origin) const {
  const std::lock_guard lock(mutex_);
  return origin.file < names_.size() ? names_[origin.file] : "?";
}

std::string SourceCatalogue::text(Origin origin) const {
  if (origin.built_in()) return "default";
  return file(origin) + ":" + std::to_string(origin.line);
}

std::vector<std::string> SourceCatalogue::names() const {
  const std::lock_guard lock(mutex_);
  return names_;
}

}  // namespace hikyaku
