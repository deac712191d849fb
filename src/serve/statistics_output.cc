#include "serve/statistics_output.h"

#include <cerrno>
#include <cstring>

namespace hikyaku::serve {

void StatisticsOutput::close() {
  if (file_ == nullptr) return;
  if (command_) {
    ::pclose(file_);
  } else {
    std::fclose(file_);
  }
  file_ = nullptr;
}

Result<void> StatisticsOutput::open(const std::string& output) {
  const std::lock_guard lock(mutex_);
  if (output == output_) return {};
  close();
  output_ = output;
  if (output.empty()) return {};
  command_ = output.starts_with('|');
  const bool append = output.starts_with(">>");
  const auto name = output.substr(append ? 2 : 1);
  errno = 0;
  // "e": programs that are started later do not get it.
  file_ = command_ ? ::popen(name.c_str(), "we") : std::fopen(name.c_str(), append ? "ae" : "we");
  if (file_ != nullptr) return {};
  return fail(Fault::permanent, "open the output of stat, " + output + ": " + std::strerror(errno));
}

Result<void> StatisticsOutput::write(std::string_view text) {
  const std::lock_guard lock(mutex_);
  if (file_ == nullptr) return {};
  if (std::fwrite(text.data(), 1, text.size(), file_) == text.size() && std::fflush(file_) == 0) return {};
  const std::string why = std::strerror(errno);
  close();
  return fail(Fault::permanent, "write to the output of stat, " + output_ + ": " + why + "; it is closed");
}

}  // namespace hikyaku::serve
