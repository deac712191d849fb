#include "cmd/export_output.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace hikyaku::cmd {
namespace {

namespace fs = std::filesystem;

std::unexpected<Error> refused(const std::string& what) {
  return fail(errno == ENOSPC || errno == EDQUOT ? Fault::temporary : Fault::permanent,
              what + ": " + std::strerror(errno));
}

}  // namespace

Result<std::unique_ptr<ExportOutput>> ExportOutput::open(const fs::path& path) {
  std::FILE* const file = path.empty() ? stdout : std::fopen(path.c_str(), "wxb");
  if (file == nullptr) return refused("make " + path.string());
  return std::unique_ptr<ExportOutput>(new ExportOutput(file, path));
}

ExportOutput::~ExportOutput() {
  if (file_ != nullptr && file_ != stdout) std::fclose(file_);
}

std::unexpected<Error> ExportOutput::failed() {
  auto error = refused("write " + (path_.empty() ? "the messages" : path_.string()));
  if (!fault_) fault_ = error.error();
  return error;
}

Result<void> ExportOutput::write(std::string_view octets) {
  if (std::fwrite(octets.data(), 1, octets.size(), file_) != octets.size()) return failed();
  written_ += octets.size();
  return {};
}

Result<bool> ExportOutput::cut_to(std::uint64_t size) {
  if (file_ == stdout) return false;
  const auto end = static_cast<off_t>(size);
  if (std::fflush(file_) != 0 || ::ftruncate(::fileno(file_), end) != 0 ||
      ::fseeko(file_, end, SEEK_SET) != 0)
    return failed();
  written_ = size;
  return true;
}

Result<void> ExportOutput::close() {
  std::FILE* const file = std::exchange(file_, nullptr);
  const int status = file == stdout ? std::fflush(file) : std::fclose(file);
  if (status != 0) return failed();
  return {};
}

Result<FinishedFile> FinishedFile::open(fs::path path, fs::path unfinished) {
  std::error_code error;
  if (fs::exists(fs::symlink_status(path, error))) {
    return fail(Fault::permanent, "make " + path.string() + ": it is there already");
  }
  auto output = ExportOutput::open(unfinished);
  if (!output) return std::unexpected(std::move(output.error()));
  return FinishedFile(std::move(*output), std::move(path), std::move(unfinished));
}

FinishedFile::~FinishedFile() {
  if (output_) ::unlink(unfinished_.c_str());
}

Result<void> FinishedFile::finish(Time time) {
  if (auto closed = output_->close(); !closed) return closed;
  const auto since = time.time_since_epoch();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since);
  const timespec moment{static_cast<time_t>(seconds.count()),
                        static_cast<long>(std::chrono::nanoseconds(since - seconds).count())};
  const timespec both[] = {moment, moment};
  if (::utimensat(AT_FDCWD, unfinished_.c_str(), both, 0) != 0)
    return refused("set the time of " + unfinished_.string());
  if (std::rename(unfinished_.c_str(), path_.c_str()) != 0) return refused("make " + path_.string());
  output_.reset();
  return {};
}

}  // namespace hikyaku::cmd
