#include <fmt/format.h>
#include <sysexits.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "base/escape.h"
#include "cmd/administer.h"
#include "cmd/command_line.h"
#include "cmd/commands.h"
#include "cmd/configuration_files.h"
#include "cmd/print_entries.h"
#include "cmd/rehearser.h"
#include "cmd/running_configuration.h"
#include "io/system_clock.h"
#include "serve/counterfactual.h"
#include "serve/rehearsal.h"

namespace hikyaku::cmd {
namespace {

using nlohmann::json;

struct Options {
  std::string directory = kDefaultDirectory;
  std::string client = "127.0.0.1", client_name, helo = "client.invalid", sasl_user, from, message_file;
  std::vector<std::string> to, headers;
  unsigned port = 0;
  bool tls = false, as_json = false;
};

/// Lines of a file end as they like; those of mail in CR LF.
std::string with_mail_line_ends(std::string_view text) {
  std::string out;
  out.reserve(text.size() + text.size() / 32);
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\n' && (i == 0 || text[i - 1] != '\r')) out += '\r';
    out += text[i];
  }
  return out;
}

Result<std::string> message_of(const Options& options) {
  if (!options.message_file.empty()) {
    std::ifstream file(options.message_file, std::ios::binary);
    if (!file)
      return fail(Fault::not_found,
                  "read " + options.message_file + ": there is no such file, or no access to it");
    return with_mail_line_ends(std::string(std::istreambuf_iterator<char>(file), {}));
  }
  std::string message;
  for (const auto& line : options.headers) message += line + "\n";
  return with_mail_line_ends(message + "\n");
}

Result<mail::Address> address_of(const std::string& text) {
  if (text.empty() || text == "<>") return mail::Address{};
  std::string_view inner = text;
  if (inner.starts_with('<') && inner.ends_with('>')) inner = inner.substr(1, inner.size() - 2);
  auto address = mail::Address::from_internal(std::string(inner));
  if (!address) return fail(Fault::malformed, "'" + text + "' is not an address: " + address.error().text);
  return std::move(*address);
}

Result<serve::RehearsalRequest> request_of(const Options& options) {
  serve::RehearsalRequest request;
  auto& client = request.client;
  const auto ip = table::Ip::parse(options.client);
  if (!ip) return fail(Fault::malformed, "--client " + options.client + " is not an IP address");
  client.address = ip->text();
  client.helo = options.helo;
  client.sasl_user = options.sasl_user;
  if (!client.sasl_user.empty()) client.sasl_method = "PLAIN";
  if (options.tls) client.tls = io::TlsFacts{.protocol = "TLSv1.3", .cipher = "TLS_AES_256_GCM_SHA384"};
  if (!options.client_name.empty()) {
    client.name = client.reverse_name = options.client_name;
    client.name_status = client.reverse_status = policy::NameStatus::ok;
    request.look_up_name = false;
  }
  auto sender = address_of(options.from);
  if (!sender) return std::unexpected(std::move(sender.error()));
  request.sender = std::move(*sender);
  for (const auto& one : options.to) {
    auto recipient = address_of(one);
    if (!recipient) return std::unexpected(std::move(recipient.error()));
    request.recipients.push_back(std::move(*recipient));
  }
  auto message = message_of(options);
  if (!message) return std::unexpected(std::move(message.error()));
  request.message = std::move(*message);
  return request;
}

json delivery_json(const serve::Rehearsal::Delivery& delivery) {
  const auto texts = [](const std::vector<mail::Address>& addresses) {
    json all = json::array();
    for (const auto& one : addresses) all.push_back(one.text());
    return all;
  };
  json row{{"address", delivery.address.text()},
           {"original", delivery.original.text()},
           {"transport", delivery.transport},
           {"next_hop", delivery.nexthop}};
  if (!delivery.failure.empty()) row["failure"] = delivery.failure;
  if (!delivery.sent_to.null()) {
    row["sent_from"] = delivery.sent_sender.text();
    row["sent_to"] = delivery.sent_to.text();
  }
  if (!delivery.login.empty()) row["login"] = delivery.login;
  if (delivery.sent_header) row["sent_header"] = *delivery.sent_header;
  if (!delivery.mailboxes.empty()) row["mailboxes"] = texts(delivery.mailboxes);
  if (!delivery.forwards.empty()) row["forwards"] = texts(delivery.forwards);
  if (!delivery.commands.empty()) row["commands"] = delivery.commands;
  return row;
}

json as_json(const serve::Rehearsal& rehearsal, const serve::Running& running,
             const serve::Listener& listener, const serve::ClientIdentity& client) {
  const auto entries = rehearsal.why.entries();
  const bool refused =
      std::ranges::any_of(rehearsal.answers, [](const auto& one) { return one.reply.code >= 400; });
  json row{{"accepted", rehearsal.accepted},
           {"answers", json::array()},
           {"entries", entries_json(entries, *running.sources)},
           {"would_change", serve::counterfactuals(entries, running, listener, client, refused)}};
  for (const auto& one : rehearsal.answers)
    row["answers"].push_back({{"command", one.command}, {"reply", one.reply.line()}});
  if (!rehearsal.accepted) return row;
  row["sender"] = rehearsal.sender.text();
  row["header"] = rehearsal.header;
  if (rehearsal.discarded) row["discarded"] = true;
  if (!rehearsal.hold_reason.empty()) row["hold"] = rehearsal.hold_reason;
  row["recipients"] = json::array();
  for (const auto& one : rehearsal.deliveries) row["recipients"].push_back(delivery_json(one));
  return row;
}

void print_lines(const char* title, std::string_view text) {
  fmt::print("{}\n", title);
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size() - 1);
    auto line = text.substr(0, end + 1);
    text.remove_prefix(line.size());
    while (line.ends_with('\n') || line.ends_with('\r')) line.remove_suffix(1);
    if (!line.empty()) fmt::print("  {}\n", escaped(line));
  }
}

