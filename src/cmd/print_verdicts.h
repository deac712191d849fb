#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace hikyaku::cmd {

// Rows that `milters test`, `milters serve` and recordings have of filters, for people. All of it is escaped.

/// Text, or octets in base64.
std::string printable(const nlohmann::json& value);
/// "add header X-A: b"
std::string edit_text(const nlohmann::json& edit);
/// "reply 550 5.7.1 no", from the JSON of an answer; null: it was not asked.
std::string verdict_text(const nlohmann::json& answer);
/// A line of a file of verdicts: what each filter made of the message.
void print_verdicts(const nlohmann::json& row);

}  // namespace hikyaku::cmd
