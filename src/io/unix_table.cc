#include "io/unix_table.h"

#include <grp.h>
#include <pwd.h>

#include <cerrno>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "base/escape.h"
#include "io/thread_confinement.h"
#include "table/fold.h"

namespace hikyaku::io {
namespace {

constexpr std::size_t kFirstBuffer = 1024;
constexpr std::size_t kLargestBuffer = std::size_t{1} << 20;  // a group may have many members

std::string line_of(const passwd& entry) {
  std::string line = entry.pw_name;
  line += ":*:" + std::to_string(entry.pw_uid) + ':' + std::to_string(entry.pw_gid) + ':';
  line += entry.pw_gecos == nullptr ? "" : entry.pw_gecos;
  return line.append(":").append(entry.pw_dir).append(":").append(entry.pw_shell);
}

std::string line_of(const group& entry) {
  std::string line = entry.gr_name;
  line += ":*:" + std::to_string(entry.gr_gid) + ':';
  for (char** member = entry.gr_mem; *member != nullptr; ++member) {
    if (member != entry.gr_mem) line += ',';
    line += *member;
  }
  return line;
}

/// getpwnam_r(3) says some of these when there just is no such name.
bool means_absent(int error) {
  return error == 0 || error == ENOENT || error == ESRCH || error == EBADF || error == EPERM;
}

template <class Entry>
using Ask = int (*)(const char*, Entry*, char*, std::size_t, Entry**);

template <class Entry>
class UnixTable final : public table::Table {
 public:
  UnixTable(std::string name, Ask<Entry> ask) : name_(std::move(name)), ask_(ask) {}

  table::Answer find(std::string_view key) const override {
    const table::FoldedKey folded(key);
    if (!folded.valid() || key.find('\0') != std::string_view::npos) return std::optional<table::Found>{};
    const std::string user(folded.view());
    std::vector<char> buffer(kFirstBuffer);
    for (;;) {
      Entry entry{};
      Entry* found = nullptr;
      // Reads /etc/passwd, or asks what nsswitch.conf(5) names.
      const int error =
          by_opener([&] { return ask_(user.c_str(), &entry, buffer.data(), buffer.size(), &found); });
      if (found != nullptr) return std::optional(table::Found{line_of(entry), {}});
      if (means_absent(error)) return std::optional<table::Found>{};
      if (error == EINTR) continue;
      if (error != ERANGE || buffer.size() >= kLargestBuffer)
        return fail(Fault::temporary, name_ + ": " + std::generic_category().message(error));
      buffer.resize(buffer.size() * 4);
    }
  }
  Kind kind() const override { return Kind::fixed; }
  const std::string& name() const override { return name_; }

 private:
  std::string name_;
  Ask<Entry> ask_;
};

}  // namespace

Result<std::shared_ptr<const table::Table>> open_unix_table(std::string_view spec, std::string_view name) {
  if (name == "passwd.byname") return std::make_shared<UnixTable<passwd>>(std::string(spec), &getpwnam_r);
  if (name == "group.byname") return std::make_shared<UnixTable<group>>(std::string(spec), &getgrnam_r);
  return fail(Fault::malformed,
              escaped(spec, 200) + ": there are unix:passwd.byname and unix:group.byname and no others");
}

}  // namespace hikyaku::io
