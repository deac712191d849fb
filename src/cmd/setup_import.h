#pragma once
#include <string>
#include <string_view>

#include "base/result.h"
#include "config/postfix_import.h"

namespace hikyaku::cmd {

/// What `hikyaku setup` did, as it goes: for people, or an object a line.
class SetupReport {
 public:
  explicit SetupReport(bool as_json) : as_json_(as_json) {}
  void written(const std::string& file) const;
  void kept(const std::string& file, const std::string& as) const;
  void copied(const std::string& file, const std::string& to) const;
  /// A copy that only root reads, where there is no group of the hub's yet.
  void for_root_alone(const std::string& file) const;
  void left_out(const std::string& file, std::string_view why) const;
  void changed(const std::string& file, const config::ImportChange& change) const;

 private:
  bool as_json_;
};

/// Makes the folder. A main.cf and a master.cf that are there are kept under other names with `replace`, else
/// Fault::permanent.
Result<void> make_room(const std::string& directory, bool replace, const SetupReport& report);

/// As tell_error(), but EX_CANTCREAT for what can't be written.
int tell_setup_error(const char* command, const Error& error);

struct ImportWish {
  std::string from, to;
  bool replace = false, dry_run = false, as_json = false;
};

/// Copies a folder of Postfix, and tells what carries over. An exit code.
int import_postfix(const ImportWish& wish);

}  // namespace hikyaku::cmd
