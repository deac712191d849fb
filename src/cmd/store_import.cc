#include "cmd/store_import.h"

#include <fmt/format.h>
#include <sysexits.h>

#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/escape.h"
#include "cmd/administer.h"
#include "cmd/import_reader.h"
#include "cmd/import_target.h"
#include "cmd/progress.h"
#include "cmd/store_recovery.h"

namespace hikyaku::cmd {
namespace {

std::optional<ImportFormat> format_of(std::string_view name) {
  if (name == "maildir") return ImportFormat::maildir;
  if (name == "mbox") return ImportFormat::mbox;
  if (name == "mboxo") return ImportFormat::mboxo;
  if (name == "eml") return ImportFormat::eml;
  return std::nullopt;
}

/// What the user learns while messages go in, and at the end.
class ImportReport {
 public:
  explicit ImportReport(bool as_json) : as_json_(as_json) {}

  void progress(std::uint64_t done, std::uint64_t all) { line_(done, all); }
  void tell(const ImportReader::Told& told) {
    line_.clear();
    if (told.error) ++faults_;
    const auto at = told.offset ? fmt::format(", octet {}", *told.offset) : std::string();
    fmt::print(stderr, "hikyaku store import: {}{}: {}\n", escaped(told.file.string()), at,
               escaped(told.text));
    if (!as_json_) return;
    nlohmann::json row{{"file", told.file.string()}, {told.error ? "error" : "remark", told.text}};
    if (told.offset) row["offset"] = *told.offset;
    print_json(row);
  }
  void refused(const std::string& mailbox, const std::string& why) {
    line_.clear();
    ++faults_;
    fmt::print(stderr, "hikyaku store import: {}: {}\n", escaped(mailbox), escaped(why));
    if (as_json_) print_json({{"mailbox", mailbox}, {"error", why}});
  }
  void summary(const serve::ImportCounts& counts, bool whole) {
    line_.clear();
    if (as_json_) {
      return print_json({{"messages", counts.messages},
                         {"octets", counts.octets},
                         {"duplicates", counts.duplicates},
                         {"refused", counts.refused},
                         {"faults", faults_},
                         {"whole", whole}});
    }
    fmt::print("{} messages added, {} octets", counts.messages, counts.octets);
    if (counts.duplicates > 0) fmt::print("; {} skipped, which were there already", counts.duplicates);
    if (counts.refused > 0) fmt::print("; {} refused with their mailbox", counts.refused);
    if (faults_ > 0) fmt::print("; {} faults", faults_);
    fmt::print("{}\n", whole ? "" : "; then it ended: run it again with --skip-duplicates");
  }
  std::uint64_t faults() const { return faults_; }

 private:
  bool as_json_;
  ProgressLine line_{"importing"};
  std::uint64_t faults_ = 0;
};

}  // namespace

StoreImport::StoreImport(CommandLine& store)
    : command_(
          store.subcommand("import",
                           "messages from a Maildir, an mbox, .eml files, or folders of them, with their "
                           "flags, keywords and dates; while the hub runs or not. No quota stops it, but "
                           "what it adds counts")) {
  command_.option("mailbox", &mailbox_, "where they go; folders go below it. Made when there is none");
  command_.option("path", &path_, "the file or folder that is read; with --all it stands alone");
  command_.flag("--all", all_, "what `export --all` wrote: a folder for each user");
  command_.option(
      "--format", &format_,
      "what it is, when looking does not tell; mboxo: of a line quoted with one '>' alone it is taken "
      "off; eml: each file of a folder, whatever its name",
      {.one_of = {"maildir", "mbox", "mboxo", "eml"}});
  command_.flag("--skip-duplicates", skip_duplicates_,
                "not those whose content the mailbox has already: to run an import again");
}

int StoreImport::run(const serve::Running& running, bool as_json) const {
  const auto& path = all_ ? mailbox_ : path_;
  if (path.empty() || (all_ && !path_.empty())) {
    fmt::print(stderr, "hikyaku store import: name a mailbox and a file or folder, or --all and a folder\n");
    return EX_USAGE;
  }
  ImportReport report(as_json);
  const auto duplicates =
      skip_duplicates_ ? serve::MailboxImport::Duplicates::skip : serve::MailboxImport::Duplicates::add;
  auto target = ImportTarget::open(
      running, duplicates,
      [&](const std::string& mailbox, const std::string& why) { report.refused(mailbox, why); });
  if (!target) return tell_store_error(target.error());
  ImportReader reader(
      **target, [&](const ImportReader::Told& told) { report.tell(told); },
      [&](std::uint64_t done, std::uint64_t all) { report.progress(done, all); });
  auto done =
      all_ ? reader.read_all(path, format_of(format_)) : reader.read(path, mailbox_, format_of(format_));
  if (done) done = (*target)->finish();
  const auto counts = (*target)->counts();
  if (!done) {
    const int code = tell_store_error(done.error());
    if (counts.messages > 0 || as_json) report.summary(counts, false);
    return code;
  }
  report.summary(counts, true);
  return report.faults() > 0 || counts.refused > 0 ? EX_DATAERR : EX_OK;
}

}  // namespace hikyaku::cmd
