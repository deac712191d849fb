#pragma once
#include <filesystem>
#include <string_view>

#include "base/random.h"
#include "base/result.h"
#include "base/time.h"

namespace hikyaku::io {

/// A new file in the maildrop folder. Nobody takes it before finish(): until then its name begins with a dot.
/// Destroyed without finish() it leaves nothing. Blocks.
class MaildropFile {
 public:
  /// Readable by its owner and the folder's group. Fails with Fault::temporary when the disk is full.
  static Result<MaildropFile> create(const std::filesystem::path& folder, Time now, Random& random);
  MaildropFile(MaildropFile&& other) noexcept;
  MaildropFile& operator=(MaildropFile&&) = delete;
  ~MaildropFile();

  Result<void> write(std::string_view octets);
  /// Syncs the file, gives it its name, and syncs the folder: from here on the mail is not lost.
  Result<void> finish();

  /// Whether a file of this name in the folder is one that was finished.
  static bool is_name(std::string_view name);
  /// Whether it is one that is being written, or was left by a program that was killed.
  static bool is_unfinished_name(std::string_view name);

 private:
  MaildropFile(int descriptor, std::filesystem::path folder, std::string name)
      : descriptor_(descriptor), folder_(std::move(folder)), name_(std::move(name)) {}
  std::filesystem::path unfinished() const { return folder_ / ("." + name_); }

  int descriptor_;
  std::filesystem::path folder_;
  std::string name_;
};

}  // namespace hikyaku::io
