#include "io/log_check.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "io/log_format.h"
#include "io/mapped_file.h"
#include "io/read_files.h"

namespace hikyaku::io {
namespace {

using namespace log_format;

constexpr std::size_t kPage = 4096;
static_assert(ReadFiles::kPiece % kBlock == 0);

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

/// Takes a log in pieces, for as long as there is nothing wrong with it.
class Reader {
 public:
  explicit Reader(Gaps gaps) : gaps_(gaps) {}

  /// What comes next in the log: whole blocks, unless these are its last octets.
  void take(std::string_view blocks) {
    const auto begin = report_.octets;
    report_.octets += blocks.size();
    while (good()) {
      at_ = skip_padding(at_);
      if (at_ >= report_.octets) return;
      const auto look = look_at(blocks, at_ - begin);
      if (!look.fragment) {
        bad_ = at_;
        return;
      }
      fragment(*look.fragment);
      at_ = begin + look.fragment->end;
      if (good() && look.fragment->ends()) batch();
    }
  }
  bool good() const { return report_.state == LogReport::State::ok && !bad_; }

  /// `log`: all that was taken; needed when it is not good().
  LogReport end(std::string_view log) {
    if (good() && in_record_) torn("the file ends between the parts of a record");
    if (bad_) judge(log, *bad_);
    return report_;
  }

 private:
  void fragment(const Fragment& one) {
    if (one.begins() == in_record_) {
      return corrupt(in_record_ ? "a record without its end" : "a part of a record without its beginning");
    }
    in_record_ = true;
    if (head_.size() < kBatchHeader) head_ += one.payload.substr(0, kBatchHeader - head_.size());
  }

  void batch() {
    if (head_.size() < kBatchHeader) return corrupt("a batch without its header");
    const auto sequence = little_endian(std::string_view(head_).substr(0, 8));
    const auto count = little_endian(std::string_view(head_).substr(8, 4));
    if (report_.records > 0 && breaks_order(sequence)) {
      return corrupt("a batch begins at sequence " + std::to_string(sequence) + ", the one before ended at " +
                     std::to_string(report_.next_sequence - 1));
    }
    if (report_.records++ == 0) report_.first_sequence = sequence;
    report_.next_sequence = sequence + count;
    report_.intact = at_;
    in_record_ = false;
    head_.clear();
  }

  bool breaks_order(std::uint64_t sequence) const {
    return gaps_ == Gaps::accepted ? sequence < report_.next_sequence : sequence != report_.next_sequence;
  }

  void judge(std::string_view log, std::size_t at) {
    const auto look = look_at(log, at);
    if (anything_intact_after(log, at)) return corrupt(look.reason + ", with intact records after it");
    if (look.cut || last_page_is_zero(log, at)) return torn(look.reason);
    corrupt(look.reason);
  }
  void torn(std::string reason) { stop(LogReport::State::torn, std::move(reason)); }
  void corrupt(std::string reason) { stop(LogReport::State::corrupt, std::move(reason)); }
  void stop(LogReport::State state, std::string reason) {
    report_.state = state;
    report_.reason = std::move(reason);
  }

