#include "cmd/mailbox_export.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "cmd/export_output.h"
#include "io/synced_files.h"
#include "store/export.h"
#include "store/folder_file.h"
#include "store/mailbox_name.h"
#include "store/maildir.h"

namespace hikyaku::cmd {
namespace {

namespace fs = std::filesystem;
using Item = store::Store::Item;
constexpr std::size_t kPage = 500;

/// Where the mailbox `below` another, "Archive/2026", goes to when that one goes to `top`.
fs::path place_below(const fs::path& top, std::string_view below, ExportFormat format) {
  if (below.empty()) return top;
  if (format == ExportFormat::maildir) return top / store::maildir_folder(below);
  auto place = top;
  while (!below.empty()) {
    const auto part = below.substr(0, below.find(store::kDelimiter));
    place /= store::folder_file(part);
    below.remove_prefix(std::min(part.size() + 1, below.size()));
  }
  return place;
}

Result<void> make_folders(const fs::path& folder, ExportFormat format, bool below) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (format == ExportFormat::maildir) {
    for (const auto* one : {"tmp", "new", "cur"}) {
      if (!error) fs::create_directories(folder / one, error);
    }
    // Maildir++: what says that it is a folder of another Maildir.
    if (below && !error && !std::ofstream(folder / "maildirfolder"))
      return fail(Fault::permanent, "make " + (folder / "maildirfolder").string());
  }
  if (error) {
    const bool full = error == std::errc::no_space_on_device;
    return fail(full ? Fault::temporary : Fault::permanent,
                "make the folder " + folder.string() + ": " + error.message());
  }
  return {};
}

std::string json_row(const Item& item, const std::string& mailbox, const std::string& text) {
  const nlohmann::json row{{"mailbox", mailbox},
                           {"uid", item.uid},
                           {"flags", store::flag_letters(item.message.flags)},
                           {"keywords", item.message.keywords.words()},
                           {"received", iso_text(item.message.received)},
                           {"queue_id", item.message.queue_id.text()},
                           {"sender", item.message.sender.text()},
                           {"size", item.size()},
                           {"message", text}};
  return row.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

/// One mailbox, to one place.
class MailboxExport {
 public:
  MailboxExport(const store::Store& store, const std::string& mailbox, ExportFormat format, fs::path output,
                const ExportFault& fault, ExportResult& result)
      : store_(store),
        mailbox_(mailbox),
        format_(format),
        output_(std::move(output)),
        fault_(fault),
        result_(result) {}

  Result<void> run(store::Uid uid, const ExportProgress& progress) {
    const bool one_stream = format_ == ExportFormat::mbox || format_ == ExportFormat::json || output_.empty();
    if (one_stream) {
      auto stream = ExportOutput::open(format_ == ExportFormat::json ? fs::path() : output_);
      if (!stream) return std::unexpected(stream.error());
      stream_ = std::move(*stream);
    } else if (format_ == ExportFormat::maildir) {
      read_keywords();
    }
    if (auto done = uid == 0 ? all(progress) : only(uid); !done) return done;
    if (auto kept = write_keywords(); !kept) return kept;
    ++result_.mailboxes;
    return stream_ ? stream_->close() : Result<void>{};
  }

 private:
  Result<void> all(const ExportProgress& progress) {
    const auto mailbox = store_.find_mailbox(mailbox_);
    if (!mailbox) return std::unexpected(mailbox.error());
    for (std::optional<store::Uid> from = 1; from;) {
      const auto listing = store_.scan(mailbox_, *from, kPage);
      if (!listing) return std::unexpected(listing.error());
      for (const auto& [uid, error] : listing->damaged) tell(uid, error);
      for (const auto& item : listing->items) {
        if (auto done = one(item); !done) return done;
        progress(item.uid, mailbox->next_uid);
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
  void tell(store::Uid uid, const Error& error) {
    ++result_.damaged;
    fault_(mailbox_, uid, error);
  }

  /// A message that can't be read is told and passed over; one that can't be written ends the export.
  Result<void> one(const Item& item) {
    switch (format_) {
      case ExportFormat::json:
        return to_json(item);
      case ExportFormat::mbox:
        return to_stream(item,
                         [&](const store::Sink& to) { return store::write_mbox_entry(store_, item, to); });
      case ExportFormat::maildir:
        return to_maildir(item);
      case ExportFormat::eml: {
        const auto write = [&](const store::Sink& to) { return store::write_message(store_, item, to); };
        if (stream_) return to_stream(item, write);
        const auto path = output_ / (std::to_string(item.uid) + ".eml");
        return to_file(item, path, path.string() + ".part", write);
      }
    }
    return {};
  }

  Result<void> to_json(const Item& item) {
    std::string text;
    const auto read = store::write_message(store_, item, [&text](std::string_view octets) -> Result<void> {
      text += octets;
      return {};
    });
    if (!read) {
      tell(item.uid, read.error());
      return {};
    }
    ++result_.messages;
    return stream_->write(json_row(item, mailbox_, text));
  }

  template <class Write>
  Result<void> to_stream(const Item& item, Write write) {
    // The first octets are read before anything is written: what is wholly missing leaves no half entry.
    if (const auto probe = store_.read(item, 0, 1); !probe) {
      tell(item.uid, probe.error());
      return {};
    }
    const auto begin = stream_->written();
    auto done = write(sink(*stream_));
    if (stream_->fault()) return std::unexpected(*stream_->fault());
    if (done) {
      ++result_.messages;
      return {};
    }
    tell(item.uid, done.error());
    const auto cut = stream_->cut_to(begin);
    if (!cut) return std::unexpected(cut.error());
    return *cut ? Result<void>{} : stream_->write("\n\n");
  }

  template <class Write>
  Result<void> to_file(const Item& item, const fs::path& path, const fs::path& unfinished, Write write) {
    auto file = FinishedFile::open(path, unfinished);
    if (!file) return std::unexpected(file.error());
    auto& output = file->output();
    const auto done = write(sink(output));
    if (output.fault()) return std::unexpected(*output.fault());
    if (!done) {
      tell(item.uid, done.error());
      return {};
    }
    ++result_.messages;
    return file->finish(item.message.received);
  }

  Result<void> to_maildir(const Item& item) {
    const auto name = store::maildir_name(item, letters_of(item));
    const auto unique = name.substr(4, name.find(':') - 4);  // behind "new/" or "cur/"
    return to_file(item, output_ / name, output_ / "tmp" / unique,
                   [&](const store::Sink& to) { return store::write_maildir_file(store_, item, to); });
  }

  std::string letters_of(const Item& item) {
    std::string letters;
    for (const auto& word : item.message.keywords.words()) {
      if (const auto letter = keywords_.letter(word)) {
        letters += *letter;
        continue;
      }
      ++result_.keywords_lost;
      fault_(mailbox_, item.uid,
             {Fault::permanent, "its keyword " + word + " is left out: a Maildir has letters for 26"});
    }
    std::ranges::sort(letters);
    return letters;
  }

  /// Those of an earlier export into the same Maildir keep their letters.
  void read_keywords() {
    std::ifstream file(output_ / kKeywordsFile, std::ios::binary);
    const std::string text(std::istreambuf_iterator<char>(file), {});
    keywords_ = store::MaildirKeywords::parse(text);
    keywords_before_ = keywords_.text();
  }
  Result<void> write_keywords() {
    const auto text = keywords_.text();
    if (text == keywords_before_) return {};
    return io::replace_synced(output_ / kKeywordsFile, text);
  }

  static store::Sink sink(ExportOutput& output) {
    return [&output](std::string_view octets) { return output.write(octets); };
  }

  static constexpr const char* kKeywordsFile = "dovecot-keywords";
  const store::Store& store_;
  const std::string& mailbox_;
  const ExportFormat format_;
  const fs::path output_;
  const ExportFault& fault_;
  ExportResult& result_;
  std::unique_ptr<ExportOutput> stream_;
  store::MaildirKeywords keywords_;
  std::string keywords_before_;
};

/// A mailbox in its own folder; `below`: of the one that goes to `top`.
Result<void> export_to_folder(const store::Store& store, const std::string& mailbox, std::string_view below,
                              const fs::path& top, const ExportOrder& order, const ExportFault& fault,
                              const ExportProgress& progress, ExportResult& result) {
  auto place = place_below(top, below, order.format);
  if (order.format != ExportFormat::json) {
    // The folders of a Maildir stand in one, also when that is no mailbox.
    const bool maildir = order.format == ExportFormat::maildir && !below.empty();
    if (auto made = maildir ? make_folders(top, order.format, false) : Result<void>{}; !made) return made;
    if (auto made = make_folders(place, order.format, !below.empty()); !made) return made;
    if (order.format == ExportFormat::mbox) place /= "mbox";
  }
  return MailboxExport(store, mailbox, order.format, std::move(place), fault, result).run(0, progress);
}

}  // namespace

Result<ExportResult> export_mailbox(const store::Store& store, const std::string& mailbox,
                                    const ExportOrder& order, const ExportFault& fault,
                                    const ExportProgress& progress) {
  ExportResult result;
  if (!order.recursive) {
    const bool folder = order.format == ExportFormat::maildir || order.format == ExportFormat::eml;
    if (folder && !order.output.empty()) {
      if (const auto found = store.find_mailbox(mailbox); !found) return std::unexpected(found.error());
      if (auto made = make_folders(order.output, order.format, false); !made)
        return std::unexpected(made.error());
    }
    auto done =
        MailboxExport(store, mailbox, order.format, order.output, fault, result).run(order.uid, progress);
    if (!done) return std::unexpected(done.error());
    return result;
  }
  const auto mailboxes = store.list_mailboxes();
  if (!mailboxes) return std::unexpected(mailboxes.error());
  bool known = false;
  for (const auto& one : *mailboxes) {
    const bool below = store::is_inferior(one.name, mailbox);
    known |= below || one.name == mailbox;
    if (!one.selectable || (!below && one.name != mailbox)) continue;
    const auto rest = below ? std::string_view(one.name).substr(mailbox.size() + 1) : std::string_view();
    auto done = export_to_folder(store, one.name, rest, order.output, order, fault, progress, result);
    if (!done) return std::unexpected(done.error());
  }
  if (!known) return std::unexpected(store.find_mailbox(mailbox).error());
  return result;
}

Result<ExportResult> export_all(const store::Store& store, const ExportOrder& order, const ExportFault& fault,
                                const ExportProgress& progress) {
  ExportResult result;
  const auto mailboxes = store.list_mailboxes();
  if (!mailboxes) return std::unexpected(mailboxes.error());
  for (const auto& one : *mailboxes) {
    if (!one.selectable) continue;
    const auto account = store::account_of(one.name);
    const auto below = std::string_view(one.name).substr(std::min(account.size() + 1, one.name.size()));
    const auto top = order.output / store::folder_file(account);
    auto done = export_to_folder(store, one.name, below, top, order, fault, progress, result);
    if (done) continue;
    if (done.error().fault == Fault::temporary) return std::unexpected(done.error());
    ++result.mailboxes_lost;
    fault(one.name, 0, done.error());
  }
  return result;
}

}  // namespace hikyaku::cmd
