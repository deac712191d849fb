#include "cmd/ese_print.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/escape.h"
#include "ese/known_errors.h"

namespace hikyaku::cmd {

using nlohmann::json;

namespace {

std::string checksum_text(const ese::PageCheck& check, std::uint64_t value) {
  return check.ecc ? ese::hex64(value) : ese::hex32(static_cast<std::uint32_t>(value));
}

}  // namespace

static json json_of(const ese::GenerationRange& range) {
  return range.empty() ? json() : json{{"low", range.low}, {"high", range.high}};
}
json json_of(const ese::LogTime& time) { return time.never() ? json() : json(time.iso_text()); }
json json_of(const ese::LogPosition& position) {
  return {{"generation", position.generation}, {"sector", position.sector}, {"octet", position.octet}};
}
json json_of(const ese::Signature& signature) {
  return {{"created", json_of(signature.created)},
          {"random", signature.random},
          {"computer", signature.computer}};
}
void print_page(const ese::PageFinding& page) {
  const auto& check = page.check;
  std::printf("page %u, offset %llu: %s", page.page, static_cast<unsigned long long>(page.offset),
              std::string(ese::text(check.state)).c_str());
  if (check.state == ese::PageCheck::State::misplaced) std::printf(", it is page %u", check.belongs_to);
  for (const auto bit : check.wrong_bits) std::printf(", bit %u of octet %u is wrong", bit % 8, bit / 8);
  if (check.block > 0) std::printf(", block %zu", check.block);
  if (check.stored != check.computed) {
    std::printf(", checksum expected %s, actual %s", checksum_text(check, check.stored).c_str(),
                checksum_text(check, check.computed).c_str());
  }
  std::puts("");
}

json json_of(const ese::PageFinding& page) {
  const auto& check = page.check;
  json out{{"page", page.page},
           {"offset", page.offset},
           {"state", ese::text(check.state)},
           {"format", check.ecc ? "ecc" : "xor"},
           {"block", check.block},
           {"expected", checksum_text(check, check.stored)},
           {"actual", checksum_text(check, check.computed)}};
  if (!check.wrong_bits.empty()) out["wrong_bits"] = check.wrong_bits;
  if (check.state == ese::PageCheck::State::misplaced) out["belongs_to"] = check.belongs_to;
  return out;
}

json json_of(const ese::PageCounts& counts) {
  return {{"pages", counts.pages},
          {"good", counts.good},
          {"uninitialized", counts.uninitialized},
          {"corrected", counts.corrected},
          {"misplaced", counts.misplaced},
          {"bad", counts.bad},
          {"unreadable", counts.unreadable},
          {"old_format", counts.old_format},
          {"octets_over", counts.octets_over},
          {"damaged", counts.damaged()}};
}

void print_counts(const ese::PageCounts& counts) {
  const auto number = [](std::uint64_t value) { return static_cast<unsigned long long>(value); };
  std::printf(
      "%llu pages: %llu good, %llu uninitialized, %llu with a bit that is mended, %llu misplaced, %llu bad",
      number(counts.pages), number(counts.good), number(counts.uninitialized), number(counts.corrected),
      number(counts.misplaced), number(counts.bad));
  if (counts.unreadable > 0) std::printf(", %llu unreadable", number(counts.unreadable));
  if (counts.old_format > 0) std::printf(" (%llu in the old format)", number(counts.old_format));
  std::puts("");
}

void print_log(const ese::LogReport& log) {
  std::string state(ese::text(log.state));
  std::ranges::replace(state, '_', ' ');
  std::printf("%s: %s", escaped(log.file).c_str(), state.c_str());
  if (log.generation > 0) std::printf(", generation %s", ese::generation_text(log.generation).c_str());
  if (log.has_header) {
    std::printf(", made %s, format %u,%u,%u", log.created.text().c_str(), log.major, log.minor, log.update);
    if (log.sectors > 0) std::printf(", %u sectors to %s", log.sectors, log.end.text().c_str());
  }
  if (log.corrected_bits > 0) std::printf(", %u single wrong bits that are mended", log.corrected_bits);
  if (!log.reason.empty()) std::printf("\n    %s", log.reason.c_str());
  if (log.error != 0) {
    const auto error = ese::known_error(log.error);
    std::printf("\n    at offset %llu; error %d %.*s", static_cast<unsigned long long>(log.offset), log.error,
                static_cast<int>(error.name.size()), error.name.data());
  }
  std::puts("");
}

json json_of(const ese::LogReport& log) {
  json out{{"file", log.file},
           {"state", ese::text(log.state)},
           {"ok", !log.bad()},
           {"generation", log.generation},
           {"last_generation", log.last_generation},
           {"current", log.current}};
  if (log.has_header) {
    out["format"] = {log.major, log.minor, log.update};
    out["created"] = json_of(log.created);
    out["previous_created"] = json_of(log.previous_created);
    out["signature"] = json_of(log.signature);
    out["sectors"] = log.sectors;
    out["end"] = json_of(log.end);
    out["corrected_bits"] = log.corrected_bits;
    out["accumulated_checksum"] = ese::hex64(log.accumulated);
    out["previous_accumulated_checksum"] = ese::hex64(log.previous_segments);
  }
  if (!log.reason.empty()) out["reason"] = log.reason;
  if (log.error != 0 || log.offset != 0) out["offset"] = log.offset;
  if (log.error != 0) {
    out["error"] = log.error;
    out["error_name"] = ese::known_error(log.error).name;
  }
  return out;
}

void print_verdict(const ese::Verdict& verdict) {
  std::puts(verdict.headline.c_str());
  if (!verdict.problems.empty()) std::puts("\nIn the way:");
  for (const auto& problem : verdict.problems) {
    const auto error = ese::known_error(problem.error);
    std::printf("  %s%s%s\n    error %d %.*s: %.*s\n", escaped(problem.file).c_str(),
                problem.file.empty() ? "" : ": ", problem.text.c_str(), problem.error,
                static_cast<int>(error.name.size()), error.name.data(),
                static_cast<int>(error.meaning.size()), error.meaning.data());
  }
  if (!verdict.movable.empty()) std::puts("\nLog files that this database does not need:");
  constexpr std::size_t kShown = 20;
  for (std::size_t i = 0; i < verdict.movable.size() && i < kShown; ++i)
    std::printf("  %s\n", escaped(verdict.movable[i]).c_str());
  if (verdict.movable.size() > kShown)
    std::printf("  and %zu more; --json lists all\n", verdict.movable.size() - kShown);
  if (!verdict.advice.empty()) std::puts("\nWhat to do:");
  for (const auto& advice : verdict.advice) std::printf("  %s\n", advice.c_str());
}

json json_of(const ese::Verdict& verdict) {
  json problems = json::array();
  for (const auto& problem : verdict.problems) {
    const auto error = ese::known_error(problem.error);
    problems.push_back({{"error", problem.error},
                        {"error_name", error.name},
                        {"meaning", error.meaning},
                        {"file", problem.file},
                        {"text", problem.text}});
  }
  return {{"outcome", ese::text(verdict.outcome)},
          {"headline", verdict.headline},
          {"required", json_of(verdict.required)},
          {"committed_beyond_required", json_of(verdict.committed)},
          {"problems", problems},
          {"movable", verdict.movable},
          {"advice", verdict.advice}};
}

}  // namespace hikyaku::cmd
