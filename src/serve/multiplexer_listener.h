#pragma once
#include <sys/types.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/result.h"
#include "config/multiplexer_settings.h"
#include "io/stream.h"

namespace hikyaku::serve {

/// The socket that MTAs connect to, TCP or Unix, waited at by several threads.
class MultiplexerListener {
 public:
  /// Binds and listens. A Unix socket gets its mode and group, and takes the place of one that nobody listens
  /// on any more, if the settings allow. Fails with Fault::permanent, naming the socket.
  /// `owner`: whom a Unix socket is given to; nullopt: it stays the process's.
  struct Owner {
    uid_t user;
    gid_t group;
  };
  static Result<std::unique_ptr<MultiplexerListener>> open(const config::ListenerSettings& settings,
                                                           std::optional<Owner> owner = {});
  /// The descriptor of such a Unix socket alone.
  static Result<int> open_unix(const config::ListenerSettings& settings, std::optional<Owner> owner);
  /// Removes a Unix socket, if the settings say so, unless another one has taken its place. After close() and
  /// the end of the threads.
  ~MultiplexerListener();
  MultiplexerListener(const MultiplexerListener&) = delete;
  MultiplexerListener& operator=(const MultiplexerListener&) = delete;

  /// Waits on `context`'s thread, and hands each connection to `accepted`. While `full` says so none is
  /// taken; it is asked anew after a pause.
  using Accepted = std::function<void(io::Stream::Socket)>;
  void start(boost::asio::io_context& context, Accepted accepted, std::function<bool()> full);
  /// Takes no more connections but those that wait already, with `Waiting::taken`. A Unix socket is removed
  /// at once. From any thread, once.
  enum class Waiting : unsigned char { taken, left };
  void close(Waiting waiting);

  const config::ConnectionSpec& spec() const { return spec_; }

 private:
  MultiplexerListener(int descriptor, const config::ListenerSettings& settings);
  void leave();
  using Descriptor = boost::asio::posix::stream_descriptor;
  static boost::asio::awaitable<void> accept(std::shared_ptr<Descriptor> descriptor, int family,
                                             Accepted accepted, std::function<bool()> full);

  const config::ConnectionSpec spec_;
  const bool remove_;
  int descriptor_;
  int family_;
  std::uint64_t inode_ = 0;  // of a Unix socket
  struct Door {
    boost::asio::io_context* context;
    std::shared_ptr<Descriptor> descriptor;
    Accepted accepted;
  };
  std::vector<Door> doors_;
};

}  // namespace hikyaku::serve
