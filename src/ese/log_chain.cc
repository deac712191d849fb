#include "ese/log_chain.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <tuple>

#include "base/escape.h"
#include "ese/known_errors.h"
#include "ese/log_header.h"
#include "ese/log_segments.h"

namespace hikyaku::ese {
namespace {

constexpr std::size_t kSector = LogHeader::kOctets;

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
bool same_letters(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, lower, lower);
}

void mark(LogReport& report, LogReport::State state, int error, std::uint64_t offset, std::string reason) {
  report.state = state;
  report.error = error;
  report.offset = offset;
  report.reason = std::move(reason);
}

/// A report begins with the file's name; the row that it stands in names it already.
std::string without_name(std::string_view text, const RandomAccess& log) {
  auto name = escaped(log.name());
  if (text.starts_with(name)) text.remove_prefix(name.size());
  if (text.starts_with(": ")) text.remove_prefix(2);
  if (text.starts_with(' ')) text.remove_prefix(1);
  return std::string(text);
}

void take_header(LogReport& report, const LogHeader& header) {
  report.has_header = true;
  report.generation = report.last_generation = header.generation;
  report.major = header.major;
  report.minor = header.minor;
  report.update = header.update;
  report.created = header.created;
  report.previous_created = header.previous_created;
  report.signature = header.signature;
  report.previous_segments = header.previous_segments;
}

void take_segments(LogReport& report, const SegmentReport& segments) {
  report.sectors = segments.good;
  report.corrected_bits = segments.corrected_bits;
  report.end = segments.end;
  if (segments.state == SegmentReport::State::ok) report.accumulated = segments.accumulated;
  if (segments.state == SegmentReport::State::ok) return;
  auto reason = "sector " + std::to_string(segments.sector) + " is " + segments.reason;
  if (segments.reason.starts_with("the file") || segments.reason.starts_with("it "))
    reason = "sector " + std::to_string(segments.sector) + ": " + segments.reason;
  if (segments.stored != segments.computed)
    reason += " (checksum stored " + hex64(segments.stored) + ", computed " + hex64(segments.computed) + ")";
  const bool torn = segments.state == SegmentReport::State::torn;
  mark(report, torn ? LogReport::State::torn : LogReport::State::corrupt, torn ? 0 : kLogFileCorrupt,
       segments.sector * kSector, std::move(reason));
}

/// What one log shows by itself.
void check_alone(LogReport& report, RandomAccess& log) {
  const auto named = report.generation;
  const auto beginning = log.read(0, LogHeader::kOctets);
  if (!beginning)
    return mark(report, LogReport::State::unreadable, kDiskError, 0,
                without_name(beginning.error().text, log));
  const auto header = LogHeader::parse(*beginning, log.name());
  if (!header)
    return mark(report, LogReport::State::corrupt, kLogFileCorrupt, 0,
                without_name(header.error().text, log));
  take_header(report, *header);
  if (named != 0 && named != header->generation) {
    // Where it stands in the sequence is what its name says; its header is not to be compared with others'.
    report.generation = report.last_generation = named;
    report.has_header = false;
    return mark(report, LogReport::State::out_of_sequence, kLogGenerationMismatch, 4,
                "its header says generation " + generation_text(header->generation) + ", its name " +
                    generation_text(named));
  }
  if (!header->has_segments()) {
    return mark(report, LogReport::State::headers_only, 0, 0,
                "format " + std::to_string(header->major) +
                    ": header and sequence are checked, the records of formats before 8 are not");
  }
  const auto segments = check_segments(log, *header);
  if (!segments)
    return mark(report, LogReport::State::unreadable, kDiskError, 0,
                without_name(segments.error().text, log));
  take_segments(report, *segments);
}

/// What only the log before it, which is of the generation before, can show.
void check_continues(LogReport& report, const LogReport& before) {
  if (report.bad()) return;
  if (report.signature != before.signature) {
    return mark(report, LogReport::State::foreign, kBadLogSignature, 44,
                "its signature (" + report.signature.text() + ") is not that of " + escaped(before.file) +
                    " (" + before.signature.text() + ")");
  }
  if (report.previous_created != before.created) {
    return mark(report, LogReport::State::out_of_sequence, kInvalidLogSequence, 24,
                "it follows a log made " + report.previous_created.text() + ", but " + escaped(before.file) +
                    " was made " + before.created.text());
  }
  if (report.previous_segments != 0 && before.accumulated != 0 &&
      report.previous_segments != before.accumulated) {
    return mark(report, LogReport::State::out_of_sequence, kLogSequenceChecksumMismatch, 653,
                "it follows a log whose checksums add up to " + hex64(report.previous_segments) +
                    ", those of " + escaped(before.file) + " to " + hex64(before.accumulated));
  }
}

class Chain {
 public:
  Chain(std::string_view base, const std::function<void(const LogReport&)>& checked)
      : base_(base), checked_(checked) {}

