#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/origin.h"
#include "config/diagnostic.h"
#include "config/main_cf.h"
#include "config/master_cf.h"

namespace hikyaku::config {

/// A configuration folder's files as text.
struct FileTexts {
  std::string main_name, main_text;      ///< "/etc/postfix/main.cf" and its contents
  std::string master_name, master_text;  ///< the same of master.cf
};

/// main.cf, master.cf, and the parameters as each service sees them.
struct Files {
  Main main;
  Master master;
  std::vector<Main> views;  ///< one for each service of `master`, in the same order

  /// The view of services()[i], by its service; `service` must be one of master.services().
  const Main& view(const Service& service) const;
};

/// Reads both files, makes the views, and reviews the names. Everything that is wrong is in `diagnostics`.
Files read_files(const FileTexts& texts, const System& system, SourceCatalogue& sources,
                 Diagnostics& diagnostics);

/// Tells of names that nothing reads: misspelt ones with the nearest known name, those of Postfix that the
/// hub does not act on with what that means for mail, transports' parameters whose transport is not in
/// `master`, and overrides of services that do not look at them. Warnings only.
void review_names(const Main& main, const Master& master, Diagnostics& diagnostics);

}  // namespace hikyaku::config
