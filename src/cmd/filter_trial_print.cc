#include "cmd/filter_trial_print.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/escape.h"
#include "cmd/print_verdicts.h"
#include "mail/header.h"
#include "mail/path.h"
#include "milter/envelope_edits.h"
#include "milter/header_list.h"
#include "serve/session_recording.h"

namespace hikyaku::cmd {
namespace {

using nlohmann::json;
using End = serve::PlayedSession::End;

/// The message after the edits.
struct ChangedMessage {
  std::string headers, body;
  milter::EnvelopeEdits envelope;
  std::vector<std::string> notes;
};

mail::Address address_of(std::string_view path) {
  auto parsed = mail::Path::parse(path, mail::Path::Form::lenient);
  return parsed ? parsed->release() : mail::Address();
}

ChangedMessage changed(const MilterScript& script, const serve::PlayedSession& played) {
  milter::HeaderList headers(script.received + script.headers, milter::HeaderList::First::own_received);
  ChangedMessage message;
  message.body = script.body;
  for (const auto& one : played.events) {
    const auto& event = script.events[one.number];
    using Kind = serve::MilterConnection::Verdict::Kind;
    const auto kind = one.answer.verdict.kind;
    if (event.command == milter::Command::mail) message.envelope.sender = address_of(event.text);
    if (event.command == milter::Command::rcpt && (kind == Kind::go_on || kind == Kind::accept))
      message.envelope.recipients.push_back({address_of(event.text), {}});
    for (const auto& edit : one.answer.edits) {
      if (const auto* body = std::get_if<milter::ReplaceBody>(&edit)) {
        milter::BodyReplacement replacement;
        message.body.clear();
        replacement.append(body->octets, message.body);
        replacement.finish(message.body);
        continue;
      }
      if (headers.apply(edit, played.space)) continue;
      const auto outcome = message.envelope.apply(edit);
      if (!outcome) {
        message.notes.push_back(outcome.error().text);
      } else if (*outcome == milter::EnvelopeEdits::Outcome::nothing) {
        message.notes.emplace_back("a change of recipients has nothing to change");
      }
    }
  }
  message.headers = headers.section();
  return message;
}

std::string joined(const json& words) {
  std::string text;
  for (const auto& one : words) text += (text.empty() ? "" : ", ") + printable(one);
  return text.empty() ? "nothing" : text;
}

void print_message(std::string_view text) {
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size() - 1);
    auto line = text.substr(0, end + 1);
    text.remove_prefix(line.size());
    while (line.ends_with('\n') || line.ends_with('\r')) line.remove_suffix(1);
    // A tab is what folds are made of.
    const bool fold = line.starts_with('\t');
    fmt::print("  {}{}\n", fold ? "\t" : "", escaped(line.substr(fold ? 1 : 0), 4000));
  }
}

}  // namespace

std::string_view end_name(End end) {
  switch (end) {
    case End::passed:
      return "passed";
    case End::held:
      return "held";
    case End::discarded:
      return "discarded";
    case End::refused:
      return "refused";
    case End::failed:
      break;
  }
  return "failed";
}

json played_json(const std::string& filter, const MilterScript& script, const serve::PlayedSession& played) {
  json row{{"filter", filter},
           {"result", end_name(played.end)},
           {"milliseconds", static_cast<double>(played.took.count()) / 1000},
           {"connect_milliseconds", static_cast<double>(played.connecting.count()) / 1000},
           {"events", json::array()}};
  if (played.end == End::failed) row["failure"] = played.failure;
  if (played.end == End::refused) row["reply"] = serve::reply_json(played.reply);
  if (played.agreement.version != 0) row["negotiated"] = serve::agreement_json(played.agreement);
  for (const auto& one : played.events) {
    const auto& event = script.events[one.number];
    auto answer = serve::answer_json({one.answer.verdict, one.answer.edits});
    answer["event"] = milter::text(event.command);
    answer["told"] = one.told;
    answer["milliseconds"] = static_cast<double>(one.took.count()) / 1000;
    if (event.command == milter::Command::body) {
      answer["octets"] = event.text.size();
    } else if (!event.text.empty()) {
      answer["text"] = escaped(event.text, 200);
    }
    row["events"].push_back(std::move(answer));
  }
  if (!played.notes.empty()) row["notes"] = played.notes;
  const auto message = changed(script, played);
  for (const auto& note : message.notes) row["notes"].push_back(note);
  row["changed"] = message.headers != script.received + script.headers || message.body != script.body;
  row["sender"] = message.envelope.sender.text();
  row["recipients"] = json::array();
  for (const auto& one : message.envelope.recipients) row["recipients"].push_back(one.address.text());
  row["headers"] = message.headers;
  row["body"] = message.body;
  return row;
}

