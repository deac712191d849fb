#include "cmd/store_export.h"

#include <fmt/format.h>
#include <sysexits.h>

#include <cstdio>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/escape.h"
#include "cmd/administer.h"
#include "cmd/mailbox_export.h"
#include "cmd/open_store.h"
#include "cmd/progress.h"
#include "cmd/store_places.h"
#include "cmd/store_recovery.h"
#include "store/mailbox_name.h"

namespace hikyaku::cmd {
namespace {

ExportFormat format_of(std::string_view name) {
  if (name == "maildir") return ExportFormat::maildir;
  return name == "eml" ? ExportFormat::eml : ExportFormat::mbox;
}

int usage_error(const char* text) {
  fmt::print(stderr, "hikyaku store export: {}\n", text);
  return EX_USAGE;
}

void print_summary(const ExportResult& result, bool as_json) {
  if (as_json) {
    return print_json({{"mailboxes", result.mailboxes},
                       {"messages", result.messages},
                       {"damaged", result.damaged},
                       {"keywords_lost", result.keywords_lost},
                       {"mailboxes_lost", result.mailboxes_lost}});
  }
  fmt::print(stderr, "{} messages of {} mailboxes", result.messages, result.mailboxes);
  if (result.damaged > 0) fmt::print(stderr, "; {} could not be read", result.damaged);
  if (result.keywords_lost > 0) fmt::print(stderr, "; {} keywords left out", result.keywords_lost);
  if (result.mailboxes_lost > 0) fmt::print(stderr, "; {} mailboxes not written", result.mailboxes_lost);
  fmt::print(stderr, "\n");
}

}  // namespace

StoreExport::StoreExport(CommandLine& store)
    : command_(store.subcommand(
          "export", "messages as mbox, Maildir or .eml files: of a mailbox, with those below, or of all")) {
  command_.option("mailbox", &mailbox_, "its name: user@domain, user, or user@domain/Archive");
  command_.flag("--all", all_, "all mailboxes, each user's in a folder of its own in --output");
  command_.flag("--recursive", recursive_,
                "with the mailboxes below: as Maildir++ has them, or in nested folders");
  command_.option("--uid", &uid_, "this message alone");
  command_.option("--format", &format_, "what is written; eml has no place for flags and keywords",
                  {.one_of = {"mbox", "maildir", "eml"}});
  command_.option(
      "--output", &output_,
      "the new mbox file; the folder for maildir, eml, --recursive and --all. Without it, mbox and "
      "--json go to stdout");
}

int StoreExport::run(const serve::Running& running, bool as_json) const {
  const bool rows = as_json && output_.empty();
  ExportOrder order;
  order.format = rows ? ExportFormat::json : format_of(format_);
  order.output = output_;
  order.recursive = recursive_ || all_;
  order.uid = static_cast<store::Uid>(uid_);
  if (all_ == !mailbox_.empty()) return usage_error("name one mailbox, or say --all");
  if (uid_ > std::numeric_limits<store::Uid>::max()) return usage_error("--uid: there is no such UID");
  if (uid_ != 0 && order.recursive) return usage_error("--uid is of one mailbox");
  const bool to_folder = order.recursive || order.format == ExportFormat::maildir ||
                         (order.format == ExportFormat::eml && uid_ == 0);
  if (to_folder && !rows && output_.empty()) return usage_error("--output names the folder that they go to");

  const auto places = StorePlaces::read(running);
  if (!places) return tell_store_error(places.error());
  ProgressLine line("exporting");
  const auto fault = [&](const std::string& mailbox, store::Uid uid, const Error& error) {
    line.clear();
    const auto at = uid == 0 ? escaped(mailbox) : fmt::format("{}, UID {}", escaped(mailbox), uid);
    fmt::print(stderr, "hikyaku store export: {}: {}\n", at, escaped(error.text));
    if (as_json) print_json({{"mailbox", mailbox}, {"uid", uid}, {"error", error.text}});
  };
  const auto from = places->catalogue.database_of(store::account_of(mailbox_));
  Result<ExportResult> result;
  int left_out = EX_OK;  // why a database was
  for (const auto& place : places->all) {
    if (!all_ && place.name != from) continue;
    const auto opened = OpenStore::open(place.directory, places->catalogue, place.name);
    if (!opened) {
      line.clear();
      left_out = tell_store_error(opened.error());
      if (!all_) return left_out;
      continue;
    }
    const auto more = all_ ? export_all(*opened->store, order, fault, std::ref(line))
                           : export_mailbox(*opened->store, mailbox_, order, fault, std::ref(line));
    if (!more) {
      result = more;
      break;
    }
    *result += *more;
  }
  line.clear();
  if (!result) return tell_store_error(result.error());
  if (!output_.empty()) print_summary(*result, as_json);
  const bool whole = result->damaged == 0 && result->keywords_lost == 0 && result->mailboxes_lost == 0;
  if (left_out != EX_OK) return left_out;
  return whole ? EX_OK : EX_DATAERR;
}

}  // namespace hikyaku::cmd
