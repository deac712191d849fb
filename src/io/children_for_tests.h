#pragma once
// For tests only.
#include <sys/types.h>
#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>

namespace hikyaku::io {

/// The processes that this one began and has not waited for; tests leave interpreters of Ruby running.
inline std::set<pid_t> children() {
  std::set<pid_t> found;
  for (const auto& process : std::filesystem::directory_iterator("/proc")) {
    std::ifstream status(process.path() / "status");
    const auto name = process.path().filename().string();
    pid_t number = 0;
    std::from_chars(name.data(), name.data() + name.size(), number);
    for (std::string line; std::getline(status, line);)
      if (line == "PPid:\t" + std::to_string(::getpid())) found.insert(number);
  }
  return found;
}

}  // namespace hikyaku::io
