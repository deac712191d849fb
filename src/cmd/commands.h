#pragma once

namespace hikyaku::cmd {

/// Each subcommand: argv[0] is its name, the result an exit code of sysexits.h.
int serve_command(int argc, char** argv);
int explain_command(int argc, char** argv);
int why_command(int argc, char** argv);
int queue_command(int argc, char** argv);
int store_command(int argc, char** argv);
int config_command(int argc, char** argv);
int table_command(int argc, char** argv);
int ese_command(int argc, char** argv);
int user_command(int argc, char** argv);
/// The programs that scripts expect under those names.
int mailq_command(int argc, char** argv);
int sendmail_command(int argc, char** argv);
int newaliases_command(int argc, char** argv);

}  // namespace hikyaku::cmd
