#include "cmd/user_command.h"

#include <fcntl.h>
#include <sysexits.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/escape.h"
#include "cmd/command_line.h"
#include "cmd/commands.h"
#include "cmd/configuration_files.h"
#include "io/users.h"

namespace hikyaku::cmd {
namespace {

struct UserOptions {
  std::string directory = kDefaultDirectory;
  std::string file;  ///< instead of hikyaku_user_file
  std::string name;
  std::string password_file;  ///< "-": standard input
  int password_fd = -1;
  bool json = false;
};

int tell(const Error& error) {
  std::fprintf(stderr, "hikyaku user: %s\n", error.text.c_str());
  switch (error.fault) {
    case Fault::malformed:
    case Fault::corrupt:
      return EX_DATAERR;
    case Fault::not_found:
      return EX_NOUSER;
    case Fault::temporary:
      return EX_TEMPFAIL;
    case Fault::permanent:
      break;
  }
  return EX_CANTCREAT;
}

Result<std::string> users_file(const UserOptions& options) {
  if (!options.file.empty()) return options.file;
  auto texts = read_configuration(options.directory);
  if (!texts) return fail(Fault::permanent, texts.error().text + "; --file names the users' file itself");
  SourceCatalogue sources;
  config::Diagnostics diagnostics;
  const auto files = config::read_files(*texts, system_facts(options.directory), sources, diagnostics);
  return files.main.text("hikyaku_user_file").text;
}

/// Keeps what is typed from being shown, as long as it lives.
class SilentTerminal {
 public:
  explicit SilentTerminal(int fd) : fd_(fd), changed_(::tcgetattr(fd, &before_) == 0) {
    auto silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    silent.c_lflag |= ECHONL;
    if (changed_) ::tcsetattr(fd_, TCSAFLUSH, &silent);
  }
  SilentTerminal(const SilentTerminal&) = delete;
  SilentTerminal& operator=(const SilentTerminal&) = delete;
  ~SilentTerminal() {
    if (changed_) ::tcsetattr(fd_, TCSAFLUSH, &before_);
  }

