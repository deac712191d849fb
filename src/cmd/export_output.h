#pragma once
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"

namespace hikyaku::cmd {

/// A file that messages are written to, or stdout. Full disks are Fault::temporary.
class ExportOutput {
 public:
  /// Makes the file `path`, which must not be there yet; an empty path: stdout.
  static Result<std::unique_ptr<ExportOutput>> open(const std::filesystem::path& path);
  ExportOutput(const ExportOutput&) = delete;
  ExportOutput& operator=(const ExportOutput&) = delete;
  ~ExportOutput();

  Result<void> write(std::string_view octets);
  /// What a write failed with: then it was not the message that could not be read.
  const std::optional<Error>& fault() const { return fault_; }
  std::uint64_t written() const { return written_; }
  /// Takes back what was written behind `size` octets. False: stdout can't.
  Result<bool> cut_to(std::uint64_t size);
  /// A write that the system had put off may fail only now.
  Result<void> close();

 private:
  ExportOutput(std::FILE* file, std::filesystem::path path) : file_(file), path_(std::move(path)) {}
  std::unexpected<Error> failed();
  std::FILE* file_;
  std::filesystem::path path_;
  std::uint64_t written_ = 0;
  std::optional<Error> fault_;
};

/// A file that has its name only once it is whole: written as `unfinished`, then renamed to `path`, which
/// must not be there. One that is not finished leaves nothing behind.
class FinishedFile {
 public:
  static Result<FinishedFile> open(std::filesystem::path path, std::filesystem::path unfinished);
  FinishedFile(FinishedFile&&) = default;
  FinishedFile& operator=(FinishedFile&&) = delete;
  ~FinishedFile();
  ExportOutput& output() { return *output_; }
  /// With the time of the message as the file's.
  Result<void> finish(Time time);

 private:
  FinishedFile(std::unique_ptr<ExportOutput> output, std::filesystem::path path,
               std::filesystem::path unfinished)
      : output_(std::move(output)), path_(std::move(path)), unfinished_(std::move(unfinished)) {}
  std::unique_ptr<ExportOutput> output_;
  std::filesystem::path path_, unfinished_;
};

}  // namespace hikyaku::cmd