void print_played(const json& row) {
  fmt::print("filter {}\n", row["filter"].get<std::string>());
  if (row.contains("negotiated")) {
    const auto& negotiated = row["negotiated"];
    fmt::print("negotiated in {:.2f} ms: version {}\n", row["connect_milliseconds"].get<double>(),
               negotiated["version"].get<unsigned>());
    fmt::print("  may: {}\n", joined(negotiated["actions"]));
    fmt::print("  steps: {}\n", joined(negotiated["steps"]));
    if (negotiated.contains("macros"))
      for (const auto& [stage, names] : negotiated["macros"].items())
        fmt::print("  macros of {}: {}\n", stage, joined(names));
  }
  for (const auto& one : row["events"]) {
    const auto what = one["event"].get<std::string>() +
                      (one.contains("text") ? " " + one["text"].get<std::string>() : std::string()) +
                      (one.contains("octets") ? fmt::format(" of {} octets", one["octets"].get<std::size_t>())
                                              : std::string());
    if (!one["told"].get<bool>() && !one.contains("failure")) {
      fmt::print("{:<50} (not wanted)\n", what);
    } else {
      fmt::print("{:<50} {}  {:.2f} ms\n", what, verdict_text(one), one["milliseconds"].get<double>());
    }
    if (!one.contains("edits")) continue;
    for (const auto& edit : one["edits"]) fmt::print("    {}\n", edit_text(edit));
  }
  if (row.contains("notes"))
    for (const auto& note : row["notes"]) fmt::print("note: {}\n", note.get<std::string>());
  const auto result = row["result"].get<std::string>();
  fmt::print(
      "the message is {}{}{}\n", result == "failed" ? "not judged: the filter failed" : result,
      row.contains("failure") ? ": " + row["failure"].get<std::string>() : "",
      row.contains("reply") ? ": " + verdict_text({{"verdict", "reply"}, {"reply", row["reply"]}}) : "");
  if (result != "passed" && result != "held") return;
  fmt::print("sender\n  <{}>\nrecipients\n", escaped(row["sender"].get<std::string>()));
  for (const auto& one : row["recipients"]) fmt::print("  <{}>\n", escaped(one.get<std::string>()));
  fmt::print("message{}\n", row["changed"].get<bool>() ? ", changed" : ", as it was");
  print_message(row["headers"].get<std::string>());
  fmt::print("\n");
  print_message(row["body"].get<std::string>());
}

void print_differences(const json& rows, std::size_t events) {
  for (const auto& row : rows) {
    fmt::print("line {}: {} {}\n", row["line"].get<std::size_t>(), row["event"].get<std::string>(),
               row["text"].get<std::string>());
    for (const auto* side : {"recorded", "now"}) {
      fmt::print("  {:<9} {}\n", side, verdict_text(row[side]));
      if (!row[side].is_object() || !row[side].contains("edits")) continue;
      for (const auto& edit : row[side]["edits"]) fmt::print("            {}\n", edit_text(edit));
    }
  }
  fmt::print("{} of {} answers differ\n", rows.size(), events);
}

}  // namespace hikyaku::cmd
