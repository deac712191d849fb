#include "serve/command_delivery.h"

#include <sysexits.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <string_view>
#include <utility>
#include <vector>

#include "io/child_command.h"
#include "table/address_lookup.h"

namespace hikyaku::serve {
namespace {

using Kind = DeliveryResult::Kind;

constexpr std::size_t kPiece = std::size_t{256} << 10;

DeliveryResult result(Kind kind, std::string status, std::string reply) {
  return {.kind = kind, .status = std::move(status), .reply = std::move(reply), .relay = "local"};
}

/// "From joe@example.com Wed Nov 25 10:00:00 2026": how mailboxes and commands mark a message's begin.
std::string from_line(const mail::Address& sender, Time now) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count();
  const std::time_t time = seconds;
  std::tm parts{};
  ::localtime_r(&time, &parts);
  char text[64];
  const auto size = std::strftime(text, sizeof text, "%a %b %e %H:%M:%S %Y", &parts);
  return "From " + (sender.null() ? std::string("MAILER-DAEMON") : sender.text()) + "  " +
         std::string(text, size) + "\n";
}

/// CR LF as LF; the pieces may be cut between them.
class UnixLines {
 public:
  std::string take(std::string_view octets) {
    std::string out;
    out.reserve(octets.size() + 1);
    for (const char c : octets) {
      if (after_cr_ && c != '\n') out += '\r';
      after_cr_ = c == '\r';
      if (!after_cr_) out += c;
    }
    return out;
  }

 private:
  bool after_cr_ = false;
};

std::vector<std::pair<std::string, std::string>> environment_of(const Running& running,
                                                                const record::QueueEntry& entry,
                                                                const mail::Address& sender,
                                                                const record::Recipient& recipient) {
  std::vector<std::pair<std::string, std::string>> all{
      {"PATH", "/usr/bin:/bin:/usr/sbin:/sbin"}, {"SHELL", "/bin/sh"}, {"HOME", "/"}};
  const auto add = [&all](const char* name, const std::string& value) {
    if (!value.empty() && value.find('\0') == std::string::npos) all.emplace_back(name, value);
  };
  for (const auto& word : running.command.exported) {
    if (const auto equals = word.find('='); equals != std::string::npos) {
      all.emplace_back(word.substr(0, equals), word.substr(equals + 1));
    } else if (const char* value = std::getenv(word.c_str())) {
      all.emplace_back(word, value);
    }
  }
  const auto split = table::split_extension(recipient.address.local(), running.delimiters);
  add("SENDER", sender.null() ? "MAILER-DAEMON" : sender.text());
  add("RECIPIENT", recipient.address.text());
  add("ORIGINAL_RECIPIENT", recipient.original.text());
  add("LOCAL", recipient.address.local());
  add("USER", std::string(split.user));
  add("LOGNAME", std::string(split.user));
  add("EXTENSION", std::string(split.extension.empty() ? split.extension : split.extension.substr(1)));
  add("DOMAIN", recipient.address.domain());
  add("CLIENT_ADDRESS", entry.client.address);
  add("CLIENT_HOSTNAME", entry.client.name);
  add("CLIENT_HELO", entry.client.helo);
  add("CLIENT_PROTOCOL", entry.client.protocol);
  add("SASL_USERNAME", entry.client.sasl_user);
  return all;
}

/// The code that an exit status of sysexits.h means (RFC 3463).
const char* code_of(int status) {
  switch (status) {
    case EX_TEMPFAIL:
      return "4.3.0";
    case EX_DATAERR:
      return "5.6.0";
    case EX_NOUSER:
      return "5.1.1";
    case EX_NOHOST:
      return "5.1.2";
    case EX_CANTCREAT:
      return "5.2.0";
    case EX_PROTOCOL:
      return "5.5.0";
    case EX_NOPERM:
      return "5.7.0";
    case EX_CONFIG:
      return "5.3.5";
    default:
      return "5.3.0";
  }
}

/// What a command said, as a part of a reply.
std::string one_line(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  std::ranges::replace_if(
      text, [](char c) { return c >= 0 && c < ' '; }, ' ');
  return text;
}

DeliveryResult result_of(const io::ChildEnd& end, const std::string& command) {
  const auto output = end.output.empty() ? "" : ": " + one_line(end.output);
  if (end.timed_out)
    return result(Kind::deferred, "4.3.0", "command time limit exceeded: \"" + command + "\"" + output);
  if (end.signal != 0) {
    return result(
        Kind::deferred, "4.3.0",
        "command was ended by signal " + std::to_string(end.signal) + ": \"" + command + "\"" + output);
  }
  if (end.status == 0) return result(Kind::delivered, "2.0.0", "delivered to command: " + command);
  const std::string code = code_of(end.status);
  return result(code.front() == '4' ? Kind::deferred : Kind::bounced, code,
                "command ended with status " + std::to_string(end.status) + ": \"" + command + "\"" + output);
}

}  // namespace

DeliveryResult deliver_to_command(Services& services, const Running& running, const record::QueueEntry& entry,
                                  const mail::Address& sender, const record::Recipient& recipient,
                                  const std::string& command) {
  io::ChildCommand child;
  child.text = command;
  child.user = running.command.user;
  child.time_limit = running.command.time_limit;
  child.environment = environment_of(running, entry, sender, recipient);
  child.stop = &services.stopping;

  std::string head = from_line(sender, services.clock.now()) + "Return-Path: <" + sender.text() +
                     ">\nX-Original-To: " + recipient.original.text() +
                     "\nDelivered-To: " + recipient.address.text() + "\n";
  UnixLines lines;
  std::uint64_t offset = 0;
  const auto input = [&]() -> Result<std::string> {
    if (!head.empty()) return std::exchange(head, {});
    while (offset < entry.size) {
      auto piece = services.queue.read_body(entry, offset, kPiece);
      if (!piece) return piece;
      if (piece->empty()) return fail(Fault::corrupt, "the message ends at octet " + std::to_string(offset));
      offset += piece->size();
      auto text = lines.take(*piece);
      if (!text.empty()) return text;
    }
    return std::string{};
  };
  const auto end = io::run_child_command(child, input);
  if (!end) return result(Kind::deferred, "4.3.0", end.error().text);
  return result_of(*end, command);
}

}  // namespace hikyaku::serve
