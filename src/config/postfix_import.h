#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "config/files.h"

namespace hikyaku::config {

/// A line of a copied file that is not as it was.
struct ImportChange {
  std::size_t line;  ///< of the original, from 1
  std::string was;   ///< without its line end
  std::string is;    ///< empty: it is a comment now
  std::string why;
};

struct ImportedText {
  std::string text;
  std::vector<ImportChange> changes;
};

struct ImportedFiles {
  ImportedText main, master;
};

/// The files of a Postfix for a hub beside it: what belongs to Postfix's own folders and users becomes a
/// comment with its reason, as does each line that continues it, paths below the folder `from` go to `to`,
/// and the paths of filters' sockets are whole (PostfixMilters). All else stays octet by octet. Pure.
ImportedFiles import_files(const FileTexts& texts, std::string_view from, std::string_view to);

/// Whether a file of Postfix's folder belongs to its package, and not to who configured it: "post-install",
/// "main.cf.proto". The names are relative to the folder.
bool is_of_postfix_package(std::string_view name);

}  // namespace hikyaku::config
