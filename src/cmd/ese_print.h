#pragma once
#include <nlohmann/json_fwd.hpp>

#include "ese/checkpoint.h"
#include "ese/database_header.h"
#include "ese/log_chain.h"
#include "ese/page_scan.h"
#include "ese/verdict.h"

namespace hikyaku::cmd {

/// What the commands of `hikyaku ese` found, on stdout: for people in eseutil's order and words, and as the
/// object that --json prints. Text out of files is escaped for people; JSON escapes by itself.
void print_header(const ese::DatabaseHeaders& headers);
nlohmann::json json_of(const ese::DatabaseHeaders& headers);

void print_checkpoint(const ese::Checkpoint& checkpoint);
nlohmann::json json_of(const ese::Checkpoint& checkpoint);

void print_page(const ese::PageFinding& page);
nlohmann::json json_of(const ese::PageFinding& page);

void print_counts(const ese::PageCounts& counts);
nlohmann::json json_of(const ese::PageCounts& counts);

void print_log(const ese::LogReport& log);
nlohmann::json json_of(const ese::LogReport& log);

/// The small structures that several of these hold.
nlohmann::json json_of(const ese::LogTime& time);
nlohmann::json json_of(const ese::LogPosition& position);
nlohmann::json json_of(const ese::Signature& signature);

void print_verdict(const ese::Verdict& verdict);
nlohmann::json json_of(const ese::Verdict& verdict);

}  // namespace hikyaku::cmd
