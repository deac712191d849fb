#include "serve/confinement_wish.h"

#include <algorithm>
#include <filesystem>

#include "serve/catalogue_file.h"

namespace hikyaku::serve {
namespace {

namespace fs = std::filesystem;

class Folders {
 public:
  void add(const std::string& path) {
    if (path.empty() || !path.starts_with('/')) return;
    if (std::ranges::find(all, path) == all.end()) all.push_back(path);
  }
  /// Of a file that is made anew, or has others made beside it.
  void add_folder_of(const std::string& file) {
    if (file.starts_with("/dev/")) return add(file);
    add(fs::path(file).parent_path().string());
  }
  std::vector<std::string> all;
};

}  // namespace

io::ConfinementWish confinement_wish(const Running& running) {
  const auto& main = running.files.main;
  io::ConfinementWish wish;
  Folders folders;
  folders.add(running.queue_directory);
  folders.add(running.data_directory);
  folders.add_folder_of(main.text("maillog_file").text);
  folders.add_folder_of(main.text("hikyaku_user_file").text);
  if (const auto& rules = running.greylist.rules; rules) {
    folders.add(main.text("hikyaku_greylist_state").text);
    const auto& configuration = *rules->configuration;
    if (configuration.dumpfile.given()) folders.add_folder_of(configuration.dumpfile.value);
    if (configuration.stat) {
      const auto& output = configuration.stat->output;
      wish.runs_programs = output.starts_with('|');
      if (!wish.runs_programs)
        folders.add_folder_of(output.substr(std::min(output.find('/'), output.size())));
    }
  }
  const auto catalogue = catalogue_path(running.data_directory);
  // One that can't be read is told when the databases are opened.
  if (const auto read = read_catalogue(catalogue); read) {
    for (const auto& [name, entry] : read->databases())
      folders.add((catalogue.parent_path() / entry.value).lexically_normal().string());
  }
  for (const auto& directory : main.list("hikyaku_writable_directories")) folders.add(directory.text);
  wish.writable = std::move(folders.all);
  return wish;
}

}  // namespace hikyaku::serve