  Gaps gaps_;
  LogReport report_;
  std::uint64_t at_ = 0;              // of what comes next
  std::optional<std::uint64_t> bad_;  // of a damaged fragment
  bool in_record_ = false;
  std::string head_;  // of the record at hand
};

void mark_corrupt(LogReport& report, std::string reason) {
  report.state = LogReport::State::corrupt;
  report.reason = std::move(reason);
}

/// The log that the last write went to. After a full disk the engine begins a new log and puts what it holds
/// into tables; a crash before that leaves the unfinished log with empty ones behind it.
LogReport& last_written(std::vector<LogReport>& reports) {
  auto at = reports.rbegin();
  while (at != reports.rend() && at->octets == 0 && at->state == LogReport::State::ok) ++at;
  return at != reports.rend() && at->state == LogReport::State::torn ? *at : reports.back();
}

/// Whether the newest log holds what was acknowledged: its end may be gone without a trace in itself.
void check_end(LogReport& last, const std::vector<LogReport>& reports,
               const std::vector<CataloguedLog>& catalogue, std::uint64_t acknowledged) {
  const auto& newest = reports.back();
  const bool whole = (last.state == LogReport::State::ok || last.state == LogReport::State::torn) &&
                     newest.state != LogReport::State::missing && newest.state != LogReport::State::foreign;
  if (!whole || newest.number < catalogue.back().number) return;
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
  if (reports.empty()) return;
  // Only with what was acknowledged at hand: the end of a log that is not the newest may not be guessed.
  auto& last = acknowledged == 0 ? reports.back() : last_written(reports);
  const LogReport* before = nullptr;
  for (auto& report : reports) {
    if (report.state == LogReport::State::not_needed || report.state == LogReport::State::missing ||
        report.state == LogReport::State::foreign)
      continue;
    if (report.state == LogReport::State::torn && &report != &last)
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
  if (!catalogue.empty()) check_end(last, reports, catalogue, acknowledged);
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

LogReport check_log(std::string_view contents, Gaps gaps) {
  Reader reader(gaps);
  reader.take(contents);
  return reader.end(contents);
}

bool is_damage(LogReport::State state) {
  return state == LogReport::State::corrupt || state == LogReport::State::missing ||
         state == LogReport::State::foreign;
}

std::uint32_t first_record_of(std::string_view log) {
  return log.size() < kFragmentHeader ? 0 : static_cast<std::uint32_t>(little_endian(log.substr(0, 4)));
}

namespace {

/// What one log is by itself, and beside what the list knows of it (null: nothing).
void check_identity(LogReport& report, std::uint32_t first_record, const CataloguedLog* listed, bool newest) {
  if (listed == nullptr) {
    // One newer than the list was being made; nothing was written to it yet.
    if (report.octets == 0) return;
    report.state = LogReport::State::foreign;
    report.reason = "it is not in the database's list of logs";
    return;
  }
  if (report.records > 0 && listed->first_record != 0 && first_record != listed->first_record) {
    report.state = LogReport::State::foreign;
    report.reason = "its first record is not the one that this database wrote";
  }
  // In the newest one the record that the list knows of may not have been written yet.
  if (!newest && report.octets == 0 && listed->first_record != 0)
    mark_corrupt(report, "it is empty, and records were written to it");
}

struct OneLog {
  std::uint64_t number;
  const CataloguedLog* listed;
};

std::uint64_t octets_of(const std::vector<std::filesystem::path>& files) {
  std::uint64_t all = 0;
  for (const auto& file : files) {
    std::error_code gone;
    if (const auto size = std::filesystem::file_size(file, gone); !gone) all += size;
  }
  return all;
}

}  // namespace

Result<std::vector<LogReport>> check_logs(const std::filesystem::path& directory,
                                          const std::vector<CataloguedLog>& catalogue,
                                          std::uint64_t acknowledged, const Progress& progress, Gaps gaps) {
  const auto there = log_files(directory);
  if (!there) return std::unexpected(there.error());
  std::map<std::uint64_t, LogReport> by_number;
  for (const auto& log : catalogue) by_number[log.number].state = LogReport::State::missing;
  std::vector<OneLog> logs;
  std::vector<std::filesystem::path> files;
  for (const auto& [number, path] : *there) {
    const auto listed = std::ranges::lower_bound(catalogue, number, {}, &CataloguedLog::number);
    const bool needed = listed != catalogue.end() && listed->number == number;
    if (!needed && !catalogue.empty() && number < catalogue.back().number) {
      by_number[number].state = LogReport::State::not_needed;
      continue;
    }
    logs.push_back({number, needed ? &*listed : nullptr});
    files.push_back(path);
  }
  const auto all = octets_of(files);
  std::uint64_t done = 0;
  ReadFiles reading(files);
  Reader reader(gaps);
  std::uint32_t first_record = 0;
  bool begins = true;
  while (const auto piece = reading.next()) {
    if (piece->fault) return std::unexpected(*piece->fault);
    if (std::exchange(begins, false)) first_record = first_record_of(piece->octets);
    reader.take(piece->octets);
    done += piece->octets.size();
    if (progress) progress(done, all);
    if (!piece->last) continue;
    const auto& [number, listed] = logs[piece->file];
    auto& report = by_number[number];
    if (reader.good()) {
      report = reader.end({});
    } else {
      // Whether its end alone is torn shows only the whole of it.
      const auto mapping = MappedFile::open(files[piece->file]);
      if (!mapping) return std::unexpected(mapping.error());
      report = check_log(mapping->contents(), gaps);
    }
    check_identity(report, first_record, listed, !catalogue.empty() && number == catalogue.back().number);
    reader = Reader(gaps);
    begins = true;
  }
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