 private:
  int fd_;
  termios before_{};
  bool changed_;
};

/// The first line, without its end. One octet at a time, so that what follows stays for whom it is meant.
Result<std::string> read_line(int fd, const std::string& from) {
  std::string line;
  char c = 0;
  for (;;) {
    const auto got = ::read(fd, &c, 1);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0)
      return fail(Fault::permanent, "can't read the password from " + from + ": " + std::strerror(errno));
    if (got == 0 || c == '\n') break;
    line += c;
    if (line.size() > 1024) return fail(Fault::malformed, "the password in " + from + " is too long");
  }
  if (line.ends_with('\r')) line.pop_back();
  return line;
}

Result<std::string> ask_twice(const std::string& name) {
  const SilentTerminal silent(STDIN_FILENO);
  std::fprintf(stderr, "Password for %s: ", name.c_str());
  auto first = read_line(STDIN_FILENO, "the terminal");
  if (!first) return first;
  std::fprintf(stderr, "Once more: ");
  auto second = read_line(STDIN_FILENO, "the terminal");
  if (!second) return second;
  const bool same = *first == *second;
  io::wipe(*second);
  if (!same) return fail(Fault::malformed, "the two passwords differ; nothing was changed");
  return first;
}

Result<std::string> read_password(const UserOptions& options) {
  if (options.password_fd >= 0)
    return read_line(options.password_fd, "descriptor " + std::to_string(options.password_fd));
  if (options.password_file.empty() && ::isatty(STDIN_FILENO) == 1) return ask_twice(options.name);
  if (options.password_file.empty() || options.password_file == "-")
    return read_line(STDIN_FILENO, "standard input");
  const int fd = ::open(options.password_file.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return fail(Fault::permanent, "can't read " + options.password_file + ": " + std::strerror(errno));
  auto line = read_line(fd, options.password_file);
  ::close(fd);
  return line;
}

auto find_user(std::vector<io::User>& users, const std::string& name) {
  return std::ranges::find(users, name, &io::User::name);
}

/// add: the name must be new; passwd: it must be there.
enum class Wanted : bool { new_name, known_name };

Result<void> check_presence(std::vector<io::User>& users, const std::string& name, Wanted wanted) {
  const bool known = find_user(users, name) != users.end();
  if (known && wanted == Wanted::new_name) {
    return fail(Fault::malformed,
                "there is a user " + name + " already; `hikyaku user passwd` changes the password");
  }
  if (!known && wanted == Wanted::known_name) return fail(Fault::not_found, "there is no user " + name);
  return {};
}

/// The hub's data_directory, before its first start. A folder that --file names is not made: it is more
/// likely mistyped.
Result<void> make_folder_of(const std::string& file) {
  const auto folder = std::filesystem::path(file).parent_path();
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return fail(Fault::permanent, "make the folder " + folder.string() + ": " + error.message());
  return {};
}

Result<void> set_password(const UserOptions& options, Wanted wanted) {
  if (auto good = io::check_user_name(options.name); !good) return good;
  auto file = users_file(options);
  if (!file) return std::unexpected(std::move(file.error()));
  // Before somebody types a password for nothing; it is looked at again under the lock.
  auto users = io::read_users(*file);
  if (!users) return std::unexpected(std::move(users.error()));
  if (auto fits = check_presence(*users, options.name, wanted); !fits) return fits;
  auto password = read_password(options);
  if (!password) return std::unexpected(std::move(password.error()));
  auto user = io::make_user(options.name, *password);
  io::wipe(*password);
  if (!user) return std::unexpected(std::move(user.error()));
  if (options.file.empty()) {
    if (auto made = make_folder_of(*file); !made) return made;
  }
  return io::change_users(*file, [&](std::vector<io::User>& all) -> Result<void> {
    if (auto fits = check_presence(all, options.name, wanted); !fits) return fits;
    if (const auto at = find_user(all, options.name); at != all.end()) {
      *at = *user;
    } else {
      all.push_back(*user);
    }
    return {};
  });
}

Result<void> remove_user(const UserOptions& options) {
  auto file = users_file(options);
  if (!file) return std::unexpected(std::move(file.error()));
  return io::change_users(*file, [&](std::vector<io::User>& all) -> Result<void> {
    if (auto fits = check_presence(all, options.name, Wanted::known_name); !fits) return fits;
    all.erase(find_user(all, options.name));
    return {};
  });
}

Result<void> list_users(const UserOptions& options) {
  auto file = users_file(options);
  if (!file) return std::unexpected(std::move(file.error()));
  auto users = io::read_users(*file);
  if (!users) return std::unexpected(std::move(users.error()));
  for (const auto& user : *users) {
    const auto line = options.json ? nlohmann::ordered_json{{"user", user.name}}.dump() : escaped(user.name);
    std::printf("%s\n", line.c_str());
  }
  return {};
}

constexpr const char* kExamples =
    "Examples:\n"
    "  hikyaku user add test@example.com\n"
    "  hikyaku user passwd test@example.com --password-file new.txt\n"
    "  pass show mail/test | hikyaku user add test@example.com -c /etc/hikyaku\n"
    "The password is the first line of the file or the descriptor, or is asked for on a terminal. A hub that "
    "runs\n"
    "needs no reload. Ends with 67 for a user that there is not, 65 for a bad name or password.";

}  // namespace

int user_command(int argc, char** argv) {
  CommandLine app{
      "hikyaku user",
      "The people who may submit mail. Passwords are kept as yescrypt hashes and SCRAM verifiers."};
  app.footer(kExamples);
  UserOptions options;
  app.config_directory(options.directory);
  app.option("--file", &options.file, "the users' file, instead of hikyaku_user_file of main.cf");
  auto& add = app.subcommand("add", "add a user");
  auto& passwd = app.subcommand("passwd", "change a user's password");
  auto& remove = app.subcommand("remove", "remove a user: no login works any more");
  auto& list = app.subcommand("list", "print the names, one a line");
  for (auto* sub : {&add, &passwd, &remove, &list}) {
    if (sub == &list) {
      sub->flag("--json", options.json, "one JSON object a line");
    } else {
      sub->option("NAME", &options.name, "the name to log in with", {.required = true});
    }
    if (sub != &add && sub != &passwd) continue;
    sub->option("--password-file", &options.password_file,
                "read the password from this file; - is standard input");
    sub->option("--password-fd", &options.password_fd, "read the password from this open descriptor");
  }
  if (const auto end = app.parse(argc, argv)) return *end;
  const auto done = add.called()      ? set_password(options, Wanted::new_name)
                    : passwd.called() ? set_password(options, Wanted::known_name)
                    : remove.called() ? remove_user(options)
                                      : list_users(options);
  return done ? EX_OK : tell(done.error());
}

}  // namespace hikyaku::cmd
