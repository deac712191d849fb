#include "serve/session_recording.h"

#include <array>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "base/base64.h"
#include "base/escape.h"
#include "base/utf8.h"

namespace hikyaku::serve {
namespace {

using milter::Command;
using nlohmann::json;
using Family = milter::ClientAddress::Family;
using Kind = milter::ClientSession::Verdict::Kind;

constexpr std::string_view kMark = "hikyaku_milter_session";

constexpr std::array<std::pair<Family, std::string_view>, 4> kFamilies{{{Family::unknown, "unknown"},
                                                                        {Family::local, "unix"},
                                                                        {Family::inet, "inet"},
                                                                        {Family::inet6, "inet6"}}};

constexpr std::array kEvents{Command::connect, Command::helo,           Command::mail,
                             Command::rcpt,    Command::data,           Command::unknown,
                             Command::header,  Command::end_of_headers, Command::body,
                             Command::abort,   Command::end_of_message};

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const auto length = utf8_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

json octets_json(std::string_view octets) {
  if (is_utf8(octets)) return std::string(octets);
  return {{"base64", base64_encode(octets)}};
}

/// Reads the lines. JSON's own exceptions pass through; what else is wrong is kept, the first of it.
class LineReader {
 public:
  const std::string& wrong() const { return wrong_; }

  milter::SessionEvent event(const json& line) {
    milter::SessionEvent event;
    event.command = command(line.at("event").get<std::string>());
    if (line.contains("text")) event.text = octets(line.at("text"));
    if (line.contains("address")) {
      const auto& address = line.at("address");
      event.address.family = family(address.at("family").get<std::string>());
      event.address.address = octets(address.at("address"));
      event.address.port = number<std::uint16_t>(address.at("port"));
    }
    if (line.contains("parameters"))
      for (const auto& one : line.at("parameters")) event.parameters.push_back(octets(one));
    event.rejected = line.value("rejected", false);
    if (line.contains("macros"))
      for (const auto& one : line.at("macros")) event.macros.set(octets(one.at(0)), octets(one.at(1)));
    return event;
  }

  milter::Offer offer(const json& line) {
    if (!line.is_object() || !line.contains(kMark)) {
      bad("this is no recording of a milter session");
      return {};
    }
    const auto version = number<std::uint16_t>(line.at(std::string(kMark)));
    if (version != kRecordingVersion)
      bad("a recording of version " + std::to_string(version) + "; " + std::to_string(kRecordingVersion) +
          " is what can be read");
    const auto& offer = line.at("offer");
    const milter::Offer read{number<std::uint32_t>(offer.at("version")),
                             number<std::uint32_t>(offer.at("actions")),
                             number<std::uint32_t>(offer.at("steps"))};
    if (read.version < milter::kOldestVersion || read.version > milter::kVersion)
      bad("an offer of version " + std::to_string(read.version) + " of the protocol; 2 to 6 are known");
    return read;
  }

 private:
  void bad(std::string why) {
    if (wrong_.empty()) wrong_ = std::move(why);
  }
  /// The JSON library converts what does not fit in silence.
  template <class Number>
  Number number(const json& value) {
    const auto* whole = value.get_ptr<const json::number_unsigned_t*>();
    if (whole != nullptr && *whole <= std::numeric_limits<Number>::max()) return static_cast<Number>(*whole);
    bad(escaped(value.dump(-1, ' ', false, json::error_handler_t::replace), 100) +
        " is no whole number from 0 to " + std::to_string(std::numeric_limits<Number>::max()));
    return 0;
  }
  std::string octets(const json& value) {
    if (value.is_string()) return value.get<std::string>();
    auto decoded = base64_decode(value.at("base64").get_ref<const std::string&>());
    if (!decoded) bad("base64 that is none");
    return decoded.value_or("");
  }
  Command command(const std::string& name) {
    for (const auto one : kEvents)
      if (milter::text(one) == name) return one;
    bad("'" + escaped(name, 100) + "' is no event");
    return Command::abort;
  }
  Family family(const std::string& name) {
    for (const auto& [known, word] : kFamilies)
      if (word == name) return known;
    bad("'" + escaped(name, 100) + "' is no family of addresses");
    return Family::unknown;
  }

