#include "cmd/secret_source.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "cmd/line_editor.h"

namespace hikyaku::cmd {
namespace {

constexpr std::size_t kMost = 64 * 1024;  // octets

}  // namespace

Result<std::string> secret_from_descriptor(int descriptor, const std::string& what) {
  std::string text;
  while (!text.ends_with('\n')) {
    char octet = 0;
    const auto size = ::read(descriptor, &octet, 1);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return fail(Fault::not_found, "the password from " + what + ": " + std::strerror(errno));
    if (size == 0) break;
    text += octet;
    if (text.size() > kMost) return fail(Fault::malformed, "the password from " + what + " is too long");
  }
  if (text.ends_with('\n')) text.pop_back();
  if (text.ends_with('\r')) text.pop_back();
  if (text.empty()) return fail(Fault::malformed, "the password from " + what + " is empty");
  return text;
}

Result<std::string> secret_from_file(const std::string& name) {
  const int descriptor = ::open(name.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0)
    return fail(Fault::not_found, "the password from " + name + ": " + std::strerror(errno));
  auto text = secret_from_descriptor(descriptor, name);
  ::close(descriptor);
  return text;
}

void SecretSource::add_to(CommandLine& line) {
  line.option("--password-file", &file_, "the file whose first line is the password, or the token");
  line.option("--password-fd", &descriptor_, "the open descriptor to read it from");
}

Result<std::string> SecretSource::get(const std::string& user) {
  // A file and a descriptor have one for all; who sits at the terminal is asked for each.
  if (known_ && (!from_terminal() || known_user_ == user)) return *known_;
  auto text = from_terminal() ? ask_terminal(user)
              : file_.empty()
                  ? secret_from_descriptor(descriptor_, "descriptor " + std::to_string(descriptor_))
                  : secret_from_file(file_);
  if (text) {
    known_ = *text;
    known_user_ = user;
  }
  return text;
}

void SecretSource::refused() {
  if (from_terminal()) known_.reset();
}

Result<std::string> SecretSource::ask_terminal(const std::string& user) {
  const auto prompt = "Password of " + (user.empty() ? "nobody" : user) + ": ";
  auto typed = ask_ ? ask_(prompt) : read_secret_from_terminal(prompt);
  if (!typed)
    return fail(Fault::not_found,
                "no password: there is no terminal to ask; use --password-file or --password-fd");
  // With an empty one LDAP binds as nobody, and calls it a success (RFC 4513 s. 5.1.2).
  if (typed->empty()) return fail(Fault::malformed, "the password that was typed is empty");
  return std::move(*typed);
}

}  // namespace hikyaku::cmd
