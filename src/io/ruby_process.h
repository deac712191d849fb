#pragma once
#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/plain_value.h"
#include "base/result.h"

namespace hikyaku::io {

/// A Ruby interpreter (mruby, with Regexp over PCRE2) in a process of its own, which can reach nothing: no
/// file, no socket, no process, no environment; only what `Host` answers. An endless loop, a string without
/// end or a fault of the interpreter ends that process, and with it this object's use, and nothing else.
///
/// Not thread-safe: one thread at a time. Calls block.
class RubyProcess {
 public:
  struct Limits {
    std::size_t memory = std::size_t{64} << 20;  ///< octets that Ruby may use
    /// Of the processor. Waiting for the host does not count. A call that gets none may take ten times as
    /// long, and five seconds.
    std::chrono::milliseconds start{5000};
  };
  /// Answers what Ruby asks by `Hikyaku.ask(what, *arguments)`; an Error becomes an exception there.
  using Host = std::function<Result<PlainValue>(std::string_view what, const PlainValue::List& arguments)>;

  /// Makes the process. Fails with Fault::temporary: no process, no memory, or a system that can't take
  /// system calls away.
  static Result<std::unique_ptr<RubyProcess>> start(const Limits& limits);
  ~RubyProcess();
  RubyProcess(const RubyProcess&) = delete;
  RubyProcess& operator=(const RubyProcess&) = delete;

  /// Defines what `source` defines; `file` is its name in messages. For programs of ours. As call().
  Result<void> define(std::string_view source, std::string_view file, const Host& host);
  /// Calls `Hikyaku.method(*arguments)`. Fails with Fault::permanent: an exception ("FILE:LINE: text
  /// (Class)", escaped), or more than `time` of the processor; the latter, and Fault::temporary, leave the
  /// process dead.
  Result<PlainValue> call(std::string_view method, PlainValue::List arguments, std::chrono::milliseconds time,
                          const Host& host);
  bool alive() const { return process_ > 0; }

 private:
  RubyProcess(pid_t process, int socket, const Limits& limits)
      : process_(process), socket_(socket), limits_(limits) {}
  using Deadline = std::chrono::steady_clock::time_point;
  Result<void> send(const PlainValue& frame, Deadline deadline);
  Result<PlainValue> receive(Deadline deadline);
  Result<void> wait(short events, Deadline deadline) const;
  /// Ends it, where it has not ended, and tells how it did. `seen`: why it is of no more use.
  Error ended(std::chrono::milliseconds time, const Error& seen);

  pid_t process_;
  int socket_;
  Limits limits_;
};

}  // namespace hikyaku::io
