#include <algorithm>
#include <array>
#include <utility>

#include "base/escape.h"
#include "mail/parameters_xtext.h"
#include "probe/proxy_header.h"
#include "probe/send_settings.h"
#include "probe/send_target.h"
#include "probe/words.h"

namespace hikyaku::probe {
namespace {

using Refused = std::optional<SendRefusal>;

SendRefusal refusal(std::string text, SendExit exit = SendExit::arguments) { return {exit, std::move(text)}; }

std::vector<std::string> split(const std::string& list) {
  std::vector<std::string> words;
  for (std::size_t at = 0; at < list.size();) {
    const auto end = std::min(list.find(',', at), list.size());
    if (end > at) words.push_back(list.substr(at, end - at));
    at = end + 1;
  }
  return words;
}

struct ProtocolName {
  std::string_view name;
  SendRequest::Protocol protocol;
  bool auth, tls, tls_on_connect;
};
using enum SendRequest::Protocol;
constexpr std::array<ProtocolName, 13> kProtocols{{
    {"SMTP", smtp, false, false, false},
    {"SSMTP", esmtp, false, false, true},
    {"SSMTPA", esmtp, true, false, true},
    {"SMTPS", smtp, false, false, true},
    {"ESMTP", esmtp, false, false, false},
    {"ESMTPA", esmtp, true, false, false},
    {"ESMTPS", esmtp, false, true, false},
    {"ESMTPSA", esmtp, true, true, false},
    {"LMTP", lmtp, false, false, false},
    {"LMTPA", lmtp, true, false, false},
    {"LMTPS", lmtp, false, true, false},
    {"LMTPSA", lmtp, true, true, false},
    {"", esmtp, false, false, false},
}};

constexpr std::array<std::pair<std::string_view, StopPoint>, 18> kStopPoints{{
    {"CONNECT", StopPoint::banner},
    {"BANNER", StopPoint::banner},
    {"FIRST-HELO", StopPoint::first_helo},
    {"FIRST-EHLO", StopPoint::first_helo},
    {"FIRST-LHLO", StopPoint::first_helo},
    {"XCLIENT", StopPoint::xclient},
    {"STARTTLS", StopPoint::tls},
    {"TLS", StopPoint::tls},
    {"HELO", StopPoint::helo},
    {"EHLO", StopPoint::helo},
    {"LHLO", StopPoint::helo},
    {"AUTH", StopPoint::auth},
    {"MAIL", StopPoint::mail},
    {"FROM", StopPoint::mail},
    {"RCPT", StopPoint::rcpt},
    {"TO", StopPoint::rcpt},
    {"DATA", StopPoint::data},
    {"DOT", StopPoint::dot},
}};

Refused read_stop(const SendArguments& arguments, std::string_view option, StopPoint last, StopPoint& into) {
  const auto value = arguments.value(option);
  if (!value) return std::nullopt;
  const auto found =
      std::ranges::find(kStopPoints, upper(*value), [](const auto& p) { return std::string(p.first); });
  if (found == kStopPoints.end() || found->second > last)
    return refusal("--" + std::string(option) + " can't be " + escaped(*value) +
                   ": CONNECT, FIRST-HELO, XCLIENT, TLS, HELO, AUTH, MAIL, RCPT" +
                   (last == StopPoint::dot ? ", DATA, DOT" : ""));
  into = found->second;
  return std::nullopt;
}

Refused read_stops(const SendArguments& arguments, SendRequest& request) {
  if (auto refused = read_stop(arguments, "quit-after", StopPoint::rcpt, request.quit_after)) return refused;
  if (auto refused = read_stop(arguments, "drop-after", StopPoint::dot, request.drop_after)) return refused;
  return read_stop(arguments, "drop-after-send", StopPoint::dot, request.drop_after_send);
}

Want want_of(const SendArguments& arguments, std::string_view option, bool required) {
  const auto name = std::string(option);
  if (arguments.has(name + "-optional")) return Want::optional;
  if (arguments.has(name + "-optional-strict")) return Want::optional_strict;
  return required || arguments.has(name) ? Want::required : Want::no;
}

/// --starttls says what -tls, -tlso and so on say, in the words of the other probes.
Refused read_starttls(const SendArguments& arguments, SendRequest& request) {
  const auto value = arguments.value("starttls");
  if (!value) return std::nullopt;
  if (request.tls_on_connect && *value == "required")
    return refusal("--starttls required: TLS is there at once");
  if (*value == "required") {
    request.tls = Want::required;
  } else if (*value == "auto" || *value == "never") {
    request.tls = *value == "auto" && !request.tls_on_connect ? Want::optional_strict : Want::no;
  } else {
    return refusal("--starttls is auto, never or required, and not " + escaped(*value));
  }
  return std::nullopt;
}

Refused read_tls(const SendArguments& arguments, SendRequest& request) {
  if (auto refused = read_starttls(arguments, request)) return refused;
  auto& wish = request.tls_wish;
  wish.cipher_list = arguments.value("tls-cipher").value_or("");
  wish.certificate_file = arguments.value("tls-cert").value_or("");
  wish.key_file = arguments.value("tls-key").value_or("");
  if (wish.certificate_file.empty() && !wish.key_file.empty()) return refusal("--tls-key needs --tls-cert");
  wish.authorities_file = arguments.value("tls-ca-path").value_or("");
  wish.server_name = arguments.value("tls-sni").value_or(request.target.host);
  request.verify_chain = arguments.has("tls-verify") || arguments.has("tls-verify-ca");
  request.verify_name = arguments.has("tls-verify") || arguments.has("tls-verify-host");
  if (const auto list = arguments.value("tls-protocol")) {
    if (auto set = set_tls_versions(*list, wish); !set) return refusal(set.error().text);
  }
  return std::nullopt;
}

constexpr std::array<std::string_view, 10> kMechanisms{"PLAIN",
                                                       "LOGIN",
                                                       "CRAM-MD5",
                                                       "SCRAM-SHA-1",
                                                       "SCRAM-SHA-256",
                                                       "SCRAM-SHA-1-PLUS",
                                                       "SCRAM-SHA-256-PLUS",
                                                       "XOAUTH2",
                                                       "OAUTHBEARER",
                                                       "EXTERNAL"};

Refused read_mechanisms(const SendArguments& arguments, SendRequest& request,
                        std::vector<std::string>& warnings) {
  for (const auto& pair : split(arguments.value("auth-map").value_or(""))) {
    const auto equals = pair.find('=');
    if (equals == std::string::npos)
      return refusal("--auth-map needs ALIAS=MECHANISM, and not '" + escaped(pair) + "'");
    request.mechanism_aliases.emplace_back(upper(pair.substr(0, equals)), upper(pair.substr(equals + 1)));
  }
  std::string list;
  for (const auto* option : {"auth", "auth-optional-strict", "auth-optional"}) {
    if (const auto value = arguments.value(option)) list = *value;
  }
  if (list.empty()) return std::nullopt;
  for (const auto& word : split(list)) {
    const auto name = upper(word);
    const auto alias =
        std::ranges::find(request.mechanism_aliases, name, [](const auto& a) { return a.first; });
    const auto known = alias == request.mechanism_aliases.end() ? name : alias->second;
    if (std::ranges::find(kMechanisms, known) != kMechanisms.end()) {
      request.mechanisms.push_back(name);
    } else {
      warnings.push_back(escaped(word) + " is no mechanism that is spoken here");
    }
  }
  if (!request.mechanisms.empty()) return std::nullopt;
  if (request.auth != Want::optional)
    return refusal("no mechanism is left to authenticate with", SendExit::prerequisite);
  request.auth = Want::no;
  return std::nullopt;
}

Refused read_credentials(const SendArguments& arguments, SendRequest& request, SendSources& sources) {
  const auto wanted = [&](std::string_view option, const char* prompt, bool hidden,
                          std::string& into) -> Refused {
    const auto value = arguments.value(option);
    if (value) {
      into = *value == "<>" ? "" : *value;
      return std::nullopt;
    }
    auto answer = sources.ask(prompt, hidden);
    if (!answer) return refusal("--" + std::string(option) + " is needed: " + answer.error().text);
    into = *std::move(answer);
    return std::nullopt;
  };
  if (auto refused = wanted("auth-user", "Username: ", false, request.user)) return refused;
  // The caller has read it.
  if (arguments.has("password-file") || arguments.has("password-fd")) return std::nullopt;
  return wanted("auth-password", "Password: ", true, request.password);
}

Refused read_auth(const SendArguments& arguments, bool protocol_wants, SendRequest& request,
                  SendSources& sources, std::vector<std::string>& warnings) {
  const int passwords =
      arguments.has("auth-password") + arguments.has("password-file") + arguments.has("password-fd");
  if (passwords > 1)
    return refusal("--password-file, --password-fd and --auth-password are three passwords: give one");
  const bool asked = protocol_wants || arguments.has("auth-user") || passwords > 0;
  request.auth = want_of(arguments, "auth", asked);
  if (request.auth == Want::no) return std::nullopt;
  if (auto refused = read_mechanisms(arguments, request, warnings)) return refused;
  return request.auth == Want::no ? std::nullopt : read_credentials(arguments, request, sources);
}

void read_xclient(const SendArguments& arguments, SendRequest& request) {
  SendXclient command;
  const auto finish = [&] {
    if (!command.text.empty()) request.xclient_commands.push_back(std::move(command));
    command = {};
  };
  for (const auto& given : arguments.all()) {
    const auto option = given.option->name();
    if (option == "xclient-delim") finish();
    if (option == "xclient") {
      finish();
      request.xclient_commands.push_back({given.value.value_or(""), {}});
    }
    // The options with a value of their own are those of the attributes.
    if (!option.starts_with("xclient-") || given.option->takes == SendOption::Takes::nothing) continue;
    auto attribute = upper(std::string(option.substr(8)));
    std::ranges::replace(attribute, '-', '_');
    if (!command.text.empty()) command.text += ' ';
    command.text += attribute + '=' + mail::xtext_encode(given.value.value_or(""));
    command.attributes.push_back(std::move(attribute));
  }
  finish();
  request.xclient = request.xclient_commands.empty() ? Want::no : want_of(arguments, "xclient", true);
  request.xclient_unverified = arguments.has("xclient-no-verify");
  request.xclient_before_tls = arguments.has("xclient-before-starttls");
}

Refused read_proxy(const SendArguments& arguments, SendRequest& request) {
  const auto wrong = [](std::string text) { return refusal(std::move(text), SendExit::proxy_arguments); };
  ProxyHeader header;
  const auto version = arguments.value("proxy-version").value_or("1");
  if (version != "1" && version != "2")
    return wrong("--proxy-version is 1 or 2, and not " + escaped(version));
  header.version = version == "2" ? 2 : 1;
  std::string missing;
  bool parts = false;
  const auto part = [&](const char* option, std::string& into, bool needed) {
    if (const auto value = arguments.value(option)) {
      into = *value;
      parts = true;
    } else if (needed && missing.empty()) {
      missing = option;
    }
  };
  part("proxy-family", header.family, true);
  part("proxy-source", header.source, true);
  part("proxy-source-port", header.source_port, true);
  part("proxy-dest", header.destination, true);
  part("proxy-dest-port", header.destination_port, true);
  part("proxy-protocol", header.protocol, false);
  part("proxy-command", header.command, false);
  if (const auto raw = arguments.value("proxy")) {
    if (parts)
      return wrong(
          "--proxy has the whole header: no other --proxy-* but --proxy-version can stand beside it");
    request.proxy_header = raw_proxy_header(header.version, *raw);
    return std::nullopt;
  }
  if (!parts) return std::nullopt;
  if (!missing.empty()) return wrong("--" + missing + " is needed beside the other --proxy-* options");
  auto made = proxy_header(header);
  if (!made) return wrong(made.error().text);
  request.proxy_header = *std::move(made);
  return std::nullopt;
}

/// Refuses what would be more than one line.
Refused one_line(std::string_view option, const std::string& text) {
  if (text.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos) return std::nullopt;
  return refusal("--" + std::string(option) +
                 " would be more than one line of the conversation; `hikyaku probe smtp` without "
                 "these options sends lines as they are typed");
}

std::string default_sender(const SendSurroundings& surroundings) {
  return surroundings.host.empty() ? "" : surroundings.user + '@' + surroundings.host;
}

/// The last point that is reached, were all to go well.
StopPoint end_of(const SendRequest& request) {
  auto last = StopPoint::dot;
  for (const auto point : {request.quit_after, request.drop_after, request.drop_after_send}) {
    if (point != StopPoint::none) last = std::min(last, point);
  }
  return last;
}

Refused read_envelope(SendArguments& arguments, const SendSurroundings& surroundings, SendPlan& plan,
                      SendSources& sources) {
  auto& request = plan.request;
  const auto last = end_of(request);
  plan.facts.from = arguments.value("from").value_or(default_sender(surroundings));
  if (plan.facts.from.empty() && last >= StopPoint::mail)
    return refusal("this host's name is not known: give --from, and --helo");
  if (plan.facts.from == "<>") plan.facts.from.clear();
  request.from = plan.facts.from;
  request.helo = arguments.value("helo").value_or(surroundings.host);
  if (request.helo.empty() && last >= StopPoint::first_helo)
    return refusal("this host's name is not known: give --helo");
  if (!arguments.has("to") && last >= StopPoint::rcpt) {
    auto answer = sources.ask("To: ", false);
    if (!answer) return refusal("--to is needed: " + answer.error().text);
    arguments.set("to", *std::move(answer));
  }
  plan.facts.to = arguments.value("to").value_or("");
  request.to = split(plan.facts.to);
  if (request.to.empty() && last >= StopPoint::rcpt) return refusal("--to names no recipient");
  for (const auto* option : {"from", "helo", "to", "auth-user"}) {
    if (auto refused = one_line(option, arguments.value(option).value_or(""))) return refused;
  }
  for (const auto& command : request.xclient_commands) {
    if (auto refused = one_line("xclient", command.text)) return refused;
  }
  return std::nullopt;
}

/// What is never sent is no point to stop at behind it.
Refused check_drop(const SendRequest& request) {
  switch (request.drop_after_send) {
    case StopPoint::banner:
      return refusal("--drop-after-send can't be CONNECT or BANNER: nothing is sent before the greeting");
    case StopPoint::xclient:
      if (request.xclient != Want::no) break;
      return refusal("--drop-after-send XCLIENT: no XCLIENT is asked for");
    case StopPoint::tls:
      if (request.tls != Want::no || request.tls_on_connect) break;
      return refusal("--drop-after-send TLS: no TLS is asked for");
    case StopPoint::auth:
      if (request.auth != Want::no) break;
      return refusal("--drop-after-send AUTH: no AUTH is asked for");
    default:
      break;
  }
  return std::nullopt;
}

Refused find_domain(SendRequest& request) {
  auto& target = request.target;
  if (!target.host.empty() || !target.unix_path.empty() || !target.pipe.empty()) {
    target.domain.clear();
    return std::nullopt;
  }
  if (target.domain.empty() && !request.to.empty()) {
    const auto at = request.to.back().rfind('@');
    if (at != std::string::npos) target.domain = request.to.back().substr(at + 1);
  }
  if (target.domain.empty()) target.host = "localhost";
  // A literal is the address itself (RFC 5321 s. 4.1.3), of which no name server knows.
  if (target.domain.starts_with('[') && target.domain.ends_with(']')) {
    target.host = target.domain.substr(1, target.domain.size() - 2);
    if (upper(target.host).starts_with("IPV6:")) target.host.erase(0, 5);
    target.domain.clear();
  }
  return std::nullopt;
}

Refused read_all(SendArguments& arguments, const SendSurroundings& surroundings, SendSources& sources,
                 SendPlan& plan, std::vector<std::string>& warnings) {
  auto& request = plan.request;
  const auto name = upper(arguments.value("protocol").value_or("ESMTP"));
  const auto protocol = std::ranges::find(kProtocols, name, &ProtocolName::name);
  if (name.empty() || protocol == kProtocols.end())
    return refusal("there is no protocol " + escaped(name) +
                   "; SMTP, ESMTP, LMTP, with S for TLS and A for authentication");
  request.protocol = protocol->protocol;
  request.tls_on_connect = protocol->tls_on_connect || arguments.has("tls-on-connect");
  if (!request.tls_on_connect) request.tls = want_of(arguments, "tls", protocol->tls);
  const std::uint16_t usual = request.protocol == lmtp ? 24 : request.tls_on_connect ? 465 : 25;
  auto target = target_of(arguments, usual);
  if (!target) return refusal(target.error().text);
  request.target = *std::move(target);
  if (const auto time = arguments.value("timeout")) {
    const auto parsed = parse_timeout(*time);
    if (!parsed) return refusal("--timeout: " + parsed.error().text);
    request.timeout = *parsed;
  }
  request.pipeline = arguments.has("pipeline");
  request.prdr = arguments.has("prdr");
  if (auto refused = read_stops(arguments, request)) return refused;
  if (auto refused = read_tls(arguments, request)) return refused;
  if (auto refused = read_proxy(arguments, request)) return refused;
  read_xclient(arguments, request);
  if (auto refused = read_envelope(arguments, surroundings, plan, sources)) return refused;
  if (auto refused = read_auth(arguments, protocol->auth, request, sources, warnings)) return refused;
  if (auto refused = check_drop(request)) return refused;
  return find_domain(request);
}

}  // namespace

std::expected<SendPlan, SendRefusal> plan_of(SendArguments& arguments, const SendSurroundings& surroundings,
                                             SendSources& sources, std::vector<std::string>& warnings) {
  SendPlan plan;
  plan.facts = surroundings.facts;
  if (auto refused = read_all(arguments, surroundings, sources, plan, warnings))
    return std::unexpected(*std::move(refused));
  plan.draft = draft_of(arguments, warnings);
  if (plan.request.protocol == smtp && plan.request.tls != Want::no)
    warnings.emplace_back("STARTTLS is offered in the answer to EHLO, which protocol SMTP does not say");
  return plan;
}

}  // namespace hikyaku::probe
