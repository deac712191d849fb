#include "cmd/mailbox_export.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/escape.h"
#include "store/export.h"

namespace hikyaku::cmd {
namespace {

namespace fs = std::filesystem;
constexpr std::size_t kPage = 500;

/// A file that is written, or stdout.
class Output {
 public:
  static Result<std::unique_ptr<Output>> open(const fs::path& path) {
    std::FILE* const file = path.empty() ? stdout : std::fopen(path.c_str(), "wxb");
    if (file == nullptr) return fail(Fault::permanent, "make " + path.string() + ": " + std::strerror(errno));
    return std::unique_ptr<Output>(new Output(file, path));
  }
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;
  ~Output() {
    if (file_ != nullptr && file_ != stdout) std::fclose(file_);
  }
  Result<void> write(std::string_view octets) {
    if (std::fwrite(octets.data(), 1, octets.size(), file_) != octets.size()) return failed();
    return {};
  }
  /// A write that the system had put off may fail only now.
  Result<void> close() {
    std::FILE* const file = std::exchange(file_, nullptr);
    const int status = file == stdout ? std::fflush(file) : std::fclose(file);
    if (status != 0) return failed();
    return {};
  }

 private:
  Output(std::FILE* file, fs::path path) : file_(file), path_(std::move(path)) {}
  std::unexpected<Error> failed() const {
    return fail(errno == ENOSPC ? Fault::temporary : Fault::permanent,
                "write " + (path_.empty() ? "the messages" : path_.string()) + ": " + std::strerror(errno));
  }
  std::FILE* file_;
  fs::path path_;
};

Result<void> make_folders(const fs::path& output, ExportFormat format) {
  std::error_code error;
  if (format == ExportFormat::eml) fs::create_directories(output, error);
  if (format == ExportFormat::maildir) {
    for (const auto* folder : {"tmp", "new", "cur"}) {
      if (!error) fs::create_directories(output / folder, error);
    }
  }
  if (error) return fail(Fault::permanent, "make the folder " + output.string() + ": " + error.message());
  return {};
}

std::string json_row(const store::Store::Item& item, const std::string& mailbox, const std::string& text) {
  const nlohmann::json row{{"mailbox", mailbox},
                           {"uid", item.uid},
                           {"flags", store::flag_letters(item.message.flags)},
                           {"received", iso_text(item.message.received)},
                           {"queue_id", item.message.queue_id.text()},
                           {"sender", item.message.sender.text()},
                           {"size", item.size()},
                           {"message", text}};
  return row.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

class Exporter {
 public:
  Exporter(const store::Store& store, const std::string& mailbox, ExportFormat format, const fs::path& output)
      : store_(store), mailbox_(mailbox), format_(format), output_(output) {}

  Result<ExportResult> run(store::Uid uid) {
    if (auto made = make_folders(output_, format_); !made) return std::unexpected(made.error());
    const bool one_stream = format_ == ExportFormat::mbox || format_ == ExportFormat::json || output_.empty();
    if (one_stream) {
      auto stream = Output::open(format_ == ExportFormat::json ? fs::path() : output_);
      if (!stream) return std::unexpected(stream.error());
      stream_ = std::move(*stream);
    }
    if (auto done = uid == 0 ? all() : only(uid); !done) return std::unexpected(done.error());
    if (stream_) {
      if (auto closed = stream_->close(); !closed) return std::unexpected(closed.error());
    }
    return result_;
  }

 private:
  Result<void> all() {
    for (std::optional<store::Uid> from = 1; from;) {
      const auto listing = store_.scan(mailbox_, *from, kPage);
      if (!listing) return std::unexpected(listing.error());
      for (const auto& damaged : listing->damaged) tell(damaged.error);
      for (const auto& item : listing->items) {
        if (auto done = one(item); !done) return done;
      }
      from = listing->next;
    }
    return {};
  }
  Result<void> only(store::Uid uid) {
    const auto item = store_.find(mailbox_, uid);
    if (!item) return std::unexpected(item.error());
    return one(*item);
  }
  void tell(const Error& error) {
    ++result_.damaged;
    std::fprintf(stderr, "hikyaku store: %s: %s\n", escaped(mailbox_).c_str(), escaped(error.text).c_str());
  }

  /// A message that can't be read is told and passed over; one that can't be written ends the export.
  Result<void> one(const store::Store::Item& item) {
    std::string text;
    const auto keep = [&text](std::string_view octets) -> Result<void> {
      text += octets;
      return {};
    };
    // The first octets are read before anything is written, so that a missing body leaves no half entry.
    if (const auto probe = store_.read(item, 0, 1); !probe) {
      tell(probe.error());
      return {};
    }
    ++result_.messages;
    switch (format_) {
      case ExportFormat::json: {
        if (auto read = store::write_message(store_, item, keep); !read) return read;
        return stream_->write(json_row(item, mailbox_, text));
      }
      case ExportFormat::mbox:
        return store::write_mbox_entry(store_, item, sink(*stream_));
      case ExportFormat::maildir:
        return to_file(output_ / store::maildir_name(item),
                       [&](const store::Sink& to) { return store::write_maildir_file(store_, item, to); });
      case ExportFormat::eml: {
        const auto write = [&](const store::Sink& to) { return store::write_message(store_, item, to); };
        if (stream_) return write(sink(*stream_));
        return to_file(output_ / (std::to_string(item.uid) + ".eml"), write);
      }
    }
    return {};
  }
  static store::Sink sink(Output& output) {
    return [&output](std::string_view octets) { return output.write(octets); };
  }
  template <class Write>
  static Result<void> to_file(const fs::path& path, Write write) {
    auto file = Output::open(path);
    if (!file) return std::unexpected(file.error());
    if (auto done = write(sink(**file)); !done) return done;
    return (*file)->close();
  }

  const store::Store& store_;
  const std::string& mailbox_;
  ExportFormat format_;
  const fs::path& output_;
  std::unique_ptr<Output> stream_;
  ExportResult result_;
};

}  // namespace

Result<ExportResult> export_mailbox(const store::Store& store, const std::string& mailbox, store::Uid uid,
                                    ExportFormat format, const fs::path& output) {
  return Exporter(store, mailbox, format, output).run(uid);
}

}  // namespace hikyaku::cmd
