#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "base/result.h"
#include "cmd/import_target.h"

namespace hikyaku::cmd {

enum class ImportFormat : unsigned char { maildir, mbox, mboxo, eml };

/// Reads mail from files and folders, whoever wrote them, and hands it to an ImportTarget, message by message
/// in pieces. Goes on past what can't be read, and tells it. An Error is one of the target's, or for a path
/// that is not there.
class ImportReader {
 public:
  /// `offset`: in the file, when it is known where. `error`: it was left out; else it is a remark.
  struct Told {
    std::filesystem::path file;
    std::optional<std::uint64_t> offset;
    std::string text;
    bool error = true;
  };
  using Tell = std::function<void(const Told&)>;
  using Progress = std::function<void(std::uint64_t done, std::uint64_t all)>;

  ImportReader(ImportTarget& target, Tell tell, Progress progress)
      : target_(target), tell_(std::move(tell)), progress_(std::move(progress)) {}

  /// One mailbox, and below it what folders there are. Without a format it is looked for: a folder with "cur"
  /// or "new" is a Maildir, a file "X.mbox" or one that begins with a "From " line an mbox, another one a
  /// message; in any other folder "*.eml" are messages, "mbox" and Thunderbird's "Inbox" are mboxes of this
  /// mailbox, "X.mbox" and others that begin with a "From " line are those of the mailbox X below it, and
  /// folders are mailboxes below ("X.sbd" is X). With `eml` every file in a folder is a message.
  Result<void> read(const std::filesystem::path& path, const std::string& mailbox,
                    std::optional<ImportFormat> format);
  /// What `store export --all` wrote: a folder for each account.
  Result<void> read_all(const std::filesystem::path& path, std::optional<ImportFormat> format);

 private:
  Result<void> take(const std::filesystem::path& path, const std::string& mailbox,
                    std::optional<ImportFormat> format);
  Result<void> maildir(const std::filesystem::path& folder, const std::string& mailbox);
  Result<void> maildir_messages(const std::filesystem::path& folder);
  Result<void> tree(const std::filesystem::path& folder, const std::string& mailbox,
                    std::optional<ImportFormat> format, unsigned depth);
  Result<void> tree_file(const std::filesystem::path& file, std::optional<ImportFormat> format);
  void unreadable(const std::filesystem::path& file, const std::string& why) {
    tell_({file, std::nullopt, why, true});
  }
  void remark(const std::filesystem::path& file, const std::string& what) {
    tell_({file, std::nullopt, what, false});
  }

  ImportTarget& target_;
  Tell tell_;
  Progress progress_;
};

}  // namespace hikyaku::cmd
