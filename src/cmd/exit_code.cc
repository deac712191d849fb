#include "cmd/exit_code.h"

#include <sysexits.h>

#include <cstdio>

namespace hikyaku::cmd {

int tell_error(std::string_view command, const Error& error) {
  std::fprintf(stderr, "%.*s: %s\n", static_cast<int>(command.size()), command.data(), error.text.c_str());
  switch (error.fault) {
    case Fault::malformed:
      return EX_USAGE;
    case Fault::not_found:
      return EX_NOINPUT;
    case Fault::temporary:
      return EX_TEMPFAIL;
    case Fault::corrupt:
      return EX_DATAERR;
    case Fault::permanent:
      break;
  }
  return EX_UNAVAILABLE;
}

}  // namespace hikyaku::cmd
