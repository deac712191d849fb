#include "io/log_check.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <map>
#include <optional>

#include "io/log_format.h"
#include "io/mapped_file.h"

namespace hikyaku::io {
namespace {

using namespace log_format;

constexpr std::size_t kPage = 4096;

/// Whether any fragment after the damaged one at `bad` is intact. The damaged one's length can't be trusted:
/// near it every octet is tried, further on the beginnings of blocks.
bool anything_intact_after(std::string_view log, std::size_t bad) {
  const auto near = std::min(log.size(), (bad / kBlock + 2) * kBlock);
  for (auto at = bad + 1; at < near; ++at) {
    if (near - at < kFragmentHeader) break;
    const auto type = static_cast<unsigned char>(log[at + 6]);
    if (type >= kFull && type <= kLast && look_at(log, at).fragment) return true;
  }
  for (auto at = near; at < log.size(); at += kBlock) {
    if (look_at(log, at).fragment) return true;
  }
  return false;
}

/// The last page holds nothing: the file had grown before its contents came to the disk.
bool last_page_is_zero(std::string_view log, std::size_t from) {
  const auto page = (log.size() - 1) / kPage * kPage;
  return log.substr(std::max(from, page)).find_first_not_of('\0') == std::string_view::npos;
}

class Reader {
 public:
  Reader(std::string_view log, Gaps gaps) : log_(log), gaps_(gaps) { report_.octets = log.size(); }

  LogReport run() {
    while (report_.state == LogReport::State::ok && next_batch()) {
    }
    return report_;
  }

 private:
  bool next_batch() {
    auto at = skip_padding(report_.intact);
    if (at >= log_.size()) return false;
    std::string head;
    for (bool first = true;; first = false) {
      at = skip_padding(at);
      if (at >= log_.size()) return torn("the file ends between the parts of a record");
      auto look = look_at(log_, at);
      if (!look.fragment) return bad(at, look);
      const bool begins = look.fragment->begins();
      if (begins != first)
        return corrupt(first ? "a part of a record without its beginning" : "a record without its end");
      if (head.size() < kBatchHeader) head += look.fragment->payload.substr(0, kBatchHeader - head.size());
      at = look.fragment->end;
      if (look.fragment->ends()) return batch(head, at);
    }
  }

  bool batch(std::string_view head, std::size_t end) {
    if (head.size() < kBatchHeader) return corrupt("a batch without its header");
    const auto sequence = little_endian(head.substr(0, 8));
    const auto count = little_endian(head.substr(8, 4));
    if (report_.records > 0 && breaks_order(sequence)) {
      return corrupt("a batch begins at sequence " + std::to_string(sequence) + ", the one before ended at " +
                     std::to_string(report_.next_sequence - 1));
    }
    if (report_.records++ == 0) report_.first_sequence = sequence;
    report_.next_sequence = sequence + count;
    report_.intact = end;
    return true;
  }

  bool breaks_order(std::uint64_t sequence) const {
    return gaps_ == Gaps::accepted ? sequence < report_.next_sequence : sequence != report_.next_sequence;
  }

  bool bad(std::size_t at, const Look& look) {
    if (anything_intact_after(log_, at)) return corrupt(look.reason + ", with intact records after it");
    if (look.cut || last_page_is_zero(log_, at)) return torn(look.reason);
    return corrupt(look.reason);
  }
  bool torn(std::string reason) { return end(LogReport::State::torn, std::move(reason)); }
  bool corrupt(std::string reason) { return end(LogReport::State::corrupt, std::move(reason)); }
  bool end(LogReport::State state, std::string reason) {
    report_.state = state;
    report_.reason = std::move(reason);
    return false;
  }

