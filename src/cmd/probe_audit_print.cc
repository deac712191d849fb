#include "cmd/probe_audit_print.h"

#include <fmt/format.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <string_view>

#include "probe/record.h"

namespace hikyaku::cmd {
namespace {

using nlohmann::json;
using probe::AuditStep;
using Verdict = probe::AuditFinding::Verdict;

std::string_view colour(Verdict verdict) {
  if (::isatty(STDOUT_FILENO) != 1) return "";
  switch (verdict) {
    case Verdict::pass:
      return "\033[32m";
    case Verdict::fail:
      return "\033[1;31m";
    case Verdict::unsure:
      return "\033[33m";
    default:
      return "\033[2m";
  }
}

/// Lines as swaks marks them. A line ends in CR LF alone; other line ends are what many cases are about, and
/// are shown.
void print_step(const AuditStep& step) {
  using Kind = probe::Entry::Kind;
  probe::TextSink sink({}, [](std::string_view text) { fmt::print("    {}", text); });
  probe::Entry entry;
  entry.tls = step.tls;
  entry.kind = step.kind == AuditStep::Kind::sent       ? Kind::sent
               : step.kind == AuditStep::Kind::received ? Kind::received
                                                        : Kind::note;
  for (std::string_view left = step.octets; !left.empty();) {
    const auto end = left.find("\r\n");
    entry.text = left.substr(0, end);
    sink.put(entry);
    left.remove_prefix(end == std::string_view::npos ? left.size() : end + 2);
  }
  if (step.size > step.octets.size()) fmt::print("    ... {} octets in all\n", step.size);
}

std::string_view kind_name(AuditStep::Kind kind) {
  switch (kind) {
    case AuditStep::Kind::sent:
      return "sent";
    case AuditStep::Kind::received:
      return "received";
    default:
      return "note";
  }
}

json json_of(const AuditStep& step) {
  json out{{"kind", kind_name(step.kind)}, {"tls", step.tls}, {"text", probe::shown(step.octets)}};
  if (step.kind != AuditStep::Kind::note) out["octets"] = step.size;
  return out;
}

}  // namespace

void print_audit_case(const probe::AuditCase& one) {
  fmt::print("{:<36} {} [{}]\n", one.id, one.title, one.reference);
}

json json_of(const probe::AuditCase& one) {
  return {
      {"id", one.id}, {"protocol", text(one.protocol)}, {"title", one.title}, {"reference", one.reference}};
}

void print_audit_result(const probe::AuditCase& one, const AuditResult& result, bool conversation) {
  const auto verdict = result.finding.verdict;
  const auto begin = colour(verdict);
  fmt::print("{}{:<14}{} {}\n", begin, verdict == Verdict::fail ? "FAIL" : text(verdict),
             begin.empty() ? "" : "\033[0m", one.id);
  fmt::print("  {} [{}]\n  {}\n", one.title, one.reference, result.finding.why);
  if (conversation || verdict == Verdict::fail) {
    for (const auto& step : result.steps) print_step(step);
  }
  std::fflush(stdout);
}

json json_of(const probe::AuditCase& one, const AuditResult& result) {
  auto out = json_of(one);
  out["verdict"] = text(result.finding.verdict);
  out["why"] = result.finding.why;
  out["seconds"] = static_cast<double>(result.time.count()) / 1000;
  auto& steps = out["conversation"] = json::array();
  for (const auto& step : result.steps) steps.push_back(json_of(step));
  return out;
}

std::string audit_summary(const std::map<Verdict, int>& counts) {
  int all = 0;
  std::string parts;
  for (const auto& [verdict, count] : counts) {
    all += count;
    parts += fmt::format("{}{} {}", parts.empty() ? "" : ", ", count, text(verdict));
  }
  return fmt::format("{} cases: {}", all, parts);
}

}  // namespace hikyaku::cmd
