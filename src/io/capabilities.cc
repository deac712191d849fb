#include "io/capabilities.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace hikyaku::io {

Result<Dropped> drop_capabilities() {
  if (::geteuid() == 0) return Dropped::nothing;
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> held{};
  if (::syscall(SYS_capget, &header, held.data()) != 0)
    return fail(Fault::permanent, std::string("ask for our capabilities: ") + std::strerror(errno));
  if ((held[0].permitted | held[1].permitted) == 0) return Dropped::nothing;
  const std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> none{};
  // Without the permitted ones there are no ambient ones either (capabilities(7)).
  if (::syscall(SYS_capset, &header, none.data()) == 0) return Dropped::all;
  // systemd counts capset(2) among the calls of privileged programs, which our unit is without.
  if (errno == EPERM && ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) == 0)
    return Dropped::at_exec;
  return fail(Fault::permanent, std::string("give up our capabilities: ") + std::strerror(errno));
}

}  // namespace hikyaku::io
