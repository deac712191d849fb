#pragma once

namespace hikyaku::cmd {

/// hikyaku probe audit: argv[0] is "audit". 0: no case failed; 1: some did; else an exit code of sysexits.h,
/// EX_TEMPFAIL when none failed but some could not be judged.
int probe_audit_command(int argc, char** argv);

}  // namespace hikyaku::cmd
