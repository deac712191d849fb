#pragma once
#include <chrono>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "probe/audit.h"
#include "probe/audit_talk.h"

namespace hikyaku::cmd {

/// A case that was run.
struct AuditResult {
  probe::AuditFinding finding;
  std::vector<probe::AuditStep> steps;
  std::chrono::milliseconds time{0};
};

/// One line: the name, what is tried, and its reference.
void print_audit_case(const probe::AuditCase& one);
nlohmann::json json_of(const probe::AuditCase& one);

/// The verdict and why; the conversation as well where the case failed, or with `conversation`.
void print_audit_result(const probe::AuditCase& one, const AuditResult& result, bool conversation);
/// With the conversation.
nlohmann::json json_of(const probe::AuditCase& one, const AuditResult& result);

/// "135 cases: 96 pass, 2 fail, 37 not applicable".
std::string audit_summary(const std::map<probe::AuditFinding::Verdict, int>& counts);

}  // namespace hikyaku::cmd
