#include "serve/multiplexer_journal.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/escape.h"
#include "milter/statistics_lines.h"
#include "serve/session_recording.h"

namespace hikyaku::serve {
namespace {

using milter::ChildReport;
using milter::Command;
using milter::MultiplexerReport;
using milter::statistics::Status;
using nlohmann::json;
using Verdict = milter::ClientSession::Verdict;

/// The last event as milter-manager calls it.
std::string_view state_of(Command command) {
  switch (command) {
    case Command::negotiate:
      return "negotiate";
    case Command::connect:
      return "connect";
    case Command::mail:
      return "envelope-from";
    case Command::rcpt:
      return "envelope-recipient";
    case Command::end_of_headers:
      return "end-of-header";
    case Command::end_of_message:
      return "end-of-message";
    case Command::helo:
    case Command::data:
    case Command::header:
    case Command::body:
      return milter::text(command);
    default:
      break;
  }
  return "unknown";
}

Status status_of(const Verdict& verdict, bool held) {
  switch (verdict.kind) {
    case Verdict::Kind::accept:
      return held ? Status::quarantine : Status::accept;
    case Verdict::Kind::reply:
      return verdict.reply.code >= 500 ? Status::reject : Status::temporary_failure;
    case Verdict::Kind::shutdown:
      return Status::temporary_failure;
    case Verdict::Kind::discard:
      return Status::discard;
    case Verdict::Kind::quarantine:
      return Status::quarantine;
    case Verdict::Kind::go_on:
      break;
  }
  return held ? Status::quarantine : Status::pass;
}

bool holds(const ChildReport& report) {
  return std::ranges::any_of(report.edits, [](const milter::Edit& edit) {
    return std::holds_alternative<milter::Quarantine>(edit);
  });
}

Status status_of(const ChildReport& report) {
  switch (report.state) {
    case ChildReport::State::ruled_out:
      return Status::stop;
    case ChildReport::State::failed:
    case ChildReport::State::absent:
      return Status::error;
    case ChildReport::State::not_needed:
      return Status::abort;
    case ChildReport::State::took_part:
      break;
  }
  // A recipient's refusal is not the message's.
  const auto last =
      std::ranges::find_if(report.answers.rbegin(), report.answers.rend(), [](const auto& answer) {
        return answer.command != Command::rcpt || answer.verdict.kind != Verdict::Kind::reply;
      });
  return status_of(last == report.answers.rend() ? Verdict() : last->verdict, holds(report));
}

std::string_view text(ChildReport::State state) {
  switch (state) {
    case ChildReport::State::took_part:
      return "took part";
    case ChildReport::State::ruled_out:
      return "ruled out";
    case ChildReport::State::not_needed:
      return "not needed";
    case ChildReport::State::failed:
      return "failed";
    case ChildReport::State::absent:
      break;
  }
  return "absent";
}

std::string_view text(MultiplexerReport::End end) {
  switch (end) {
    case MultiplexerReport::End::answered:
      return "answered";
    case MultiplexerReport::End::aborted:
      return "aborted";
    case MultiplexerReport::End::lost:
      return "lost";
    case MultiplexerReport::End::over:
      break;
  }
  return "over";
}

json row_of(const ChildReport& report, const std::string& name) {
  json row{{"filter", name}, {"state", text(report.state)}};
  if (!report.why.empty()) row["why"] = report.why;
  if (report.evaluated) row["evaluated"] = true;
  for (const auto& answer : report.answers) {
    auto one = answer_json({answer.verdict, {}});
    one["event"] = milter::text(answer.command);
    if (!answer.recipient.empty()) one["recipient"] = escaped(answer.recipient);
    row["answers"].push_back(std::move(one));
  }
  for (const auto& edit : report.edits) row["edits"].push_back(edit_json(edit));
  if (report.new_body) row["new_body"] = *report.new_body;
  std::chrono::microseconds waited{0};
  for (const auto& wait : report.waits) waited += wait.total;
  row["milliseconds"] = static_cast<double>(waited.count()) / 1000;
  return row;
}

/// "reject 550 5.7.1 no; add header X-A": what a filter in evaluation mode would have done.
std::string deeds(const ChildReport& report) {
  std::string all;
  const auto add = [&all](const std::string& one) { all += (all.empty() ? "" : "; ") + one; };
  for (const auto& answer : report.answers) {
    std::string one(milter::text(answer.command));
    one += ": ";
    one += serve::text(answer.verdict.kind);
    if (answer.verdict.kind == Verdict::Kind::reply || answer.verdict.kind == Verdict::Kind::shutdown)
      one += " " + escaped(answer.verdict.reply.line(), 300);
    if (!answer.recipient.empty()) one += " to " + escaped(answer.recipient, 300);
    add(one);
  }
  for (const auto& edit : report.edits) {
    std::string one(milter::text(milter::kind(edit)));
    std::visit(
        [&one](const auto& of) {
          if constexpr (requires { of.name; })
            one += " " + escaped(of.name, 100) + ": " + escaped(of.value, 300);
          if constexpr (requires { of.address; }) one += " " + escaped(of.address, 300);
          if constexpr (requires { of.reason; }) one += ": " + escaped(of.reason, 300);
        },
        edit);
    add(one);
  }
  if (report.new_body) add("replace body by " + std::to_string(*report.new_body) + " octets");
  return all;
}

/// What came of a filter in evaluation mode, which changes nothing.
std::string outcome_of(const ChildReport& report, const config::ChildSettings& settings) {
  const auto would = deeds(report);
  const auto so_far = would.empty() ? "" : ", and would have said and changed before: " + would;
  if (report.state == ChildReport::State::failed || report.state == ChildReport::State::absent)
    return "failed, where its fallback_status, " + std::string(config::text(*settings.fallback_status)) +
           ", would have counted" + so_far;
  if (report.state == ChildReport::State::not_needed) return "was not asked to the end" + so_far;
  return would.empty() ? "would have let it pass unchanged" : "would have said and changed: " + would;
}

}  // namespace

MultiplexerJournal::MultiplexerJournal(const MultiplexerConfiguration& configuration,
                                       MultiplexerServices& services, std::uint64_t number, Moment began)
    : configuration_(configuration),
      services_(services),
      number_(number),
      began_(began),
      told_(configuration.children.size()) {}

void MultiplexerJournal::notice(const milter::FilterSession& parent) {
  const auto keep = [&parent](std::string_view name, std::string& into) {
    if (const auto value = parent.macro(name); value && *value != into) into = *value;
  };
  keep("i", queue_id_);
  keep("_", client_);
  keep("{client_addr}", client_);
  keep("{mail_addr}", sender_);
}

std::string MultiplexerJournal::of_message() const {
  return queue_id_.empty() ? "" : "; message " + escaped(queue_id_, 100);
}

/// Once for each failure, in whichever report it comes first.
bool MultiplexerJournal::tell_failure(std::size_t child, const ChildReport& report) {
  const bool failed =
      report.state == ChildReport::State::failed || report.state == ChildReport::State::absent;
  if (!failed || report.why.empty() || told_[child] == report.why) return false;
  told_[child] = report.why;
  services_.log.warning("filter", "(" + std::to_string(number_) + ") " +
                                      escaped(configuration_.children[child].settings->name) +
                                      " failed: " + report.why + of_message());
  return true;
}

void MultiplexerJournal::tell_child(std::size_t child, const ChildReport& report, std::string_view state,
                                    std::chrono::microseconds elapsed) {
  const auto& name = configuration_.children[child].settings->name;
  auto& log = services_.log;
  for (const auto& edit : report.edits) {
    const auto added = [&](const auto& header) {
      log.info("filter", milter::statistics::filter_added_header(number_, header.name, header.value, name));
    };
    if (const auto* add = std::get_if<milter::AddHeader>(&edit)) added(*add);
    if (const auto* insert = std::get_if<milter::InsertHeader>(&edit)) added(*insert);
  }
  if (report.evaluated && report.state != ChildReport::State::ruled_out)
    log.info("filter", "(" + std::to_string(number_) + ") evaluation: " + escaped(name) + " " +
                           outcome_of(report, *configuration_.children[child].settings) + of_message());
  log.info("filter", milter::statistics::filter_end(state, status_of(report), elapsed, number_, name));
}

void MultiplexerJournal::keep(const MultiplexerReport& report) {
  json row{{"time", iso_text(services_.clock.now())},
           {"queue_id", escaped(queue_id_, 200)},
           {"session", number_},
           {"client", escaped(client_, 200)},
           {"sender", escaped(sender_)},
           {"end", text(report.end)},
           {"at", milter::text(report.at)}};
  row["answer"] = answer_json({report.verdict, {}});
  if (report.decided_by) row["decided_by"] = configuration_.children[*report.decided_by].settings->name;
  row["filters"] = json::array();
  for (std::size_t i = 0; i < report.children.size(); ++i)
    row["filters"].push_back(row_of(report.children[i], configuration_.children[i].settings->name));
  services_.verdicts->add(row.dump(-1, ' ', false, json::error_handler_t::replace));
}

void MultiplexerJournal::report(const MultiplexerReport& report, Moment now) {
  const auto elapsed = std::chrono::duration_cast<std::chrono::microseconds>(now - began_);
  const auto state = state_of(report.at);
  const bool message = report.of == MultiplexerReport::Of::message;
  if (message) ++messages_, ++services_.messages;
  for (std::size_t i = 0; i < report.children.size(); ++i) {
    // What a connection without a message came to is told as a message's end is; else that has been told.
    const bool counts = message || messages_ == 0;
    const bool failure = tell_failure(i, report.children[i]);
    configuration_.children[i].health->add(report.children[i], counts, failure);
    // Another connection of the MTA may follow, in which it may fail again.
    if (!message) told_[i].clear();
    for (const auto& note : report.children[i].notes)
      services_.log.warning("filter", escaped(configuration_.children[i].settings->name) + ": " + note);
    if (counts) tell_child(i, report.children[i], state, elapsed);
  }
  if (report.end == MultiplexerReport::End::lost)
    services_.log.info("session", milter::statistics::session_disconnected(elapsed, number_));
  if (message || messages_ == 0) {
    const bool gone =
        report.end == MultiplexerReport::End::aborted || report.end == MultiplexerReport::End::lost;
    const bool held = std::ranges::any_of(report.children, [](const auto& child) {
      return !child.evaluated && child.state == ChildReport::State::took_part && holds(child);
    });
    services_.log.info("session",
                       milter::statistics::session_end(
                           state, gone ? Status::abort : status_of(report.verdict, held), elapsed, number_));
  }
  if (!report.decided_by && !report.verdict.failure.empty())
    services_.log.warning("session", "(" + std::to_string(number_) + ") " +
                                         escaped(report.verdict.reply.line(), 200) + ": " +
                                         escaped(report.verdict.failure, 300) + of_message());
  if (services_.verdicts != nullptr && message) keep(report);
  queue_id_.clear();
  sender_.clear();
  // Another connection of the MTA may follow on this one.
  if (!message) messages_ = 0;
}

void MultiplexerJournal::end(const std::string& reason) {
  if (!reason.empty())
    services_.log.warning("session",
                          "(" + std::to_string(number_) + ") the MTA's connection ended: " + reason);
  services_.log.info("session", milter::statistics::sessions_finished(services_.ended, 1,
                                                                      services_.begun - services_.ended));
}

}  // namespace hikyaku::serve
