#include "io/ruby_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/escape.h"
#include "io/ruby_frames.h"
#include "io/ruby_interpreter.h"

namespace hikyaku::io {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::string_view kLibrary =
#include "io/ruby_library.inc"
    ;

std::unexpected<Error> trouble(const char* what) {
  return fail(Fault::temporary,
              std::string("the Ruby interpreter's process: ") + what + ": " + std::strerror(errno));
}

const Error kNoFrame{Fault::malformed, "it said what is no answer"};

/// What the other end may say, by its shape; it is not to be trusted.
bool is_frame(const PlainValue& frame, const char* word, std::size_t parts) {
  const auto* list = frame.list();
  return list != nullptr && list->size() == parts && (*list)[0].text() != nullptr &&
         *(*list)[0].text() == word;
}

}  // namespace

Result<std::unique_ptr<RubyProcess>> RubyProcess::start(const Limits& limits) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) return trouble("socketpair");
  const pid_t process = ::fork();
  if (process == 0) run_ruby_interpreter(ends[1], limits.memory, limits.start);
  const auto reason = errno;
  ::close(ends[1]);
  if (process < 0) {
    ::close(ends[0]);
    errno = reason;
    return trouble("fork");
  }
  std::unique_ptr<RubyProcess> started(new RubyProcess(process, ends[0], limits));
  const int flags = ::fcntl(ends[0], F_GETFL);
  if (flags < 0 || ::fcntl(ends[0], F_SETFL, flags | O_NONBLOCK) != 0) return trouble("fcntl");
  const auto ready = started->receive(steady_clock::now() + limits.start * 10 + std::chrono::seconds(5));
  if (!ready) return std::unexpected(started->ended(limits.start, ready.error()));
  if (is_frame(*ready, ruby_frame::kFailed, 2) && (*ready->list())[1].text() != nullptr)
    return fail(Fault::temporary, escaped(*(*ready->list())[1].text()));
  if (!is_frame(*ready, ruby_frame::kValue, 2))
    return std::unexpected(started->ended(limits.start, kNoFrame));
  const auto nothing = [](std::string_view, const PlainValue::List&) -> Result<PlainValue> {
    return fail(Fault::permanent, "nothing can be asked yet");
  };
  if (const auto defined = started->define(kLibrary, "(hikyaku) ruby_library", nothing); !defined)
    return fail(Fault::temporary, "Ruby's library: " + defined.error().text);
  return started;
}

