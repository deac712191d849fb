#pragma once
#include <sys/types.h>

#include <optional>
#include <string>
#include <utility>

#include "base/result.h"

namespace hikyaku::cmd {

/// Writes the number of this process into the file; nothing for an empty name. `setting` is what names it.
Result<void> write_process_number(const std::string& file, const std::string& setting);

/// A name of the system's, and the setting that it stands in; empty: none.
struct NamedIn {
  std::string name, setting;
};
/// Becomes the user and the group (without one: the user's own), for good. Once what needs root is done; of
/// no effect when we are not root.
Result<void> become(const NamedIn& user, const NamedIn& group);
/// Who that is; nullopt: nobody else than we are. Without a user the number is -1, as chown() has it.
struct Ids {
  uid_t user;
  gid_t group;
};
Result<std::optional<Ids>> ids_of(const NamedIn& user, const NamedIn& group);
/// Makes a folder that is not there, with those above it, and hands it to the user when we are root.
Result<void> make_folder_for(const std::string& folder, const NamedIn& user);

/// A service that was started from a shell or an init script, and goes on without it.
class Background {
 public:
  /// Returns in a new process, without a terminal. The old one waits: it ends with 0 once ready() is called,
  /// and otherwise as the new one ends. Before any thread is there; stderr stays open until ready().
  static Result<Background> enter();
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;
  Background(Background&& other) noexcept : told_(std::exchange(other.told_, -1)) {}
  ~Background();

  void ready();

 private:
  explicit Background(int told) : told_(told) {}
  int told_;  // where the old process reads that we are
};

}  // namespace hikyaku::cmd
