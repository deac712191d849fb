#pragma once
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "io/deadline.h"
#include "serve/incoming_message.h"
#include "serve/running.h"
#include "serve/services.h"

namespace hikyaku::serve {

/// Takes what the sendmail command left in queue_directory/maildrop into the queue: at start, when a file
/// comes, and each minute. One file after the other; memory as for one message that comes by SMTP. On one
/// io_context's thread.
///
/// Nothing is lost, and nothing comes twice. A file that is taken moves to queue_directory/pickup under the
/// queue id that it is to get, and is removed after the queue's commit was synced, which keeps the file's
/// name in the ledger (queue.pickup). A file that a crash left there is looked up by its id: it is removed
/// when the ledger has it, and is taken under a new id when not. It could come twice only if the hub were
/// down for longer than the ledger is kept (hikyaku_ledger_lifetime + maximal_queue_lifetime).
///
/// Who sent a file is who owns it, whatever it says. A file that can't be read as a Submission, or whose
/// owner may not submit or not use that sender, moves to queue_directory/corrupt, with a line in the log.
class Pickup {
 public:
  /// Makes the folders that are missing, for the hub's user alone: packages make maildrop with the mode and
  /// group that lets others write (docs/configuration.md). Blocks.
  static Result<std::unique_ptr<Pickup>> open(boost::asio::io_context& context, Services& services,
                                              io::DeadlineSweep& sweep);
  ~Pickup();

  /// Until services.stopping, with which stop() goes.
  boost::asio::awaitable<void> run();
  /// Wakes run(), from any thread.
  void stop();

 private:
  using Path = std::filesystem::path;
  struct File;
  enum class Taken : unsigned char { done, later };

  Pickup(boost::asio::io_context& context, Services& services, io::DeadlineSweep& sweep, Path queue,
         int watch);
  boost::asio::awaitable<void> watch();
  boost::asio::awaitable<Taken> take_all(Path folder, std::string until);
  boost::asio::awaitable<Taken> take(Path file);
  boost::asio::awaitable<Taken> take_content(File& file);
  boost::asio::awaitable<Taken> take_message(File& file, IncomingMessage& incoming);
  boost::asio::awaitable<bool> pass_milters(File& file, IncomingMessage& incoming);
  boost::asio::awaitable<Taken> end(File& file, Kv::Batch batch);
  boost::asio::awaitable<Taken> note(File& file, Explanation& why);
  Result<bool> is_known(record::QueueId id, const std::string& name) const;
  Result<void> open_file(File& file, const Path& path);
  Result<void> look_at_owner(File& file) const;
  IncomingEnvelope envelope(File& file) const;
  std::string trace_header(const File& file) const;
  Taken set_aside(const File& file, const Error& why);
  Taken tell_later(const File& file, const std::string& why);

  Services& services_;
  io::DeadlineSweep& sweep_;
  const Path maildrop_, taken_, corrupt_;
  boost::asio::posix::stream_descriptor watch_;
  boost::asio::steady_timer timer_;
  bool woken_ = false;
};

}  // namespace hikyaku::serve
