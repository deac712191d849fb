#pragma once
// For tests only: what a process does to the files of one folder, in order, and what the disk may hold of it
// after the power failed.
#include <cstdint>
#include <filesystem>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace hikyaku::serve::testing_support {

/// One call of the system, as it succeeded.
struct DiskEvent {
  enum class Kind : unsigned char {
    make,    ///< a file: its name appears
    write,   ///< octets at an offset
    cut,     ///< to `offset` octets
    sync,    ///< of a file's octets, or of a folder's names
    rename,  ///< to `text`
    remove,
    folder,  ///< a folder is made
    told,    ///< nothing of the disk: the process acknowledged the change `text`
  };
  Kind kind;
  std::string path;  ///< relative to the folder
  std::uint64_t offset = 0;
  std::string text;
};

/// From now on what this process does below `folder` is written down in the file `journal`; by any library:
/// the calls of the system are caught. Not ended before the process is.
void record_disk(const std::filesystem::path& folder, const std::filesystem::path& journal);
void record_told(const std::string& text);
std::vector<DiskEvent> read_journal(const std::filesystem::path& journal);

/// What may be on the disk when the power fails after the first `count` events: all that was synced; of the
/// rest any. Names that were made, changed and removed stay in their order, as file systems with a journal
/// keep them; octets that were not synced are there or not, each write for itself. Makes the folder `to`.
void rebuild_disk(const std::vector<DiskEvent>& events, std::size_t count, std::minstd_rand& random,
                  const std::filesystem::path& to);

}  // namespace hikyaku::serve::testing_support
