#include "serve/greylist_state.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <fstream>
#include <utility>
#include <variant>

namespace hikyaku::serve {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMemory = std::size_t{32}
                                << 20;  // octets: the table in memory answers, not the database
constexpr std::size_t kPage = 1000;
constexpr std::size_t kToldProblems = 20;

std::chrono::seconds utc_offset(greylist::Seconds at) {
  const auto time = std::chrono::system_clock::to_time_t(at);
  std::tm local{};
  localtime_r(&time, &local);
  return std::chrono::seconds(local.tm_gmtoff);
}

Error system_error(const std::string& doing, const fs::path& file) {
  return {Fault::permanent, doing + " " + file.string() + ": " + std::strerror(errno)};
}

/// Writes a file whole and syncs it, or leaves nothing behind.
class NewFile {
 public:
  explicit NewFile(fs::path path) : path_(std::move(path)) {}
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;
  ~NewFile() {
    if (descriptor_ < 0) return;
    ::close(descriptor_);
    if (!kept_) ::unlink(path_.c_str());
  }
  Result<void> open(mode_t mode) {
    descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    if (descriptor_ < 0) return std::unexpected(system_error("write", path_));
    if (::fchmod(descriptor_, mode) != 0) return std::unexpected(system_error("set the mode of", path_));
    return {};
  }
  Result<void> write(std::string_view octets) {
    while (!octets.empty()) {
      const auto written = ::write(descriptor_, octets.data(), octets.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return std::unexpected(system_error("write", path_));
      octets.remove_prefix(static_cast<std::size_t>(written));
    }
    return {};
  }
  Result<void> replace(const fs::path& file) {
    if (::fsync(descriptor_) != 0) return std::unexpected(system_error("sync", path_));
    if (::rename(path_.c_str(), file.c_str()) != 0)
      return std::unexpected(system_error("put in place", file));
    kept_ = true;
    return {};
  }

 private:
  fs::path path_;
  int descriptor_ = -1;
  bool kept_ = false;
};

io::RocksKv::Options engine_options(const GreylistState::Options& options, Time now) {
  io::RocksKv::Options out;
  out.directory = options.folder;
  out.spaces = {{"tuples"}, {"times"}};
  out.memory = kMemory;
  out.now = now;
  return out;
}

}  // namespace

Result<std::unique_ptr<GreylistState>> GreylistState::open(const Options& options, Random& random, Time now,
                                                           std::vector<std::string>& notes) {
  std::error_code ignored;
  bool fresh = !fs::exists(options.folder / "header", ignored);
  auto kv = io::RocksKv::open(engine_options(options, now), notes);
  if (!kv && kv.error().fault == Fault::corrupt) {
    // Greylisting that forgets delays mail once; a hub that does not start stops it.
    auto aside = options.folder;
    aside += ".damaged-" + file_name_text(now);
    std::error_code error;
    fs::rename(options.folder, aside, error);
    if (error) return std::unexpected(std::move(kv.error()));
    notes.push_back(kv.error().text + "; set aside as " + aside.string() + ", and a new one is begun");
    fresh = true;
    kv = io::RocksKv::open(engine_options(options, now), notes);
  }
  if (!kv) return std::unexpected(std::move(kv.error()));
  std::unique_ptr<GreylistState> state(new GreylistState);
  state->kv_ = std::move(*kv);
  state->new_ = fresh;
  SipHash::Key secret{};
  random.fill({reinterpret_cast<unsigned char*>(secret.data()), sizeof secret});
  state->store_ = std::make_unique<greylist::TupleStore>(
      *state->kv_, greylist::TupleStore::Settings{options.table, options.prefixes, {}}, secret);
  auto damage = state->store_->load();
  if (!damage) return std::unexpected(std::move(damage.error()));
  for (const auto& one : damage->first) notes.push_back("greylisting's state: " + one);
  if (damage->rows > damage->first.size())
    notes.push_back("greylisting's state: " + std::to_string(damage->rows) + " rows can't be read");
  if (damage->not_remembered != 0)
    notes.push_back("greylisting's state: " + std::to_string(damage->not_remembered) +
                    " tuples are too many");
  if (fresh && !options.dump.empty() && fs::exists(options.dump, ignored)) {
    auto read = state->import(options.dump, now, notes);
    if (!read) return std::unexpected(std::move(read.error()));
    notes.push_back("began with " + std::to_string(*read) + " tuples of " + options.dump.string());
  }
  return state;
}

Result<std::size_t> GreylistState::import(const fs::path& path, Time now, std::vector<std::string>& notes) {
  std::ifstream file(path, std::ios::binary);
  if (!file)
    return fail(Fault::not_found, "read " + path.string() + ": there is no such file, or no access to it");
  greylist::DumpReader reader;
  std::size_t taken = 0;
  std::string room(64 * 1024, '\0');
  for (bool more = true; more;) {
    file.read(room.data(), static_cast<std::streamsize>(room.size()));
    reader.feed(std::string_view(room).substr(0, static_cast<std::size_t>(file.gcount())));
    if (!file) {
      reader.finish();
      more = false;
    }
    for (bool waiting = false; !waiting;) {
      auto event = reader.next();
      if (auto* entry = std::get_if<greylist::DumpReader::Entry>(&event)) {
        auto added = store_->import(std::move(entry->entry), greylist::seconds_of(now));
        if (!added) return std::unexpected(std::move(added.error()));
        if (*added) ++taken;
      } else if (const auto* problem = std::get_if<greylist::DumpReader::Problem>(&event)) {
        if (reader.problems() <= kToldProblems)
          notes.push_back(path.string() + ":" + std::to_string(problem->line) + ":" +
                          std::to_string(problem->column) + ": " + problem->text);
      } else {
        waiting = true;
      }
    }
  }
  if (reader.problems() > kToldProblems)
    notes.push_back(path.string() + ": " + std::to_string(reader.problems()) + " lines can't be read");
  auto saved = store_->write_out();
  if (!saved) return std::unexpected(std::move(saved.error()));
  return taken;
}

Result<std::size_t> GreylistState::dump(const fs::path& file, std::optional<unsigned> mode,
                                        greylist::DumpWriter::Dates dates, Time now) {
  if (auto saved = store_->write_out(); !saved) return std::unexpected(std::move(saved.error()));
  greylist::DumpWriter writer(utc_offset, dates);
  auto beside = file;
  beside += "-" + std::to_string(::getpid());
  NewFile out(beside);
  if (auto opened = out.open(mode.value_or(0644)); !opened) return std::unexpected(std::move(opened.error()));
  auto text = writer.header("hikyaku", greylist::seconds_of(now));
  std::size_t written = 0;
  std::string from;
  do {
    auto page = store_->list({}, from, kPage);
    if (!page) return std::unexpected(std::move(page.error()));
    for (const auto& one : page->tuples) {
      // milter-greylist knows of no records.
      if (one.entry.facts.state == greylist::TupleState::record ||
          greylist::expired(one.entry.facts.state, one.entry.facts.time, store_->table().settings().timeout,
                            greylist::seconds_of(now)))
        continue;
      text += writer.line(one.entry);
      ++written;
    }
    if (auto put = out.write(text); !put) return std::unexpected(std::move(put.error()));
    text.clear();
    from = page->next;
  } while (!from.empty());
  if (auto put = out.write(writer.summary()); !put) return std::unexpected(std::move(put.error()));
  if (auto placed = out.replace(file); !placed) return std::unexpected(std::move(placed.error()));
  return written;
}

}  // namespace hikyaku::serve