  std::string wrong_;
};

struct EditJson {
  json operator()(const milter::AddHeader& edit) const {
    return {{"name", octets_json(edit.name)}, {"value", octets_json(edit.value)}};
  }
  json operator()(const milter::InsertHeader& edit) const {
    return {{"index", edit.index}, {"name", octets_json(edit.name)}, {"value", octets_json(edit.value)}};
  }
  json operator()(const milter::ChangeHeader& edit) const {
    return {{"index", edit.index}, {"name", octets_json(edit.name)}, {"value", octets_json(edit.value)}};
  }
  json operator()(const milter::ChangeSender& edit) const {
    json row{{"address", octets_json(edit.address)}};
    if (!edit.parameters.empty()) row["parameters"] = octets_json(edit.parameters);
    return row;
  }
  json operator()(const milter::AddRecipient& edit) const {
    json row{{"address", octets_json(edit.address)}};
    if (edit.parameters) row["parameters"] = octets_json(*edit.parameters);
    return row;
  }
  json operator()(const milter::RemoveRecipient& edit) const {
    return {{"address", octets_json(edit.address)}};
  }
  json operator()(const milter::ReplaceBody& edit) const { return {{"octets", octets_json(edit.octets)}}; }
  json operator()(const milter::Quarantine& edit) const { return {{"reason", octets_json(edit.reason)}}; }
};

std::string line_of(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace

std::string_view text(Kind kind) {
  switch (kind) {
    case Kind::go_on:
      return "continue";
    case Kind::accept:
      return "accept";
    case Kind::reply:
      return "reply";
    case Kind::discard:
      return "discard";
    case Kind::quarantine:
      return "quarantine";
    case Kind::shutdown:
      break;
  }
  return "shutdown";
}

json edit_json(const milter::Edit& edit) {
  auto row = std::visit(EditJson{}, edit);
  row["edit"] = milter::text(milter::kind(edit));
  return row;
}

json reply_json(const milter::SmtpReply& reply) {
  json row{{"code", reply.code}, {"text", octets_json(reply.text)}};
  if (!reply.enhanced.empty()) row["enhanced"] = reply.enhanced;
  return row;
}

json answer_json(const milter::SessionAnswer& answer) {
  json row{{"verdict", text(answer.verdict.kind)}};
  if (answer.verdict.kind == Kind::reply || answer.verdict.kind == Kind::shutdown)
    row["reply"] = reply_json(answer.verdict.reply);
  if (!answer.verdict.failure.empty()) row["failure"] = answer.verdict.failure;
  if (answer.edits.empty()) return row;
  auto& edits = row["edits"] = json::array();
  for (const auto& one : answer.edits) edits.push_back(edit_json(one));
  return row;
}

json agreement_json(const milter::Agreement& agreement) {
  json row{{"version", agreement.version},
           {"actions", milter::action_names(agreement.actions)},
           {"steps", milter::step_names(agreement.steps)}};
  for (std::size_t i = 0; i < agreement.macros.size(); ++i)
    if (const auto& list = agreement.macros[i])
      row["macros"][std::string(milter::text(static_cast<milter::Stage>(i)))] = *list;
  return row;
}

std::string recording_head(const milter::Offer& offer, Time now) {
  return line_of(
      {{std::string(kMark), kRecordingVersion},
       {"recorded", iso_text(now)},
       {"offer", {{"version", offer.version}, {"actions", offer.actions}, {"steps", offer.steps}}}});
}

std::string recording_line(const milter::SessionEvent& event, const milter::SessionAnswer& answer,
                           std::chrono::microseconds took) {
  json row{{"event", milter::text(event.command)},
           {"answer", answer_json(answer)},
           {"microseconds", took.count()}};
  if (!event.text.empty()) row["text"] = octets_json(event.text);
  if (event.address != milter::ClientAddress{}) {
    for (const auto& [family, name] : kFamilies)
      if (family == event.address.family)
        row["address"] = {
            {"family", name}, {"address", octets_json(event.address.address)}, {"port", event.address.port}};
  }
  for (const auto& one : event.parameters) row["parameters"].push_back(octets_json(one));
  if (event.rejected) row["rejected"] = true;
  for (const auto& [name, value] : event.macros.all())
    row["macros"].push_back(json::array({octets_json(name), octets_json(value)}));
  return line_of(row);
}

Result<SessionRecording> parse_recording(std::string_view text, const RecordingLimits& limits) {
  std::size_t number = 0;
  const auto malformed = [&number](const std::string& why) {
    return fail(Fault::malformed, "line " + std::to_string(number) + " of the recording: " + why);
  };
  if (text.size() > limits.octets)
    return fail(Fault::malformed, "the recording has more than " + std::to_string(limits.octets) + " octets");
  SessionRecording recording;
  while (!text.empty()) {
    ++number;
    const auto end = text.find('\n');
    if (end == std::string_view::npos) return malformed("it was cut short");
    const auto line = json::parse(text.substr(0, end), nullptr, false);
    text.remove_prefix(end + 1);
    if (line.is_discarded()) return malformed("it is no JSON");
    if (recording.events.size() == limits.events)
      return malformed("more than " + std::to_string(limits.events) + " events");
    LineReader reader;
    try {
      if (number == 1) {
        recording.offer = reader.offer(line);
      } else {
        recording.events.push_back(reader.event(line));
        recording.answers.push_back(line.at("answer"));
      }
    } catch (const json::exception& error) {
      return malformed(escaped(error.what(), 300));
    }
    if (!reader.wrong().empty()) return malformed(reader.wrong());
  }
  if (number == 0) return fail(Fault::malformed, "the recording is empty");
  return recording;
}

}  // namespace hikyaku::serve
