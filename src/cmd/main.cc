#include <poll.h>
#include <sysexits.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <string_view>
#include <system_error>

#include "cmd/base64_command.h"
#include "cmd/commands.h"
#include "cmd/greylist_command.h"
#include "cmd/mailbox_command.h"
#include "cmd/milters_command.h"
#include "cmd/mime_commands.h"
#include "cmd/probe_command.h"
#include "cmd/program_table.h"
#include "cmd/setup_command.h"

namespace hikyaku::cmd {
namespace {

int milter_greylist(int argc, char** argv) { return milter_greylist_command(argc, argv, HIKYAKU_VERSION); }
// They know the table that they stand in.
int completion(int argc, char** argv);
int manual(int argc, char** argv);

constexpr std::array kCommands{
    Command{"serve", serve_command, "run the hub in the foreground", 8},
    Command{"why", why_command, "what was decided for a message that passed, rule by rule"},
    Command{"explain", explain_command, "what would be decided for a message, and what would change it"},
    Command{"queue", queue_command, "list, show, hold, release, retry, bounce and delete queued mail"},
    Command{"store", store_command, "the databases: mailboxes, status, check, mount after a crash, export"},
    Command{"mailbox", mailbox_command, "list, create, rename, delete, restore mailboxes; quotas"},
    Command{"milters", milters_command, "many filters behind one socket; speak to a filter by hand"},
    Command{"greylist", greylist_command, "which line of a greylist.conf decides, and why"},
    Command{"setup", setup_command, "write the first configuration, or copy a Postfix's"},
    Command{"config", config_command, "check and show main.cf and master.cf"},
    Command{"table", table_command, "look up and check lookup tables"},
    Command{"probe", probe_command, "talk to a mail server by hand or from a pipe, and judge its TLS", 1,
            "send audit"},
    Command{"ese", ese_command, "look at the databases and logs of an Exchange server: do they mount?"},
    Command{"base64", base64_command, "base64 of a file, and back, by the options of GNU and of macOS"},
    Command{"mime", mime_command, "messages: their parts, headers, texts and attachments"},
    Command{"sendmail", sendmail_command, "hand in a message on stdin, as Postfix's sendmail"},
    Command{"user", user_command, "the people who may submit mail"},
    Command{"completion", completion, "what bash or zsh completes: a script for it"},
    Command{"manual", manual, "the manual page of a command, in roff"},
};

/// What it is under another name.
constexpr std::array kPrograms{
    Command{"mailq", mailq_command, "list the mail queue"},
    Command{"sendmail", sendmail_command, "hand in a message on stdin, as Postfix's sendmail"},
    Command{"milter-greylist", milter_greylist, "a greylisting filter (milter) for an MTA", 8},
    Command{"newaliases", newaliases_command, "nothing: alias files are read as they are"},
};

constexpr ProgramTable kTable{HIKYAKU_VERSION, kCommands, kPrograms};

int completion(int argc, char** argv) { return completion_command(argc, argv, kTable); }
int manual(int argc, char** argv) { return manual_command(argc, argv, kTable); }

void print_usage(std::FILE* out) {
  std::fputs("usage: hikyaku COMMAND [OPTION]...\n\n", out);
  for (const auto& command : kCommands) {
    std::fprintf(out, "  %-10.*s %.*s\n", static_cast<int>(command.name.size()), command.name.data(),
                 static_cast<int>(command.summary.size()), command.summary.data());
  }
  std::fputs(
      "\nhikyaku COMMAND --help tells the options of a command, with examples. -c DIR names the folder of\n"
      "main.cf and master.cf (default /etc/hikyaku). Called as sendmail, mailq, newaliases or\n"
      "milter-greylist it does what those do.\n",
      out);
}

std::string_view base_name(std::string_view path) {
  return path.substr(path.rfind('/') + 1);  // npos + 1 is 0
}

int run(int argc, char** argv) {
  const auto called_as = base_name(argv[0]);
  for (const auto& program : kPrograms) {
    if (program.name == called_as) return program.run(argc, argv);
  }
  if (argc < 2) {
    print_usage(stderr);
    return EX_USAGE;
  }
  const std::string_view name = argv[1];
  for (const auto& command : kCommands) {
    if (command.name == name) return command.run(argc - 1, argv + 1);
  }
  if (name == "mailq") return mailq_command(argc - 1, argv + 1);
  if (name == "--help" || name == "-h" || name == "help") {
    print_usage(stdout);
    return EX_OK;
  }
  if (name == "--version") {
    std::puts("hikyaku " HIKYAKU_VERSION);
    return EX_OK;
  }
  std::fprintf(stderr, "hikyaku: there is no command '%s'; hikyaku --help lists them\n", argv[1]);
  return EX_USAGE;
}

/// Also where a write failed earlier, whose errno is lost.
bool reader_has_gone() {
  pollfd output{STDOUT_FILENO, POLLOUT, 0};
  return ::poll(&output, 1, 0) == 1 && (output.revents & (POLLERR | POLLHUP)) != 0;
}

/// What still waits in buffers is written. What then can't be is a failure, also of a command that was done.
int with_all_written(int code) {
  errno = 0;
  std::cout.flush();
  const bool written = std::fflush(stdout) == 0 && std::ferror(stdout) == 0 && std::cout.good();
  if (written) return code;
  // Who closed the pipe (head) knows it already; and EX_IOERR has been told by who gave it.
  const int why = errno;
  if (code != EX_IOERR && !reader_has_gone()) {
    std::fprintf(stderr, "hikyaku: not all of the output could be written%s%s\n", why == 0 ? "" : ": ",
                 why == 0 ? "" : std::strerror(why));
  }
  return code == EX_OK ? EX_IOERR : code;
}

}  // namespace
}  // namespace hikyaku::cmd

int main(int argc, char** argv) {
  try {
    return hikyaku::cmd::with_all_written(hikyaku::cmd::run(argc, argv));
  } catch (const std::system_error& error) {
    // A library prints, and throws when it can't. Who closed the pipe (head) knows it already.
    if (error.code().value() != EPIPE) std::fprintf(stderr, "hikyaku: %s\n", error.what());
    return EX_IOERR;
  }
}
