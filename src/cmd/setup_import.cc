#include "cmd/setup_import.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "base/escape.h"
#include "cmd/configuration_check.h"
#include "cmd/configuration_files.h"
#include "cmd/exit_code.h"
#include "io/synced_files.h"

namespace hikyaku::cmd {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;
constexpr const char* kName = "hikyaku setup";
constexpr const char* kGroup = "hikyaku";  // whose program reads the copies

void put(const Json& row) {
  std::printf("%s\n", row.dump(-1, ' ', false, Json::error_handler_t::replace).c_str());
}

std::unexpected<Error> failed(const std::string& what, const fs::path& path, const std::error_code& error) {
  return fail(Fault::permanent, "can't " + what + ' ' + escaped(path.string()) + ": " + error.message());
}

/// The first name that is free of "main.cf.1", "main.cf.2", …
fs::path free_name(const fs::path& path) {
  for (int number = 1;; ++number) {
    auto name = path;
    name += '.' + std::to_string(number);
    std::error_code error;
    if (!fs::exists(fs::symlink_status(name, error))) return name;
  }
}

/// A file that is in the way is kept under another name, or refused.
Result<void> make_room_for(const fs::path& path, bool replace, const SetupReport& report) {
  std::error_code error;
  if (!fs::exists(fs::symlink_status(path, error))) return {};
  if (!replace)
    return fail(Fault::permanent,
                escaped(path.string()) + " is there already; --replace keeps it under another name");
  const auto other = free_name(path);
  fs::rename(path, other, error);
  if (error) return failed("rename", path, error);
  report.kept(path.string(), other.string());
  return {};
}

/// As the original was, but to be read by the hub, whose tables Postfix opens as root.
Result<void> give_to_hub(const fs::path& copy, const struct ::stat& original, const SetupReport& report) {
  const auto* group = ::geteuid() == 0 ? ::getgrnam(kGroup) : nullptr;
  auto mode = original.st_mode & 0777;
  if (group != nullptr) {
    mode |= (mode & 0400) >> 3;
    if (::chown(copy.c_str(), 0, group->gr_gid) != 0)
      return failed("change the group of", copy, {errno, std::generic_category()});
  } else if (::geteuid() == 0 && (mode & 0004) == 0) {
    report.for_root_alone(copy.string());
  }
  if (::chmod(copy.c_str(), mode) != 0)
    return failed("change the mode of", copy, {errno, std::generic_category()});
  // Text and database of a table are told apart by their ages.
  const timespec times[2] = {original.st_mtim, original.st_mtim};
  if (::utimensat(AT_FDCWD, copy.c_str(), times, 0) != 0)
    return failed("set the time of", copy, {errno, std::generic_category()});
  return {};
}

class Import {
 public:
  Import(const ImportWish& wish, const SetupReport& report) : wish_(wish), report_(report) {}

  Result<void> run(const config::FileTexts& texts) {
    if (!wish_.dry_run) {
      if (auto ready = make_room(wish_.to, wish_.replace, report_); !ready) return ready;
    }
    auto copied = copy_tables();
    if (!copied) return copied;
    auto files = config::import_files(texts, wish_.from, target());
    if (auto main = write("main.cf", texts, std::move(files.main)); !main) return main;
    return write("master.cf", texts, std::move(files.master));
  }

  /// What would be there: without the copies paths stay as they are.
  const std::string& target() const { return wish_.dry_run ? wish_.from : wish_.to; }
  config::FileTexts result;

 private:
  Result<void> write(const std::string& name, const config::FileTexts& texts, config::ImportedText imported) {
    const bool is_main = name == "main.cf";
    for (const auto& change : imported.changes)
      report_.changed(is_main ? texts.main_name : texts.master_name, change);
    (is_main ? result.main_name : result.master_name) = wish_.to + '/' + name;
    auto& text = is_main ? result.main_text : result.master_text;
    text = std::move(imported.text);
    if (wish_.dry_run) return {};
    const auto path = fs::path(wish_.to) / name;
    if (auto written = io::replace_synced(path, text); !written) return written;
    report_.written(path.string());
    struct ::stat original;
    if (::stat((fs::path(wish_.from) / name).c_str(), &original) != 0) return {};
    return give_to_hub(path, original, report_);
  }

  Result<void> copy_tables() {
    std::error_code error;
    const fs::path from = wish_.from;
    for (fs::recursive_directory_iterator at(from, error), end; !error && at != end; at.increment(error)) {
      const auto name = fs::relative(at->path(), from, error).string();
      if (error || name == "main.cf" || name == "master.cf" || at->is_directory(error)) continue;
      if (config::is_of_postfix_package(name)) {
        report_.left_out(at->path().string(), "it is of Postfix's package");
        continue;
      }
      if (!at->is_regular_file(error)) {
        report_.left_out(at->path().string(), "it is no file");
        continue;
      }
      if (auto copied = copy_one(at->path(), fs::path(wish_.to) / name); !copied) return copied;
    }
    return error ? Result<void>(failed("read the folder", from, error)) : Result<void>();
  }

