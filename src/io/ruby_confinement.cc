#include "io/ruby_confinement.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/close_range.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <string>
#include <vector>

namespace hikyaku::io {
namespace {

#if defined(__x86_64__)
constexpr unsigned kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr unsigned kArchitecture = AUDIT_ARCH_AARCH64;
#else
#error "the numbers of this processor's system calls are not known here"
#endif

constexpr std::array kAllowed = {
    __NR_read,
    __NR_write,
    __NR_mmap,
    __NR_munmap,
    __NR_mremap,
    __NR_madvise,
    __NR_brk,
    __NR_futex,
    __NR_exit,
    __NR_exit_group,
    __NR_setitimer,
    __NR_rt_sigaction,
    __NR_rt_sigprocmask,
    __NR_rt_sigreturn,
    __NR_clock_gettime,
    __NR_gettimeofday,
    __NR_restart_syscall,
    __NR_sigaltstack,
#if defined(__has_feature)
#if __has_feature(undefined_behavior_sanitizer)
    // Its check of virtual tables asks a pipe whether memory can be read, and takes a refusal for a fault.
    __NR_pipe2,
    __NR_close,
#endif
#endif
};

sock_filter load(std::size_t offset) {
  return BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<unsigned>(offset));
}
/// Goes on behind the next `skip` statements where the loaded value is this one.
sock_filter skip_if(unsigned value, unsigned char skip) {
  return BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, skip, 0);
}
sock_filter end(unsigned verdict) { return BPF_STMT(BPF_RET | BPF_K, verdict); }

std::unexpected<Error> failed(const char* what) {
  return fail(Fault::temporary,
              std::string("confining the Ruby interpreter: ") + what + ": " + std::strerror(errno));
}

}  // namespace

Result<void> keep_only(int descriptor) {
  // No PR_SET_PDEATHSIG: it would come when the thread ends that has forked, and others ask after it. An
  // owner that is gone is the end of the socket, and an endless loop meets its timer.
  for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  if (::dup2(descriptor, 3) != 3) return failed("dup2");
  ::close_range(4, ~0U, 0);
  const int nothing = ::open("/dev/null", O_RDWR);
  if (nothing < 0) return failed("/dev/null");
  for (int standard = 0; standard <= 2; ++standard)
    if (::dup2(nothing, standard) != standard) return failed("dup2");
  ::close(nothing);
  ::tzset();  // reads a file, which can't be done later
  return {};
}

Result<void> give_up_system_calls() {
  std::vector<sock_filter> program = {load(offsetof(seccomp_data, arch)), skip_if(kArchitecture, 1),
                                      end(SECCOMP_RET_KILL_PROCESS), load(offsetof(seccomp_data, nr))};
  for (std::size_t place = 0; place < kAllowed.size(); ++place)
    program.push_back(
        skip_if(static_cast<unsigned>(kAllowed[place]), static_cast<unsigned char>(kAllowed.size() - place)));
  program.push_back(end(SECCOMP_RET_ERRNO | EPERM));
  program.push_back(end(SECCOMP_RET_ALLOW));
  const sock_fprog whole{static_cast<unsigned short>(program.size()), program.data()};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return failed("PR_SET_NO_NEW_PRIVS");
  if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &whole) != 0) return failed("PR_SET_SECCOMP");
  return {};
}

}  // namespace hikyaku::io
