#pragma once
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace hikyaku {

/// Where a setting or a rule was written: a file of a SourceCatalogue and a line of it, from 1.
/// File 0 is the program itself: a built-in default.
struct Origin {
  std::uint32_t file = 0;
  std::uint32_t line = 0;
  bool built_in() const { return file == 0; }
  bool operator==(const Origin&) const = default;
};

/// The names of the files that origins point to. It only grows, so that an origin stays valid as long as
/// the catalogue does. Thread-safe.
class SourceCatalogue {
 public:
  SourceCatalogue();
  /// The number of the file `name`, the same each time.
  std::uint32_t add(std::string_view name);
  /// "/etc/postfix/main.cf:31", or "default" for a built-in value.
  std::string text(Origin origin) const;
  /// The file's name alone; "default" for file 0, "?" for a number that was never given.
  std::string file(Origin origin) const;
  /// All names in order of their numbers; [0] is "default".
  std::vector<std::string> names() const;

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> names_;
};

}  // namespace hikyaku
