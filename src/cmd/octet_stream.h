#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hikyaku::cmd {

/// A descriptor that is closed in the end, unless it is stdin or stdout.
class StreamDescriptor {
 public:
  explicit StreamDescriptor(int fd) : fd_(fd) {}
  StreamDescriptor(StreamDescriptor&& other) noexcept;
  StreamDescriptor& operator=(StreamDescriptor&&) = delete;
  ~StreamDescriptor();
  int get() const { return fd_; }
  /// A write that the system had put off may fail only now: 0, or its errno.
  int close();

 private:
  int fd_;
};

/// A file or stdin, read in large pieces. A large file is mapped, a window at a time: copying it would cost
/// as much as what is done with the octets. A file that is cut, or can't be read, under such a window ends
/// the program with EX_IOERR and a message; one that is cut behind it fails to be read.
class OctetSource {
 public:
  static constexpr std::size_t kPiece = std::size_t{256} << 10;
  static constexpr std::size_t kWindow = std::size_t{2} << 20;

  /// "-": stdin. Fault::not_found tells what can't be opened.
  static Result<OctetSource> open(const std::string& path);
  OctetSource(OctetSource&& other) noexcept;
  OctetSource& operator=(OctetSource&&) = delete;
  ~OctetSource();

  /// The next piece of at most so many octets (kWindow, or kPiece where it is not mapped), as soon as there
  /// is any; empty at the end. Lives until the next call.
  Result<std::string_view> read(std::size_t most = kPiece);
  /// Nothing is mapped from now on: of the file no more than a piece is in memory at a time.
  void never_map() { may_map_ = false; }
  const std::string& name() const { return name_; }  ///< for messages; as it was given
  int descriptor() const { return fd_.get(); }
  /// Whether what is written to that descriptor would be read again, or destroy what is still to be read. A
  /// terminal, a pipe or a socket may well be both.
  bool is_file_of(int descriptor) const;

 private:
  OctetSource(int fd, std::string name);
  bool map_next();
  void unmap();

  StreamDescriptor fd_;
  std::string name_;
  std::int64_t size_;  // when it was opened
  std::unique_ptr<char[]> buffer_;
  void* window_ = nullptr;
  std::size_t window_size_ = 0;
  std::string_view unread_;  // of the window
  bool may_map_ = true;
};

/// A file or stdout.
class OctetSink {
 public:
  /// "-": stdout. What is in the file is lost, unless it is the very file that `source` reads: refused.
  static Result<OctetSink> open(const std::string& path, const OctetSource& source);
  /// All of them; Fault::temporary tells why not (a full disk, a reader that has gone).
  Result<void> write(std::string_view octets);
  Result<void> close();
  std::uint64_t written() const { return written_; }

 private:
  OctetSink(int fd, std::string name) : fd_(fd), name_(std::move(name)) {}
  StreamDescriptor fd_;
  std::string name_;
  std::uint64_t written_ = 0;
};

}  // namespace hikyaku::cmd
