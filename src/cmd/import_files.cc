#include "cmd/import_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "mail/header.h"
#include "mail/path.h"

namespace hikyaku::cmd {
namespace {

namespace fs = std::filesystem;
constexpr std::size_t kPiece = std::size_t{256} << 10;

/// A plain file that is read.
class InputFile {
 public:
  static Result<InputFile> open(const fs::path& path) {
    InputFile file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    struct stat found {};
    if (file.descriptor_ < 0 || ::fstat(file.descriptor_, &found) != 0)
      return fail(Fault::permanent, std::strerror(errno));
    if (!S_ISREG(found.st_mode)) return fail(Fault::permanent, "it is no plain file");
    file.size_ = static_cast<std::uint64_t>(found.st_size);
    file.changed_ =
        Time{std::chrono::seconds{found.st_mtim.tv_sec} +
             std::chrono::floor<std::chrono::microseconds>(std::chrono::nanoseconds{found.st_mtim.tv_nsec})};
    return file;
  }
  InputFile(InputFile&& other) noexcept
      : descriptor_(std::exchange(other.descriptor_, -1)), size_(other.size_), changed_(other.changed_) {}
  InputFile& operator=(InputFile&&) = delete;
  ~InputFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  std::uint64_t size() const { return size_; }
  Time changed() const { return changed_; }
  /// Fewer octets than there is room for: the file ends.
  Result<std::size_t> read(std::uint64_t offset, char* room, std::size_t size) const {
    std::size_t done = 0;
    while (done < size) {
      const auto got = ::pread(descriptor_, room + done, size - done, static_cast<off_t>(offset + done));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return fail(Fault::permanent, std::strerror(errno));
      if (got == 0) break;
      done += static_cast<std::size_t>(got);
    }
    return done;
  }

 private:
  explicit InputFile(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
  std::uint64_t size_ = 0;
  Time changed_{};
};

mail::Address sender_of(std::string_view beginning) {
  mail::HeaderFields fields(beginning.substr(0, mail::find_header_end(beginning).header));
  while (const auto field = fields.next()) {
    if (!mail::same_header_name(field->name, "Return-Path")) continue;
    auto value = field->value;
    while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
    auto path = mail::Path::take(value, mail::Path::Form::lenient);
    return path ? path->path.release() : mail::Address();
  }
  return {};
}

/// One mbox file, from its events to the target.
class MboxImport {
 public:
  MboxImport(ImportTarget& target, const fs::path& path, const InputFile& file,
             store::MboxSplitter::Quoting quoting, const ImportReader::Tell& tell,
             const ImportReader::Progress& progress)
      : target_(target), path_(path), file_(file), splitter_(quoting), tell_(tell), progress_(progress) {}

  Result<void> run() {
    using Splitter = store::MboxSplitter;
    for (;;) {
      auto event = splitter_.next();
      Result<void> done;
      if (std::holds_alternative<Splitter::NeedBytes>(event)) {
        if (const auto more = feed(); !more) return unreadable(more.error());
      } else if (const auto* ask = std::get_if<Splitter::AskEnd>(&event)) {
        answer(ask->offset);
      } else if (auto* begin = std::get_if<Splitter::Begin>(&event)) {
        done = this->begin(*begin);
      } else if (const auto* body = std::get_if<Splitter::Body>(&event)) {
        if (!passing_) done = target_.write(body->octets);
      } else if (std::holds_alternative<Splitter::End>(event)) {
        if (!std::exchange(passing_, false)) done = target_.end();
        open_ = false;
      } else if (const auto* passed = std::get_if<Splitter::PassedOver>(&event)) {
        tell_({path_, 0,
               std::to_string(passed->octets) + " octets before the first message are none: left out", true});
      } else {
        return {};
      }
      if (!done) return done;
    }
  }

