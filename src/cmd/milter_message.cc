#include "cmd/milter_message.h"

#include <array>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string_view>
#include <utility>

#include "base/escape.h"
#include "mail/header.h"
#include "store/wire_text.h"
#include "table/ip.h"

namespace hikyaku::cmd {
namespace {

using milter::ClientAddress;
using milter::Command;
using milter::SessionEvent;
using milter::Stage;

constexpr std::string_view kQueueId = "4hikyakuTest";

constexpr std::array<std::pair<std::string_view, Stage>, milter::kStages> kStageWords{
    {{"connect", Stage::connect},
     {"helo", Stage::helo},
     {"mail", Stage::mail},
     {"rcpt", Stage::rcpt},
     {"data", Stage::data},
     {"end-of-headers", Stage::end_of_headers},
     {"end-of-message", Stage::end_of_message},
     {"unknown", Stage::unknown}}};

struct GivenMacro {
  std::optional<Stage> stage;  ///< none: all
  std::string name, value;
};

Result<GivenMacro> read_macro(std::string_view text) {
  GivenMacro macro;
  const auto whole = text;
  for (const auto& [word, stage] : kStageWords) {
    if (!text.starts_with(word) || text.substr(word.size(), 1) != ":") continue;
    macro.stage = stage;
    text.remove_prefix(word.size() + 1);
    break;
  }
  const auto equals = text.find('=');
  // No macro has a colon in its name: what stands before it is meant for a stage.
  if (equals == std::string_view::npos || equals == 0 ||
      text.substr(0, equals).find(':') != std::string_view::npos)
    return fail(Fault::malformed,
                "--macro '" + escaped(whole, 200) +
                    "': NAME=VALUE is wanted, or STAGE:NAME=VALUE with connect, helo, mail, rcpt, "
                    "data, end-of-headers, end-of-message or unknown");
  macro.name = milter::canonical_macro(text.substr(0, equals));
  macro.value = text.substr(equals + 1);
  return macro;
}

Result<ClientAddress> read_client(const MilterMessage& message) {
  ClientAddress client;
  const auto& text = message.client_address;
  if (text.starts_with("unix:")) {
    client.family = ClientAddress::Family::local;
    client.address = text.substr(5);
    return client;
  }
  const auto ip = table::Ip::parse(text);
  if (!ip || message.client_port > 65535)
    return fail(Fault::malformed, "--connect-address '" + escaped(text, 200) +
                                      "': an IP address is wanted, or unix:PATH; and a port up to 65535");
  client.address = ip->text();
  client.family = client.address.find(':') == std::string::npos ? ClientAddress::Family::inet
                                                                : ClientAddress::Family::inet6;
  client.port = static_cast<std::uint16_t>(message.client_port);
  return client;
}

struct Path {
  std::string path;
  std::vector<std::string> parameters;

  /// Without its brackets.
  std::string address() const { return path.substr(1, path.size() - 2); }
  std::string host() const {
    const auto inner = address();
    const auto at = inner.rfind('@');
    return at == std::string::npos ? std::string() : inner.substr(at + 1);
  }
};

/// "<a@b.example> SIZE=12", with the brackets or without.
Path read_path(const std::string& text) {
  Path path;
  std::istringstream words(text);
  words >> path.path;
  if (!path.path.starts_with('<')) path.path = "<" + path.path + ">";
  for (std::string word; words >> word;) path.parameters.push_back(word);
  return path;
}

std::string wire(std::string_view text) {
  store::WireText lines;
  std::string out;
  lines.feed(text, out);
  lines.finish(out);
  return out;
}

Result<void> read_message(const MilterMessage& message, MilterScript& script) {
  if (message.file.empty()) {
    for (const auto& one : message.headers) {
      auto line = wire(one);
      if (!mail::read_header(std::string_view(line).substr(0, line.size() - 2)))
        return fail(Fault::malformed,
                    "--header '" + escaped(one, 200) + "' is no header: 'Name: value' is wanted");
      script.headers += line;
    }
    if (message.headers.empty())
      script.headers =
          "From: <sender@example.net>\r\nTo: <recipient@example.com>\r\nSubject: a test of filters\r\n";
    for (const auto& one : message.body) script.body += wire(one);
    if (message.body.empty()) script.body = "This is a test.\r\n";
    return {};
  }
  std::ifstream file(message.file, std::ios::binary);
  if (!file)
    return fail(Fault::not_found, "read " + message.file + ": there is no such file, or no access to it");
  const auto text = wire(std::string(std::istreambuf_iterator<char>(file), {}));
  const auto end = mail::find_header_end(text);
  script.headers = text.substr(0, end.header);
  script.body = text.substr(end.body);
  return {};
}

/// Builds the events, and keeps what the macros are worth.
class Builder {
 public:
  Builder(MilterScript& script, std::vector<GivenMacro> given) : script_(script), given_(std::move(given)) {}

