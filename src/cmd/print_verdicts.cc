#include "cmd/print_verdicts.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/escape.h"

namespace hikyaku::cmd {

using nlohmann::json;

std::string printable(const json& value) {
  if (value.is_string()) return escaped(value.get<std::string>(), 4000);
  if (value.is_object() && value.contains("base64"))
    return "(base64) " + escaped(value["base64"].get<std::string>(), 4000);
  return value.dump();
}

std::string edit_text(const json& edit) {
  auto text = edit["edit"].get<std::string>();
  if (edit.contains("index")) text += fmt::format(" {}", edit["index"].get<unsigned>());
  if (edit.contains("name")) {
    text += " " + printable(edit["name"]) + ": " + printable(edit["value"]);
  } else if (edit.contains("address")) {
    text += " " + printable(edit["address"]);
    if (edit.contains("parameters")) text += " " + printable(edit["parameters"]);
  } else if (edit.contains("reason")) {
    text += ": " + printable(edit["reason"]);
  }
  return text;
}

std::string verdict_text(const json& answer) {
  if (answer.is_null()) return "not told any more";
  auto text = answer["verdict"].get<std::string>();
  if (answer.contains("reply")) {
    const auto& reply = answer["reply"];
    text = fmt::format("{} {}{}{}", text, reply["code"].get<int>(),
                       reply.contains("enhanced") ? " " + printable(reply["enhanced"]) : "",
                       " " + printable(reply["text"]));
  }
  if (answer.contains("failure")) text += "; it failed: " + answer["failure"].get<std::string>();
  return text;
}

void print_verdicts(const json& row) {
  const auto field = [&row](const char* name) { return escaped(row.value(name, std::string())); };
  fmt::print("filters, session {}, {}\n  answer at {}: {}{}\n", row.value("session", std::uint64_t{0}),
             field("time"), field("at"), verdict_text(row.value("answer", json())),
             row.contains("decided_by") ? ", of " + field("decided_by") : "");
  for (const auto& filter : row.value("filters", json::array())) {
    fmt::print("  {} {}{}{}, waited for {:.1f} ms\n", escaped(filter.value("filter", std::string())),
               escaped(filter.value("state", std::string())),
               filter.contains("why") ? ": " + escaped(filter.value("why", std::string())) : "",
               filter.value("evaluated", false) ? " (evaluation: it had no say)" : "",
               filter.value("milliseconds", 0.0));
    for (const auto& answer : filter.value("answers", json::array()))
      fmt::print("      {}{}: {}\n", escaped(answer.value("event", std::string())),
                 answer.contains("recipient") ? " " + escaped(answer.value("recipient", std::string())) : "",
                 verdict_text(answer));
    for (const auto& edit : filter.value("edits", json::array())) fmt::print("      {}\n", edit_text(edit));
    if (filter.contains("new_body"))
      fmt::print("      a new body of {} octets\n", filter.value("new_body", std::uint64_t{0}));
  }
}

}  // namespace hikyaku::cmd
