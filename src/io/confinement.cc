#include "io/confinement.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <memory>

#include "base/escape.h"

namespace hikyaku::io {
namespace {

// Of later kernels than the headers that this is built with.
constexpr std::uint64_t kRefer = 1ULL << 13, kTruncate = 1ULL << 14;

constexpr int kFirstThatServes = 2;  // Linux 5.19

constexpr std::uint64_t kOfFiles = LANDLOCK_ACCESS_FS_WRITE_FILE;
constexpr std::uint64_t kOfFolders = LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
                                     LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
                                     LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |
                                     LANDLOCK_ACCESS_FS_MAKE_SYM;
constexpr std::uint64_t kNowhere = LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_BLOCK;

// What no mail server has to do. Each by its name, so that one that an architecture lacks does not matter.
constexpr std::array kRefused{"ptrace",
                              "process_vm_readv",
                              "process_vm_writev",
                              "kcmp",
                              "mount",
                              "umount2",
                              "pivot_root",
                              "chroot",
                              "open_tree",
                              "move_mount",
                              "fsopen",
                              "fsconfig",
                              "fsmount",
                              "fspick",
                              "mount_setattr",
                              "setns",
                              "unshare",
                              "init_module",
                              "finit_module",
                              "delete_module",
                              "kexec_load",
                              "kexec_file_load",
                              "reboot",
                              "bpf",
                              "perf_event_open",
                              "userfaultfd",
                              "add_key",
                              "request_key",
                              "keyctl",
                              "open_by_handle_at",
                              "acct",
                              "swapon",
                              "swapoff",
                              "quotactl",
                              "quotactl_fd",
                              "settimeofday",
                              "clock_settime",
                              "clock_adjtime",
                              "adjtimex",
                              "iopl",
                              "ioperm",
                              "personality",
                              "vhangup",
                              "syslog",
                              "sethostname",
                              "setdomainname",
                              "lookup_dcookie",
                              "nfsservctl",
                              "fanotify_init",
                              "name_to_handle_at"};
constexpr std::array kPrograms{"execve", "execveat"};

std::string text_of(int number) { return std::strerror(number); }

/// 0: none, or the first, which lets no file move from one folder to another.
int landlock_version() {
  const auto version = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  return version < kFirstThatServes ? 0 : static_cast<int>(version);
}

bool has_seccomp() { return ::prctl(PR_GET_SECCOMP) >= 0; }

class Descriptor {
 public:
  explicit Descriptor(long number) : number_(static_cast<int>(number)) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  int get() const { return number_; }

 private:
  int number_;
};

/// false: there is no such path.
Result<bool> allow_below(int ruleset, const std::string& path, std::uint64_t handled) {
  const Descriptor folder(::open(path.c_str(), O_PATH | O_CLOEXEC));
  struct stat facts;
  if (folder.get() < 0 || ::fstat(folder.get(), &facts) != 0) return false;
  const bool is_folder = S_ISDIR(facts.st_mode);
  landlock_path_beneath_attr rule{};
  rule.allowed_access =
      handled & (is_folder ? kOfFiles | kOfFolders | kRefer | kTruncate : kOfFiles | kTruncate);
  rule.parent_fd = folder.get();
  if (::syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0) return true;
  // A pipe or a socket, as /dev/stderr may be one: Landlock is about files, and leaves it open.
  if (errno == EBADFD) return true;
  return fail(Fault::permanent, "confine to " + escaped(path) + ": " + text_of(errno));
}

Result<void> restrict_writes(const ConfinementWish& wish, Confinement& confinement) {
  const int version = landlock_version();
  if (version == 0) {
    confinement.remarks.emplace_back("the kernel has no Landlock that serves: writes are not confined");
    return {};
  }
  landlock_ruleset_attr attributes{};
  attributes.handled_access_fs = kOfFiles | kOfFolders | kNowhere | kRefer | (version >= 3 ? kTruncate : 0) |
                                 (wish.runs_programs ? 0 : LANDLOCK_ACCESS_FS_EXECUTE);
  const Descriptor ruleset(
      ::syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes.handled_access_fs, 0));
  if (ruleset.get() < 0) return fail(Fault::permanent, "Landlock: " + text_of(errno));
  for (const auto& path : wish.writable) {
    const auto allowed = allow_below(ruleset.get(), path, attributes.handled_access_fs);
    if (!allowed) return std::unexpected(allowed.error());
    if (*allowed) {
      confinement.writable.push_back(path);
    } else {
      confinement.remarks.push_back(escaped(path) + " is not there, and can't be written to");
    }
  }
  // What every program may write to.
  for (const auto* path : {"/dev/null", "/dev/full", "/dev/tty"}) {
    if (const auto allowed = allow_below(ruleset.get(), path, attributes.handled_access_fs); !allowed)
      return std::unexpected(allowed.error());
  }
  if (::syscall(SYS_landlock_restrict_self, ruleset.get(), 0) != 0)
    return fail(Fault::permanent, "Landlock: " + text_of(errno));
  confinement.landlock = version;
  return {};
}

struct FilterEnd {
  void operator()(void* filter) const { seccomp_release(filter); }
};

Result<void> refuse_calls(const ConfinementWish& wish, Confinement& confinement) {
  if (!has_seccomp()) {
    confinement.remarks.emplace_back("the kernel has no seccomp: no system call is refused");
    return {};
  }
  const std::unique_ptr<void, FilterEnd> filter(seccomp_init(SCMP_ACT_ALLOW));
  const auto refuse = [&](const char* name) -> int {
    const int number = seccomp_syscall_resolve_name(name);
    if (number == __NR_SCMP_ERROR) return 0;
    const int code = seccomp_rule_add(filter.get(), SCMP_ACT_ERRNO(EPERM), number, 0);
    if (code == 0) ++confinement.refused_calls;
    return code;
  };
  int code = filter == nullptr ? -ENOMEM : 0;
  for (const auto* name : kRefused) code = code == 0 ? refuse(name) : code;
  if (!wish.runs_programs) {
    for (const auto* name : kPrograms) code = code == 0 ? refuse(name) : code;
  }
  if (code == 0) code = seccomp_load(filter.get());
  if (code == 0) return {};
  confinement.refused_calls = 0;
  return fail(Fault::permanent, "seccomp: " + text_of(-code));
}

}  // namespace

std::string Confinement::text() const {
  std::string text;
  const auto say = [&](const std::string& words) { text += (text.empty() ? "" : "; ") + words; };
  if (landlock > 0) {
    std::string places;
    for (const auto& path : writable) places += (places.empty() ? "" : ", ") + escaped(path);
    say("writes below " + places + " alone (Landlock " + std::to_string(landlock) + ")");
  }
  if (!runs_programs && (landlock > 0 || refused_calls > 0)) say("runs no program");
  if (refused_calls > 0) say(std::to_string(refused_calls) + " system calls are refused (seccomp)");
  return text.empty() ? "nothing is in force" : text;
}

Confinement possible_confinement() {
  Confinement confinement;
  confinement.landlock = landlock_version();
  confinement.refused_calls = has_seccomp() ? kRefused.size() + kPrograms.size() : 0;
  return confinement;
}

Result<Confinement> confine(const ConfinementWish& wish) {
  Confinement confinement;
  confinement.runs_programs = wish.runs_programs;
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    return fail(Fault::permanent, "no_new_privs: " + text_of(errno));
  if (auto restricted = restrict_writes(wish, confinement); !restricted)
    return std::unexpected(restricted.error());
  if (auto refused = refuse_calls(wish, confinement); !refused) return std::unexpected(refused.error());
  return confinement;
}

}  // namespace hikyaku::io
