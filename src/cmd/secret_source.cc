#include "cmd/secret_source.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "cmd/line_editor.h"

namespace hikyaku::cmd {
namespace {

constexpr std::size_t kMost = 64 * 1024;  // octets

/// The first line of it, and no octet of what follows, which may be for others.
Result<std::string> first_line(int descriptor, const std::string& what) {
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

Result<std::string> from_file(const std::string& name) {
  const int descriptor = ::open(name.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0)
    return fail(Fault::not_found, "the password from " + name + ": " + std::strerror(errno));
  auto text = first_line(descriptor, name);
  ::close(descriptor);
  return text;
}

}  // namespace

void SecretSource::add_to(CommandLine& line) {
  line.option("--password-file", &file_, "the file whose first line is the password, or the token");
  line.option("--password-fd", &descriptor_, "the open descriptor to read it from");
}

Result<std::string> SecretSource::get(const std::string& user) {
  if (known_) return *known_;
  if (!file_.empty() || descriptor_ >= 0) {
    auto text = file_.empty() ? first_line(descriptor_, "descriptor " + std::to_string(descriptor_))
                              : from_file(file_);
    if (text) known_ = *text;
    return text;
  }
  const auto prompt = "Password of " + (user.empty() ? "nobody" : user) + ": ";
  known_ = ask_ ? ask_(prompt) : read_secret_from_terminal(prompt);
  if (known_) return *known_;
  return fail(Fault::not_found,
              "no password: there is no terminal to ask; use --password-file or --password-fd");
}

}  // namespace hikyaku::cmd
