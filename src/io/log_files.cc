#include "io/log_files.h"

#include <charconv>
#include <cstdio>

namespace hikyaku::io {

namespace fs = std::filesystem;

std::string log_name(std::uint64_t number) {
  char name[32];
  std::snprintf(name, sizeof name, "%06llu.log", static_cast<unsigned long long>(number));
  return name;
}

std::uint64_t log_number(std::string_view file_name) {
  if (!file_name.ends_with(".log")) return 0;
  const auto digits = file_name.substr(0, file_name.size() - 4);
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return error == std::errc() && end == digits.data() + digits.size() ? number : 0;
}

Result<std::map<std::uint64_t, fs::path>> log_files(const fs::path& folder) {
  std::map<std::uint64_t, fs::path> logs;
  std::error_code error;
  for (fs::directory_iterator file(folder, error), end; !error && file != end; file.increment(error)) {
    if (const auto number = log_number(file->path().filename().string()); number != 0)
      logs[number] = file->path();
  }
  if (!error) return logs;
  return fail(error == std::errc::no_such_file_or_directory ? Fault::not_found : Fault::permanent,
              "list the logs in " + folder.string() + ": " + error.message());
}

}  // namespace hikyaku::io
