/* seccomp_exec FILTER COMMAND...: runs a command that may make those system calls alone which a program of BPF, as
   seccomp_export_bpf(3) writes it, allows. For ./check --packages, in place of systemd. */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static struct sock_filter program[4096];

static int failed(const char* what) {
  fprintf(stderr, "seccomp_exec: %s: %s\n", what, strerror(errno));
  return 71;
}

int main(int argc, char** argv) {
  if (argc < 3) return 64;
  const int file = open(argv[1], O_RDONLY | O_CLOEXEC);
  const long size = file < 0 ? -1 : read(file, program, sizeof program);
  if (size <= 0) return failed(argv[1]);
  struct sock_fprog all = {(unsigned short)(size / (long)sizeof program[0]), program};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &all) != 0)
    return failed("filter");
  execvp(argv[2], argv + 2);
  return failed(argv[2]);
}
