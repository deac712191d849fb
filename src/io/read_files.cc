#include "io/read_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace hikyaku::io {

ReadFiles::ReadFiles(std::vector<std::filesystem::path> files) : files_(std::move(files)), octets_(kPiece) {}

ReadFiles::~ReadFiles() { close(); }

bool ReadFiles::open() {
  if (descriptor_ >= 0) return true;
  descriptor_ = ::open(files_[file_].c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor_ < 0) return false;
  (void)::posix_fadvise(descriptor_, 0, 0, POSIX_FADV_SEQUENTIAL);  // a wish
  return true;
}

void ReadFiles::close() {
  if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
}

ReadFiles::Piece ReadFiles::fault(int error) {
  close();
  const auto at = file_++;
  return {at,
          {},
          true,
          Error{error == ENOENT ? Fault::not_found : Fault::permanent,
                "read " + files_[at].string() + ": " + std::strerror(error)}};
}

std::optional<ReadFiles::Piece> ReadFiles::next() {
  if (file_ == files_.size()) return std::nullopt;
  if (!open()) return fault(errno);
  for (std::size_t size = 0;;) {
    const auto got = ::read(descriptor_, octets_.data() + size, kPiece - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fault(errno);
    size += static_cast<std::size_t>(got);
    if (got > 0 && size < kPiece) continue;
    const Piece piece{file_, {octets_.data(), size}, got == 0, std::nullopt};
    if (piece.last) {
      close();
      ++file_;
    }
    return piece;
  }
}

}  // namespace hikyaku::io
