#include <sysexits.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/escape.h"
#include "cmd/administer.h"
#include "cmd/command_line.h"
#include "cmd/commands.h"
#include "cmd/ese_files.h"
#include "cmd/ese_print.h"
#include "cmd/progress.h"
#include "ese/catalog.h"

namespace hikyaku::cmd {
namespace {

int tell(const Error& error) {
  std::fprintf(stderr, "hikyaku ese: %s\n", error.text.c_str());
  return error.fault == Fault::not_found ? EX_NOINPUT : EX_DATAERR;
}
void note(const std::string& text) { std::fprintf(stderr, "hikyaku ese: %s\n", text.c_str()); }

Result<ese::DatabaseHeaders> read_headers(ese::RandomAccess& database) {
  const auto beginning = database.read(0, ese::DatabaseHeaders::kBytes);
  if (!beginning) return std::unexpected(beginning.error());
  return ese::DatabaseHeaders::parse(*beginning, database.name());
}

/// What is mended by the engine and yet a sign of a failing disk.
void note_damaged_copy(const ese::DatabaseHeaders& headers, const std::string& name) {
  if (headers.from_shadow)
    note(escaped(name) + ": the header at offset 0 is damaged (checksum expected " +
         ese::hex32(headers.primary.stored) + ", actual " + ese::hex32(headers.primary.computed) +
         "): its shadow copy at offset " + std::to_string(headers.shadow->offset) + " is used");
  else if (!headers.shadow || !headers.shadow->intact)
    note(escaped(name) + ": the shadow copy of the header is damaged or not there");
}

int header(const std::string& path, bool as_json) {
  const auto file = InputFile::open(path, path);
  if (!file) return tell(file.error());
  const auto headers = read_headers(**file);
  if (!headers) return tell(headers.error());
  note_damaged_copy(*headers, path);
  if (as_json)
    print_json(json_of(*headers));
  else
    print_header(*headers);
  return EX_OK;
}

int pages(const std::string& path, unsigned page_size, bool as_json) {
  const auto file = InputFile::open(path, path);
  if (!file) return tell(file.error());
  if (page_size == 0) {
    const auto headers = read_headers(**file);
    if (!headers) {
      tell(headers.error());
      note("--page-size 4096, 8192 or 32768 checks the pages without a header");
      return EX_DATAERR;
    }
    note_damaged_copy(*headers, path);
    page_size = headers->header.page_size;
  }
  ProgressLine progress("reading pages");
  const auto found = [&](const ese::PageFinding& page) {
    progress.clear();
    if (as_json)
      print_json(json_of(page));
    else
      print_page(page);
  };
  const auto unreadable = [&](std::uint32_t page, std::uint64_t offset, const Error& error) {
    progress.clear();
    if (as_json)
      print_json({{"page", page}, {"offset", offset}, {"state", "unreadable"}, {"reason", error.text}});
    else
      std::printf("page %u, offset %llu: unreadable: %s\n", page, static_cast<unsigned long long>(offset),
                  error.text.c_str());
  };
  const auto counts = ese::scan_pages(
      **file, page_size, {.found = found, .unreadable = unreadable, .progress = [&](std::uint64_t done) {
                            progress(done, (*file)->size());
                          }});
  progress.clear();
  if (counts && counts->octets_over > 0) {
    note(escaped(path) + ": ends at offset " + std::to_string((*file)->size()) + ", " +
         std::to_string(counts->octets_over) + " octets into a page: it was cut, or is being written to");
  }
  if (!counts) return tell(counts.error());
  if (as_json)
    print_json({{"summary", json_of(*counts)}});
  else
    print_counts(*counts);
  return counts->damaged() ? EX_DATAERR : EX_OK;
}

int logs(const std::string& path, const std::string& base, bool as_json) {
  InputDirectory folder(path);
  const auto reports = ese::check_logs(folder, base, [&](const ese::LogReport& log) {
    if (as_json)
      print_json(json_of(log));
    else
      print_log(log);
  });
  if (!reports) return tell(reports.error());
  std::int64_t files = 0, bad = 0, missing = 0;
  std::string first_bad;
  for (const auto& log : *reports) {
    if (log.state == ese::LogReport::State::missing)
      missing += log.last_generation - log.generation + 1;
    else
      ++files;
    if (!log.bad()) continue;
    if (log.state != ese::LogReport::State::missing) ++bad;
    if (first_bad.empty()) first_bad = log.file;
  }
  if (as_json) {
    print_json(
        {{"summary", {{"logs", files}, {"bad", bad}, {"missing", missing}, {"first_bad", first_bad}}}});
  } else {
    std::printf("%lld logs, %lld bad, %lld missing", static_cast<long long>(files),
                static_cast<long long>(bad), static_cast<long long>(missing));
    std::puts(first_bad.empty() ? "" : ("; the first one: " + escaped(first_bad)).c_str());
  }
  return bad + missing > 0 ? EX_DATAERR : EX_OK;
}

Result<ese::Checkpoint> read_checkpoint(ese::RandomAccess& file) {
  const auto beginning = file.read(0, ese::Checkpoint::kBytes);
  if (!beginning) return std::unexpected(beginning.error());
  return ese::Checkpoint::parse(*beginning, file.name());
}

int checkpoint(const std::string& path, bool as_json) {
  const auto file = InputFile::open(path, path);
  if (!file) return tell(file.error());
  const auto read = read_checkpoint(**file);
  if (!read) return tell(read.error());
  if (read->first_damaged) note(escaped(path) + ": the copy at offset 0 is damaged, that at 4096 is used");
  if (read->second_damaged) note(escaped(path) + ": the copy at offset 4096 is damaged or not there");
  if (as_json)
    print_json(json_of(*read));
  else
    print_checkpoint(*read);
  return EX_OK;
}

int tables(const std::string& path, bool columns, bool as_json) {
  // The library's words for a file that is not there, or that is a log, are of no help.
  const auto file = InputFile::open(path, path);
  if (!file) return tell(file.error());
  const auto headers = read_headers(**file);
  if (!headers) return tell(headers.error());
  if (!as_json) std::puts("columns  indexes  table");
  const auto names = columns ? ese::ColumnNames::with : ese::ColumnNames::without;
  const auto read = ese::read_catalog(path, names, [&](const ese::Table& table) {
    if (as_json) {
      nlohmann::json row{{"table", table.name}, {"columns", table.columns}, {"indexes", table.indexes}};
      if (columns) row["column_names"] = table.column_names;
      return print_json(row);
    }
    std::printf("%7d  %7d  %s\n", table.columns, table.indexes, escaped(table.name).c_str());
    for (const auto& name : table.column_names)
      std::printf("                    %s\n", escaped(name).c_str());
  });
  return read ? EX_OK : tell(read.error());
}

int verdict(const std::string& path, const std::string& folder_path, const std::string& base, bool as_json) {
  const auto file = InputFile::open(path, path);
  if (!file) return tell(file.error());
  const auto headers = read_headers(**file);
  if (!headers) return tell(headers.error());
  note_damaged_copy(*headers, path);
  ese::LogEvidence evidence{.base = base, .logs = {}, .checkpoint = {}};
  if (!folder_path.empty()) {
    InputDirectory folder(folder_path);
    auto checked = ese::check_logs(folder, base, {});
    // An empty folder is an answer as well: all logs are missing.
    const bool none_there = !checked && checked.error().fault == Fault::not_found && folder.names();
    if (!checked && !none_there) return tell(checked.error());
    if (checked) evidence.logs = std::move(*checked);
    if (const auto chk = folder.open(base + ".chk")) evidence.checkpoint = read_checkpoint(**chk);
  }
  const auto decided = ese::Verdict::decide(headers->header, folder_path.empty() ? nullptr : &evidence);
  if (as_json) {
    auto row = json_of(decided);
    row["database"] = path;
    row["state"] = ese::text(headers->header.state);
    print_json(row);
  } else {
    std::printf("%s: %s. ", escaped(path).c_str(), ese::text(headers->header.state).c_str());
    print_verdict(decided);
  }
  return decided.outcome == ese::Verdict::Outcome::mounts ? EX_OK : EX_DATAERR;
}

constexpr std::string_view kFooter =
    "Examples:\n"
    "  hikyaku ese verdict priv1.edb                  does it mount, and which logs does it need?\n"
    "  hikyaku ese verdict priv1.edb /srv/logs E00    ... and are these there and whole?\n"
    "  hikyaku ese header priv1.edb                   as eseutil /mh\n"
    "  hikyaku ese pages priv1.edb --json             as eseutil /k\n"
    "  hikyaku ese logs /srv/logs E00                 as eseutil /ml\n"
    "  hikyaku ese checkpoint /srv/logs/E00.chk       as eseutil /mk\n"
    "  hikyaku ese tables priv1.edb --columns         as eseutil /mm\n"
    "Files are read and never written; take copies all the same, or a dismounted database.\n"
    "An event's ec=1108 and hr=0x80004005 only say that something failed; the negative number beside them "
    "says "
    "what,\nand verdict explains those that have to do with logs.\n"
    "Exit code 65: damaged, or of verdict: it needs its logs; what the engine mends by itself is told and is "
    "no "
    "damage.\n66: there is no such file; 64: the command was not understood.";

}  // namespace

int ese_command(int argc, char** argv) {
  CommandLine app("hikyaku ese", "Looks at the databases and logs of an Exchange server. Changes nothing.");
  bool as_json = false, columns = false;
  app.flag("--json", as_json, "one JSON object a line");
  app.footer(kFooter);
  std::string file, folder, base;
  unsigned page_size = 0;

  auto& header_command =
      app.subcommand("header", "the header of a database, from its shadow if it is damaged");
  header_command.option("FILE", &file, "the database, as priv1.edb", {.required = true});

  auto& pages_command = app.subcommand("pages", "verify the checksum of every page of a database");
  pages_command.option("FILE", &file, "the database", {.required = true});
  pages_command.option("--page-size", &page_size, "octets of a page, when no header tells it");

  auto& logs_command = app.subcommand("logs", "verify the logs of a folder and that each continues the last");
  logs_command.option("FOLDER", &folder, "where they are", {.required = true});
  logs_command.option("BASE", &base, "what their names begin with, as E00", {.required = true});

  auto& checkpoint_command = app.subcommand("checkpoint", "from where on recovery would replay the logs");
  checkpoint_command.option("FILE", &file, "the checkpoint file, as E00.chk", {.required = true});

  auto& tables_command = app.subcommand("tables", "the tables that a database's catalog names");
  tables_command.option("FILE", &file, "the database", {.required = true});
  tables_command.flag("--columns", columns, "with the names of their columns");

  auto& verdict_command = app.subcommand("verdict", "whether a database mounts, and which logs must not go");
  verdict_command.option("FILE", &file, "the database", {.required = true});
  verdict_command.option("FOLDER", &folder, "its logs: without, it is not looked whether they are there");
  verdict_command.option("BASE", &base, "what their names begin with, as E00");

  if (const auto end = app.parse(argc, argv)) return *end;
  if (header_command.called()) return header(file, as_json);
  if (pages_command.called()) return pages(file, page_size, as_json);
  if (logs_command.called()) return logs(folder, base, as_json);
  if (checkpoint_command.called()) return checkpoint(file, as_json);
  if (tables_command.called()) return tables(file, columns, as_json);
  if (folder.empty() != base.empty()) {
    note("verdict: the folder of the logs goes with what their names begin with, as in: /srv/logs E00");
    return EX_USAGE;
  }
  return verdict(file, folder, base, as_json);
}

}  // namespace hikyaku::cmd
