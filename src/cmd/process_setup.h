#pragma once
#include <string>

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
/// Makes a folder that is not there, with those above it, and hands it to the user when we are root.
Result<void> make_folder_for(const std::string& folder, const NamedIn& user);

}  // namespace hikyaku::cmd