void print_delivery(const json& row) {
  const auto text = [&row](const char* field) { return escaped(row.value(field, std::string())); };
  fmt::print("  {}{} -> {}:{}\n", text("address"),
             row["original"] == row["address"] ? "" : " (was " + text("original") + ")", text("transport"),
             text("next_hop"));
  for (const auto& [list, words] :
       {std::pair("mailboxes", "mailbox"), std::pair("forwards", "queued again for"),
        std::pair("commands", "handed to the command")}) {
    if (!row.contains(list)) continue;
    for (const auto& one : row[list]) fmt::print("      {} {}\n", words, escaped(one.get<std::string>()));
  }
  if (row.contains("sent_to") && (row["sent_to"] != row["address"]))
    fmt::print("      sent as <{}>, from <{}>\n", text("sent_to"), text("sent_from"));
  if (row.contains("login")) fmt::print("      logs in as {}\n", text("login"));
  if (row.contains("failure")) fmt::print("      waits or comes back: {}\n", text("failure"));
  if (row.contains("sent_header"))
    print_lines("      with the header", row["sent_header"].get<std::string>());
}

void print_for_people(const json& row) {
  fmt::print("the client is told\n");
  for (const auto& one : row["answers"]) {
    fmt::print("  {:<40} {}\n", escaped(one["command"].get<std::string>()),
               escaped(one["reply"].get<std::string>()));
  }
  fmt::print("because\n");
  print_entries(row["entries"]);
  if (row["accepted"].get<bool>()) {
    fmt::print("sender\n  <{}>\n", escaped(row["sender"].get<std::string>()));
    fmt::print("recipients\n");
    for (const auto& one : row["recipients"]) print_delivery(one);
    if (row.contains("discarded")) fmt::print("  the message is thrown away (DISCARD)\n");
    if (row.contains("hold"))
      fmt::print("  the message waits on hold: {}\n", escaped(row["hold"].get<std::string>()));
    print_lines("header", row["header"].get<std::string>());
  }
  if (row["would_change"].empty()) return;
  fmt::print("it would be different\n");
  for (const auto& one : row["would_change"]) fmt::print("  {}\n", escaped(one.get<std::string>()));
}

int explain(const Options& options) {
  io::SystemRandom random;
  const auto loaded = load_configuration(options.directory, random, false);
  if (!loaded.running) return loaded.exit_code;
  const auto& running = *loaded.running;
  auto request = request_of(options);
  if (!request) {
    std::fprintf(stderr, "hikyaku explain: %s\n", escaped(request.error().text).c_str());
    return request.error().fault == Fault::not_found ? EX_NOINPUT : EX_USAGE;
  }
  const auto* listener = running.listener(options.port);
  if (listener == nullptr) {
    std::fprintf(stderr, "hikyaku explain: master.cf has no smtpd line for port %u\n", options.port);
    return EX_USAGE;
  }
  const auto client = request->client;
  const auto rehearsal = Rehearser(running).run(*listener, std::move(*request), io::SystemClock().now());
  const auto row = as_json(rehearsal, running, *listener, client);
  if (options.as_json) {
    print_json(row);
  } else {
    print_for_people(row);
  }
  return EX_OK;
}

}  // namespace

int explain_command(int argc, char** argv) {
  CommandLine app{
      "hikyaku explain",
      "Tells what would be decided for a message, by the very code and tables that mail goes through. "
      "Nothing is\n"
      "sent and nothing is stored: which rules apply, at which file and line, of each that does not the "
      "first\n"
      "condition that failed, and what would have to be different."};
  Options options;
  app.config_directory(options.directory);
  app.option("--client", &options.client, "the client's IP address");
  app.option("--client-name", &options.client_name,
             "its verified name (default: by DNS, if the server would ask)");
  app.option("--helo", &options.helo, "the name that it gives");
  app.option("--sasl", &options.sasl_user, "the user that it is logged in as");
  app.flag("--tls", options.tls, "the session is encrypted");
  app.option("--port", &options.port,
             "the smtpd line of master.cf that it comes in by (default: 25's, or the first)");
  app.option("--from", &options.from, "the envelope sender; <> or nothing: the null sender");
  app.option("--to", &options.to, "an envelope recipient; may be given more than once", {.required = true});
  app.option("--header", &options.headers, "a header line, 'From: a@b.example'; may be given more than once");
  app.option("--message", &options.message_file, "a file with the whole message", {.without = "--header"});
  app.flag("--json", options.as_json, "one JSON object");
  app.footer(
      "Example:\n"
      "  hikyaku explain -c /etc/postfix --client 192.0.2.7 --from joe@example.com --to bob@example.org \\\n"
      "      --header 'From: joe@example.com'\n"
      "Ends with 0 whatever would become of the message, with 78 when the configuration is faulty.");
  if (const auto end = app.parse(argc, argv)) return *end;
  return explain(options);
}

}  // namespace hikyaku::cmd