  milter::MacroTable& macros() { return macros_; }
  SessionEvent& add(Command command, Stage stage, std::string text = {}) {
    SessionEvent event;
    event.command = command;
    event.text = std::move(text);
    event.macros = macros_;
    for (const auto& one : given_)
      if (!one.stage || *one.stage == stage) event.macros.set(one.name, one.value);
    script_.events.push_back(std::move(event));
    return script_.events.back();
  }

 private:
  MilterScript& script_;
  std::vector<GivenMacro> given_;
  milter::MacroTable macros_;
};

void add_connection(Builder& builder, const MilterMessage& message, const ClientAddress& client) {
  auto& macros = builder.macros();
  const auto literal = "[" + client.address + "]";
  const auto& name = message.client_name.empty() ? std::string("unknown") : message.client_name;
  macros.set("j", message.mta_name);
  macros.set("{daemon_name}", message.mta_name);
  macros.set("v", "hikyaku");
  macros.set("_", name + " " + literal);
  macros.set("{client_addr}", client.address);
  macros.set("{client_name}", name);
  macros.set("{client_ptr}", name);
  macros.set("{client_port}", std::to_string(client.port));
  builder.add(Command::connect, Stage::connect, message.client_name).address = client;
  builder.add(Command::helo, Stage::helo, message.helo);
  if (message.authenticated_name.empty()) return;
  macros.set("{auth_authen}", message.authenticated_name);
  macros.set("{auth_type}", message.authenticated_type);
  if (!message.authenticated_author.empty()) macros.set("{auth_author}", message.authenticated_author);
}

void add_message(Builder& builder, const MilterMessage& message, const MilterScript& script) {
  auto& macros = builder.macros();
  const auto sender = read_path(message.sender);
  macros.sender(sender.address(), sender.host(), "smtp");
  builder.add(Command::mail, Stage::mail, sender.path).parameters = sender.parameters;
  for (const auto& one : message.recipients) {
    const auto recipient = read_path(one);
    macros.recipient(recipient.address(), recipient.host(), "smtp");
    builder.add(Command::rcpt, Stage::rcpt, recipient.path).parameters = recipient.parameters;
    macros.accepted_recipient(kQueueId);
  }
  builder.add(Command::data, Stage::data);
  mail::HeaderFields fields(script.headers);
  while (const auto field = fields.next()) {
    if (!field->name.empty()) builder.add(Command::header, Stage::end_of_headers, std::string(field->text));
  }
  builder.add(Command::end_of_headers, Stage::end_of_headers);
  if (!script.body.empty()) builder.add(Command::body, Stage::end_of_message, script.body);
  builder.add(Command::end_of_message, Stage::end_of_message);
}

}  // namespace

Result<MilterScript> milter_script(const MilterMessage& message, const std::string& date) {
  MilterScript script;
  script.macros = milter::MacroLists::postfix();
  std::vector<GivenMacro> given;
  for (const auto& one : message.macros) {
    auto macro = read_macro(one);
    if (!macro) return std::unexpected(std::move(macro.error()));
    // What is given by hand is meant to be told, whether Postfix would or not.
    for (const auto& [word, stage] : kStageWords)
      if (!macro->stage || *macro->stage == stage) script.macros[stage].push_back(macro->name);
    given.push_back(*std::move(macro));
  }
  const auto client = read_client(message);
  if (!client) return std::unexpected(client.error());
  if (auto read = read_message(message, script); !read) return std::unexpected(std::move(read.error()));
  script.received = "Received: from " + message.helo + " (" + message.client_name + " [" + client->address +
                    "])\r\n\tby " + message.mta_name + " with ESMTP id " + std::string(kQueueId) + ";\r\n\t" +
                    date + "\r\n";
  Builder builder(script, std::move(given));
  add_connection(builder, message, *client);
  for (const auto& one : message.unknown) builder.add(Command::unknown, Stage::unknown, one);
  add_message(builder, message, script);
  return script;
}

}  // namespace hikyaku::cmd
