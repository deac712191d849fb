#include "io/file_blob.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <optional>

#include "base/crc32c.h"

namespace hikyaku::io {
namespace {

constexpr std::string_view kUnfinished = ".unfinished-";
constexpr std::size_t kMaxName = 100;
constexpr std::string_view kNameOctets = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";

std::unexpected<Error> system_failure(const std::string& what, int error) {
  const bool may_pass =
      error == ENOSPC || error == EDQUOT || error == EMFILE || error == ENFILE || error == ENOMEM;
  const auto fault = error == ENOENT ? Fault::not_found : may_pass ? Fault::temporary : Fault::permanent;
  return fail(fault, what + ": " + std::strerror(error));
}

Result<void> check_name(std::string_view name) {
  if (!name.empty() && name.size() <= kMaxName && name.front() != '.' &&
      name.find_first_not_of(kNameOctets) == std::string_view::npos) {
    return {};
  }
  return fail(Fault::malformed, "'" + std::string(name.substr(0, kMaxName)) + "' is no name for a blob");
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

 private:
  int fd_;
};

Result<std::string> read_exactly(int file, const std::string& path, std::uint64_t offset,
                                 std::size_t length) {
  std::string out(length, '\0');
  for (std::size_t done = 0; done < out.size();) {
    const auto got = ::pread(file, out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_failure("read " + path, errno);
    if (got == 0) return fail(Fault::corrupt, "read " + path + ": it became shorter");
    done += static_cast<std::size_t>(got);
  }
  return out;
}

class FileWriter : public Blob::Writer {
 public:
  FileWriter(int directory, int fd, std::string path, std::string name)
      : directory_(directory), file_(fd), path_(std::move(path)), name_(std::move(name)) {}
  ~FileWriter() override {
    if (!finished_) ::unlinkat(directory_, unfinished_name().c_str(), 0);
  }
  std::string unfinished_name() const { return std::string(kUnfinished) + name_; }

  Result<void> write(std::string_view octets) override {
    trailer_.checksum = crc32c(octets, trailer_.checksum);
    trailer_.octets += octets.size();
    return append(octets);
  }

  Result<std::string> read_back(std::uint64_t offset, std::size_t length) const override {
    if (offset >= trailer_.octets) return std::string();
    return read_exactly(file_.fd(), path_, offset,
                        static_cast<std::size_t>(std::min<std::uint64_t>(length, trailer_.octets - offset)));
  }

  Result<void> finish() override {
    // After a failed write or sync the octets on the disk are not known: trying again could succeed and lie.
    if (failed_) return fail(Fault::temporary, "finish " + path_ + ": an earlier write failed");
    if (auto ended = append(trailer_.text()); !ended) return ended;
    if (::fsync(file_.fd()) != 0) return broken("sync", errno);
    if (::renameat(directory_, unfinished_name().c_str(), directory_, name_.c_str()) != 0)
      return broken("rename", errno);
    finished_ = true;
    if (::fsync(directory_) != 0) return broken("sync the directory of", errno);
    return {};
  }

 private:
  Result<void> append(std::string_view octets) {
    while (!octets.empty()) {
      const auto written = ::write(file_.fd(), octets.data(), octets.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return broken("write", errno);
      octets.remove_prefix(static_cast<std::size_t>(written));
    }
    return {};
  }

  std::unexpected<Error> broken(const char* verb, int error) {
    failed_ = true;
    return system_failure(std::string(verb) + " " + path_, error);
  }
  int directory_;
  Descriptor file_;
  std::string path_, name_;
  BlobTrailer trailer_;
  bool finished_ = false, failed_ = false;
};

/// A blob that is being read.
struct OpenBlob {
  std::unique_ptr<Descriptor> file;
  std::string path;
  std::uint64_t octets = 0;  // without the trailer
  std::optional<BlobTrailer> trailer;

  Result<std::string> read(std::uint64_t offset, std::size_t length) const {
    return read_exactly(file->fd(), path, offset, length);
  }
};

Result<BlobTrailer> examine_blob(const OpenBlob& blob, const std::function<void(std::uint64_t)>& done) {
  constexpr std::size_t kPiece = std::size_t{1} << 20;
  const auto size = blob.octets + (blob.trailer ? BlobTrailer::kSize : 0);
  BlobCheck check;
  for (std::uint64_t at = 0; at < size;) {
    const auto piece = blob.read(at, static_cast<std::size_t>(std::min<std::uint64_t>(kPiece, size - at)));
    if (!piece) return std::unexpected(piece.error());
    check.take(*piece);
    at += piece->size();
    if (done) done(piece->size());
  }
  return check.end(blob.path);
}

Result<OpenBlob> open_blob(int directory, const std::filesystem::path& folder, std::string_view name) {
  if (auto valid = check_name(name); !valid) return std::unexpected(valid.error());
  OpenBlob blob;
  blob.path = (folder / name).string();
  blob.file =
      std::make_unique<Descriptor>(::openat(directory, std::string(name).c_str(), O_RDONLY | O_CLOEXEC));
  if (blob.file->fd() < 0) return system_failure("open " + blob.path, errno);
  struct stat facts {};
  if (::fstat(blob.file->fd(), &facts) != 0) return system_failure("look at " + blob.path, errno);
  const auto size = static_cast<std::uint64_t>(facts.st_size);
  blob.octets = size;
  if (size < BlobTrailer::kSize) return blob;
  const auto end = blob.read(size - BlobTrailer::kSize, BlobTrailer::kSize);
  if (!end) return std::unexpected(end.error());
  blob.trailer = BlobTrailer::parse(*end, size);
  if (blob.trailer) blob.octets = blob.trailer->octets;
  return blob;
}

Result<int> open_directory(const std::filesystem::path& directory) {
  const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return system_failure("open the directory " + directory.string(), errno);
  return fd;
}

/// Calls `each` with the name of each file; stops at the first error.
template <class Each>
Result<void> for_each_name(const std::filesystem::path& path, Each each) {
  DIR* const directory = ::opendir(path.c_str());
  if (directory == nullptr) return system_failure("list " + path.string(), errno);
  Result<void> result;
  for (errno = 0; const dirent* entry = ::readdir(directory); errno = 0)
    each(std::string_view(entry->d_name));
  if (errno != 0) result = system_failure("list " + path.string(), errno);
  ::closedir(directory);
  return result;
}

}  // namespace

Result<std::unique_ptr<FileBlob>> FileBlob::open_read_only(const std::filesystem::path& directory) {
  auto fd = open_directory(directory);
  if (!fd) return std::unexpected(fd.error());
  return std::unique_ptr<FileBlob>(new FileBlob(directory, *fd));
}

Result<std::unique_ptr<FileBlob>> FileBlob::open(const std::filesystem::path& directory) {
  std::error_code error;
  std::filesystem::create_directories(directory.parent_path(), error);
  if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
    return system_failure("make the directory " + directory.string(), errno);
  }
  auto blob = open_read_only(directory);
  if (!blob) return blob;
  std::vector<std::string> unfinished;
  auto listed = for_each_name(directory, [&](std::string_view name) {
    if (name.starts_with(kUnfinished)) unfinished.emplace_back(name);
  });
  if (!listed) return std::unexpected(listed.error());
  for (const auto& name : unfinished) ::unlinkat((*blob)->descriptor_, name.c_str(), 0);
  return blob;
}

FileBlob::~FileBlob() { ::close(descriptor_); }

Result<std::unique_ptr<Blob::Writer>> FileBlob::put(std::string_view name) {
  if (auto valid = check_name(name); !valid) return std::unexpected(valid.error());
  const auto path = (directory_ / name).string();
  const auto unfinished = std::string(kUnfinished) + std::string(name);
  const int fd = ::openat(descriptor_, unfinished.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return system_failure("make " + path, errno);
  return std::unique_ptr<Writer>(new FileWriter(descriptor_, fd, path, std::string(name)));
}

Result<std::string> FileBlob::get(std::string_view name, std::uint64_t offset, std::size_t length) const {
  const auto file = open_blob(descriptor_, directory_, name);
  if (!file) return std::unexpected(file.error());
  if (offset >= file->octets) return std::string();
  return file->read(offset, static_cast<std::size_t>(std::min<std::uint64_t>(length, file->octets - offset)));
}

Result<void> FileBlob::verify(std::string_view name) const {
  const auto file = open_blob(descriptor_, directory_, name);
  if (!file) return std::unexpected(file.error());
  if (!file->trailer) return {};
  if (const auto found = examine_blob(*file, {}); !found) return std::unexpected(found.error());
  return {};
}

Result<BlobTrailer> FileBlob::examine(std::string_view name,
                                      const std::function<void(std::uint64_t)>& done) const {
  const auto file = open_blob(descriptor_, directory_, name);
  if (!file) return std::unexpected(file.error());
  return examine_blob(*file, done);
}

Result<void> FileBlob::remove(std::string_view name) {
  if (auto valid = check_name(name); !valid) return valid;
  {
    const std::scoped_lock lock(mutex_);
    if (holds_ > 0) {
      held_.emplace_back(name);
      return {};
    }
  }
  if (::unlinkat(descriptor_, std::string(name).c_str(), 0) == 0 || errno == ENOENT) return {};
  return system_failure("remove " + (directory_ / name).string(), errno);
}

std::shared_ptr<void> FileBlob::hold_removals() {
  const std::scoped_lock lock(mutex_);
  ++holds_;
  return {this, [](FileBlob* self) { self->release_removals(); }};
}

void FileBlob::release_removals() {
  std::vector<std::string> names;
  {
    const std::scoped_lock lock(mutex_);
    if (--holds_ == 0) names.swap(held_);
  }
  // What fails here is found as an orphan at the next start.
  for (const auto& name : names) (void)remove(name);
}

Result<std::vector<std::string>> FileBlob::names() const {
  std::vector<std::string> all;
  auto listed = for_each_name(directory_, [&](std::string_view name) {
    if (!name.starts_with('.')) all.emplace_back(name);
  });
  if (!listed) return std::unexpected(listed.error());
  std::ranges::sort(all);
  return all;
}

}  // namespace hikyaku::io