  void add(LogReport report) {
    if (report.generation > 0 && last_generation_ > 0) {
      if (report.generation > last_generation_ + 1)
        add_missing(last_generation_ + 1, report.generation - 1);
      else if (report.generation <= last_generation_ && !report.bad())
        mark(report, LogReport::State::out_of_sequence, kInvalidLogSequence, 4,
             "generation " + generation_text(report.generation) + " comes behind " +
                 generation_text(last_generation_));
    }
    if (before_ && before_->generation + 1 == report.generation && report.has_header)
      check_continues(report, *before_);
    last_generation_ = std::max(last_generation_, report.generation);
    if (report.has_header) before_ = report;
    tell(std::move(report));
  }
  std::vector<LogReport> take() { return std::move(reports_); }

 private:
  void add_missing(std::int64_t low, std::int64_t high) {
    LogReport report;
    report.file = log_name(base_, low);
    report.generation = low;
    report.last_generation = high;
    mark(report, LogReport::State::missing, kMissingLogFile, 0,
         low == high ? "there is no such file, and there are later ones"
                     : "generations to " + generation_text(high) + " (" + log_name(base_, high) +
                           ") are not there, and there are later ones");
    tell(std::move(report));
  }
  void tell(LogReport report) {
    if (checked_) checked_(report);
    reports_.push_back(std::move(report));
  }

  std::string_view base_;
  const std::function<void(const LogReport&)>& checked_;
  std::vector<LogReport> reports_;
  std::optional<LogReport> before_;
  std::int64_t last_generation_ = 0;
};

}  // namespace

std::string_view text(LogReport::State state) {
  switch (state) {
    case LogReport::State::ok:
      return "ok";
    case LogReport::State::torn:
      return "torn";
    case LogReport::State::headers_only:
      return "header_only";
    case LogReport::State::corrupt:
      return "corrupt";
    case LogReport::State::out_of_sequence:
      return "out_of_sequence";
    case LogReport::State::foreign:
      return "foreign";
    case LogReport::State::missing:
      return "missing";
    case LogReport::State::unreadable:
      return "unreadable";
  }
  return "?";
}

std::string log_name(std::string_view base, std::int64_t generation) {
  char digits[24];
  std::snprintf(digits, sizeof digits, "%08llX.log", static_cast<unsigned long long>(generation));
  return std::string(base) + digits;
}

std::optional<std::int64_t> generation_of_name(std::string_view base, std::string_view name) {
  if (base.empty() || name.size() < base.size() + 4 || !same_letters(name.substr(0, base.size()), base))
    return std::nullopt;
  const auto ending = name.substr(name.size() - 4);
  if (!same_letters(ending, ".log") && !same_letters(ending, ".jtx")) return std::nullopt;
  const auto digits = name.substr(base.size(), name.size() - base.size() - 4);
  if (digits.empty()) return 0;
  if (digits.size() != 5 && digits.size() != 8) return std::nullopt;
  std::int64_t generation = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), generation, 16);
  if (error != std::errc() || end != digits.data() + digits.size() || generation <= 0) return std::nullopt;
  return generation;
}

Result<std::vector<LogReport>> check_logs(Directory& folder, std::string_view base,
                                          const std::function<void(const LogReport&)>& checked) {
  const auto names = folder.names();
  if (!names) return std::unexpected(names.error());
  std::vector<LogReport> found;
  for (const auto& name : *names) {
    const auto generation = generation_of_name(base, name);
    if (!generation) continue;
    LogReport report;
    report.file = name;
    report.generation = report.last_generation = *generation;
    report.current = *generation == 0;
    found.push_back(std::move(report));
  }
  if (found.empty())
    return fail(Fault::not_found, "there is no log of the base name '" + escaped(base) + "' in that folder");
  std::ranges::sort(found, [](const LogReport& a, const LogReport& b) {
    return std::tie(a.current, a.generation, a.file) < std::tie(b.current, b.generation, b.file);
  });
  Chain chain(base, checked);
  for (auto& report : found) {
    const auto log = folder.open(report.file);
    if (log)
      check_alone(report, **log);
    else
      mark(report, LogReport::State::unreadable, kFileAccessDenied, 0, log.error().text);
    chain.add(std::move(report));
  }
  return chain.take();
}

}  // namespace hikyaku::ese
