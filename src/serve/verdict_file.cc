#include "serve/verdict_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <utility>

namespace hikyaku::serve {
namespace {

constexpr std::size_t kMostWaiting = std::size_t{8} << 20;

int open_file(const std::string& name) {
  return ::open(name.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
}

std::string previous(const std::string& name) { return name + ".1"; }

}  // namespace

VerdictFile::VerdictFile(std::string name, std::uint64_t limit, int descriptor, std::uint64_t size)
    : name_(std::move(name)), limit_(limit), descriptor_(descriptor), size_(size) {}

Result<std::unique_ptr<VerdictFile>> VerdictFile::open(std::string name, std::uint64_t limit) {
  const int descriptor = open_file(name);
  struct stat status {};
  if (descriptor < 0 || ::fstat(descriptor, &status) != 0)
    return fail(Fault::permanent, "open the file of verdicts " + name + ": " + std::strerror(errno));
  return std::unique_ptr<VerdictFile>(
      new VerdictFile(std::move(name), limit, descriptor, static_cast<std::uint64_t>(status.st_size)));
}

VerdictFile::~VerdictFile() {
  thread_.stop();
  if (descriptor_ >= 0) ::close(descriptor_);
}

void VerdictFile::add(std::string line) {
  if (waiting_ + line.size() > kMostWaiting) {
    ++dropped_;
    return;
  }
  line += '\n';
  waiting_ += line.size();
  thread_.post([this, line = std::move(line)] {
    write(line);
    waiting_ -= line.size();
  });
}

void VerdictFile::write(std::string_view line) {
  if (size_ + line.size() > limit_ / 2 && size_ > 0) begin_anew();
  if (descriptor_ < 0) descriptor_ = open_file(name_);
  const auto written = descriptor_ < 0 ? -1 : ::write(descriptor_, line.data(), line.size());
  // Half a line is no line: the reader leaves it out, and the next one begins behind its end.
  if (written > 0) size_ += static_cast<std::uint64_t>(written);
  if (written == static_cast<ssize_t>(line.size())) return;
  ++dropped_;
  if (written > 0 && ::write(descriptor_, "\n", 1) == 1) ++size_;
}

void VerdictFile::begin_anew() {
  size_ = 0;
  // In a folder that is not ours there is no place for an older one, but the limit counts all the same.
  if (::rename(name_.c_str(), previous(name_).c_str()) != 0 && ::ftruncate(descriptor_, 0) == 0) return;
  ::close(descriptor_);
  descriptor_ = open_file(name_);
}

Result<void> search_verdicts(const std::string& name, std::string_view text,
                             const std::function<void(std::string_view)>& line) {
  bool any = false;
  for (const auto& one : {previous(name), name}) {
    std::ifstream file(one, std::ios::binary);
    if (!file) continue;
    any = true;
    for (std::string read; std::getline(file, read);)
      if (read.find(text) != std::string::npos) line(read);
  }
  if (any) return {};
  return fail(Fault::not_found, "read the file of verdicts " + name + ": there is none, or no access to it");
}

}  // namespace hikyaku::serve
