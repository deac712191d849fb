#include "io/users.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <set>

#include "base/utf8.h"
#include "io/thread_confinement.h"

namespace hikyaku::io {
namespace {

constexpr std::size_t kMostText = std::size_t{64} << 20;
constexpr std::size_t kMostLine = 1024;
constexpr std::size_t kMostName = 255;

std::unexpected<Error> failed(const std::string& file, const char* doing) {
  return fail(errno == ENOSPC || errno == EDQUOT ? Fault::temporary : Fault::permanent,
              "can't " + std::string(doing) + " " + file + ": " + std::strerror(errno));
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int fd() const { return fd_; }
  bool open() const { return fd_ >= 0; }

 private:
  int fd_;
};

Result<User> parse_user(std::string_view line) {
  if (line.size() > kMostLine) return fail(Fault::malformed, "the line is longer than 1024 octets");
  const auto first = line.find('\t');
  const auto second = first == std::string_view::npos ? first : line.find('\t', first + 1);
  if (second == std::string_view::npos) {
    return fail(Fault::malformed, "a line is a name, a hash and a SCRAM verifier, separated by tabs");
  }
  User user;
  user.name = line.substr(0, first);
  user.hash = line.substr(first + 1, second - first - 1);
  if (auto checked = check_user_name(user.name); !checked) return std::unexpected(std::move(checked.error()));
  const bool visible = std::ranges::all_of(user.hash, [](char c) { return c > 0x20 && c < 0x7f; });
  if (user.hash.empty() || user.hash.front() != '$' || !visible) {
    return fail(Fault::malformed, "the second field is no hash of crypt(3), \"$y$...\"");
  }
  auto scram = parse_scram_verifier(line.substr(second + 1));
  if (!scram) return std::unexpected(std::move(scram.error()));
  user.scram = std::move(*scram);
  return user;
}

Result<void> write_synced(const std::string& file, std::string_view text, const struct stat* like) {
  const Descriptor out(::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!out.open() || ::fchmod(out.fd(), 0600) != 0) return failed(file, "open");
  if (like != nullptr && ::geteuid() == 0 && ::fchown(out.fd(), like->st_uid, like->st_gid) != 0) {
    return failed(file, "set the owner of");
  }
  while (!text.empty()) {
    const auto written = ::write(out.fd(), text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return failed(file, "write");
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  if (::fsync(out.fd()) != 0) return failed(file, "sync");
  return {};
}

std::string folder_of(const std::string& file) {
  auto folder = std::filesystem::path(file).parent_path().string();
  return folder.empty() ? "." : folder;
}

Result<void> replace(const std::string& file, std::string_view text) {
  // A new file is its folder's owner's, so that root can make it for a hub that is not root.
  struct stat old {};
  const bool known = ::stat(file.c_str(), &old) == 0 || ::stat(folder_of(file).c_str(), &old) == 0;
  const auto next = file + ".new";
  if (auto written = write_synced(next, text, known ? &old : nullptr); !written) {
    ::unlink(next.c_str());
    return written;
  }
  if (::rename(next.c_str(), file.c_str()) != 0) return failed(file, "replace");
  const auto folder = folder_of(file);
  const Descriptor directory(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.open() || ::fsync(directory.fd()) != 0) return failed(folder, "sync");
  return {};
}

}  // namespace

Result<void> check_user_name(std::string_view name) {
  bool good = !name.empty() && name.size() <= kMostName && name.front() != '#';
  for (auto rest = name; good && !rest.empty();) {
    const auto first = static_cast<unsigned char>(rest.front());
    const auto length = utf8_length(rest);
    // 0xC2 begins the C1 controls and the no-break space, none of which a name needs.
    good = length != 0 && first > 0x20 && first != 0x7f &&
           !(first == 0xc2 && static_cast<unsigned char>(rest[1]) <= 0xa0);
    rest.remove_prefix(std::max<std::size_t>(length, 1));
  }
  if (good) return {};
  return fail(Fault::malformed,
              "a user's name is 1 to 255 octets of UTF-8 without blanks and control characters, and does not "
              "begin with '#'");
}

Result<User> make_user(std::string name, std::string_view password) {
  if (auto checked = check_user_name(name); !checked) return std::unexpected(std::move(checked.error()));
  auto prepared = prepare_password(password);
  if (!prepared) return std::unexpected(std::move(prepared.error()));
  auto hash = hash_password(*prepared);
  auto scram = make_scram_verifier(*prepared);
  wipe(*prepared);
  if (!hash) return std::unexpected(std::move(hash.error()));
  if (!scram) return std::unexpected(std::move(scram.error()));
  return User{std::move(name), std::move(*hash), std::move(*scram)};
}

std::string user_line(const User& user) {
  return user.name + '\t' + user.hash + '\t' + text(user.scram) + '\n';
}

Result<std::vector<User>> parse_users(std::string_view text, std::string_view file) {
  if (text.size() > kMostText) return fail(Fault::malformed, std::string(file) + " is larger than 64 MiB");
  std::vector<User> users;
  std::set<std::string, std::less<>> names;
  for (unsigned number = 1; !text.empty(); ++number) {
    const auto end = text.find('\n');
    const auto line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.empty() || line.front() == '#') continue;
    const auto here = std::string(file) + ":" + std::to_string(number) + ": ";
    auto user = parse_user(line);
    if (!user) return fail(Fault::malformed, here + user.error().text);
    if (!names.insert(user->name).second)
      return fail(Fault::malformed, here + user->name + " is there twice");
    users.push_back(std::move(*user));
  }
  return users;
}

Result<std::vector<User>> read_users(const std::string& file) {
  auto read = read_stable_file(file);
  if (!read && read.error().fault == Fault::not_found) return std::vector<User>{};
  if (!read) return std::unexpected(std::move(read.error()));
  return parse_users(read->text, file);
}

Result<void> change_users(const std::string& file,
                          const std::function<Result<void>(std::vector<User>&)>& change) {
  const auto lock_name = file + ".lock";
  const Descriptor lock(::open(lock_name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock.open()) return failed(lock_name, "open");
  while (::flock(lock.fd(), LOCK_EX) != 0) {
    if (errno != EINTR) return failed(lock_name, "lock");
  }
  auto users = read_users(file);
  if (!users) return std::unexpected(std::move(users.error()));
  if (auto changed = change(*users); !changed) return changed;
  std::string text;
  for (const auto& user : *users) text += user_line(user);
  return replace(file, text);
}

Users::Users(std::string file) : file_(std::move(file)) {
  // Of a password that nobody can have: what an unknown name is checked against.
  if (auto hash = hash_password("\x01")) decoy_hash_ = std::move(*hash);
  if (RAND_bytes(decoy_key_.data(), static_cast<int>(decoy_key_.size())) != 1) std::abort();
}

void Users::refresh() {
  const auto stamp = stamp_of(file_);
  if (looked_ && stamp == stamp_) return;
  looked_ = true;
  stamp_ = stamp;
  auto read = by_opener([this] { return read_users(file_); });
  fault_.reset();
  if (!read) {
    fault_ = std::move(read.error());
    return;
  }
  auto next = std::make_shared<Known>();
  for (auto& user : *read) {
    auto name = user.name;
    next->insert_or_assign(std::move(name), std::move(user));
  }
  known_ = std::move(next);
}

Users::Verdict Users::verify(std::string_view name, std::string_view password) {
  std::string hash = decoy_hash_;
  bool known = false;
  {
    const std::lock_guard lock(mutex_);
    refresh();
    if (const auto found = known_->find(name); found != known_->end()) {
      hash = found->second.hash;
      known = true;
    } else if (fault_) {
      return Verdict::unavailable;
    }
  }
  auto prepared = prepare_password(password);
  // One that can't be a password is checked all the same: what it costs must not depend on it.
  auto candidate = prepared ? std::move(*prepared) : std::string("\x01");
  const bool right = password_matches(candidate, hash) && prepared.has_value();
  wipe(candidate);
  return known && right ? Verdict::right : Verdict::wrong;
}

ScramVerifier Users::scram(std::string_view name) {
  {
    const std::lock_guard lock(mutex_);
    refresh();
    if (const auto found = known_->find(name); found != known_->end()) return found->second.scram;
  }
  const auto made_up = [&](std::string_view which, std::size_t size) {
    std::string octets(32, '\0');
    const auto text = std::string(which) + '\0' + std::string(name);
    unsigned written = 0;
    HMAC(EVP_sha256(), decoy_key_.data(), static_cast<int>(decoy_key_.size()),
         reinterpret_cast<const unsigned char*>(text.data()), text.size(),
         reinterpret_cast<unsigned char*>(octets.data()), &written);
    octets.resize(size);
    return octets;
  };
  return {made_up("salt", 16), kScramIterations, made_up("stored", 32), made_up("server", 32)};
}

std::string Users::version() {
  const auto stamp = stamp_of(file_);
  if (!stamp.exists) return "none";
  return std::to_string(stamp.inode) + "/" + std::to_string(stamp.size) + "/" +
         std::to_string(stamp.changed.tv_sec) + "." + std::to_string(stamp.changed.tv_nsec);
}

std::optional<Error> Users::fault() {
  const std::lock_guard lock(mutex_);
  refresh();
  return fault_;
}

}  // namespace hikyaku::io