 private:
  Result<void> feed() {
    const auto got = file_.read(offset_, room_.data(), room_.size());
    if (!got) return std::unexpected(got.error());
    splitter_.feed({room_.data(), *got});
    offset_ += *got;
    if (*got < room_.size()) splitter_.finish();
    progress_(offset_, file_.size());
    return {};
  }
  void answer(std::uint64_t offset) {
    std::array<char, store::MboxSplitter::kAsked> octets{};
    const auto got =
        offset <= file_.size() ? file_.read(offset, octets.data(), octets.size()) : Result<std::size_t>(0);
    const bool known = got && offset <= file_.size();
    splitter_.answer(known ? std::string_view(octets.data(), *got) : std::string_view("?"));
  }
  Result<void> begin(store::MboxSplitter::Begin& begin) {
    begin_ = begin.offset;
    open_ = true;
    passing_ = begin.folder_data;
    if (passing_) return {};
    serve::ImportHead head;
    head.received = begin.from.date;
    head.flags = begin.flags;
    head.sender = mail::Address::parse(begin.from.sender).value_or(mail::Address());
    for (const auto& word : begin.keywords) {
      if (head.keywords.add(word)) continue;
      tell_({path_, begin_, "a keyword of this message is none, or one too many, and is left out: " + word,
             false});
    }
    return target_.begin(head);
  }
  Result<void> unreadable(const Error& error) {
    tell_({path_, offset_,
           error.text + (open_ ? ": the message from octet " + std::to_string(begin_) +
                                     " on is left out, and all behind it"
                               : ": what follows is left out"),
           true});
    return open_ && !passing_ ? target_.abandon() : Result<void>{};
  }

  ImportTarget& target_;
  const fs::path& path_;
  const InputFile& file_;
  store::MboxSplitter splitter_;
  const ImportReader::Tell& tell_;
  const ImportReader::Progress& progress_;
  std::vector<char> room_ = std::vector<char>(kPiece);
  std::uint64_t offset_ = 0;
  std::uint64_t begin_ = 0;
  bool open_ = false;     // a message is under way
  bool passing_ = false;  // and it is no mail
};

}  // namespace

Result<void> import_message(ImportTarget& target, const fs::path& path, serve::ImportHead head,
                            const ImportReader::Tell& tell) {
  const auto file = InputFile::open(path);
  if (!file) {
    tell({path, std::nullopt, file.error().text, true});
    return {};
  }
  std::vector<char> room(std::min<std::uint64_t>(kPiece, file->size() + 1));
  auto got = file->read(0, room.data(), room.size());
  if (!got || *got == 0) {
    tell({path, 0, got ? "the file is empty" : got.error().text, true});
    return {};
  }
  if (head.received == Time{}) head.received = file->changed();
  if (head.sender.null()) head.sender = sender_of({room.data(), *got});
  if (auto begun = target.begin(head); !begun) return begun;
  for (std::uint64_t offset = 0;;) {
    if (auto written = target.write({room.data(), *got}); !written) return written;
    offset += *got;
    if (*got < room.size()) return target.end();
    got = file->read(offset, room.data(), room.size());
    if (got) continue;
    tell({path, offset, got.error().text, true});
    return target.abandon();
  }
}

Result<void> import_mbox(ImportTarget& target, const fs::path& path, store::MboxSplitter::Quoting quoting,
                         const ImportReader::Tell& tell, const ImportReader::Progress& progress) {
  const auto file = InputFile::open(path);
  if (!file) {
    tell({path, std::nullopt, file.error().text, true});
    return {};
  }
  return MboxImport(target, path, *file, quoting, tell, progress).run();
}

bool looks_like_mbox(const fs::path& path) {
  const auto file = InputFile::open(path);
  if (!file) return false;
  std::array<char, store::FromLine::kLongest> room{};
  const auto got = file->read(0, room.data(), room.size());
  if (!got) return false;
  auto line = std::string_view(room.data(), *got);
  line = line.substr(0, line.find('\n'));
  if (line.ends_with('\r')) line.remove_suffix(1);
  return store::FromLine::parse(line).has_value();
}

}  // namespace hikyaku::cmd
