#pragma once
#include <array>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "io/password.h"
#include "io/stable_file.h"

namespace hikyaku::io {

/// One who may submit mail: one line of the users' file, "name TAB hash TAB scram-verifier".
struct User {
  std::string name;
  std::string hash;  ///< crypt(3)'s, yescrypt when we made it
  ScramVerifier scram;
  bool operator==(const User&) const = default;
};

/// Reads the text of a users' file; empty lines and lines that begin with '#' are left out. Fails with
/// Fault::malformed, naming `file` and the line. Limits: 64 MiB, 1,024 octets a line, no name twice. Pure.
Result<std::vector<User>> parse_users(std::string_view text, std::string_view file);
/// One line with its end; parses back to the same user.
std::string user_line(const User& user);
/// A name for a user: 1 to 255 octets of UTF-8 without blanks and control characters, and no '#' in front.
Result<void> check_user_name(std::string_view name);
/// Fails with Fault::malformed when the name or the password is no good. Blocking: see hash_password().
Result<User> make_user(std::string name, std::string_view password);

/// Reads a users' file; one that does not exist is empty. Blocking.
Result<std::vector<User>> read_users(const std::string& file);
/// Changes the file as a whole: `change` gets all users and returns an error, which leaves the file alone, or
/// what to write. Changes wait for each other (a lock on FILE.lock). The new file, readable by its owner
/// alone, is synced and replaces the old one in one step; comments are lost. Blocking.
Result<void> change_users(const std::string& file,
                          const std::function<Result<void>(std::vector<User>&)>& change);

/// The people who may submit mail, in a file that `hikyaku user` writes. It is looked at with each call, and
/// read again when it has changed; one that is faulty leaves the users as they were. Thread-safe.
class Users {
 public:
  /// The file need not exist: then there is nobody.
  explicit Users(std::string file);

  enum class Verdict : unsigned char { right, wrong, unavailable };
  /// Checks a password. Takes as long for a name that there is not. Blocks for tens of milliseconds: for the
  /// pool.
  Verdict verify(std::string_view name, std::string_view password);

  /// For a SCRAM exchange: a name that there is not has a verifier too, the same each time, which no password
  /// fits, so that nobody learns who is here.
  ScramVerifier scram(std::string_view name);

  /// Changes with each change of the file: what was remembered of it is void then. Costs one stat().
  std::string version();
  /// Why the file can't be used at present; for the log.
  std::optional<Error> fault();

 private:
  using Known = std::map<std::string, User, std::less<>>;
  void refresh();

  const std::string file_;
  std::mutex mutex_;
  bool looked_ = false;
  FileStamp stamp_;
  std::shared_ptr<const Known> known_ = std::make_shared<Known>();
  std::optional<Error> fault_;
  std::string decoy_hash_;
  std::array<unsigned char, 32> decoy_key_{};
};

}  // namespace hikyaku::io