  std::string_view log_;
  Gaps gaps_;
  LogReport report_;
};

std::uint64_t octets_of_logs(const std::filesystem::path& directory) {
  std::uint64_t all = 0;
  std::error_code error;
  for (const auto& file : std::filesystem::directory_iterator(directory, error)) {
    std::error_code gone;
    const auto size = file.file_size(gone);
    if (!gone && log_number(file.path().filename().string()) != 0) all += size;
  }
  return all;
}

void mark_corrupt(LogReport& report, std::string reason) {
  report.state = LogReport::State::corrupt;
  report.reason = std::move(reason);
}

/// Whether the newest log holds what was acknowledged: its end may be gone without a trace in itself.
void check_end(std::vector<LogReport>& reports, const std::vector<CataloguedLog>& catalogue,
               std::uint64_t acknowledged) {
  auto& last = reports.back();
  const bool whole = last.state == LogReport::State::ok || last.state == LogReport::State::torn;
  if (!whole || last.number < catalogue.back().number) return;
  auto end = catalogue.back().begins_after;
  for (const auto& report : reports) {
    if (report.records > 0) end = std::max(end, report.next_sequence - 1);
  }
  if (acknowledged <= end) return;
  mark_corrupt(last, (last.reason.empty() ? "it ends" : last.reason + "; it ends") + " at sequence " +
                         std::to_string(end) + ", and changes up to " + std::to_string(acknowledged) +
                         " were acknowledged");
}

/// What one log alone can't show.
void check_order(std::vector<LogReport>& reports, const std::vector<CataloguedLog>& catalogue,
                 std::uint64_t acknowledged, Gaps gaps) {
  const LogReport* before = nullptr;
  for (auto& report : reports) {
    if (report.state == LogReport::State::not_needed || report.state == LogReport::State::missing ||
        report.state == LogReport::State::foreign)
      continue;
    const bool last = &report == &reports.back();
    if (report.state == LogReport::State::torn && !last)
      mark_corrupt(report, report.reason + ", with a later log behind it");
    if (report.records == 0) continue;
    if (gaps == Gaps::refused && before != nullptr && before->state == LogReport::State::ok &&
        report.first_sequence != before->next_sequence) {
      mark_corrupt(report, "it begins at sequence " + std::to_string(report.first_sequence) + ", " +
                               before->file.filename().string() + " ended at " +
                               std::to_string(before->next_sequence - 1) + ": a log between them is missing");
      report.intact = 0;
    }
    before = &report;
  }
  if (!reports.empty() && !catalogue.empty()) check_end(reports, catalogue, acknowledged);
}

}  // namespace

std::string_view text(LogReport::State state) {
  switch (state) {
    case LogReport::State::ok:
      return "ok";
    case LogReport::State::torn:
      return "torn at the end (normal after a crash)";
    case LogReport::State::corrupt:
      return "corrupt";
    case LogReport::State::missing:
      return "missing";
    case LogReport::State::foreign:
      return "of another database (signature)";
    case LogReport::State::not_needed:
      return "not needed";
  }
  return "?";
}

LogReport check_log(std::string_view contents, Gaps gaps) { return Reader(contents, gaps).run(); }

std::string log_name(std::uint64_t number) {
  char name[32];
  std::snprintf(name, sizeof name, "%06llu.log", static_cast<unsigned long long>(number));
  return name;
}

std::uint64_t log_number(std::string_view file_name) {
  if (!file_name.ends_with(".log")) return 0;
  const auto digits = file_name.substr(0, file_name.size() - 4);
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return error == std::errc() && end == digits.data() + digits.size() ? number : 0;
}

bool is_damage(LogReport::State state) {
  return state == LogReport::State::corrupt || state == LogReport::State::missing ||
         state == LogReport::State::foreign;
}

std::uint32_t first_record_of(std::string_view log) {
  return log.size() < kFragmentHeader ? 0 : static_cast<std::uint32_t>(little_endian(log.substr(0, 4)));
}

Result<std::vector<LogReport>> check_logs(const std::filesystem::path& directory,
                                          const std::vector<CataloguedLog>& catalogue,
                                          std::uint64_t acknowledged, const Progress& progress, Gaps gaps) {
  std::map<std::uint64_t, LogReport> by_number;
  for (const auto& log : catalogue) by_number[log.number].state = LogReport::State::missing;
  std::error_code error;
  const auto all = octets_of_logs(directory);
  std::uint64_t done = 0;
  for (std::filesystem::directory_iterator file(directory, error), end; !error && file != end;
       file.increment(error)) {
    const auto number = log_number(file->path().filename().string());
    if (number == 0) continue;
    const auto listed = std::ranges::lower_bound(catalogue, number, {}, &CataloguedLog::number);
    const bool needed = listed != catalogue.end() && listed->number == number;
    // One newer than the catalogue was being made; nothing was written to it yet.
    const bool left_over = !needed && !catalogue.empty() && number < catalogue.back().number;
    auto& report = by_number[number];
    report.state = left_over ? LogReport::State::not_needed : LogReport::State::ok;
    if (left_over) continue;
    const auto mapping = MappedFile::open(file->path());
    if (!mapping) return std::unexpected(mapping.error());
    report = check_log(mapping->contents(), gaps);
    if (!needed && report.octets > 0) {
      report.state = LogReport::State::foreign;
      report.reason = "it is not in the database's list of logs";
    }
    const auto first = first_record_of(mapping->contents());
    if (needed && report.records > 0 && listed->first_record != 0 && first != listed->first_record) {
      report.state = LogReport::State::foreign;
      report.reason = "its first record is not the one that this database wrote";
    }
    // In the newest one the record that the list knows of may not have been written yet.
    const bool newest = needed && number == catalogue.back().number;
    if (needed && !newest && report.octets == 0 && listed->first_record != 0)
      mark_corrupt(report, "it is empty, and records were written to it");
    done += report.octets;
    if (progress) progress(done, all);
  }
  if (error) return fail(Fault::permanent, "list the logs in " + directory.string() + ": " + error.message());
  std::vector<LogReport> reports;
  for (auto& [number, report] : by_number) {
    report.number = number;
    report.file = directory / log_name(number);
    if (report.state == LogReport::State::missing)
      report.reason = "it is in the database's list of logs, and not on the disk";
    reports.push_back(std::move(report));
  }
  check_order(reports, catalogue, acknowledged, gaps);
  return reports;
}

}  // namespace hikyaku::io