RubyProcess::~RubyProcess() {
  ::close(socket_);
  if (process_ <= 0) return;
  ::kill(process_, SIGKILL);
  while (::waitpid(process_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

Result<void> RubyProcess::define(std::string_view source, std::string_view file, const Host& host) {
  auto done = call("(define)", {source, file}, limits_.start, host);
  if (!done) return std::unexpected(done.error());
  return {};
}

Result<PlainValue> RubyProcess::call(std::string_view method, PlainValue::List arguments, milliseconds time,
                                     const Host& host) {
  if (!alive()) return fail(Fault::temporary, "the Ruby interpreter has ended before");
  const auto wait = time * 10 + std::chrono::seconds(5);
  auto deadline = steady_clock::now() + wait;
  PlainValue next =
      PlainValue::List{ruby_frame::kCall, method, std::move(arguments), std::int64_t{time.count()}};
  for (;;) {
    if (const auto sent = send(next, deadline); !sent) {
      if (sent.error().fault == Fault::malformed) return std::unexpected(sent.error());
      return std::unexpected(ended(time, sent.error()));
    }
    const auto frame = receive(deadline);
    if (!frame) return std::unexpected(ended(time, frame.error()));
    if (is_frame(*frame, ruby_frame::kValue, 2)) return (*frame->list())[1];
    const auto* text =
        frame->list() != nullptr && frame->list()->size() == 2 ? (*frame->list())[1].text() : nullptr;
    if (is_frame(*frame, ruby_frame::kFailed, 2) && text != nullptr)
      return fail(Fault::permanent, escaped(*text));
    if (is_frame(*frame, ruby_frame::kTimeUp, 2) && text != nullptr) {
      ended(time, kNoFrame);
      const auto place = text->substr(0, text->find(ruby_frame::kNoPlace));
      return fail(Fault::permanent, (place.empty() ? "" : escaped(place) + ": ") + "it took more than " +
                                        std::to_string(time.count()) + " ms of the processor, and was ended");
    }
    const auto* asked = is_frame(*frame, ruby_frame::kAsk, 2) ? (*frame->list())[1].list() : nullptr;
    if (asked == nullptr || asked->empty() || asked->front().text() == nullptr)
      return std::unexpected(ended(time, kNoFrame));
    auto answer = host(*asked->front().text(), PlainValue::List(asked->begin() + 1, asked->end()));
    next = answer ? PlainValue::List{ruby_frame::kAnswer, std::move(*answer)}
                  : PlainValue::List{ruby_frame::kRefusal, answer.error().text};
    deadline = steady_clock::now() + wait;
  }
}

Result<void> RubyProcess::wait(short events, Deadline deadline) const {
  for (;;) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - steady_clock::now()).count();
    pollfd what{socket_, events, 0};
    const int count = left <= 0 ? 0 : ::poll(&what, 1, static_cast<int>(left));
    if (count > 0) return {};
    if (count == 0) return fail(Fault::temporary, "no answer in time");
    if (errno != EINTR) return trouble("poll");
  }
}

Result<void> RubyProcess::send(const PlainValue& frame, Deadline deadline) {
  const auto octets = frame.encoded();
  if (octets.size() > ruby_frame::kMost)
    return fail(Fault::malformed, "more than " + std::to_string(ruby_frame::kMost) + " octets for Ruby");
  std::string all;
  for (unsigned shift = 0; shift < 32; shift += 8) all += static_cast<char>(octets.size() >> shift & 0xFF);
  all += octets;
  std::string_view left = all;
  while (!left.empty()) {
    const auto sent = ::send(socket_, left.data(), left.size(), MSG_NOSIGNAL);
    if (sent > 0) {
      left.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      if (const auto ready = wait(POLLOUT, deadline); !ready) return ready;
    } else if (errno != EINTR) {
      return trouble("send");
    }
  }
  return {};
}

Result<PlainValue> RubyProcess::receive(Deadline deadline) {
  const auto read = [&](char* to, std::size_t size) -> Result<void> {
    while (size > 0) {
      const auto got = ::recv(socket_, to, size, 0);
      if (got > 0) {
        to += got;
        size -= static_cast<std::size_t>(got);
      } else if (got == 0) {
        return fail(Fault::temporary, "it has ended");
      } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
        if (const auto ready = wait(POLLIN, deadline); !ready) return ready;
      } else if (errno != EINTR) {
        return trouble("recv");
      }
    }
    return {};
  };
  std::array<char, 4> head{};
  if (const auto done = read(head.data(), head.size()); !done) return std::unexpected(done.error());
  std::size_t size = 0;
  for (std::size_t octet = 0; octet < head.size(); ++octet)
    size |= std::size_t{static_cast<unsigned char>(head[octet])} << 8 * octet;
  if (size > ruby_frame::kMost + 64)
    return fail(Fault::malformed, "a frame of " + std::to_string(size) + " octets");
  std::string octets(size, '\0');
  if (const auto done = read(octets.data(), size); !done) return std::unexpected(done.error());
  return PlainValue::parse(octets);
}

Error RubyProcess::ended(milliseconds time, const Error& seen) {
  // Does nothing to one that has ended by itself: how it ended is still told.
  ::kill(process_, SIGKILL);
  int status = 0;
  pid_t told = 0;
  while ((told = ::waitpid(process_, &status, 0)) < 0 && errno == EINTR) {
  }
  process_ = -1;
  if (told < 0)
    return {Fault::temporary, "the Ruby interpreter ended (" + seen.text + "), and how was told to another"};
  if (WIFEXITED(status))
    return {Fault::temporary, "the Ruby interpreter ended by itself with status " +
                                  std::to_string(WEXITSTATUS(status)) + " (" + seen.text + ")"};
  if (WTERMSIG(status) == SIGPROF)
    return {Fault::permanent, "Ruby took more than " + std::to_string(time.count()) + " ms of the processor"};
  if (WTERMSIG(status) != SIGKILL)
    return {Fault::temporary, "the Ruby interpreter was ended by signal " + std::to_string(WTERMSIG(status))};
  return {Fault::temporary, "the Ruby interpreter was ended: " + seen.text};
}

}  // namespace hikyaku::io