  Result<void> copy_one(const fs::path& file, const fs::path& to) {
    if (!wish_.dry_run) {
      if (auto room = make_room_for(to, wish_.replace, report_); !room) return room;
      struct ::stat original;
      if (::stat(file.c_str(), &original) != 0) return failed("read", file, {errno, std::generic_category()});
      if (auto copied = io::copy_synced(file, to.parent_path(), wish_.to); !copied)
        return std::unexpected(copied.error());
      if (auto given = give_to_hub(to, original, report_); !given) return given;
    }
    report_.copied(file.string(), to.string());
    return {};
  }

  const ImportWish& wish_;
  const SetupReport& report_;
};

/// Whether one folder is the other, or below it.
bool is_within(const fs::path& folder, const fs::path& other) {
  std::error_code error;
  const auto one = fs::weakly_canonical(folder, error), above = fs::weakly_canonical(other, error);
  const auto [in_one, in_above] = std::mismatch(one.begin(), one.end(), above.begin(), above.end());
  return in_above == above.end();
}

}  // namespace

void SetupReport::written(const std::string& file) const {
  if (as_json_) return put({{"kind", "written"}, {"file", file}});
  std::printf("written: %s\n", escaped(file).c_str());
}

void SetupReport::kept(const std::string& file, const std::string& as) const {
  if (as_json_) return put({{"kind", "kept"}, {"file", file}, {"as", as}});
  std::printf("kept: %s, as %s\n", escaped(file).c_str(), escaped(as).c_str());
}

void SetupReport::copied(const std::string& file, const std::string& to) const {
  if (as_json_) return put({{"kind", "copied"}, {"file", file}, {"to", to}});
  std::printf("copied: %s\n", escaped(file).c_str());
}

void SetupReport::for_root_alone(const std::string& file) const {
  constexpr std::string_view kWhy =
      "only root reads it, and there is no group hikyaku yet to give it to: a hub that does not run as root "
      "can't open it";
  if (as_json_) return put({{"kind", "for root alone"}, {"file", file}, {"why", kWhy}});
  std::printf("%s: %.*s\n", escaped(file).c_str(), static_cast<int>(kWhy.size()), kWhy.data());
}

void SetupReport::left_out(const std::string& file, std::string_view why) const {
  if (as_json_) return put({{"kind", "left out"}, {"file", file}, {"why", why}});
  std::printf("left out: %s: %s\n", escaped(file).c_str(), std::string(why).c_str());
}

void SetupReport::changed(const std::string& file, const config::ImportChange& change) const {
  if (as_json_)
    return put({{"kind", change.is.empty() ? "not taken" : "changed"},
                {"file", file},
                {"line", change.line},
                {"was", change.was},
                {"is", change.is},
                {"why", change.why}});
  std::printf("%s:%zu: %s: %s\n", escaped(file).c_str(), change.line,
              change.is.empty() ? "not taken" : "changed", change.why.c_str());
  std::printf("  - %s\n", escaped(change.was).c_str());
  if (!change.is.empty()) std::printf("  + %s\n", escaped(change.is).c_str());
}

Result<void> make_room(const std::string& directory, bool replace, const SetupReport& report) {
  std::error_code error;
  fs::create_directories(directory, error);
  if (error) return failed("make the folder", directory, error);
  for (const auto* name : {"main.cf", "master.cf"}) {
    if (auto room = make_room_for(fs::path(directory) / name, replace, report); !room) return room;
  }
  return {};
}

int tell_setup_error(const char* command, const Error& error) {
  const int code = tell_error(command, error);
  return code == EX_UNAVAILABLE ? EX_CANTCREAT : code;
}

int import_postfix(const ImportWish& wish) {
  const auto texts = read_configuration(wish.from);
  if (!texts) return tell_error(kName, texts.error());
  if (is_within(wish.to, wish.from) || is_within(wish.from, wish.to))
    return tell_error(kName, {Fault::malformed,
                              "--from: the folder is never written to, so the new one can't be it, "
                              "in it or above it: -c names the new one"});
  const SetupReport report(wish.as_json);
  Import import(wish, report);
  if (auto done = import.run(*texts); !done) return tell_setup_error(kName, done.error());
  const auto checked = check_configuration(import.result, import.target());
  print(checked, wish.to, wish.as_json);
  return checked.failed ? EX_CONFIG : EX_OK;
}

}  // namespace hikyaku::cmd
